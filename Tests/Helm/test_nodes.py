"""Pods of origins and edges: how they live, go, are placed and made anew."""

import pathlib
import re
import subprocess
import tempfile

import helm_python as helm
import yaml

from support import BASE, CHART, SETS, YAML, environment, merge, named, of_kind, pods, render


def test_a_pod_is_given_its_drain_and_half_a_minute_more():
    for name, values in SETS.items():
        for pod, component, _, spec in pods(render(values)):
            if component not in ("origin", "edge"):
                continue
            command = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
            assert command[:4] == ["relayctl", "drain", "--self", "--wait"], command
            seconds = int(command[command.index("--deadline") + 1].removesuffix("s"))
            assert spec["terminationGracePeriodSeconds"] >= seconds + 30, f"{name}: {pod}"
    objects = render(BASE)
    assert (
        named(objects, "Deployment", "live-relay-edge")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        == 660
    )
    assert (
        named(objects, "StatefulSet", "live-relay-origin")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        == 3600
    )


def test_liveness_asks_the_process_only_and_readiness_reacts_within_a_second_or_two():
    for _, component, _, spec in pods(render(BASE)):
        if component in ("redis", "test"):
            continue
        container = spec["containers"][0]
        assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "probe"}
        assert container["startupProbe"]["httpGet"] == {"path": "/livez", "port": "probe"}
        readiness = container["readinessProbe"]
        assert readiness["httpGet"] == {"path": "/readyz", "port": "probe"}
        assert readiness["periodSeconds"] * readiness["failureThreshold"] <= 2
        assert {"name": "probe", "containerPort": 9091, "protocol": "TCP"} in container["ports"]


def test_the_admin_api_is_reachable_from_nowhere_but_its_pod():
    for name, values in SETS.items():
        objects = render(values)
        assert "9090" not in yaml.safe_dump(
            of_kind(objects, "Service", "NetworkPolicy", "PodMonitor", "ServiceMonitor")
        ), name
        for one in of_kind(objects, "ConfigMap"):
            assert "admin" not in yaml.safe_load(one["data"]["relay.yaml"]), name
        for pod, _, _, spec in pods(objects):
            for container in spec["containers"]:
                assert not any(port["containerPort"] == 9090 for port in container.get("ports", [])), f"{name}: {pod}"
                assert "RELAY_ADMIN_HOST" not in environment(container), f"{name}: {pod}"


