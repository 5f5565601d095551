"""A cluster made for one scenario, and the lab that keeps its folder, its processes and its end."""

import shutil

from . import machine
from .judge import Checks
from .machine import Trouble, wait_until
from .media import Publisher, Verifier
from .netns import HUB
from .node import Node, stop_if_crashed
from .process import end_all
from .proxy import TcpProxy
from .redis import Redis

#: One stream's name is enough for most scenarios.
STREAM = "live/chaos"
#: What every node is started with, unless a scenario says otherwise: no gathering of frames (gaps are measured in
#: milliseconds) and one event loop (there are up to seven processes on a machine of two cores).
FLAGS = ("--flush-interval", "0", "--node-threads", "1", "--publish-grace", "10s")
EDGE_FLAGS = ("--edge-linger", "30s", "--edge-hold", "60s")


class Skipped(Exception):
    """A scenario that cannot be run on this machine; why."""


class Lab:
    """One scenario's folder, processes and checks. Everything begun through it is ended by `close`."""

    def __init__(self, name, console, options, folder):
        self.name, self.console, self.folder = name, console, folder
        self.quick = options.quick
        self.bin = options.bin
        self.relay, self.relayctl = options.bin / "relay", options.bin / "relayctl"
        self.children, self.proxies, self.nodes = [], [], []
        self.checks = Checks(console)
        self.figures = {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def say(self, text):
        self.console.step(text)

    def note(self, **figures):
        """Keeps measured figures that are not judged."""
        self.figures.update(figures)

    def seconds(self, full, quick):
        return quick if self.quick else full

    # --- what runs

    def redis(self, name="redis", **more):
        redis = Redis(self.children, self.folder / name, name=name, **more)
        redis.start()
        return redis

    def proxy(self, target):
        proxy = TcpProxy(machine.free_ports(1)[0], target)
        self.proxies.append(proxy)
        return proxy

    def node(self, role, name, registry=None, flags=(), start=True, **more):
        words = [*FLAGS, *(EDGE_FLAGS if role == "edge" else ()), *flags]
        # A flag may be given once only: the scenario's own replaces the one above.
        flags = [word for pair in dict(zip(words[::2], words[1::2])).items() for word in pair]
        node = Node(self, role, name, registry, flags, **more)
        self.nodes.append(node)
        return node.start() if start else node

    def cluster(self, origins=2, edges=3, **more):
        return Cluster(self, origins, edges, **more)

    def publisher(self, urls, **more):
        return Publisher(self, urls, **more)

    def verifier(self, urls, viewers, seconds, **more):
        return Verifier(self, urls, viewers, seconds, **more)

    def close(self):
        end_all(self.children)
        for proxy in self.proxies:
            proxy.close()

    def finish(self):
        """After the scenario's body: no node may have crashed on the way, whatever the figures say."""
        stop_if_crashed(self.nodes)


class Cluster:
    """Redis, origins `o1`…, edges `e1`…, all ready and known to each other when it is made.

    `partitionable` names nodes that reach Redis through a proxy of their own; with `all_proxied` every node uses one common
    proxy instead, so that the address outlives the server behind it. `network` puts every node into its own namespace.
    """

    def __init__(
        self,
        lab,
        origins,
        edges,
        partitionable=(),
        all_proxied=False,
        flags=(),
        origin_flags=(),
        edge_flags=(),
        prefixes=None,
        network=None,
    ):
        self.lab = lab
        self.redis = lab.redis(**({"host": HUB} if network else {}))
        self.proxies = {}
        self.front = lab.proxy(self.redis.port) if all_proxied else None
        prefixes = prefixes or {}

        def make(role, name, more):
            port = self.front.port if self.front else self.redis.port
            if name in partitionable:
                self.proxies[name] = lab.proxy(self.redis.port)
                port = self.proxies[name].port
            if network:
                host = network.hosts[name]
                return lab.node(
                    role, name, self.redis.url, [*flags, *more], start=False, prefix=host.prefix, host=host.address
                )
            return lab.node(
                role, name, f"redis://127.0.0.1:{port}", [*flags, *more], start=False, prefix=prefixes.get(name, ())
            )

        self.origins = [make("origin", f"o{i + 1}", origin_flags) for i in range(origins)]
        self.edges = [make("edge", f"e{i + 1}", edge_flags) for i in range(edges)]
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            node.wait_ready()
        wait_until(
            "every node knows all others", 10, lambda: all(len(n.nodes()) == len(self.nodes) for n in self.nodes)
        )

    @property
    def nodes(self):
        return [*self.origins, *self.edges]

    def node(self, name):
        for node in self.nodes:
            if node.name == name:
                return node
        raise Trouble(f"there is no node {name}")

    def publish_urls(self, stream=STREAM, query=""):
        return [origin.rtmp(stream) + query for origin in self.origins]

    def viewer_urls(self, stream=STREAM):
        """All edges over all three transports, edge by edge."""
        return [url for edge in self.edges for url in edge.urls(stream)]

    def edge_of(self, url):
        """The edge that a viewer's URL leads to."""
        for edge in self.edges:
            if f":{edge.rtmp_port}/" in url or f":{edge.http_port}/" in url:
                return edge
        raise Trouble(f"{url} leads to no edge")

    def owner(self, stream=STREAM, ask=None):
        """(owner, epoch), from the first node that answers."""
        for node in [ask] if ask else self.nodes:
            found = node.owner(stream) if node.child.is_alive and not node.child.frozen else None
            if found:
                return found
        return None
