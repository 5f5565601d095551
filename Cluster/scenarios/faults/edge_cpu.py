"""What a gigabyte to viewers costs an edge, against a standalone node: the link must not make it dearer."""

from harness import judge, load
from harness.cluster import STREAM
from harness.machine import cores
from .hop_delay import end_nodes
from . import scenario

VIEWERS = 500


@scenario("edge-cpu", "CPU per GB to 500 viewers: an edge against a standalone node, taking turns", 420)
def run(lab):
    server_core, load_core = cores()
    rounds, seconds = lab.seconds(3, 1), lab.seconds(20, 8)
    costs = {"standalone": [], "edge": []}
    for i in range(rounds):
        for kind in costs if i % 2 == 0 else reversed(costs):
            costs[kind].append(once(lab, kind, f"{kind}-{i}", seconds, server_core, load_core))
            lab.say(f"{kind}: {costs[kind][-1]:.2f} s of CPU per GB")
    edge, alone = judge.median(costs["edge"]), judge.median(costs["standalone"])
    lab.checks.at_most("CPU per GB, edge / standalone", judge.ratio(edge, alone), 1.1)
    lab.note(edge_s_per_gb=round(edge, 2), standalone_s_per_gb=round(alone, 2))


def once(lab, kind, name, seconds, server_core, load_core):
    on_server, on_load = load.on_core(server_core), load.on_core(load_core)
    # Both gather frames alike: what is compared is the way a frame comes in, not the interval.
    flags = ("--flush-interval", "100ms")
    if kind == "standalone":
        target = node = lab.node("standalone", name, flags=flags, prefix=on_server)
    else:
        cluster = lab.cluster(origins=1, edges=1, flags=flags, prefixes={"o1": on_load, "e1": on_server})
        target, node = cluster.origins[0], cluster.edges[0]
    publisher = load.Load(
        lab, f"publisher-{name}", "publish", target.rtmp(STREAM), "--seconds", seconds + 60, core=load_core
    )
    publisher.start_publishing()
    crowd = load.play(lab, f"crowd-{name}", node.http(STREAM), VIEWERS, seconds, core=load_core, watch=node.pid)
    publisher.child.end()
    end_nodes(lab)
    return judge.ratio(crowd["watched"]["cpu_s"], crowd["bytes"] / 1e9)
