"""What users type: values, samples, and what is refused."""

import sys

import kubernetes_validate
import yaml

from support import BASE, CHART, FOREIGN, GOLDEN, KUBERNETES, SETS, merge, of_kind, pods, refused, render


def test_values_that_mean_nothing_are_refused():
    for values, word in [
        ({"edges": {}}, "edges"),
        ({"edge": {"replica": 3}}, "replica"),
        ({"edge": {"service": {"type": "External"}}}, "type"),
        ({"edge": {"config": {"viewers": {"dropAfter": "1s"}}}}, "viewers"),
        ({"edge": {"drainSeconds": 0}}, "drainSeconds"),
        ({"edge": {"config": {"cluster": {"key": "secret"}}}}, "key"),
        ({"edge": {"config": {"cluster": {"registry": "redis://x"}}}}, "registry"),
        ({"edge": {"config": {"admin": {"host": "0.0.0.0"}}}}, "host"),
        ({"autoscaler": {"edge": {"viewers": 10_000_001}}}, "viewers"),
        ({"autoscaler": {"edge": {"egressMbps": 1_000_001}}}, "egressMbps"),
        ({"origin": {"service": {"rtmpPort": 0}}}, "rtmpPort"),
        ({"origin": {"service": {"httpPort": 80}}}, "httpPort"),
        ({"edge": {"maxSurge": 0}}, "maxSurge"),
        ({"edge": {"maxSurge": "0%"}}, "maxSurge"),
        ({"edge": {"maxSurge": "00%"}}, "maxSurge"),
        ({"nameOverride": "7up"}, "nameOverride"),
        ({"fullnameOverride": "video.live"}, "fullnameOverride"),
        ({"fullnameOverride": "video-"}, "fullnameOverride"),
        ({"autoscaler": {"lease": "-x"}}, "lease"),
        ({"edge": {"extraEnv": [{"name": "RELAY_CLUSTER_KEY", "value": "x"}]}}, "extraEnv"),
        ({"edge": {"service": {"provider": "amazon"}}}, "provider"),
        ({"link": {"port": 70000}}, "port"),
        ({"link": {"tls": "on"}}, "tls"),
        ({"autoscaler": {"edge": {"mode": True}}}, "mode"),
        ({"autoscaler": {"edge": {"mode": "auto"}}}, "mode"),
        ({"autoscaler": {"edge": {"utilization": 0.7}}}, "utilization"),
        ({"autoscaler": {"edge": {"hold": 300}}}, "hold"),
        ({"autoscaler": {"driver": "exec"}}, "driver"),
        ({"autoscaler": {"replicas": 0}}, "replicas"),
        ({"registry": {"url": "redis://:password@host"}}, "url"),
        ({"redis": {"password": "x"}}, "password"),
        ({"cluster": {"key": "x"}}, "key"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"networkPolicy": {"viewers": [{"cidr": "0.0.0.0/0"}]}}, "viewers"),
        ({"edge": {"resources": {"limits": {"memory": "1Gi"}, "request": {}}}}, "resources"),
        ({"edge": {"maxUnavailable": "half"}}, "maxUnavailable"),
        ({"fullnameOverride": "Video"}, "fullnameOverride"),
    ]:
        refused(merge(BASE, values), word)


def nested(path, value):
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def test_settings_cannot_move_what_the_chart_itself_fixes():
    fixed = "rtmp.port rtmp.host http.port http.host link.port link.host link.tls link.advertise probe.port probe.host"
    fixed += " admin.port admin.host cluster.prefix cluster.region cluster.zone drain.deadline node.name node.machine"
    for place in ("origin.config", "edge.config", "edge.canary.config", "autoscaler.config"):
        for key in fixed.split():
            refused(merge(BASE, nested(f"{place}.{key}", "1")), key.split(".")[0])
    for place in ("origin.config", "edge.config", "edge.canary.config"):
        refused(merge(BASE, nested(f"{place}.autoscaler.interval", "5s")), "autoscaler")
        render(merge(BASE, nested(f"{place}.link.dropAfter", "900ms")))
    for key in ("edge.workload", "origin.workload", "edge.mode", "election", "lease", "driver", "kubernetes.namespace"):
        refused(merge(BASE, nested(f"autoscaler.config.autoscaler.{key}", "x")), key.split(".")[-1])
    render(merge(BASE, nested("autoscaler.config.autoscaler.kubernetes.url", "https://10.0.0.1")))


def test_variables_cannot_move_it_either():
    names = {
        *("RELAY_CONFIG", "RELAY_LINK_TLS", "RELAY_CLUSTER_PREFIX", "RELAY_DRAIN_DEADLINE", "RELAY_AUTOSCALER_DRIVER"),
        *("RELAY_AUTOSCALER_EDGE_WORKLOAD", "RELAY_NODE_SPOT"),
        *(f"RELAY_{part}_{what}" for part in ("ADMIN", "PROBE", "RTMP", "HTTP", "LINK") for what in ("HOST", "PORT")),
    }
    for name, values in SETS.items():
        for _, component, _, spec in pods(render(values)):
            if component in ("origin", "edge", "autoscaler"):
                names |= {one["name"] for one in spec["containers"][0]["env"]}
    for part in ("origin", "edge", "autoscaler"):
        for name in sorted(names):
            refused(merge(BASE, {part: {"extraEnv": [{"name": name, "value": "1"}]}}), "extraEnv")
    for name in ("RELAY_VIEWER_DROP_AFTER", "RELAY_LOG_LEVEL", "TZ", "RELAY_NODE_THREADS"):
        render(merge(BASE, {"edge": {"extraEnv": [{"name": name, "value": "1"}]}}))


