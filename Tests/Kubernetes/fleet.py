"""The nodes that the hollow pods stand for: a model that reports to a real Redis as relays do, follows orders to drain
as they do, and sees to it that a pod is ready when its node would say so.

Hollow pods run no containers, so their readiness comes from a readiness gate whose condition the model sets. Viewers
are spread over the serving edges and leave a draining one within seconds. What the test asks of it afterwards stands in
`gone`: each deleted pod with what its node was doing then.
"""

import json
import secrets
import threading
import time

from harness.machine import Trouble
from harness.redis import RedisClient

#: The readiness gate of hollow pods; the chart's value edge.readinessGates.
GATE = "relay.test/model"
TURN_SECONDS = 0.5
LEASE_MILLISECONDS = 10_000
#: Share of a draining edge's viewers that leave in a second.
LEAVING = 0.4


class Node:
    """One node of the model, named as its pod."""

    def __init__(self, name, role, uid, zone, machine):
        self.name, self.role, self.uid, self.zone, self.machine = name, role, uid, zone, machine
        self.token = secrets.token_hex(16)
        self.since = time.monotonic()
        self.sequence = 0
        self.viewers = 0.0
        self.publishers = 0
        self.drain = None
        self.drained_at = None
        self.gate = None

    @property
    def state(self):
        return "draining" if self.drain else "serving"

    def record(self):
        record = {
            "id": self.name,
            "region": "",
            "release": "0.1.0",
            "role": self.role,
            "state": self.state,
            "token": self.token,
            "version": 1,
            "zone": self.zone,
            "machine": self.machine,
        }
        if self.drain:
            record["drain"] = self.drain
        return record

    def report(self):
        self.sequence += 1
        return {
            "busiestLoop": 0.1,
            "children": 0,
            "connections": int(self.viewers),
            "cpu": 0.1,
            "dropsTotal": 0,
            "egressBitrate": self.viewers * 1e6,
            "egressCapacity": 0,
            "ingestBitrate": self.publishers * 1e6,
            "joinFailuresTotal": 0,
            "joinsTotal": 0,
            "leavesTotal": 0,
            "maxConnections": 20000,
            "publishers": self.publishers,
            "pulls": 1 if self.viewers else 0,
            "rejectsTotal": 0,
            "sequence": self.sequence,
            "state": self.state,
            "strandedViewers": 0,
            "streams": self.publishers,
            "uptimeSeconds": time.monotonic() - self.since,
            "viewers": round(self.viewers),
        }


