"""Redis answers every write with a refusal: out of memory, or read-only."""

import time

from harness import watch
from harness.cluster import STREAM
from harness.flv import join_times
from harness.machine import wall_ms
from . import scenario

#: Longer than a node lease, so that the leases run out while writing is refused.
REFUSE_SECONDS = 15


def refuse(lab, begin, end, word):
    cluster = lab.cluster()
    publisher, verifier = watch.begin(lab, cluster, seconds=90)
    fault = wall_ms()
    begin(cluster.redis)
    seconds = lab.seconds(REFUSE_SECONDS, 6)
    lab.say(f"redis refuses for {seconds} s")
    time.sleep(seconds / 2)
    times, failures = join_times(cluster.edges[0].http(STREAM), 5, 0.05)
    later = lab.publisher(cluster.publish_urls("live/later"), name="publisher-later").start(wait=False)
    time.sleep(seconds / 2)
    accepted = later.first_keyframe() is not None
    end(cluster.redis)
    complete = watch.time_to_complete(cluster, [STREAM, "live/later"], time.monotonic())
    time.sleep(2)
    report = verifier.report()
    publisher.end()
    later.end()
    watch.nothing_lost(lab, report, publisher, fault)
    lab.checks.equal("joins of a running stream that failed", len(failures), 0)
    lab.checks.true("a new publisher was accepted", accepted)
    lab.checks.at_most("registry complete after it takes writes again", complete, 3, "s")
    lab.checks.equal(
        "nodes whose log names the refusal", sum(word in node.log_text() for node in cluster.nodes), len(cluster.nodes)
    )
    lines = max(sum(word in str(line) for line in node.log_lines()) for node in cluster.nodes)
    lab.checks.at_most("log lines about it in any node", lines, 2 + seconds // 5)


@scenario("redis-oom", "CONFIG SET maxmemory 1: every write is refused with OOM", 120)
def out_of_memory(lab):
    refuse(
        lab,
        lambda redis: redis.call("CONFIG", "SET", "maxmemory", "1"),
        lambda redis: redis.call("CONFIG", "SET", "maxmemory", "0"),
        "OOM",
    )


@scenario("redis-readonly", "REPLICAOF nobody: every write is refused with READONLY", 120)
def read_only(lab):
    refuse(
        lab,
        lambda redis: redis.call("REPLICAOF", "127.0.0.1", "1"),
        lambda redis: redis.call("REPLICAOF", "NO", "ONE"),
        "READONLY",
    )
