"""The first fault of all: the origin that owns the stream is killed, and its publisher comes back somewhere a second later."""

import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.machine import wall_ms
from . import scenario


@scenario(
    "origin-kill", "kill -9 of the owner; its publisher tries all origins each second; 20 viewers on 3 edges", 120
)
def run(lab):
    cluster = lab.cluster()
    publisher, verifier = watch.begin(lab, cluster, seconds=60)
    owner = watch.require_owner(cluster, "o1")
    time.sleep(lab.seconds(5, 2))
    killed = wall_ms()
    owner.kill()
    lab.say("o1 is killed")
    keyframe = publisher.wait_keyframe(after=killed)
    lab.say(f"the publisher's first keyframe at another origin: {keyframe - killed:.0f} ms later")
    time.sleep(lab.seconds(6, 3))
    parts = {edge.name: edge.part(STREAM) for edge in cluster.edges}
    owner_then = (cluster.owner(ask=cluster.edges[0]) or ("none",))[0]
    report = verifier.report()
    publisher.end()

    watch.nothing_broken(lab, report)
    lab.checks.equal("viewers that stood still", judge.stood_still(report.viewers, killed, keyframe), watch.VIEWERS)
    lab.checks.at_most("media again after the keyframe", judge.resumption(report.viewers, killed, keyframe), 250, "ms")
    lab.checks.equal("the new owner", owner_then, "o2")
    account(lab, cluster, report, parts)
    lab.note(
        publisher_away_ms=round(keyframe - killed),
        longest_gap_ms=round(judge.longest_gap(report.viewers, after=killed)),
    )


def account(lab, cluster, report, parts):
    """Losses are exact: every frame number came or is counted as lost, nothing is lost but at the change of origin, and where
    an edge counted lost frames itself, each of its viewers lost as many."""
    lab.checks.equal("frame numbers unaccounted for", report.total("unaccounted"), 0)
    lab.checks.equal(
        "frames lost other than at the change of origin", report.total("lost") - report.total("lost_at_switches"), 0
    )
    differences, lost = 0, {}
    for viewer in report.viewers:
        edge = cluster.edge_of(viewer.url).name
        counted = (parts.get(edge) or {}).get("framesLost")
        differences += bool(counted) and counted != viewer.lost
        lost.setdefault(edge, set()).add((viewer.lost, counted))
    lab.checks.equal("viewers whose loss is not what their edge counted", differences, 0)
    lab.note(
        **{
            f"lost_{edge}_seen_counted": [f"{a}/{b}" for a, b in sorted(pairs, key=str)]
            for edge, pairs in sorted(lost.items())
        }
    )
