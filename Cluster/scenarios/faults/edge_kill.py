"""An edge is killed; its viewers know the other edges too and go there."""

import time

from harness import watch
from harness.cluster import STREAM
from harness.flv import JoinFailed, join
from harness.machine import wait_until, wall_ms
from . import scenario

VIEWERS = 20
COLD = "live/cold"


@scenario("edge-kill", "kill -9 of the edge of 20 viewers, which go to another one where the stream is warm", 120)
def warm(lab):
    cluster = lab.cluster()
    e1, e2, _ = cluster.edges
    publisher = lab.publisher(cluster.publish_urls()).start()
    # Somebody watches at the second edge already: there it is warm.
    other = watch.begin_viewers(lab, cluster, 90, 1, [e2.http(STREAM)], name="viewer-e2")
    # Viewers take the URLs in turn: every second one begins at e1, and those of e2 must not notice.
    verifiers = [
        watch.begin_viewers(lab, cluster, 90, VIEWERS, [at(e1), at(e2)], name=f"viewers-{kind}", more=["--failover"])
        for kind, at in (("rtmp", lambda edge: edge.rtmp(STREAM)), ("http", lambda edge: edge.http(STREAM)))
    ]
    wait_until(f"{VIEWERS} viewers are at e1", 5, lambda: e1.viewers() == VIEWERS)
    time.sleep(lab.seconds(4, 2))
    killed = wall_ms()
    e1.kill()
    lab.say("e1 is killed")
    wait_until("all viewers are at e2", 15, lambda: e2.viewers() >= 2 * VIEWERS + 1)
    time.sleep(2)
    reports = [verifier.report() for verifier in verifiers]
    bystander = other.report()
    publisher.end()
    viewers = [viewer for report in reports for viewer in report.viewers]
    moved = [viewer for viewer in viewers if viewer.disconnects]
    again = [viewer.media_again(killed) for viewer in moved]
    lab.checks.equal("viewers that were cut off once", sum(viewer.disconnects == 1 for viewer in moved), VIEWERS)
    lab.checks.equal("viewers that were cut off more than once", sum(viewer.disconnects > 1 for viewer in moved), 0)
    slowest = max(again) if again and None not in again else None
    lab.checks.at_most("keyframe at the other edge after the kill", slowest, 500, "ms")
    stayed = [viewer for viewer in viewers if not viewer.disconnects]
    lab.checks.equal("frames lost by viewers of the other edge", sum(viewer.lost for viewer in stayed), 0)
    for report in reports:
        lab.checks.equal("frames whose references are missing", report.total("missing_references"), 0)
    lab.checks.equal("frames the viewer of the other edge lost", bystander.total("lost"), 0)
    lab.checks.equal("disconnects of the viewer of the other edge", bystander.total("disconnects"), 0)


@scenario("edge-cold", "the same where the other edge has never heard of the stream: the time of a cold join", 90)
def cold(lab):
    cluster = lab.cluster()
    publisher = lab.publisher(cluster.publish_urls(COLD)).start()
    time.sleep(2)
    times = []
    for edge in cluster.edges:
        for url in (edge.http(COLD),):
            try:
                times.append(1000 * join(url, 5))
            except JoinFailed as failed:
                lab.say(f"{edge.name}: {failed}")
                times.append(None)
    publisher.end()
    lab.checks.at_most("keyframe at a cold edge", None if None in times else max(times), 1000, "ms")
    lab.note(cold_joins_ms=times)
