"""Pods of origins and edges: how they live, go, are placed and made anew."""

import pathlib
import re
import subprocess
import tempfile

import helm_python as helm
import yaml

from support import (
    BASE,
    CHART,
    SETS,
    YAML,
    environment,
    merge,
    named,
    notes,
    of_kind,
    pods,
    refused,
    render,
    render_beside,
)


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
        # One late answer moves nobody; two seconds of them do.
        assert (readiness["periodSeconds"], readiness["failureThreshold"]) == (1, 2)
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


def drains(values):
    """Seconds that the drain of an edge is given, in each place where it stands."""
    objects = render(values)
    spec = named(objects, "Deployment", "live-relay-edge")["spec"]["template"]["spec"]
    command = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    edge, autoscaler = (
        yaml.safe_load(named(objects, "ConfigMap", f"live-relay-{part}")["data"]["relay.yaml"])
        for part in ("edge", "autoscaler")
    )
    return {
        command[-1],
        f"{spec['terminationGracePeriodSeconds'] - 60}s",
        edge["drain"]["deadline"],
        autoscaler["autoscaler"]["edge"]["drainDeadline"],
    }


def test_edges_on_spot_machines_only_drain_while_the_machine_is_still_there():
    for spot, seconds in (
        ({"enabled": True, "only": True}, "90s"),
        ({"enabled": True, "only": True, "drainSeconds": 60}, "60s"),
        ({"enabled": True, "only": False}, "600s"),
        ({"enabled": False, "only": True}, "600s"),
    ):
        assert drains(merge(BASE, {"edge": {"spot": spot}})) == {seconds}, spot
    aws = {"edge": {"spot": {"enabled": True, "only": True}, "service": {"provider": "aws"}}}
    annotations = named(render(merge(BASE, aws)), "Service", "live-relay-edge")["metadata"]["annotations"]
    assert "draining_interval_seconds=90" in str(annotations)
    refused(merge(BASE, {"edge": {"spot": {"drainSeconds": 300}}}), "drainSeconds")


def test_a_risk_of_spot_machines_needs_nodes_that_know_of_it():
    risk = {"autoscaler": {"edge": {"spotRisk": 0.05}}}
    refused(merge(BASE, risk, {"edge": {"spot": {"enabled": True}}}), "spotRisk", "edge.spot.only")
    render(merge(BASE, risk, {"edge": {"spot": {"enabled": True, "only": True}}}))
    render(merge(BASE, risk))


def canary(**edge):
    """(stable, canary) as rendered, and the sentence that says what that comes to."""
    values = merge(BASE, {"edge": {"canary": {"enabled": True}}}, {"edge": edge})
    objects = render(values)
    sentence = next(line for line in notes(values).splitlines() if line.startswith("Canary: "))
    stable, second = (named(objects, "Deployment", f"live-relay-edge{part}")["spec"] for part in ("", "-canary"))
    return stable.get("replicas"), second["replicas"], sentence


def test_a_canary_with_a_weight_has_as_many_pods_as_that_takes():
    for stable, weight, wanted, share in (
        (19, 5, 1, "5.0 %"),
        (100, 5, 6, "5.7 %"),
        (1, 1, 1, "50.0 %"),
        (99, 1, 1, "1.0 %"),
        (100, 1, 2, "2.0 %"),
        (7, 50, 7, "50.0 %"),
        (0, 10, 1, "100.0 %"),
    ):
        found = canary(replicas=stable, canary={"weight": weight, "replicas": 40})
        assert found[:2] == (stable, wanted), (stable, weight, found)
        assert f"{wanted} beside {stable} edges, {share} of new viewers" in found[2], found[2]
    # Without a weight it is the count that says it; without a count of edges, what the autoscaler begins with.
    assert canary(replicas=3, canary={"replicas": 1})[1:] == (1, canary(replicas=3)[2])
    assert "1 beside 2 edges" in canary(canary={"weight": 5})[2]
    values = {"autoscaler": {"edge": {"minimum": 40}}, "edge": {"canary": {"enabled": True, "weight": 20}}}
    assert named(render(merge(BASE, values)), "Deployment", "live-relay-edge-canary")["spec"]["replicas"] == 10
    for weight in (0, 51, 2.5, "5"):
        refused(merge(BASE, {"edge": {"canary": {"weight": weight}}}), "weight")


def test_a_canary_with_a_weight_is_counted_from_the_edges_that_run():
    path = "/apis/apps/v1/namespaces/media/deployments/live-relay-edge"
    running = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "live-relay-edge"},
        "spec": {"replicas": 100},
    }
    values = merge(BASE, {"edge": {"canary": {"enabled": True, "weight": 5}}})
    for live, more, wanted in (
        ({path: running}, {}, 6),
        ({path: merge(running, {"spec": {"replicas": 19}})}, {}, 1),
        ({}, {"autoscaler": {"edge": {"minimum": 60}}}, 4),
        # The number that Helm is about to write, not the one that it replaces.
        ({path: running}, {"edge": {"replicas": 19}}, 1),
    ):
        objects = render_beside(live, merge(values, more))
        assert named(objects, "Deployment", "live-relay-edge-canary")["spec"]["replicas"] == wanted, more
        assert named(objects, "Deployment", "live-relay-edge")["spec"].get("replicas") in (None, 19), more


def test_nodes_are_spread_over_zones_and_machines():
    for name, values in SETS.items():
        for pod, component, _, spec in pods(render(values)):
            if component not in ("origin", "edge"):
                continue
            spread = spec["topologySpreadConstraints"][0]
            assert spread["topologyKey"] == "topology.kubernetes.io/zone" and spread["maxSkew"] == 1, f"{name}: {pod}"
            if (values.get(component) or {}).get("antiAffinity") != "none":
                assert "podAntiAffinity" in spec["affinity"], f"{name}: {pod}"
