"""A node with another cluster key gets nothing over the link, and both sides say why."""

import time

from harness.cluster import STREAM
from harness.flv import JoinFailed, join
from . import scenario

#: What both logs must name: the code of a link whose two ends have different keys.
CODE = "RLY-7002"


@scenario("wrong-cluster-key", "an edge with another cluster key: refused, with the reason in both logs", 90)
def run(lab):
    cluster = lab.cluster(origins=1, edges=1)
    publisher = lab.publisher(cluster.publish_urls()).start()
    good = join(cluster.edges[0].http(STREAM), 5)
    stranger = lab.node("edge", "stranger", cluster.redis.url, key="another-key-than-theirs")
    began = time.monotonic()
    try:
        join(stranger.http(STREAM), 8)
        refused = "played"
    except JoinFailed as failed:
        refused = str(failed)
    took = time.monotonic() - began
    time.sleep(1)
    origin = cluster.origins[0]
    children = (origin.part(STREAM) or {}).get("children")
    publisher.end()
    said = {node.name: lines_about(node) for node in (origin, stranger)}
    lab.checks.check("a viewer of the stranger", refused, refused != "played", "gets nothing")
    lab.checks.at_least("log lines with the reason at the origin", len(said["o1"]), 1)
    lab.checks.at_least("log lines with the reason at the stranger", len(said["stranger"]), 1)
    lab.checks.at_most("the stranger's viewer is answered after", took, 6, "s")
    lab.checks.at_most("such lines at the origin", len(said["o1"]), 10)
    lab.checks.equal(
        "logs that show a key",
        sum(
            "scenario-cluster-key" in node.log_text() or "another-key-than-theirs" in node.log_text()
            for node in lab.nodes
        ),
        0,
    )
    lab.checks.equal("children of the origin (the edge with the right key)", children, 1)
    lab.note(
        join_with_the_right_key_ms=round(1000 * good),
        stranger_answered_after_s=round(took, 1),
        origin_says=str(said["o1"][:1]),
        stranger_says=str(said["stranger"][:1]),
    )


def lines_about(node):
    """Log lines that give the code."""
    return [
        {name: value for name, value in line.items() if name != "time"}
        for line in node.log_lines()
        if CODE in str(line)
    ]
