"""What the steps share: the control plane, Helm, the model of the nodes, the autoscalers, and how they are looked at."""

import base64
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from control_plane import ControlPlane  # noqa: E402  (the path comes first)
from fleet import GATE  # noqa: E402
from harness.machine import Trouble, free_ports, wait_until  # noqa: E402
from harness.process import Child  # noqa: E402

import helm_python as helm  # noqa: E402

ROOT = HERE.parent.parent
CHART = ROOT / "Helm" / "relay"
PROGRAMS = ROOT / ".build" / "release"
FOLDER = ROOT / ".build" / "kubernetes"
NAMESPACE, RELEASE, FULL = "media", "live", "live-relay"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{FULL}-autoscaler"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
STATEFUL = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{FULL}-autoscaler"
#: What an edge of the model carries, and the share of it that is planned with.
VIEWERS, UTILISATION = 100, 0.75
#: 15 s of a lease, and a try of the other each 2 s and a fifth more (the design's figures), and a look of ours.
HANDOVER_SECONDS = 15 + 2.4 + 2.6
VALUES = {
    "redis": {"enabled": True},
    # Hollow pods run nothing that could answer a probe; their readiness comes from the model through the gate.
    "probes": {"enabled": False},
    "origin": {
        "readinessGates": [GATE],
        "drainSeconds": 60,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
    },
    "edge": {
        "readinessGates": [GATE],
        "drainSeconds": 60,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
    },
    "autoscaler": {
        "interval": "1s",
        # Windows as short as the relay takes them, so that the test is over in minutes; the rest as shipped.
        "edge": {
            "mode": "on",
            "minimum": 2,
            "maximum": 60,
            "viewers": VIEWERS,
            "utilisation": UTILISATION,
            "hold": "60s",
            "lead": "5s",
            "stableWindow": "10s",
            "manualHold": "20s",
            "shrinkShare": 0.5,
        },
        "origin": {
            "mode": "on",
            "minimum": 1,
            "maximum": 10,
            "publishers": 10,
            "utilisation": UTILISATION,
            "hold": "60s",
            "lead": "5s",
            "stableWindow": "10s",
            "manualHold": "20s",
            "shrinkShare": 0.5,
        },
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
    },
}