def test_labels_that_the_chart_owns_cannot_be_given():
    places = ("commonLabels", "origin.podLabels", "edge.podLabels", "autoscaler.podLabels", "monitoring.labels")
    owned = ("name", "instance", "component", "version", "part-of", "managed-by")
    for key in ("relay-track", "helm.sh/chart", *(f"app.kubernetes.io/{one}" for one in owned)):
        for place in places:
            refused(merge(BASE, nested(place, {key: "x"})), place.split(".")[-1])
    for place in ("podAnnotations", "edge.podAnnotations"):
        refused(merge(BASE, nested(place, {"checksum/config": "x"})), "podAnnotations")
    # What stands in both is written once.
    both = {
        "commonLabels": {"team": "a"},
        "edge": {"podLabels": {"team": "b"}},
        "autoscaler": {"podLabels": {"team": "c"}},
    }
    labels = {component: metadata["labels"]["team"] for _, component, metadata, _ in pods(render(merge(BASE, both)))}
    assert labels == {"origin": "a", "edge": "b", "autoscaler": "c", "redis": "a", "test": "a"}, labels


def test_values_that_do_not_go_together_are_refused_with_a_sentence():
    for values, words in [
        ({"autoscaler": {"edge": {"minimum": 5, "maximum": 4}}}, ("autoscaler.edge.minimum (5)", "larger")),
        ({"autoscaler": {"origin": {"minimum": 2, "maximum": 1}}}, ("autoscaler.origin.minimum (2)", "larger")),
        ({"edge": {"service": {"httpPort": 0, "rtmpPort": 0}}}, ("both 0",)),
        ({"edge": {"service": {"httpPort": 1935, "rtmpPort": 1935}}}, ("the same",)),
        ({"autoscaler": {"rbac": {"create": False}}}, ("serviceAccountName",)),
        ({"probes": {"port": 8080}}, ("probes.port is 8080", "HTTP")),
        ({"probes": {"port": 9090}}, ("probes.port is 9090", "admin")),
        ({"link": {"port": 1935}}, ("link.port is 1935", "RTMP")),
        ({"link": {"port": 9091}}, ("link.port is 9091", "probes.port")),
    ]:
        refused(merge(BASE, values), *words)
    both = {"link": {"port": 1935}, "edge": {"service": {"httpPort": 0}}}
    refused(merge(BASE, both), "link.port is 1935", "both 0")
    render(merge(BASE, {"autoscaler": {"enabled": False, "rbac": {"create": False}}}))


def test_a_name_that_is_no_name_of_a_service_is_refused():
    for name in ("7up", "my.release"):
        refused(BASE, "set fullnameOverride", name=name)
        render(merge(BASE, {"fullnameOverride": "video"}), name=name)


def test_names_that_look_like_numbers_stay_names():
    values = {
        "registry": {"existingSecret": "123"},
        "cluster": {"existingSecret": "1e3", "existingSecretKey": "0"},
        "imagePullSecrets": ["456"],
        "commonLabels": {"team": "7"},
        "nameOverride": "on",
        "fullnameOverride": "video",
        "autoscaler": {"priorityClassName": "5", "lease": "8", "rbac": {"serviceAccountName": "9"}},
        "edge": {"priorityClassName": "6", "service": {"loadBalancerClass": "10"}, "readinessGates": ["11"]},
        "monitoring": {"podMonitor": True},
    }
    objects = render(values, name="77", namespace="2026")
    assert {one["metadata"].get("namespace", "2026") for one in objects} == {"2026"}
    for one in objects + render({"redis": {"enabled": True, "existingSecret": "12"}}):
        if one["apiVersion"] not in FOREIGN:
            kubernetes_validate.validate(one, KUBERNETES[-1], strict=True)
    switched = merge(BASE, {"fullnameOverride": "on", "monitoring": {"serviceMonitor": True}})
    assert of_kind(render(switched), "ServiceMonitor")[0]["metadata"]["name"] == "on"


def test_no_registry_at_all_is_refused_with_the_remedy():
    refused({}, "registry.existingSecret", "redis.enabled")


def paths(tree, prefix=""):
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from paths(value, f"{prefix}{key}.")


def test_the_names_of_values_are_the_golden_ones():
    names = "\n".join(paths(yaml.safe_load((CHART / "values.yaml").read_text()))) + "\n"
    if "--write-golden" in sys.argv:
        GOLDEN.write_text(names)
    golden = GOLDEN.read_text()
    assert (
        names == golden
    ), f"values changed; if that is meant: Tests/Helm/helm.sh --write-golden\n{set(names.split()) ^ set(golden.split())}"


def test_the_schema_knows_every_value_of_the_chart():
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())

    def known(node, tree, path):
        while "$ref" in node:
            node = schema["definitions"][node["$ref"].rsplit("/", 1)[1]]
        for one in node.get("allOf", []):
            known(one, tree, path)
        for key, value in tree.items():
            if node.get("additionalProperties") is False:
                assert key in node["properties"], f"{path}{key}"
            if isinstance(value, dict) and key in node.get("properties", {}):
                known(node["properties"][key], value, f"{path}{key}.")

    known(schema, yaml.safe_load((CHART / "values.yaml").read_text()), "")
