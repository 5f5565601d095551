"""What most scenarios begin with and end with: a stream with viewers on every edge, somebody who looks at its owner all the
time, and the checks that hold whenever nothing may be lost."""

import threading
import time

from . import judge
from .cluster import STREAM
from .machine import Trouble, wait_until

VIEWERS = 20


def begin(lab, cluster, seconds, viewers=VIEWERS, stream=STREAM, urls=None, publish_urls=None, settle=1.0, **more):
    """Publishes a verifiable stream and lets viewers join it over all edges and transports; returns (publisher, verifier)
    when all of them are counted by the edges."""
    publisher = lab.publisher(publish_urls or cluster.publish_urls(stream), **more).start()
    verifier = begin_viewers(lab, cluster, seconds, viewers, urls or cluster.viewer_urls(stream))
    time.sleep(settle)
    return publisher, verifier


def begin_viewers(lab, cluster, seconds, viewers, urls, **more):
    already = sum(edge.viewers() for edge in cluster.edges)
    verifier = lab.verifier(urls, viewers, seconds, **more).start()

    def all_there():
        verifier.child.require_alive()
        return sum(edge.viewers() for edge in cluster.edges) - already >= viewers

    wait_until(f"{viewers} viewers play", 20, all_there)
    lab.say(f"{viewers} viewers play")
    return verifier


def nothing_broken(lab, report, what=""):
    """What holds through every fault: nobody was disconnected, time never ran backwards, nothing undecodable or twice."""
    checks = lab.checks
    checks.equal(f"viewers disconnected{what}", report.total("disconnects"), 0)
    checks.equal(f"timestamps out of order{what}", report.total("disorder"), 0)
    checks.equal(f"frames whose references are missing{what}", report.total("missing_references"), 0)
    checks.equal(f"frames twice{what}", report.total("duplicates"), 0)
    checks.equal(f"frames damaged{what}", report.total("corrupt"), 0)
    checks.equal(f"frames of a publisher that had been left{what}", report.total("interleaved"), 0)


def nothing_lost(lab, report, publisher, fault=0.0):
    """For faults that running streams must not feel: not a frame is missing, and none came late."""
    nothing_broken(lab, report)
    lab.checks.equal("frames lost", report.total("lost"), 0)
    # A frame interval is 33 ms; a quarter of a second without media is a stall that somebody sees.
    lab.checks.at_most("longest gap of any viewer", judge.longest_gap(report.viewers, after=fault), 250, "ms")
    lab.checks.at_least("frames of each viewer", report.least("frames"), 1)


def counted(nodes, metric, before=None):
    """The sum of a counter over nodes, less what it was; None when a node does not have it."""
    values = [node.metric(metric) for node in nodes]
    if None in values:
        return None
    return sum(values) - (before or 0)


class OwnerWatch:
    """Asks nodes for the owner of a stream every few hundredths of a second, each on a thread of its own."""

    INTERVAL = 0.05

    def __init__(self, nodes, stream=STREAM):
        self.stream = stream
        self.samples = {node.name: [] for node in nodes}
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._watch, args=(node,), daemon=True) for node in nodes]

    def _watch(self, node):
        while not self.ended.wait(self.INTERVAL):
            if not node.child.is_alive or node.child.frozen:
                continue
            found = node.owner(self.stream)
            if found:
                self.samples[node.name].append((time.time() * 1000, *found))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(6)

    def epochs_fell(self):
        return sum(judge.epochs_fell(samples) for samples in self.samples.values())

    def came_back(self, old, after):
        return sum(judge.came_back(samples, old, after) for samples in self.samples.values())

    def changes(self, name):
        return judge.owners_over_time(self.samples[name])

    def agreed(self, owner, after):
        """The instant, ms since 1970, from which every watched node says this owner and no other; None when one never did."""
        latest = 0.0
        for name, samples in self.samples.items():
            wrong = [at for at, who, _ in samples if at >= after and who != owner]
            right = [at for at, who, _ in samples if who == owner and (not wrong or at > wrong[-1]) and at >= after]
            if not right:
                return None
            latest = max(latest, right[0])
        return latest


def registry_complete(cluster, streams, ask=None, nodes=None):
    """Whether the registry has all streams with living owners, and all nodes. An edge is asked: it owns nothing, so what it
    lists is what the registry holds."""
    node = ask or cluster.edges[0]
    known = node.streams()
    return all(name in known and known[name]["ownerLives"] for name in streams) and len(node.nodes()) >= (
        nodes or len(cluster.nodes)
    )


def time_to_complete(cluster, streams, since, limit=15.0, ask=None):
    """Seconds from an instant of the monotonic clock to a complete registry; None when it was not within the limit."""
    while time.monotonic() - since < limit:
        if registry_complete(cluster, streams, ask):
            return time.monotonic() - since
        time.sleep(0.02)
    return None


def wait_owner(cluster, owner, stream=STREAM, seconds=10.0, ask=None):
    wait_until(f"{owner} owns {stream}", seconds, lambda: (cluster.owner(stream, ask) or ("",))[0] == owner)


def require_owner(cluster, owner, stream=STREAM):
    """The owner's node; Trouble when it is another one than the scenario is about to hurt."""
    wait_owner(cluster, owner, stream)
    found = cluster.node(owner)
    if not found.child.is_alive:
        raise Trouble(f"{owner} is not alive")
    return found
