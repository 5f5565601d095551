"""An origin stands still without dying: the fault that looks like nothing. It must never speak for a stream again that has
moved meanwhile."""

import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.machine import wall_ms
from . import scenario

FREEZE_SECONDS = 5
#: What an edge logs when it holds viewers without a source, has gone to another one, or begins to ask one.
REACTIONS = ("has no source", "failover", "link up")
#: Silence begins with the last frame, which came up to a frame's distance before; what is asked then has to answer.
REACTION_MS = 300 + 50


@scenario("origin-freeze", "SIGSTOP of the owner for 5 s while its publisher waits; then it goes on", 120)
def run(lab):
    cluster = lab.cluster()
    # One URL and no way out: the publisher waits for its origin.
    publisher, verifier = watch.begin(lab, cluster, seconds=60, publish_urls=[cluster.origins[0].rtmp(STREAM)])
    owner = watch.require_owner(cluster, "o1")
    with watch.OwnerWatch(cluster.edges) as owners:
        frozen = wall_ms()
        owner.freeze()
        lab.say(f"o1 stands still for {FREEZE_SECONDS} s")
        time.sleep(FREEZE_SECONDS)
        noticed = [edge.logged_since(frozen, REACTIONS) for edge in cluster.edges]
        thawed = wall_ms()
        owner.thaw()
        lab.say("o1 goes on")
        time.sleep(lab.seconds(8, 4))
    report = verifier.report()
    publisher.end()
    watch.nothing_broken(lab, report)
    reaction = max(times[0] for times in noticed) - frozen if all(noticed) else None
    lab.checks.at_most("the slowest edge looks for another source after", reaction, REACTION_MS, "ms")
    ended = [max((to for _, to, _ in viewer.gaps if to > frozen), default=None) for viewer in report.viewers]
    lab.checks.at_most(
        "media again after the thaw", max(end - thawed for end in ended) if all(ended) else None, 2000, "ms"
    )
    lab.checks.equal("epochs that fell", owners.epochs_fell(), 0)
    lab.note(
        frames_lost_most=report.most("lost"), longest_gap_ms=round(judge.longest_gap(report.viewers, after=frozen))
    )


@scenario(
    "origin-freeze-moved", "SIGSTOP of the owner; its publisher moves to the other origin; the old owner wakes up", 150
)
def run_moved(lab):
    cluster = lab.cluster()
    publisher, verifier = watch.begin(lab, cluster, seconds=90)
    o1 = watch.require_owner(cluster, "o1")
    with watch.OwnerWatch([*cluster.edges, cluster.origins[1]]) as owners:
        frozen = wall_ms()
        o1.freeze()
        # Its encoder gives up on it: what the operator of one does. The next one continues its session elsewhere.
        publisher.child.kill()
        moved = lab.publisher([cluster.origins[1].rtmp(STREAM)], name="publisher-moved", session=2).start(wait=False)
        keyframe = moved.wait_keyframe(after=frozen, seconds=25)
        watch.wait_owner(cluster, "o2", ask=cluster.edges[0], seconds=15)
        lab.say(f"o2 owns the stream {wall_ms() - frozen:.0f} ms after the freeze")
        time.sleep(max(0.0, FREEZE_SECONDS - (wall_ms() - frozen) / 1000))
        thawed = wall_ms()
        o1.thaw()
        lab.say("o1 goes on")
        time.sleep(lab.seconds(12, 6))
    last = cluster.owner(ask=o1)
    report = verifier.report()
    moved.end()
    watch.nothing_broken(lab, report)
    lab.checks.at_most(
        "media again after the new keyframe", judge.resumption(report.viewers, frozen, keyframe), 250, "ms"
    )
    lab.checks.equal("times the old owner came back", owners.came_back("o1", after=thawed), 0)
    lab.checks.equal("epochs that fell", owners.epochs_fell(), 0)
    lab.checks.equal("what the old owner itself says", (last or ("none",))[0], "o2")
    late = sum(1 for viewer in report.viewers for start, to, _ in viewer.gaps if start > thawed)
    lab.checks.equal("gaps after the thaw", late, 0)
    lab.note(switches_most=report.most("switches"))
