"""An origin is drained: its publisher goes to the other one, and viewers see no more than the publisher's own way costs."""

import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.machine import wait_until, wall_ms
from . import scenario

RETRY_MS = 1000


@scenario("drain-origin", "drain of the owner: its publisher moves at a keyframe", 120)
def drain(lab):
    cluster = lab.cluster()
    publisher, verifier = watch.begin(lab, cluster, seconds=60)
    owner = watch.require_owner(cluster, "o1")
    began = wall_ms()
    cluster.edges[0].post("/v1/cluster/nodes/o1/drain?deadline=30")
    lab.say("o1 drains")
    wait_until("readiness is off", 5, lambda: owner.status_of("/readyz") != 200)
    unready = wall_ms() - began
    moved(lab, cluster, publisher, verifier, began)
    lab.checks.at_most("readiness off after", unready, 1000, "ms")
    lab.checks.equal("publishers left at o1", (owner.get("/v1/drain") or {"publishers": 0})["publishers"], 0)


@scenario("move-stream", "relayctl move: an operator sends the stream to the other origin", 120)
def move(lab):
    cluster = lab.cluster()
    publisher, verifier = watch.begin(lab, cluster, seconds=60)
    watch.require_owner(cluster, "o1")
    began = wall_ms()
    answer = cluster.edges[0].post(f"/v1/cluster/streams/{STREAM}/move?to=o2")
    lab.say(f"move: {answer['text']}")
    moved(lab, cluster, publisher, verifier, began)


def moved(lab, cluster, publisher, verifier, began):
    """Waits for the move and judges what viewers saw of it."""
    try:
        watch.wait_owner(cluster, "o2", ask=cluster.edges[0], seconds=15)
        took = wall_ms() - began
    except Exception:
        took = None
    time.sleep(lab.seconds(6, 4))
    report = verifier.report()
    publisher.end()
    watch.nothing_broken(lab, report)
    lab.checks.at_most("the other origin owns it after", took, 10_000, "ms")
    lab.checks.at_most(
        "longest gap (a GOP and the publisher's retry)",
        judge.longest_gap(report.viewers, after=began),
        publisher.gop_ms + RETRY_MS + 250,
        "ms",
    )
    lab.note(frames_lost_most=report.most("lost"))
