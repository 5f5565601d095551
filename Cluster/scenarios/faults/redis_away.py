"""Redis is away: killed, or there but standing still. Running streams must not notice, and known ones stay playable."""

import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.flv import JoinFailed, join, join_times
from harness.machine import wall_ms
from . import scenario

#: A second stream of which no edge has anything left when Redis goes: known, not running.
KNOWN = "live/known"
#: Streams that are begun while Redis is away.
LATER = "live/later"
LINGER_SECONDS = 2
JOINS = 12


def outage(lab, away, back, seconds):
    """`away` takes Redis, `back` brings it and returns the instant of its first answer."""
    cluster = lab.cluster(edge_flags=("--edge-linger", f"{LINGER_SECONDS}s"))
    publisher, verifier = watch.begin(lab, cluster, seconds=seconds + 90)
    known = lab.publisher(cluster.publish_urls(KNOWN), name="publisher-known", key_interval=10).start()
    warm_url, cold_url = cluster.edges[0].http(STREAM), cluster.edges[0].http(KNOWN)
    join_times(cold_url, 1)
    pause = LINGER_SECONDS + 1.0
    normal_warm, _ = join_times(warm_url, JOINS, 0.05)
    normal_cold, trouble = join_times(cold_url, 3, pause)
    lab.say(
        f"normal joins: {judge.median(normal_warm):.0f} ms warm, {judge.median(normal_cold) or -1:.0f} ms cold {trouble or ''}"
    )

    gone = wall_ms()
    began = time.monotonic()
    away(cluster.redis)
    lab.say(f"redis is away for {seconds} s")
    time.sleep(pause)
    warm, warm_failures = join_times(warm_url, JOINS, 0.05)
    cold, cold_failures = join_times(cold_url, 2 if lab.quick else 4, pause if not lab.quick else 2.5)
    answered = time.monotonic()
    try:
        join(cluster.edges[1].http("live/nobody"), timeout=5)
        unknown = JoinFailed(200, "it played")
    except JoinFailed as failed:
        unknown = failed
    answered = 1000 * (time.monotonic() - answered)
    alive = [node.status_of("/livez") for node in cluster.nodes]
    later = lab.publisher(cluster.publish_urls(LATER), name="publisher-later").start(wait=False)
    time.sleep(max(1.5, seconds - (time.monotonic() - began)))
    accepted = later.first_keyframe() is not None
    returned = back(cluster.redis)
    lab.say("redis is back")
    complete = watch.time_to_complete(cluster, [STREAM, KNOWN, LATER], returned)
    time.sleep(2)
    report = verifier.report()
    for one in (publisher, known, later):
        one.end()

    watch.nothing_lost(lab, report, publisher, gone)
    lab.checks.equal("joins of running streams that failed", len(warm_failures), 0)
    lab.checks.equal("joins of known streams that failed", len(cold_failures), 0)
    compare(lab, "warm", warm, normal_warm)
    compare(lab, "known", cold, normal_cold)
    lab.checks.equal("answer for an unknown stream", unknown.status, 503)
    lab.checks.at_most("which took", answered, 500, "ms")
    lab.checks.equal("nodes that live", alive.count(200), len(cluster.nodes))
    lab.checks.true("a new publisher was accepted", accepted)
    lab.checks.at_most("registry complete after the first PONG", complete, 1, "s")
    lab.note(away_seconds=seconds)


#: On joins of a few milliseconds a factor alone would judge the scheduler of a busy machine.
SLACK_MS = 10


def compare(lab, what, during, normal):
    now, before = judge.median(during), judge.median(normal)
    if before is None or now is None:
        lab.checks.equal(f"median join, {what}", None, "measured")
        return
    lab.checks.check(
        f"median join, {what}: ms instead of {before:.0f}",
        now,
        not judge.slower(now, before, 1.2, SLACK_MS),
        f"at most 1.2 times, or {SLACK_MS} ms more",
    )


@scenario("redis-kill", "kill -9 of Redis, back (empty) after 60 s", 260)
def killed(lab):
    outage(lab, lambda redis: redis.kill(), lambda redis: redis.restart(), lab.seconds(60, 10))


@scenario("redis-stop", "SIGSTOP of Redis for 30 s", 230)
def stopped(lab):
    def thaw(redis):
        redis.child.thaw()
        return redis.wait_ready()

    outage(lab, lambda redis: redis.child.freeze(), thaw, lab.seconds(30, 10))
