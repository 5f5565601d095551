"""An edge is drained: no new viewers, and the old ones stay to the deadline."""

import time

from harness import load, watch
from harness.cluster import STREAM
from harness.flv import JoinFailed, join
from harness.machine import wait_until
from harness.node import Refused
from . import scenario

VIEWERS = 200


@scenario("drain-edge", "drain of an edge with 200 viewers: none is cut before the deadline", 120)
def run(lab):
    deadline = lab.seconds(20, 8)
    cluster = lab.cluster()
    edge = cluster.edges[0]
    publisher = lab.publisher(cluster.publish_urls()).start()
    crowd = load.Load(
        lab,
        "crowd",
        "play",
        edge.http(STREAM),
        "--viewers",
        VIEWERS,
        "--ramp",
        200,
        "--warm",
        2,
        "--seconds",
        deadline + 20,
    )
    crowd.start()
    wait_until(f"{VIEWERS} viewers play", 20, lambda: edge.viewers() >= VIEWERS)
    began = time.monotonic()
    answer = cluster.origins[0].post(f"/v1/cluster/nodes/{edge.name}/drain?deadline={deadline}")
    lab.say(f"drain: {answer['text']}")
    try:
        wait_until("readiness is off", 10, lambda: edge.status_of("/readyz") != 200)
        unready = time.monotonic() - began
    except Exception:
        unready = None
    refused, fewest, progress = None, VIEWERS, []
    while time.monotonic() - began < deadline - 1:
        fewest = min(fewest, edge.viewers())
        status = edge.get("/v1/drain")
        if status and status["isDraining"]:
            progress.append(status["secondsLeft"])
        if refused is None and time.monotonic() - began > 2:
            try:
                join(edge.http(STREAM), 3)
                refused = "played"
            except JoinFailed as failed:
                refused = failed.status
        time.sleep(0.25)
    elsewhere = join(cluster.edges[1].http(STREAM), 5)
    try:
        wait_until("viewers are ended after the deadline", 10, lambda: not edge.child.is_alive or edge.viewers() == 0)
        ended = time.monotonic() - began
    except Exception:
        ended = None
    publisher.end()
    lab.checks.true("the drain was accepted", answer["accepted"])
    lab.checks.at_most("readiness off after", unready, 1, "s")
    lab.checks.equal("fewest viewers before the deadline", fewest, VIEWERS)
    lab.checks.equal("a new viewer is refused with", refused, 503)
    lab.checks.true("progress is shown and falls", len(progress) > 2 and progress[-1] < progress[0])
    lab.checks.check(
        "viewers ended after", ended, ended is not None and ended >= deadline - 0.5, f"no earlier than {deadline} s"
    )
    lab.note(join_at_another_edge_ms=round(1000 * elsewhere))


@scenario("undrain-edge", "a drain that is taken back: the edge is ready again and has lost nobody", 90)
def undrain(lab):
    cluster = lab.cluster(origins=1, edges=2)
    edge = cluster.edges[0]
    publisher, verifier = watch.begin(lab, cluster, seconds=60, viewers=6, urls=edge.urls(STREAM))
    cluster.edges[1].post(f"/v1/cluster/nodes/{edge.name}/drain?deadline=60")
    wait_until("readiness is off", 5, lambda: edge.status_of("/readyz") != 200)
    time.sleep(1)
    began = time.monotonic()
    cluster.edges[1].post(f"/v1/cluster/nodes/{edge.name}/undrain")
    try:
        wait_until("readiness is on", 10, edge.is_ready)
        ready = time.monotonic() - began
    except Exception:
        ready = None
    try:
        again = 1000 * join(edge.http(STREAM), 5)
    except JoinFailed:
        again = None
    try:
        cluster.edges[1].post("/v1/cluster/nodes/nobody/drain?deadline=5")
        unknown = 200
    except Refused as refused:
        unknown = refused.status
    report = verifier.report()
    publisher.end()
    watch.nothing_lost(lab, report, publisher)
    lab.checks.at_most("readiness on after", ready, 2, "s")
    lab.checks.at_most("a new viewer's join", again, 1000, "ms")
    lab.checks.equal("drain of a node that is not there", unknown, 404)