class Lab:
    """Everything that the steps share."""

    def __init__(self, children, folder, programs):
        self.children, self.folder, self.programs = children, folder, programs
        self.began = time.monotonic()
        self.plane = ControlPlane(children, folder / "plane")
        self.fleet = None
        self.autoscalers = {}
        self.redis_port = None

    def say(self, text):
        print(f"  {time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    @property
    def api(self):
        return self.plane.api

    def wait(self, what, seconds, condition, every=0.25):
        def looked():
            if self.fleet:
                self.fleet.require_alive()
            for child in self.plane.nodes:
                child.require_alive()
            for child in self.autoscalers.values():
                if not getattr(child, "expected_dead", False):
                    child.require_alive()
            return condition()

        try:
            return wait_until(what, seconds, looked, every)
        except Trouble as trouble:
            told = "".join(f"; {tier}: {self.told(tier)}" for tier in ("edge", "origin") if self.autoscalers)
            raise Trouble(
                f"{trouble}{told}{'; ' + self.fleet.summary() if self.fleet else ''}{self.unready()}"
            ) from None

    def unready(self):
        """What stands between the tiers and all of their pods being ready, for a failure's text."""
        found = [
            f"{child.name} has ended"
            for child in self.children
            if child.name.startswith(("etcd", "apiserver", "controller-manager", "scheduler"))
            and not child.is_alive
        ]
        for kind, tier in ((DEPLOYMENTS, "edge"), (STATEFUL, "origin")):
            try:
                pods, wanted = self.pods(tier), self.replicas(kind, tier)
            except Exception as error:  # noqa: BLE001 (a failure is being told; this is only more of it)
                return f"; the API server: {error}"
            if len(pods) != wanted:
                found.append(f"{len(pods)} {tier} pods of {wanted}")
            for pod in pods:
                conditions = pod["status"].get("conditions") or []
                missing = [
                    f"{one['type']}={one['status']} {one.get('reason', '')} {one.get('message', '')}".strip()
                    for one in conditions
                    if one["status"] != "True"
                ]
                if missing or not conditions or pod["metadata"].get("deletionTimestamp"):
                    found.append(
                        f"{pod['metadata']['name']} on {pod['spec'].get('nodeName')}: {pod['status'].get('phase')}"
                        f"{' terminating' if pod['metadata'].get('deletionTimestamp') else ''}, {', '.join(missing)}"
                    )
        if self.fleet and self.fleet.refused:
            found.append(f"the model was refused {len(self.fleet.refused)} times, last: {self.fleet.refused[-1]}")
        return f"; {'; '.join(found)}" if found else ""

    # MARK: the cluster

    def replicas(self, kind=DEPLOYMENTS, name="edge"):
        return self.api.get(f"{kind}/{FULL}-{name}/scale")["spec"].get("replicas", 0)

    def scale(self, count, kind=DEPLOYMENTS, name="edge"):
        self.api.patch(f"{kind}/{FULL}-{name}/scale", {"spec": {"replicas": count}}, fieldManager="kubectl")

    def pods(self, component="edge"):
        return self.api.get(
            f"/api/v1/namespaces/{NAMESPACE}/pods",
            labelSelector=f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component={component}",
        )["items"]

    def ready(self, component="edge"):
        return sorted(
            pod["metadata"]["name"]
            for pod in self.pods(component)
            if not pod["metadata"].get("deletionTimestamp")
            and any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in pod["status"].get("conditions") or []
            )
        )

    def secret(self, name, key):
        return base64.b64decode(
            self.api.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{FULL}-{name}")["data"][key]
        ).decode()

    def holder(self):
        lease = self.api.find(LEASE)
        return (lease or {}).get("spec", {}).get("holderIdentity") or ""

    def leader(self):
        """The leading autoscaler's name; what makes it unique to a life of the process is taken off."""
        return self.holder().rsplit("_", 1)[0]

    def helm(self):
        return helm.Config(kubeconfig_path=self.plane.kubeconfig, namespace=NAMESPACE)

    # MARK: processes

    def config_file(self, part):
        path = self.folder / f"{part}.yaml"
        path.write_text(self.api.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{FULL}-{part}")["data"]["relay.yaml"])
        return path

    def environment(self, part, name):
        return {
            "RELAY_CONFIG": str(self.config_file(part)),
            "RELAY_NODE_NAME": name,
            "RELAY_CLUSTER_KEY": self.secret("cluster", "key"),
            "RELAY_CLUSTER_REGISTRY": f"redis://:{self.secret('redis', 'password')}@127.0.0.1:{self.redis_port}",
        }

    def start_autoscaler(self, name):
        admin, probe = free_ports(2)
        token = self.folder / f"{name}.token"
        token.write_text(self.plane.account_token(NAMESPACE, f"{FULL}-autoscaler"))
        token.chmod(0o600)
        child = Child(
            self.children,
            name,
            [self.programs / "relay", "autoscaler"],
            self.folder,
            environment={
                **self.environment("autoscaler", name),
                "RELAY_AUTOSCALER_KUBERNETES_URL": self.plane.url,
                "RELAY_AUTOSCALER_KUBERNETES_TOKEN_FILE": str(token),
                "RELAY_AUTOSCALER_KUBERNETES_CA_FILE": str(self.plane.ca),
                "RELAY_ADMIN_PORT": str(admin),
                "RELAY_PROBE_HOST": "127.0.0.1",
                "RELAY_PROBE_PORT": str(probe),
                "RELAY_LOG_LEVEL": "debug",
            },
        ).start()
        child.admin, child.probe = f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{probe}"
        self.autoscalers[name] = child
        return child

    def ask(self, path, name=None):
        """An autoscaler's admin API; None while it does not answer."""
        for child in [self.autoscalers[name]] if name else list(self.autoscalers.values()):
            if not child.is_alive:
                continue
            try:
                with urllib.request.urlopen(child.admin + path, timeout=5) as answer:
                    return json.loads(answer.read())
            except (OSError, ValueError, urllib.error.URLError):
                continue
        return None

    def decisions(self, tier="edge", limit=200):
        return (self.ask(f"/v1/autoscale/decisions?tier={tier}&limit={limit}") or {}).get("decisions", [])

    def decision(self, tier="edge"):
        """The newest."""
        status = self.ask("/v1/autoscale/status") or {}
        return next((one for one in status.get("tiers", []) if one["tier"] == tier), None)

    def told(self, tier="edge"):
        one = self.decision(tier)
        if not one:
            return "no decision"
        blocks = ", ".join(block["code"] for block in one["blocks"])
        return f"{one['current']} -> {one['target']} because {one['reason']}" + (
            f" (blocked: {blocks})" if blocks else ""
        )


def actions(decision, kind):
    return [one[kind] for one in decision["actions"] if kind in one]


STEPS = []


def step(sentence):
    def note(function):
        STEPS.append((sentence, function))
        return function

    return note


def refused(call, word):
    try:
        call()
    except Exception as error:  # noqa: BLE001
        assert word in str(error), f"refused, but with {error}"
        return
    raise AssertionError(f"was allowed, {word} was expected")
