"""What holds for every set of values."""

import base64

import helm_python as helm
import kubernetes_validate
import yaml

from support import BASE, CHART, FOREIGN, KUBERNETES, SETS, UID, environment, named, of_kind, pods, render, render_anew


def test_every_set_of_values_passes_lint_without_a_warning():
    for name, values in SETS.items():
        report = helm.lint(CHART, values, strict=True, namespace="media")
        wrong = [one for one in report["messages"] if one["severity"] >= 2]
        assert not wrong, f"{name}: {wrong}"


def test_every_object_satisfies_the_schema_of_current_kubernetes_strictly():
    checked = 0
    for name, values in SETS.items():
        for one in render(values):
            if one["apiVersion"] in FOREIGN:
                continue
            for version in KUBERNETES:
                try:
                    kubernetes_validate.validate(one, version, strict=True)
                except Exception as error:
                    raise AssertionError(
                        f"{name}, {version}: {one['kind']}/{one['metadata']['name']}: {error}"
                    ) from None
                checked += 1
    assert checked > 200, f"only {checked} were checked"


def test_pods_run_as_nobody_with_nothing_they_could_use_against_us():
    for name, values in SETS.items():
        for pod, component, _, spec in pods(render(values)):
            where = f"{name}: {pod}"
            security = spec["securityContext"]
            assert (
                security["runAsNonRoot"] is True and security["runAsUser"] == UID and security["runAsGroup"] == UID
            ), where
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}, where
            assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), where
            assert spec["enableServiceLinks"] is False, where
            assert spec["automountServiceAccountToken"] is (component == "autoscaler"), where
            assert len(spec["containers"]) >= 1 and not spec.get("initContainers"), where
            for container in spec["containers"]:
                own = container["securityContext"]
                assert (
                    own["allowPrivilegeEscalation"] is False
                    and own["readOnlyRootFilesystem"] is True
                    and own["privileged"] is False
                ), where
                assert (
                    own["capabilities"] == {"drop": ["ALL"]} and own["runAsNonRoot"] is True and own["runAsUser"] == UID
                ), where
                assert own["seccompProfile"] == {"type": "RuntimeDefault"}, where
                assert not any("hostPort" in port for port in container.get("ports", [])), where
                amounts = container["resources"]
                assert (
                    amounts["requests"]["memory"] == amounts["limits"]["memory"]
                ), f"{where}: memory requested and limited differ"
                assert "cpu" in amounts["requests"] and "cpu" not in amounts["limits"], where
            for volume in spec.get("volumes", []):
                kind = next(key for key in volume if key != "name")
                assert kind in ("configMap", "emptyDir"), f"{where}: {kind}"
                if kind == "emptyDir":
                    assert volume["emptyDir"]["medium"] == "Memory" and volume["emptyDir"]["sizeLimit"], where


def test_nothing_is_asked_of_the_cluster_as_a_whole():
    for name, values in SETS.items():
        kinds = {one["kind"] for one in render(values)}
        assert not kinds & {
            "ClusterRole",
            "ClusterRoleBinding",
            "CustomResourceDefinition",
            "PriorityClass",
            "Namespace",
        }, f"{name}: {kinds}"
        for one in render(values):
            if one["kind"] not in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
                assert (
                    one["metadata"].get("namespace") == "media"
                ), f"{name}: {one['kind']}/{one['metadata']['name']} has no namespace"


def test_secrets_are_in_secrets_only():
    for name, values in SETS.items():
        objects = render(values)
        hidden = []
        for one in of_kind(objects, "Secret"):
            hidden += list(one["data"].values())
        text = yaml.safe_dump([one for one in objects if one["kind"] != "Secret"])
        for one in hidden:
            clear = base64.b64decode(one).decode()
            assert len(clear) >= 40 and clear.isalnum(), f"{name}: a made secret is {len(clear)} characters"
            assert clear not in text and one not in text, f"{name}: a secret stands outside of its Secret"
        for _, component, _, spec in pods(objects):
            if component in ("origin", "edge", "autoscaler"):
                variables = environment(spec["containers"][0])
                assert "secretKeyRef" in variables["RELAY_CLUSTER_KEY"]["valueFrom"], name
                registry = variables["RELAY_CLUSTER_REGISTRY"]
                assert "secretKeyRef" in registry.get("valueFrom", {}) or "$(REDIS_PASSWORD)" in registry["value"], name


def test_secrets_made_by_the_chart_differ_between_installs():
    first, second = (named(render_anew(BASE), "Secret", "live-relay-cluster")["data"]["key"] for _ in range(2))
    assert first != second


def test_existing_secrets_are_used_and_none_is_made():
    objects = render(SETS["production"])
    assert not of_kind(objects, "Secret")
    variables = environment(
        named(objects, "StatefulSet", "live-relay-origin")["spec"]["template"]["spec"]["containers"][0]
    )
    assert variables["RELAY_CLUSTER_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "relay-cluster", "key": "key"}
    assert variables["RELAY_CLUSTER_REGISTRY"]["valueFrom"]["secretKeyRef"] == {"name": "relay-redis", "key": "url"}


def test_selectors_find_the_pods_they_mean_and_no_others():
    for name, values in SETS.items():
        objects = render(values)
        labels = {pod: metadata["labels"] for pod, _, metadata, _ in pods(objects)}

        def found(selector):
            return {pod for pod, own in labels.items() if all(own.get(key) == value for key, value in selector.items())}

        for one in of_kind(objects, "Deployment", "StatefulSet"):
            assert found(one["spec"]["selector"]["matchLabels"]) == {
                one["metadata"]["name"]
            }, f"{name}: {one['metadata']['name']}"
        full = "video" if values.get("fullnameOverride") else "live-relay"
        edges = {f"{full}-edge", f"{full}-edge-canary"} & set(labels)
        assert found(named(objects, "Service", f"{full}-edge")["spec"]["selector"]) == edges, name
        assert found(named(objects, "Service", f"{full}-origin")["spec"]["selector"]) == {f"{full}-origin"}, name
        for one in of_kind(objects, "PodDisruptionBudget"):
            assert found(one["spec"]["selector"]["matchLabels"]), f"{name}: {one['metadata']['name']} guards nothing"


def test_target_ports_exist_in_the_pods_behind_a_service():
    for name, values in SETS.items():
        objects = render(values)
        everything = list(pods(objects))
        for service in of_kind(objects, "Service"):
            selector = service["spec"]["selector"]
            behind = [
                spec
                for _, component, metadata, spec in everything
                if component != "test" and all(metadata["labels"].get(key) == value for key, value in selector.items())
            ]
            assert behind, f"{name}: nothing is behind {service['metadata']['name']}"
            offered = {
                port["name"]
                for spec in behind
                for container in spec["containers"]
                for port in container.get("ports", [])
            }
            for port in service["spec"]["ports"]:
                assert port["targetPort"] in offered, f"{name}: {service['metadata']['name']}: {port}"
