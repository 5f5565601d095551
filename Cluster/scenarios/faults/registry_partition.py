"""The owner loses Redis and nothing else: it still has its publisher and its edges, and another origin is given the stream."""

import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.machine import wall_ms
from harness.proxy import BLACKHOLE, PASS
from . import scenario

#: Longer than a node lease (10 s): only then may another origin own the stream.
CUT_SECONDS = 14


@scenario(
    "registry-partition",
    "one origin is cut off from Redis for 14 s; a second publisher of its stream comes to the other origin",
    150,
)
def run(lab):
    cluster = lab.cluster(partitionable=("o1",))
    o1, o2 = cluster.origins
    publisher, verifier = watch.begin(lab, cluster, seconds=100, publish_urls=[o1.rtmp(STREAM)])
    watch.require_owner(cluster, "o1")
    with watch.OwnerWatch(cluster.edges) as owners:
        cut = wall_ms()
        cluster.proxies["o1"].set_mode(BLACKHOLE)
        lab.say(f"o1 does not reach redis for {CUT_SECONDS} s")
        time.sleep(2)
        # Another encoder wants the stream at the other origin: refused while the lease of o1 lives, let in after it.
        second = lab.publisher([o2.rtmp(STREAM)], name="publisher-second", session=2).start(wait=False)
        time.sleep(CUT_SECONDS - 2)
        cluster.proxies["o1"].set_mode(PASS)
        healed = wall_ms()
        lab.say("o1 reaches redis again")
        time.sleep(lab.seconds(10, 6))
    owner = (cluster.owner(ask=cluster.edges[0]) or ("none",))[0]
    claims = {node.name: (node.part(STREAM) or {}).get("part") for node in (o1, o2)}
    report = verifier.report()
    publisher.end()
    second.end()
    watch.nothing_broken(lab, report)
    agreed = owners.agreed(owner, healed)
    lab.checks.at_most(
        "one owner at all edges after the repair", None if agreed is None else max(0, agreed - healed), 2000, "ms"
    )
    lab.checks.equal("origins that say they own it", sum(part == "owner" for part in claims.values()), 1)
    lab.checks.equal("epochs that fell", owners.epochs_fell(), 0)
    # Two sessions of the generator are two publishers: to go back and forth between them is interleaving.
    lab.checks.at_most("switches of any viewer", report.most("switches"), 1)
    lab.checks.at_most("longest gap", judge.longest_gap(report.viewers, after=cut), 3000, "ms")
    lab.note(owner_at_the_end=owner, owners_seen=[f"{name}@{epoch}" for name, epoch in owners.changes("e1")])