class Fleet:
    """Runs on a thread of its own between `start` and `stop`."""

    def __init__(self, api, namespace, instance, redis_port, password, prefix="relay:1:"):
        self.api, self.namespace, self.instance = api, namespace, instance
        self.redis_port, self.password, self.prefix = redis_port, password, prefix
        self.nodes = {}
        #: (name, role, uid, was draining by the autoscaler's order, viewers, publishers) of each pod whose deletion began.
        self.gone = []
        self.demand = 0.0
        self.cut = 0.0
        #: Origins by name → publishers.
        self.publishing = {}
        #: False = nodes are silent: reports stop while pods go on.
        self.speaks = True
        self.refused = []
        self.failure = None
        self._zones = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stop.set()
        self._thread.join(10)

    def require_alive(self):
        if self.failure:
            raise Trouble(f"the model of the nodes failed: {self.failure!r}")

    # MARK: what the test reads

    def serving(self, role="edge"):
        with self._lock:
            return sorted(name for name, node in self.nodes.items() if node.role == role and not node.drain)

    def draining(self, role="edge"):
        with self._lock:
            return sorted(name for name, node in self.nodes.items() if node.role == role and node.drain)

    def summary(self):
        with self._lock:
            edges = [node for node in self.nodes.values() if node.role == "edge"]
            return (
                f"{self.demand:.0f} viewers wanted, {sum(node.viewers for node in edges):.0f} on {len(edges)} edges, "
                f"{sum(1 for node in edges if node.drain)} draining"
            )

    # MARK: the loop

    def _run(self):
        try:
            client = self._connect()
            turn = 0
            while not self._stop.wait(TURN_SECONDS):
                try:
                    with self._lock:
                        self._pods()
                        self._spread()
                        if self.speaks:
                            self._talk(client, turn % 2 == 0)
                        self._gates()
                except (OSError, ConnectionError):
                    if self._stop.is_set():
                        return
                    client = self._connect()
                turn += 1
        except Exception as error:  # noqa: BLE001 (told to the test's own thread)
            self.failure = error

    def _connect(self):
        end = time.monotonic() + 20
        while True:
            try:
                client = RedisClient(self.redis_port)
                client.call("AUTH", self.password)
                return client
            except OSError:
                if time.monotonic() > end or self._stop.is_set():
                    raise
                time.sleep(0.1)

    def _pods(self):
        """Follows the pods: new ones that run become nodes, deleted ones end theirs."""
        found = {}
        for role in ("edge", "origin"):
            for pod in self.api.get(
                f"/api/v1/namespaces/{self.namespace}/pods",
                labelSelector=f"app.kubernetes.io/instance={self.instance},app.kubernetes.io/component={role}",
            )["items"]:
                metadata = pod["metadata"]
                if pod["status"].get("phase") == "Running" and not metadata.get("deletionTimestamp"):
                    gate = [one["status"] for one in pod["status"].get("conditions") or [] if one["type"] == GATE]
                    found[metadata["name"]] = (role, metadata["uid"], pod["spec"].get("nodeName", ""), gate)
        for name, node in list(self.nodes.items()):
            if name in found and found[name][1] == node.uid:
                continue
            by_autoscaler = bool(node.drain) and node.drain.get("author") == "autoscaler"
            self.gone.append((name, node.role, node.uid, by_autoscaler, round(node.viewers), node.publishers))
            self.cut += node.viewers
            del self.nodes[name]
        for name, (role, uid, machine, gate) in found.items():
            if name not in self.nodes:
                self.nodes[name] = Node(name, role, uid, self._zone(machine), machine)
            # As it stands there, whoever wrote the pod's status last.
            self.nodes[name].gate = gate[0] if gate else None

    def _zone(self, machine):
        if machine and machine not in self._zones:
            labels = self.api.get(f"/api/v1/nodes/{machine}")["metadata"].get("labels", {})
            self._zones[machine] = labels.get("topology.kubernetes.io/zone", "")
        return self._zones.get(machine, "")

    def _spread(self):
        """Viewers: away from draining edges bit by bit, evenly over the serving ones, which a load balancer would come
        near to."""
        edges = [node for node in self.nodes.values() if node.role == "edge"]
        for node in edges:
            if node.drain:
                node.viewers = 0.0 if node.viewers < 2 else node.viewers * (1 - LEAVING * TURN_SECONDS)
        serving = [node for node in edges if not node.drain]
        rest = max(0.0, self.demand - sum(node.viewers for node in edges if node.drain))
        for node in serving:
            node.viewers = rest / len(serving)
        for node in self.nodes.values():
            if node.role == "origin":
                node.publishers = self.publishing.get(node.name, 0)

    def _talk(self, client, reports):
        """One beat of every node: renews its lease, reports every other time, hears its orders. As the script of a
        renewal does."""
        p = self.prefix
        for node in list(self.nodes.values()):
            wish = client.call("GET", f"{p}wish:{node.name}")
            if wish:
                self._hear(node, json.loads(wish))
            client.call(
                "HSET",
                f"{p}node:{node.name}",
                "token",
                node.token,
                "record",
                json.dumps(node.record()),
                "state",
                node.state,
                "link",
                "",
            )
            client.call("PEXPIRE", f"{p}node:{node.name}", LEASE_MILLISECONDS)
            if reports:
                client.call("SET", f"{p}report:{node.name}", json.dumps(node.report()), "PX", LEASE_MILLISECONDS)
            client.call("ZADD", f"{p}nodes", 0, node.name)
        alive = set(self.nodes)
        for name in client.call("ZRANGE", f"{p}nodes", 0, -1):
            if name not in alive:  # a node that ends gives its lease back
                client.call("DEL", f"{p}node:{name}", f"{p}report:{name}")
                client.call("ZREM", f"{p}nodes", name)

    @staticmethod
    def _hear(node, wish):
        if wish.get("drainMilliseconds") is None:
            node.drain, node.drained_at = None, None
        elif not node.drain or node.drain["wish"] != wish["id"]:
            node.drain = {"wish": wish["id"], **{key: wish[key] for key in ("author", "epoch") if key in wish}}
            node.drained_at = time.monotonic()

    def _gates(self):
        """A node that drains answers its readiness probe with 503: the gate says it for the hollow pod."""
        for node in self.nodes.values():
            wanted = "False" if node.drain else "True"
            if node.gate == wanted:
                continue
            try:
                self.api.patch(
                    f"/api/v1/namespaces/{self.namespace}/pods/{node.name}/status",
                    {"status": {"conditions": [{"type": GATE, "status": wanted}]}},
                    kind="application/strategic-merge-patch+json",
                )
            except Exception as error:  # noqa: BLE001 (the pod may have gone this moment)
                self.refused.append(str(error))
