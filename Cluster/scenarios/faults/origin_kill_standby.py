"""Two encoders send the same stream to two origins; the origin of the first is killed."""

import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.machine import wait_until, wall_ms
from . import scenario

#: Three keyframes a second: the switch is on a keyframe, so their distance is part of the gap.
SHAPE = dict(fps=30, key_interval=10, aligned=True)


@scenario("origin-kill-standby", "kill -9 of the owner while a standby publisher sends to the other origin", 120)
def run(lab):
    cluster = lab.cluster()
    o1, o2 = cluster.origins
    primary = lab.publisher([o1.rtmp(STREAM)], name="primary", session=1, **SHAPE).start()
    watch.wait_owner(cluster, "o1")
    backup = lab.publisher([o2.rtmp(STREAM) + "?role=backup"], name="backup", session=1001, **SHAPE).start()
    wait_until("o2 holds a standby", 10, lambda: (o2.part(STREAM) or {}).get("part") == "standby")
    verifier = watch.begin_viewers(lab, cluster, 60, watch.VIEWERS, cluster.viewer_urls())
    time.sleep(lab.seconds(5, 2))
    killed = wall_ms()
    o1.kill()
    lab.say("o1 is killed, its publisher with it")
    primary.child.kill()
    watch.wait_owner(cluster, "o2", ask=cluster.edges[0])
    time.sleep(lab.seconds(6, 3))
    report = verifier.report()
    backup.end()

    watch.nothing_broken(lab, report)
    lab.checks.at_most("longest gap", judge.longest_gap(report.viewers, after=killed), 500, "ms")
    lab.checks.equal(
        "viewers that switched once", sum(viewer.switches == 1 for viewer in report.viewers), watch.VIEWERS
    )
    lab.checks.equal("frames lost after the switch keyframe", report.total("lost_after_switches"), 0)
    lab.checks.equal("frame numbers unaccounted for", report.total("unaccounted"), 0)
    lab.note(lost_at_the_switch_most=report.most("lost"), lost_at_the_switch_least=report.least("lost"))
