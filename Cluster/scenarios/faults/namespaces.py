"""Partitions made by a firewall between nodes that are hosts of their own: the ones that no proxy can make, one way only."""

import time

from harness import judge, netns, watch
from harness.cluster import STREAM, Skipped
from harness.machine import wall_ms
from harness.netns import HUB, Network
from . import scenario

CUT_SECONDS = 14


def network(names):
    reason = netns.available()
    if reason:
        raise Skipped(f"no network namespaces here: {reason}")
    return Network(names)


@scenario(
    "netns-registry-partition",
    "as registry-partition, by a firewall on o1: nothing of Redis is heard, everything else is",
    150,
)
def registry(lab):
    with network(["o1", "o2", "e1", "e2"]) as net:
        cluster = lab.cluster(origins=2, edges=2, network=net)
        o1, o2 = cluster.origins
        publisher, verifier = watch.begin(lab, cluster, seconds=100, viewers=6, publish_urls=[o1.rtmp(STREAM)])
        with watch.OwnerWatch(cluster.edges) as owners:
            cut = wall_ms()
            net.hosts["o1"].drop_from(HUB, cluster.redis.port)
            time.sleep(2)
            second = lab.publisher([o2.rtmp(STREAM)], name="publisher-second", session=2).start(wait=False)
            time.sleep(CUT_SECONDS - 2)
            net.hosts["o1"].hear_all()
            healed = wall_ms()
            time.sleep(lab.seconds(10, 6))
        owner = (cluster.owner(ask=cluster.edges[0]) or ("none",))[0]
        claims = sum((node.part(STREAM) or {}).get("part") == "owner" for node in cluster.origins)
        report = verifier.report()
        publisher.end()
        second.end()
        lab.close()
    watch.nothing_broken(lab, report)
    agreed = owners.agreed(owner, healed)
    lab.checks.at_most(
        "one owner at all edges after the repair", None if agreed is None else max(0, agreed - healed), 2000, "ms"
    )
    lab.checks.equal("origins that say they own it", claims, 1)
    lab.checks.at_most("switches of any viewer", report.most("switches"), 1)
    lab.checks.equal("epochs that fell", owners.epochs_fell(), 0)
    lab.checks.at_most("longest gap", judge.longest_gap(report.viewers, after=cut), 3000, "ms")


@scenario("netns-one-way", "an edge hears nothing of the owner any more, one way only; the other edge still does", 120)
def one_way(lab):
    with network(["o1", "e1", "e2"]) as net:
        cluster = lab.cluster(origins=1, edges=2, network=net)
        publisher, verifier = watch.begin(lab, cluster, seconds=100, viewers=6)
        seconds = lab.seconds(10, 6)
        cut = wall_ms()
        net.hosts["e1"].drop_from(net.hosts["o1"].address)
        lab.say(f"e1 does not hear o1 for {seconds} s")
        time.sleep(seconds)
        during = cluster.edges[0].part(STREAM) or {}
        net.hosts["e1"].hear_all()
        healed = wall_ms()
        time.sleep(lab.seconds(8, 5))
        report = verifier.report()
        publisher.end()
        lab.close()
    watch.nothing_broken(lab, report)
    # The other edge has the stream and is heard: the way around it is there to be found.
    at_e1 = [viewer for viewer in report.viewers if net.hosts["e1"].address in viewer.url]
    lab.checks.at_least("viewers of the edge that was cut off", len(at_e1), 1)
    lab.checks.at_most("their longest gap", judge.longest_gap(at_e1, after=cut), 3000, "ms")
    lab.checks.equal("their parent meanwhile", during.get("parent"), "e2")
    late = sum(1 for viewer in report.viewers for _, to, _ in viewer.gaps if to > healed + 2000)
    lab.checks.equal("viewers that stand still 2 s after the repair", late, 0)
    lab.note(switches_most=report.most("switches"))
