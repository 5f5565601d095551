"""What users type: values, samples, and what is refused."""

import sys

import yaml

from support import BASE, CHART, GOLDEN, merge, refused


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
        for key, value in tree.items():
            if node.get("additionalProperties") is False:
                assert key in node["properties"], f"{path}{key}"
            if isinstance(value, dict) and key in node.get("properties", {}):
                known(node["properties"][key], value, f"{path}{key}.")

    known(schema, yaml.safe_load((CHART / "values.yaml").read_text()), "")
