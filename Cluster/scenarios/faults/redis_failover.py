"""Redis fails over to a replica that never saw the last writes: a claim, and with it an epoch, is forgotten."""

import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.machine import wait_until, wall_ms
from . import scenario

NEW = "live/forgotten"


@scenario(
    "redis-failover",
    "kill -9 of the primary right after a claim that its replica never saw; the replica takes over",
    150,
)
def run(lab):
    cluster = lab.cluster(all_proxied=True)
    replica = lab.redis("replica", arguments=["--replicaof", "127.0.0.1", cluster.redis.port])
    wait_until("the replica follows", 15, lambda: "master_link_status:up" in replica.call("INFO", "replication"))
    publisher, verifier = watch.begin(lab, cluster, seconds=90)
    time.sleep(1)
    # From here on nothing reaches the replica: what the primary takes now is lost with it.
    replica.call("REPLICAOF", "127.0.0.1", "1")
    forgotten = lab.publisher(cluster.publish_urls(NEW), name="publisher-forgotten").start()
    # A claim with a higher epoch for the running stream, too: its publisher moves to the other origin.
    with watch.OwnerWatch(cluster.edges) as owners, watch.OwnerWatch(cluster.edges, NEW) as owners_of_new:
        watch.begin_viewers(lab, cluster, 60, 3, [edge.http(NEW) for edge in cluster.edges], name="viewers-new")
        fault = wall_ms()
        cluster.redis.kill()
        replica.call("REPLICAOF", "NO", "ONE")
        cluster.front.retarget(replica.port)
        returned = time.monotonic()
        lab.say("the primary is dead, the replica has taken over")
        complete = watch.time_to_complete(cluster, [STREAM, NEW], returned)
        time.sleep(lab.seconds(8, 5))
    report = verifier.report()
    owners_now = [{edge.owner(stream) for edge in cluster.edges} for stream in (STREAM, NEW)]
    publisher.end()
    forgotten.end()
    watch.nothing_lost(lab, report, publisher, fault)
    lab.checks.at_most("registry complete after the failover", complete, 2, "s")
    lab.checks.equal("epochs that fell", owners.epochs_fell() + owners_of_new.epochs_fell(), 0)
    single = sum(len(found) == 1 and None not in found for found in owners_now)
    lab.checks.equal("streams with one owner and epoch at all edges", single, 2)
    lab.note(changes_seen=[len(judge.owners_over_time(samples)) for samples in owners_of_new.samples.values()])
