"""What the chart's tests share: sets of values, rendering, and finding things in what was rendered."""

import copy
import functools
import json
import pathlib

import helm_python as helm
import kubernetes_validate
import yaml

#: The parser in C where there is one: ten times as fast.
YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# It would read a schema of a megabyte again for every object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "Helm" / "relay"
GOLDEN = pathlib.Path(__file__).resolve().parent / "golden" / "values.txt"
RELAY = ROOT / ".build" / "release" / "relay"
#: The releases of Kubernetes whose schemas the objects have to satisfy, strictly: none that is unknown there.
KUBERNETES = ("1.34", "1.37")
#: Kinds of others, with no schema at hand.
FOREIGN = {"monitoring.coreos.com/v1"}
UID = 65532
RENDERED = {}


class Skip(Exception):
    pass


def value_sets():
    return {
        path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text())
        for path in sorted((CHART / "ci").glob("*-values.yaml"))
    }


def render(values, **more):
    """All objects, tests included, of a release `live` in the namespace `media`. Rendered once for each set of values,
    so that secrets are made once, too; nobody may change what is returned."""
    key = json.dumps([values, more], sort_keys=True)
    if key not in RENDERED:
        RENDERED[key] = render_anew(values, **more)
    return RENDERED[key]


def render_anew(values, **more):
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name="live", namespace="media", **more)
    objects = []
    for path, text in sorted(files.items()):
        if path.endswith("NOTES.txt"):
            continue
        objects += [one for one in yaml.load_all(text, YAML) if one]
    return objects


def merge(*parts):
    out = {}
    for part in parts:
        for key, value in part.items():
            out[key] = (
                merge(out[key], value)
                if isinstance(value, dict) and isinstance(out.get(key), dict)
                else copy.deepcopy(value)
            )
    return out


def of_kind(objects, *kinds):
    return [one for one in objects if one["kind"] in kinds]


def named(objects, kind, name):
    found = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind}/{name}"
    return found[0]


def pods(objects):
    """(name, component, template's metadata, pod spec) of everything that makes pods."""
    for one in of_kind(objects, "Deployment", "StatefulSet", "Job", "DaemonSet"):
        template = one["spec"]["template"]
        yield one["metadata"]["name"], template["metadata"]["labels"]["app.kubernetes.io/component"], template[
            "metadata"
        ], template["spec"]
    for one in of_kind(objects, "Pod"):
        yield one["metadata"]["name"], one["metadata"]["labels"]["app.kubernetes.io/component"], one["metadata"], one[
            "spec"
        ]


def environment(container):
    return {one["name"]: one for one in container.get("env", [])}


BASE = {"redis": {"enabled": True}}
SETS = value_sets()


def refused(values, *words):
    try:
        render(values)
    except helm.HelmError as error:
        for word in words:
            assert word in str(error), f"refused, but without {word!r}: {error}"
        return
    raise AssertionError(f"{values} was accepted")
