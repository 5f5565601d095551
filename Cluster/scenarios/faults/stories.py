"""Eight stories that broke other clusters, each as a test of its own."""

import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.flv import FlvViewer, JoinFailed, join
from harness.machine import wait_until, wall_ms
from harness.node import Refused
from harness.rtmp import QuietPlayer
from . import scenario


@scenario(
    "story-lost-after-restart",
    "a: the origin restarts and its registry key vanishes; the edge must find the stream again",
    120,
)
def lost_after_restart(lab):
    cluster = lab.cluster(origins=1, edges=1)
    publisher, verifier = watch.begin(lab, cluster, seconds=60, viewers=3)
    killed = wall_ms()
    cluster.origins[0].kill()
    cluster.redis.call("FLUSHALL")
    time.sleep(2)
    cluster.origins[0].start()
    keyframe = publisher.wait_keyframe(after=killed)
    time.sleep(lab.seconds(6, 3))
    try:
        new = 1000 * join(cluster.edges[0].http(STREAM), 5)
    except JoinFailed as failed:
        lab.say(str(failed))
        new = None
    report = verifier.report()
    publisher.end()
    watch.nothing_broken(lab, report)
    lab.checks.at_most("media again after the keyframe", judge.resumption(report.viewers, killed, keyframe), 500, "ms")
    lab.checks.at_most("a new viewer's join", new, 1000, "ms")


@scenario(
    "story-two-owners",
    "b: an origin that stood still wakes up, renews, and at last is stopped; the new owner keeps its stream",
    150,
)
def two_owners(lab):
    cluster = lab.cluster()
    o1, o2 = cluster.origins
    first = lab.publisher([o1.rtmp(STREAM)], name="publisher-first").start()
    watch.wait_owner(cluster, "o1")
    join(cluster.edges[0].http(STREAM), 5)
    o1.freeze()
    first.child.kill()
    second = lab.publisher([o2.rtmp(STREAM)], name="publisher-second", session=2).start(wait=False)
    watch.wait_owner(cluster, "o2", ask=o2, seconds=25)
    with watch.OwnerWatch([o2, *cluster.edges]) as owners:
        thawed = wall_ms()
        o1.thaw()
        time.sleep(lab.seconds(10, 5))
        o1.end()
        lab.say("o1 is stopped in order: it gives up what it holds, and only that")
        time.sleep(lab.seconds(5, 3))
    last = cluster.owner(ask=o2)
    second.end()
    lab.checks.equal("times the old owner came back", owners.came_back("o1", after=thawed + 500), 0)
    lab.checks.equal("the owner after the old one was stopped", (last or ("none",))[0], "o2")
    lab.checks.equal("epochs that fell", owners.epochs_fell(), 0)


@scenario("story-registry-away", "c: the registry fails; viewing and joining go on", 90)
def registry_away(lab):
    cluster = lab.cluster(origins=1, edges=2)
    publisher, verifier = watch.begin(lab, cluster, seconds=60, viewers=6)
    fault = wall_ms()
    cluster.redis.kill()
    time.sleep(lab.seconds(15, 5))
    try:
        new = 1000 * join(cluster.edges[0].http(STREAM), 5)
    except JoinFailed:
        new = None
    report = verifier.report()
    publisher.end()
    watch.nothing_lost(lab, report, publisher, fault)
    lab.checks.at_most("a new viewer's join", new, 1000, "ms")
    lab.checks.equal("nodes that live", sum(node.status_of("/livez") == 200 for node in cluster.nodes), 3)


@scenario(
    "story-last-viewer-left", "d: a new player comes just after the last one left, with and without lingering", 90
)
def last_viewer_left(lab):
    cluster = lab.cluster(origins=1, edges=2)
    # The hardest moment is while the edge lets go of the stream: its linger is as short as it can be.
    eager = lab.node("edge", "eager", cluster.redis.url, flags=("--edge-linger", "0"))
    publisher = lab.publisher(cluster.publish_urls(), key_interval=10).start()
    for edge in (cluster.edges[0], eager):
        times, failures = [], []
        for i in range(lab.seconds(40, 15)):
            try:
                times.append(1000 * join(edge.http(STREAM), 5))
            except JoinFailed as failed:
                failures.append(str(failed))
            time.sleep((0, 0.005, 0.02, 0.1)[i % 4])
        lab.checks.equal(f"joins refused at {edge.name}", len(failures), 0)
        lab.checks.at_most(f"slowest join at {edge.name}", max(times, default=None), 1000, "ms")
        lab.note(**{f"median_join_{edge.name}_ms": round(judge.median(times) or -1, 1)})
    publisher.end()


@scenario("story-unpublish", "e: the publisher stops; players of every edge are told", 90)
def unpublish(lab):
    cluster = lab.cluster(origins=1, edges=2)
    publisher = lab.publisher(cluster.publish_urls()).start()
    viewers = [FlvViewer(edge.http(STREAM), 30) for edge in cluster.edges]
    iterators = [viewer.tags() for viewer in viewers]
    for tags in iterators:
        for _ in range(20):
            next(tags)
    began = time.monotonic()
    publisher.end()
    ends = []
    for viewer, tags in zip(viewers, iterators):
        viewer.socket.settimeout(15)
        try:
            for _ in tags:
                pass
            ends.append(time.monotonic() - began)
        except OSError:
            ends.append(None)
        viewer.close()
    try:
        wait_until("the registry forgets it", 10, lambda: cluster.owner(ask=cluster.edges[0]) is None)
        forgotten = True
    except Exception:
        forgotten = False
    try:
        join(cluster.edges[0].http(STREAM), 5)
        late = 200
    except JoinFailed as failed:
        late = failed.status
    lab.checks.at_most("the last player is told after", None if None in ends else max(ends), 2, "s")
    lab.checks.true("the registry forgets it", forgotten)
    lab.checks.check("a player that comes now gets", late, late in (404, 503), "404 or 503")


