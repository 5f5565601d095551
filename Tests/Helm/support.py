"""What the chart's tests share: sets of values, rendering, and finding things in what was rendered."""

import copy
import functools
import http.server
import json
import pathlib
import threading

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
        return objects_of(chart.render(values, **{"name": "live", "namespace": "media", **more}))


#: What `lookup` has to know of the kinds that the templates look up: API's path → kinds.
LOOKED_UP = {
    "/api/v1": (("Secret", "secrets"),),
    "/apis/apps/v1": (("Deployment", "deployments"), ("StatefulSet", "statefulsets")),
}


def render_beside(live, values):
    """All objects, rendered where a cluster has these already: path below the API server → object."""
    return objects_of(files_beside(live, values))


def files_beside(live, values):

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.split("?")[0]
            kinds = [
                {"name": plural, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]}
                for kind, plural in LOOKED_UP.get(path, ())
            ]
            group = path.removeprefix("/apis/").removeprefix("/api/")
            known = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": kinds}
            found = known if kinds else live.get(path)
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(found or missing).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            with helm.Config(kube_apiserver=address, kubeconfig_content="", namespace="media") as config:
                with helm.Chart.load(CHART) as chart:
                    return config.render(chart, values, name="live", namespace="media")
        finally:
            server.shutdown()


def notes(values, live=None):
    """What Helm says after an install, or an upgrade where these objects are already."""
    return files_beside(live or {}, values)["relay/templates/NOTES.txt"]


def objects_of(files):
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


def refused(values, *words, **more):
    try:
        render(values, **more)
    except helm.HelmError as error:
        for word in words:
            assert word in str(error), f"refused, but without {word!r}: {error}"
        return
    raise AssertionError(f"{values} was accepted")
