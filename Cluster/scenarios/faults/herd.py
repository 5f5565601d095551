"""Thousands of viewers come to one edge for one stream that nobody there has watched before."""

import threading

from harness import load, watch
from harness.cluster import STREAM
from harness.machine import cores
from . import scenario


class MostPulls:
    """Looks at how many children the origin has and how often the edge asked, while the crowd comes."""

    def __init__(self, cluster):
        self.cluster, self.most = cluster, 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.ended.wait(0.1):
            self.most = max(
                self.most, sum((origin.part(STREAM) or {}).get("children", 0) for origin in self.cluster.origins)
            )

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(6)


@scenario("herd", "5,000 viewers join one cold stream at one edge within 1 s", 180)
def run(lab):
    viewers, fps, gop = lab.seconds(5000, 1000), 30, 60
    load_core = cores()[1]
    cluster = lab.cluster(origins=1, edges=1)
    edge = cluster.edges[0]
    shape = ["--kbps", 200, "--fps", fps, "--gop", gop]
    publisher = load.Load(
        lab, "publisher", "publish", cluster.origins[0].rtmp(STREAM), "--seconds", 120, *shape, core=load_core
    )
    publisher.start_publishing()
    before = watch.counted([edge], "relay_cluster_pull_attempts_total")
    with MostPulls(cluster) as pulls:
        crowd = load.play(
            lab,
            "crowd",
            edge.http(STREAM),
            viewers,
            5,
            ramp=viewers,
            warm=5,
            core=load_core,
            kbps=200,
            fps=fps,
            gop=gop,
        )
    attempts = watch.counted([edge], "relay_cluster_pull_attempts_total", before)
    limit = 1000 * gop / fps + 500
    lab.checks.equal("viewers that joined", crowd["joined"], viewers)
    lab.checks.equal("pulls at the origin, at most at once", pulls.most, 1)
    lab.checks.equal("pulls that the edge began", attempts, 1)
    lab.checks.at_most("first frame, p99", crowd["join_ms"]["p99"], limit, "ms")
    lab.checks.equal("viewers lost", crowd["lost"], 0)
    lab.note(first_frame_p50_ms=crowd["join_ms"]["p50"], stalled=crowd["stalled"])
