"""What the hop from origin to edge adds to the delay of a frame."""

from harness import judge, load
from harness.cluster import STREAM
from harness.machine import cores
from . import scenario

VIEWERS = 500


@scenario("hop-delay", "500 viewers of an edge against 500 viewers of a standalone node: delay of a frame", 300)
def run(lab):
    server_core, load_core = cores()
    rounds, seconds = lab.seconds(3, 1), lab.seconds(15, 6)
    delays = {"standalone": [], "edge": []}
    for i in range(rounds):
        for kind in delays:
            delays[kind].append(once(lab, kind, f"{kind}-{i}", seconds, server_core, load_core))
            lab.say(f"{kind}: p50 {delays[kind][-1]['p50']:.2f} ms, p99 {delays[kind][-1]['p99']:.2f} ms")
    for share, limit in (("p50", 2), ("p99", 10)):
        edge = judge.median([one[share] for one in delays["edge"]])
        alone = judge.median([one[share] for one in delays["standalone"]])
        lab.checks.at_most(f"added delay, {share}", edge - alone, limit, "ms")
        lab.note(**{f"edge_{share}_ms": round(edge, 2), f"standalone_{share}_ms": round(alone, 2)})


def once(lab, kind, name, seconds, server_core, load_core):
    """One run with processes of its own, ended before the next, so that both kinds have the machine alike. The node under
    test has a core to itself; origin, Redis and load share the other one."""
    on_server, on_load = load.on_core(server_core), load.on_core(load_core)
    if kind == "standalone":
        node = lab.node("standalone", name, prefix=on_server)
        target = node
    else:
        cluster = lab.cluster(origins=1, edges=1, prefixes={"o1": on_load, "e1": on_server})
        target, node = cluster.origins[0], cluster.edges[0]
    publisher = load.Load(
        lab, f"publisher-{name}", "publish", target.rtmp(STREAM), "--seconds", seconds + 60, core=load_core
    )
    publisher.start_publishing()
    crowd = load.play(lab, f"crowd-{name}", node.rtmp(STREAM), VIEWERS, seconds, core=load_core)
    publisher.child.end()
    if crowd["joined"] != VIEWERS or crowd["frames_missing"]:
        lab.checks.equal(
            f"viewers that joined {name} and missed nothing", crowd["joined"] - bool(crowd["frames_missing"]), VIEWERS
        )
    end_nodes(lab)
    return crowd["delay_ms"]


def end_nodes(lab):
    for child in lab.children:
        child.end()
