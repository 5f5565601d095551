"""Redis forgets everything: emptied while it runs, or restarted without its data. The nodes write it anew at once, and no
epoch goes back."""

import time

from harness import watch
from harness.machine import wall_ms
from . import scenario

STREAMS = 20


def forget(lab, act):
    cluster = lab.cluster()
    publisher, verifier = watch.begin(lab, cluster, seconds=60)
    names = [f"live/many{i}" for i in range(STREAMS)]
    others = [
        lab.publisher(
            [cluster.origins[i % 2].rtmp(name)], name=f"publisher-{i}", bitrate=100_000, fps=5, key_interval=5
        ).start(wait=False)
        for i, name in enumerate(names[: lab.seconds(STREAMS, 6)])
    ]
    names = ["live/chaos", *names[: len(others)]]
    for one in others:
        one.wait_keyframe(after=0)
    before = cluster.edges[0].streams()
    with watch.OwnerWatch(cluster.edges) as owners:
        fault = wall_ms()
        returned = act(cluster.redis)
        complete = watch.time_to_complete(cluster, names, returned)
        lab.say(f"the registry is complete again after {complete if complete is not None else 'never'} s")
        time.sleep(lab.seconds(8, 4))
    after = cluster.edges[0].streams()
    report = verifier.report()
    for one in [publisher, *others]:
        one.end()
    watch.nothing_lost(lab, report, publisher, fault)
    lab.checks.at_most("registry complete", complete, 1, "s")
    lab.checks.equal("epochs that fell", owners.epochs_fell(), 0)
    lower = sum(after.get(name, {"epoch": -1})["epoch"] < entry["epoch"] for name, entry in before.items())
    lab.checks.equal("streams whose epoch is lower than before", lower, 0)
    lab.note(streams=len(names))


@scenario("redis-flushall", "FLUSHALL while streams run", 120)
def flushed(lab):
    def act(redis):
        redis.call("FLUSHALL")
        return time.monotonic()

    forget(lab, act)


@scenario("redis-restart-empty", "kill -9 of Redis and an empty one in its place at once", 120)
def restarted(lab):
    def act(redis):
        redis.kill()
        return redis.restart()

    forget(lab, act)
