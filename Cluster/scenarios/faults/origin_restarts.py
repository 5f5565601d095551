"""A crash loop: the owner dies and comes back again and again, and the stream must not be lost for good."""

import time

from harness import watch
from harness.cluster import STREAM
from harness.machine import wait_until, wall_ms
from . import scenario

EVERY_SECONDS = 3


@scenario("origin-restarts", "kill -9 and restart of the owner, 20 times, each 3 s", 240)
def run(lab):
    cluster = lab.cluster()
    rounds = lab.seconds(20, 5)
    publisher, verifier = watch.begin(lab, cluster, seconds=rounds * EVERY_SECONDS + 60)
    before = watch.counted(cluster.edges, "relay_cluster_pull_attempts_total")
    began = time.monotonic()
    with watch.OwnerWatch(cluster.edges) as owners:
        for i in range(rounds):
            victim = (cluster.owner(ask=cluster.edges[0]) or ("o1",))[0]
            cluster.node(victim).kill()
            cluster.node(victim).start(wait=False)
            time.sleep(max(0.0, EVERY_SECONDS * (i + 1) - (time.monotonic() - began)))
        lab.say(f"{rounds} restarts in {time.monotonic() - began:.0f} s")
        last = wall_ms()
        for node in cluster.origins:
            node.wait_ready()
        keyframe = publisher.wait_keyframe(after=last - 1000 * EVERY_SECONDS)
        time.sleep(4)
    pulls = watch.counted(cluster.edges, "relay_cluster_pull_attempts_total", before)
    seconds = time.monotonic() - began
    ends = {
        edge.name: wait_until(
            f"{edge.name} has frames", 5, lambda e=edge: (e.part(STREAM) or {}).get("framesPerSecond", 0) > 10
        )
        for edge in cluster.edges
    }
    report = verifier.report()
    publisher.end()
    watch.nothing_broken(lab, report)
    lab.checks.equal("edges that play at the end", len(ends), len(cluster.edges))
    still = sum(1 for viewer in report.viewers for start, to, _ in viewer.gaps if to > keyframe + 2000)
    lab.checks.equal("viewers that stand still at the end", still, 0)
    lab.checks.equal("epochs that fell", owners.epochs_fell(), 0)
    lab.checks.at_most(
        "pulls per second, stream and edge", None if pulls is None else pulls / seconds / len(cluster.edges), 2
    )
    lab.note(restarts=rounds, changes_of_owner=len(owners.changes("e1")) - 1, frames_lost_most=report.most("lost"))
