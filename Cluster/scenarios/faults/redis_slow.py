"""Redis answers late: DEBUG SLEEP again and again, longer than any command's deadline."""

import threading
import time

from harness import judge, watch
from harness.cluster import STREAM
from harness.flv import join_times
from harness.machine import wall_ms
from harness.redis import RedisClient, RedisError
from .redis_away import compare
from . import scenario

#: reliability: a beat may be late, a lease survives.
SLEEP_SECONDS = 1.2


class Sleeper:
    """Lets Redis sleep, with a tenth of a second awake in between."""

    def __init__(self, port):
        self.ended = threading.Event()
        self.client = RedisClient(port, timeout=5)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(0.1):
            try:
                self.client.call("DEBUG", "SLEEP", SLEEP_SECONDS)
            except (OSError, RedisError):
                return

    def close(self):
        self.ended.set()
        self.thread.join(3)


@scenario("redis-slow", "DEBUG SLEEP 1.2 again and again for 15 s", 120)
def run(lab):
    cluster = lab.cluster()
    publisher, verifier = watch.begin(lab, cluster, seconds=90)
    url = cluster.edges[0].http(STREAM)
    normal, _ = join_times(url, 12, 0.05)
    with watch.OwnerWatch(cluster.edges[:1]) as owners:
        fault = wall_ms()
        sleeper = Sleeper(cluster.redis.port)
        time.sleep(lab.seconds(8, 3))
        during, failures = join_times(url, 12, 0.05)
        time.sleep(lab.seconds(7, 3))
        sleeper.close()
        complete = watch.time_to_complete(cluster, [STREAM], time.monotonic())
        time.sleep(2)
    report = verifier.report()
    publisher.end()
    watch.nothing_lost(lab, report, publisher, fault)
    lab.checks.equal("joins that failed", len(failures), 0)
    compare(lab, "running", during, normal)
    lab.checks.equal("changes of owner", max(0, len(owners.changes("e1")) - 1), 0)
    lab.checks.at_most("registry complete afterwards", complete, 3, "s")
    lab.note(join_p99_ms=judge.percentile(during, 99))
