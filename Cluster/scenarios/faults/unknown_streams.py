"""Viewers ask for thousands of streams that do not exist; Redis must not feel every one of them."""

from harness import load
from harness.cluster import STREAM
from harness.flv import JoinFailed, join
from . import scenario


@scenario(
    "unknown-streams", "5,000 viewers ask one edge for 5,000 different unknown streams within 1 s, then again", 150
)
def run(lab):
    count = lab.seconds(5000, 2000)
    cluster = lab.cluster(origins=1, edges=1)
    edge = cluster.edges[0]
    publisher = lab.publisher(cluster.publish_urls()).start()
    join(edge.http(STREAM))
    with cluster.redis.monitor() as monitor:
        results = []
        for i in (1, 2):
            results.append(
                load.play(
                    lab,
                    f"crowd-{i}",
                    f"http://127.0.0.1:{edge.http_port}/live/unknown%d.flv",
                    count,
                    6,
                    ramp=count,
                    warm=1,
                    streams=count,
                )
            )
            lab.say(
                f"round {i}: {results[-1]['joined']} joined, busiest second so far {monitor.busiest_second()} commands"
            )
    try:
        known = 1000 * join(edge.http(STREAM), 5)
    except JoinFailed as failed:
        known = None
        lab.say(f"the known stream: {failed}")
    lab.checks.equal("unknown streams that played", sum(result["joined"] for result in results), 0)
    lab.checks.at_most("commands in Redis's busiest second", monitor.busiest_second(), 500)
    lab.checks.at_least("commands at all", monitor.total, 1)
    lab.checks.at_most("join of a known stream afterwards", known, 500, "ms")
    publisher.end()
    lab.note(commands_in_all=monitor.total, inside_scripts=monitor.inside_scripts, refusal=results[0]["refusal"])