@scenario("story-kick", "f: a publisher is kicked; the stream can be published again at once, at any origin", 90)
def kick(lab):
    cluster = lab.cluster()
    o1, o2 = cluster.origins
    publisher, verifier = watch.begin(lab, cluster, seconds=60, viewers=6, publish_urls=[o1.rtmp(STREAM)], retry="30s")
    watch.require_owner(cluster, "o1")
    fault = wall_ms()
    o1.request(f"/v1/streams/{STREAM}/publisher", method="DELETE")
    lab.say("kicked")
    again = lab.publisher([o2.rtmp(STREAM)], name="publisher-again", session=2, retry="200ms").start(wait=False)
    try:
        keyframe = again.wait_keyframe(after=fault, seconds=10)
        watch.wait_owner(cluster, "o2", ask=cluster.edges[0])
        took = keyframe - fault
    except Exception as error:
        lab.say(str(error))
        took = keyframe = None
    time.sleep(3)
    report = verifier.report()
    for one in (publisher, again):
        one.end()
    lab.checks.at_most("published again after", took, 2000, "ms")
    # A kick ends the stream, and players are told; those that come again must find the new one at once.
    again = [viewer.media_again(fault) for viewer in report.viewers if viewer.disconnects]
    if keyframe and None not in again:
        still = judge.resumption([viewer for viewer in report.viewers if not viewer.disconnects], fault, keyframe)
        slowest = max([one - took for one in again] + [still])
    else:
        slowest = None
    lab.checks.at_most("media at all viewers after the keyframe", slowest, 1000, "ms")
    lab.checks.equal("frames whose references are missing", report.total("missing_references"), 0)
    lab.note(viewers_that_had_to_come_again=len(again))


@scenario(
    "story-silent-reader", "g: a player reads everything but never sends a byte: no acknowledgement, no pong", 150
)
def silent_reader(lab):
    cluster = lab.cluster(origins=1, edges=1)
    publisher = lab.publisher(cluster.publish_urls(), bitrate=8_000_000).start()
    seconds = lab.seconds(60, 20)
    player = QuietPlayer(cluster.edges[0].rtmp_port, "live", "chaos")
    received, silence, closed = player.read_for(seconds)
    player.close()
    publisher.end()
    lab.checks.equal("the player was closed", closed, False)
    # Twice the announced window is where a server that waits for acknowledgements stops.
    lab.checks.at_least("bytes it got", received, 8e6 / 8 * seconds * 0.8)
    lab.checks.at_most("longest silence", silence, 1, "s")


SECRET = "sk-7d1f0c2b9e"


@scenario("story-secret", "h: a stream key in the publisher's URL is on no page, in no log, not in Redis", 90)
def secret(lab):
    cluster = lab.cluster(origins=1, edges=1, flags=("--log-level", "debug"))
    publisher = lab.publisher(cluster.publish_urls(query=f"?key={SECRET}&token={SECRET}")).start()
    viewer = FlvViewer(cluster.edges[0].http(STREAM), 30)
    time.sleep(3)
    paths = [
        "/livez",
        "/readyz",
        "/metrics",
        "/v1/status",
        "/v1/streams",
        f"/v1/streams/{STREAM}",
        "/v1/viewers",
        "/v1/drain",
        "/v1/cluster/nodes",
        "/v1/cluster/streams",
        f"/v1/cluster/locate/{STREAM}",
        f"/v1/cluster/why/{STREAM}",
        "/v1/cluster/events",
    ]
    leaks, read = [], 0
    for node in cluster.nodes:
        for path in paths:
            try:
                text = node.request(path)
                read += 1
            except Refused as refused:
                text = refused.body
            if SECRET in text:
                leaks.append(f"{node.name}{path}")
    viewer.close()
    publisher.end()
    for node in cluster.nodes:
        if SECRET in node.log_text():
            leaks.append(f"log of {node.name}")
    stored = str(everything(cluster.redis))
    if SECRET in stored:
        leaks.append("redis")
    lab.checks.equal("places that show it", len(leaks), 0)
    lab.checks.at_least("pages read", read, 2 * (len(paths) - 2))
    lab.checks.at_least("bytes in Redis looked at", len(stored), 100)
    if leaks:
        lab.note(leaks=leaks)


def everything(redis):
    """All values of a small Redis, whatever their type."""
    found = {}
    for key in redis.call("KEYS", "*"):
        kind = redis.call("TYPE", key)
        if kind == "none":  # It has expired since it was listed.
            continue
        read = {
            "string": ("GET", key),
            "hash": ("HGETALL", key),
            "list": ("LRANGE", key, 0, -1),
            "set": ("SMEMBERS", key),
            "zset": ("ZRANGE", key, 0, -1),
            "stream": ("XRANGE", key, "-", "+"),
        }[kind]
        found[key] = redis.call(*read)
    return found
