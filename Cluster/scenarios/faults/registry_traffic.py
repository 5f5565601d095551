"""What many streams cost Redis while nothing happens: a node renews one lease, however many streams it has."""

import time

from harness.machine import wait_until
from harness.rtmp import Trickle
from . import scenario

WINDOW_SECONDS = 10


@scenario("registry-traffic", "5,000 streams at rest: commands that Redis sees per second, against those with 100", 240)
def run(lab):
    cluster = lab.cluster(origins=2, edges=1)
    few, many = lab.seconds(100, 50), lab.seconds(5000, 500)
    rates = {}
    trickles = []
    try:
        for count in (few, many):
            for origin in cluster.origins:
                already = sum(len(trickle.names) for trickle in trickles if trickle.port == origin.rtmp_port)
                names = [f"quiet-{origin.name}-{i}" for i in range(already, count // len(cluster.origins))]
                trickles.append(Trickle(origin.rtmp_port, "live", names))
            wait_until(f"{count} streams are published", 90, lambda c=count: sum(len(t.live) for t in trickles) >= c)
            time.sleep(5)
            with cluster.redis.monitor() as monitor:
                time.sleep(WINDOW_SECONDS)
            rates[count] = monitor.total / WINDOW_SECONDS
            lab.say(f"{count} streams: {rates[count]:.1f} commands/s, {monitor.names}")
        known = len(cluster.edges[0].streams())
        lost = sum(t.failed for t in trickles)
    finally:
        for trickle in trickles:
            trickle.close()
    lab.checks.equal("streams that could not be published or were lost", lost, 0)
    lab.checks.equal("streams in the registry", known, many)
    lab.checks.at_most(f"commands/s with {many} streams over those with {few}", rates[many] / max(rates[few], 0.1), 1.5)
    lab.note(**{f"commands_per_second_{count}": round(rate, 1) for count, rate in rates.items()})