def test_a_node_is_called_as_its_pod_and_gives_its_own_address():
    for name, values in SETS.items():
        for pod, component, _, spec in pods(render(values)):
            if component not in ("origin", "edge"):
                continue
            variables = environment(spec["containers"][0])
            assert variables["RELAY_NODE_NAME"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name", name
            assert variables["RELAY_NODE_MACHINE"]["valueFrom"]["fieldRef"]["fieldPath"] == "spec.nodeName", name
            advertised = variables["RELAY_LINK_ADVERTISE"]
            if component == "origin" and values.get("link", {}).get("address") == "dns":
                assert (
                    advertised["value"] == "$(RELAY_NODE_NAME).video-origin-nodes.media.svc.cluster.local"
                ), advertised
                order = [one["name"] for one in spec["containers"][0]["env"]]
                assert order.index("RELAY_NODE_NAME") < order.index(
                    "RELAY_LINK_ADVERTISE"
                ), "only earlier variables are put in"
            else:
                assert advertised["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP", name


def test_origins_do_not_wait_for_each_other_and_have_names():
    for name, values in SETS.items():
        objects = render(values)
        origin = of_kind(objects, "StatefulSet")[0]
        assert origin["spec"]["podManagementPolicy"] == "Parallel", name
        headless = named(objects, "Service", origin["spec"]["serviceName"])
        assert headless["spec"]["clusterIP"] == "None" and headless["spec"]["publishNotReadyAddresses"] is True, name


def test_a_rollout_takes_no_edge_away_before_its_successor_is_ready():
    for name, values in SETS.items():
        for one in of_kind(render(values), "Deployment"):
            if one["metadata"]["labels"]["app.kubernetes.io/component"] == "edge":
                assert one["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, name


def test_a_new_release_of_the_chart_alone_moves_no_viewer():
    with tempfile.TemporaryDirectory() as folder:
        copied = pathlib.Path(folder) / "relay"
        subprocess.run(["cp", "-r", str(CHART), str(copied)], check=True)
        text = (copied / "Chart.yaml").read_text()
        (copied / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*$", "version: 9.9.9", text))
        values = merge(BASE, {"registry": {"existingSecret": "r"}})
        with helm.Chart.load(copied) as chart:
            files = chart.render(values, name="live", namespace="media")
        newer = [one for text in files.values() if "kind:" in text for one in yaml.load_all(text, YAML) if one]
        before = {
            pod: (metadata, spec) for pod, component, metadata, spec in pods(render(values)) if component != "test"
        }
        after = {pod: (metadata, spec) for pod, component, metadata, spec in pods(newer) if component != "test"}
        assert before == after


def test_a_changed_configuration_starts_the_pods_that_read_it_anew_and_no_others():
    def marks(values):
        return {
            pod: metadata.get("annotations", {}).get("checksum/config") for pod, _, metadata, _ in pods(render(values))
        }

    before = marks(BASE)
    after = marks(merge(BASE, {"edge": {"config": {"viewer": {"dropAfter": "700ms"}}}}))
    changed = {pod for pod in before if before[pod] != after[pod]}
    assert changed == {"live-relay-edge"}, changed


def test_the_canary_is_behind_the_same_service_with_an_image_and_settings_of_its_own():
    objects = render(SETS["canary"])
    stable, canary = named(objects, "Deployment", "live-relay-edge"), named(
        objects, "Deployment", "live-relay-edge-canary"
    )
    assert (stable["spec"]["replicas"], canary["spec"]["replicas"]) == (19, 1)
    images = [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in (stable, canary)]
    assert images == ["edge-relay:0.1.0", "edge-relay:0.2.0-rc.1"], images
    config = yaml.safe_load(named(objects, "ConfigMap", "live-relay-edge-canary")["data"]["relay.yaml"])
    assert config["log"] == {"format": "json", "level": "debug"}
    assert canary["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] == "live-relay-edge-canary"


def test_a_digest_wins_over_a_tag():
    image = of_kind(render(SETS["production"]), "StatefulSet")[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("images.example.org/edge-relay@sha256:"), image


def test_spot_machines_are_tolerated_and_preferred_or_demanded():
    edge = named(render(SETS["production"]), "Deployment", "live-relay-edge")["spec"]["template"]["spec"]
    assert {(one["key"], one["value"]) for one in edge["tolerations"]} == {
        ("relay.dev/pool", "edge"),
        ("relay.dev/capacity", "spot"),
    }
    assert edge["nodeSelector"] == {"relay.dev/pool": "edge"}
    assert "preferredDuringSchedulingIgnoredDuringExecution" in edge["affinity"]["nodeAffinity"]
    origin = of_kind(render(SETS["production"]), "StatefulSet")[0]["spec"]["template"]["spec"]
    assert "tolerations" not in origin and "nodeAffinity" not in origin["affinity"]
    assert "RELAY_NODE_SPOT" not in environment(edge["containers"][0]), "an edge that may be anywhere cannot know"
    only = named(render(SETS["alone"]), "Deployment", "video-edge")["spec"]["template"]["spec"]
    assert environment(only["containers"][0])["RELAY_NODE_SPOT"]["value"] == "yes"
    assert "requiredDuringSchedulingIgnoredDuringExecution" in only["affinity"]["nodeAffinity"]


def test_nodes_are_spread_over_zones_and_machines():
    for name, values in SETS.items():
        for pod, component, _, spec in pods(render(values)):
            if component not in ("origin", "edge"):
                continue
            spread = spec["topologySpreadConstraints"][0]
            assert spread["topologyKey"] == "topology.kubernetes.io/zone" and spread["maxSkew"] == 1, f"{name}: {pod}"
            if (values.get(component) or {}).get("antiAffinity") != "none":
                assert "podAntiAffinity" in spec["affinity"], f"{name}: {pod}"
