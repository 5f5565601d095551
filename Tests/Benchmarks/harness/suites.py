"""The suites: what each runs, the table it prints, and the targets it is held to.

A suite is a function that takes a `Bench`, prints its rows as they come, and returns an `Outcome`. Whatever it compares
it measures in the same sitting, one right after the other.
"""

import dataclasses
import statistics

from .console import Table
from .load import Shape
from .servers import Floor, Nginx, Relay

#: A publisher is stopped when its crowd is done; this bounds it should the harness die.
PUBLISH_SECONDS = 600
#: Joins per second while a crowd gathers; each takes a whole GOP with it, so that is much more than its stream.
USUAL_RAMP, FAST_RAMP, MANY = 500, 800, 2000
#: The widest a viewer's bytes may be from the stream's.
BYTES_TOLERANCE = 0.02


@dataclasses.dataclass
class Verdict:
    target: str
    measured: str
    passed: bool


@dataclasses.dataclass
class Outcome:
    columns: list  # (heading, width)
    rows: list
    verdicts: list


@dataclasses.dataclass
class Bench:
    """What every suite needs: where to run, and how long."""

    console: object
    load: object
    server_core: int
    relay: str
    quick: bool
    repeat: int
    extra: tuple

    def seconds(self, full, quick=4):
        """A window's length. Even numbers: whole GOPs, as a keyframe more or less would show in the bytes."""
        return quick if self.quick else full

    def start_relay(self, flush="adaptive"):
        return Relay(self.server_core, self.relay, flush, self.extra)


class Rows:
    """The rows of one suite: printed and kept."""

    def __init__(self, bench, columns):
        self.table = Table(bench.console, columns)
        self.columns, self.kept = columns, []

    def add(self, *cells):
        self.table.row(cells)
        self.kept.append(list(cells))

    def outcome(self, verdicts):
        return Outcome([heading for heading, _ in self.columns], self.kept, verdicts)


def cpu_per_gb(result):
    """Seconds per gigabyte; None when not all viewers were there to be served."""
    if result["refused"] or not result["bytes"]:
        return None
    return result["watched"]["cpu_s"] / (result["bytes"] / 1e9)


def ratio(a, b):
    return a / b if a and b else None


def load_share(result):
    return 100 * result["load_cpu_s"] / result["seconds"]


def at_most(target, value, limit, unit=""):
    """A verdict on `value <= limit`; not measured is missed."""
    shown = "not measured" if value is None else f"{value:.2f}{unit}"
    return Verdict(target, shown, value is not None and value <= limit)


def watch_relay(bench, form, viewers, seconds, flush="adaptive", shape=None, **play):
    """One relay, one publisher, a crowd: the usual run."""
    shape = shape or Shape()
    ramp = FAST_RAMP if viewers > MANY else USUAL_RAMP
    with bench.start_relay(flush) as relay:
        with bench.load.publishing(relay.url("rtmp", "bench"), PUBLISH_SECONDS, shape):
            result = bench.load.play(relay.url(form, "bench"), seconds, shape, viewers, ramp=ramp, watch=relay.pid, **play)
            relay.require_alive()
            return result


def everyone_served(result):
    """All joined, nobody lost or silent, each within the tolerance of the stream's bytes, no frame missing."""
    rates = result["rate_of_stream"]
    return (result["refused"] == 0 and result["lost"] == 0 and result["stalled"] == 0 and result["frames_missing"] == 0
            and abs(rates["min"] - 1) <= BYTES_TOLERANCE and abs(rates["max"] - 1) <= BYTES_TOLERANCE)


# ---------------------------------------------------------------------------------------------------------------- cpu

CPU_FORMS = ("rtmp", "http-flv")
CPU_VIEWERS = (500, 3000)
CPU_INTERVALS = (0, 100, 350)
FLOOR_LIMIT = 1.25
NGINX_LIMIT_AT_ONCE = 1.0
NGINX_LIMIT_AT_350 = 0.25


def cpu(bench):
    """Server CPU per gigabyte delivered, at fixed flush intervals: ours, the floor's, nginx's."""
    rows = Rows(bench, [("form", 8), ("viewers", 7), ("flush ms", 8), ("ours s/GB", 9), ("floor s/GB", 10),
                        ("/floor", 6), ("nginx s/GB", 10), ("/nginx", 6), ("bytes min", 9), ("load %", 6)])
    seconds = bench.seconds(8)
    worst_to_floor, to_nginx = {}, {}
    for form in CPU_FORMS:
        for viewers in CPU_VIEWERS:
            nginx = measure_nginx(bench, viewers, seconds) if form == "rtmp" else None
            for interval in CPU_INTERVALS:
                floor, ours, result = [], [], None
                for _ in range(bench.repeat):
                    floor.append(cpu_per_gb(run_floor(bench, form, viewers, interval, seconds)))
                    result = watch_relay(bench, form, viewers, seconds, interval)
                    ours.append(cpu_per_gb(result))
                to_floor = ratio(middle(ours), middle(floor))
                against_nginx = ratio(middle(ours), nginx)
                rows.add(form, viewers, interval, middle(ours), middle(floor), to_floor, nginx, against_nginx,
                         result["rate_of_stream"]["min"], load_share(result))
                worst_to_floor.setdefault(interval, []).append(to_floor)
                if form == "rtmp":
                    to_nginx.setdefault(interval, []).append(against_nginx)
    verdicts = [at_most(f"flush {i} ms: CPU per GB at most {FLOOR_LIMIT} × the floor", worst(worst_to_floor[i]), FLOOR_LIMIT, " ×")
                for i in CPU_INTERVALS]
    verdicts.append(at_most("flush 0 ms: below nginx-rtmp", worst(to_nginx[0]), NGINX_LIMIT_AT_ONCE, " ×"))
    verdicts.append(at_most("flush 350 ms: at most a quarter of nginx-rtmp", worst(to_nginx[350]), NGINX_LIMIT_AT_350, " ×"))
    return rows.outcome(verdicts)


def middle(values):
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


def worst(values):
    return None if any(v is None for v in values) else max(values)


def run_floor(bench, form, viewers, interval, seconds):
    shape, warm, ramp = Shape(), 2, 1000
    with Floor(bench.server_core, bench.load.tool, form, interval, PUBLISH_SECONDS, shape) as floor:
        return bench.load.sink(floor.port, seconds, shape, viewers, ramp=ramp, warm=warm, watch=floor.pid,
                               form="rtmp" if form == "rtmp" else "flv")


def measure_nginx(bench, viewers, seconds):
    """CPU per GB of nginx at its default, which is a write for each message."""
    shape, values = Shape(), []
    for _ in range(bench.repeat):
        with Nginx(bench.server_core) as nginx:
            with bench.load.publishing(nginx.url("rtmp", "bench"), PUBLISH_SECONDS, shape):
                values.append(cpu_per_gb(bench.load.play(nginx.url("rtmp", "bench"), seconds, shape, viewers, watch=nginx.pid)))
    return middle(values)


# ----------------------------------------------------------------------------------------------------------- adaptive

ADAPTIVE_RUNS = [("rtmp", n) for n in (100, 500, 1000, 2000, 5000, 10000)] + [("http-flv", n) for n in (500, 5000, 10000)]
#: What the shipped configuration lets a flush wait.
LATENCY_BUDGET_MS = 350


def adaptive(bench):
    """The default flush interval, from few viewers to as many as one core carries."""
    rows = Rows(bench, [("form", 8), ("viewers", 7), ("core %", 6), ("delay p50", 9), ("p99 ms", 7), ("stalled", 7),
                        ("lost", 5), ("bytes min", 9), ("max", 6), ("load %", 6)])
    verdicts = []
    for form, viewers in ADAPTIVE_RUNS:
        seconds = bench.seconds(20, 6)
        result = watch_relay(bench, form, viewers, seconds, warm=8 if viewers > 2000 else 4, probes=16)
        delay, rates = result["delay_ms"], result["rate_of_stream"]
        rows.add(form, viewers, 100 * result["watched"]["cpu_s"] / seconds, delay["p50"], delay["p99"], result["stalled"],
                 result["lost"] + result["refused"], rates["min"], rates["max"], load_share(result))
        if viewers == 10000:
            verdicts.append(Verdict(
                f"10,000 viewers over {form} on one core: none stalled, bytes within 2 %",
                f"{result['stalled']} stalled, {result['lost'] + result['refused']} lost, bytes {rates['min']:.3f}-{rates['max']:.3f}",
                everyone_served(result)))
            verdicts.append(at_most(f"10,000 viewers over {form}: median delay within the budget of {LATENCY_BUDGET_MS} ms",
                                    delay["p50"], LATENCY_BUDGET_MS, " ms"))
    return rows.outcome(verdicts)


# ------------------------------------------------------------------------------------------------------------- memory

MEMORY_FORMS = ("rtmp", "http-flv", "ws-flv")
MEMORY_FEW, MEMORY_MANY = 500, 10000
MEMORY_LIMIT = 6000


def memory(bench):
    """Proportional set size, as a slope from few viewers to many: what one more viewer costs beside what all share."""
    rows = Rows(bench, [("form", 8), ("500: MiB", 9), ("10,000: MiB", 11), ("bytes per viewer", 16), ("lost", 5)])
    verdicts = []
    for form in MEMORY_FORMS:
        few = watch_relay(bench, form, MEMORY_FEW, bench.seconds(4))
        many = watch_relay(bench, form, MEMORY_MANY, bench.seconds(4), warm=6)
        small, large = few["watched"]["pss_kib"], many["watched"]["pss_kib"]
        slope = (large - small) * 1024 / (MEMORY_MANY - MEMORY_FEW)
        rows.add(form, small / 1024, large / 1024, round(slope), many["lost"] + many["refused"])
        complete = many["lost"] + many["refused"] == 0
        verdicts.append(at_most(f"{form}: at most 6 kB per viewer", slope if complete else None, MEMORY_LIMIT, " bytes"))
    return rows.outcome(verdicts)


# -------------------------------------------------------------------------------------------------------------- delay

DELAY_P50_LIMIT, DELAY_P99_LIMIT = 2, 15


def delay(bench):
    """From the publisher's write to a probing viewer's read, 500 viewers, every message flushed at once."""
    rows = Rows(bench, [("form", 8), ("viewers", 7), ("p50 ms", 7), ("p99 ms", 7), ("max ms", 7), ("frames", 7), ("load %", 6)])
    verdicts = []
    for form in MEMORY_FORMS:
        result = watch_relay(bench, form, 500, bench.seconds(20, 6), flush=0, probes=16)
        found = result["delay_ms"]
        rows.add(form, 500, found["p50"], found["p99"], found["max"], found["n"], load_share(result))
        verdicts.append(at_most(f"{form}: delay p50 at most 2 ms", found["p50"], DELAY_P50_LIMIT, " ms"))
        verdicts.append(at_most(f"{form}: delay p99 at most 15 ms", found["p99"], DELAY_P99_LIMIT, " ms"))
    return rows.outcome(verdicts)


# -------------------------------------------------------------------------------------------------------------- joins

JOIN_RATE, JOIN_P99_LIMIT = 400, 20


def joins(bench):
    """Viewers that come 400 times a second to a stream that is warm, from connect to the first keyframe."""
    rows = Rows(bench, [("form", 8), ("joins", 7), ("failed", 6), ("p50 ms", 7), ("p99 ms", 7), ("max ms", 7), ("core %", 6),
                        ("load %", 6)])
    verdicts = []
    seconds = bench.seconds(10, 4)
    for form in MEMORY_FORMS:
        with bench.start_relay() as relay:
            with bench.load.publishing(relay.url("rtmp", "bench"), PUBLISH_SECONDS, Shape()):
                result = bench.load.joins(relay.url(form, "bench"), JOIN_RATE, seconds, watch=relay.pid)
        took = result["join_ms"]
        rows.add(form, result["joined"], result["failed"], took["p50"], took["p99"], took["max"],
                 100 * result["watched"]["cpu_s"] / seconds, load_share(result))
        verdicts.append(at_most(f"{form}: join p99 at most 20 ms at 400 joins/s", None if result["failed"] else took["p99"],
                                JOIN_P99_LIMIT, " ms"))
    return rows.outcome(verdicts)


# --------------------------------------------------------------------------------------------------------------- slow

SLOW_LIMIT_MS = 5
SLOW_RUNS = ((0, "stall"), (1, "stall"), (250, "stall"), (1, "trickle"), (250, "trickle"))


def slow(bench):
    """Viewers that read nothing, or a quarter, among 500: what the others notice."""
    rows = Rows(bench, [("form", 8), ("slow", 5), ("how", 7), ("others p50", 10), ("p99 ms", 7), ("moved", 6), ("stalled", 7),
                        ("missing", 7), ("PSS MiB", 7)])
    verdicts = []
    for form in CPU_FORMS:
        alone = None
        for count, how in SLOW_RUNS:
            # Long enough before the window for each slow viewer to be at another stage of its life.
            life = bench.seconds(14, 6)
            result = watch_relay(bench, form, 500, life, warm=life, probes=16,
                                 **({"slow": count, "slow_mode": how, "slow_life": life} if count else {}))
            found = result["delay_ms"]
            alone = found["p99"] if count == 0 else alone
            moved = found["p99"] - alone if found["n"] and alone is not None else None
            rows.add(form, count, how if count else "-", found["p50"], found["p99"], moved, result["stalled"],
                     result["frames_missing"], result["watched"]["pss_kib"] / 1024)
            if count:
                fine = not result["stalled"] and not result["frames_missing"]
                verdicts.append(at_most(f"{form}: {count} of 500 slow ({how}): the others' p99 moves less than 5 ms",
                                        moved if fine else None, SLOW_LIMIT_MS, " ms"))
    return rows.outcome(verdicts)


# --------------------------------------------------------------------------------------------------------- publishers

PUBLISHERS = 1000
PUBLISHER_SHAPE = Shape(kbps=200)


def publishers(bench):
    """A thousand small streams with one viewer each."""
    rows = Rows(bench, [("form", 8), ("streams", 7), ("core %", 6), ("µs/s per stream", 15), ("delay p50", 9), ("p99 ms", 7),
                        ("stalled", 7), ("lost", 5), ("bytes min", 9), ("load %", 6)])
    seconds, verdicts = bench.seconds(20, 6), []
    for form in CPU_FORMS:
        with bench.start_relay() as relay:
            with bench.load.publishing(relay.url("rtmp", "bench%d"), PUBLISH_SECONDS, PUBLISHER_SHAPE, PUBLISHERS):
                result = bench.load.play(relay.url(form, "bench%d"), seconds, PUBLISHER_SHAPE, PUBLISHERS, streams=PUBLISHERS,
                                         watch=relay.pid, probes=16)
        share = result["watched"]["cpu_s"] / seconds
        rows.add(form, PUBLISHERS, 100 * share, 1e6 * share / PUBLISHERS, result["delay_ms"]["p50"], result["delay_ms"]["p99"],
                 result["stalled"], result["lost"] + result["refused"], result["rate_of_stream"]["min"], load_share(result))
        verdicts.append(Verdict(f"{form}: 1,000 publishers of 200 kb/s with a viewer each: no stall",
                                f"{result['stalled']} stalled, {result['lost'] + result['refused']} lost, "
                                f"{1e6 * share / PUBLISHERS:.0f} µs of CPU per second and stream",
                                result["stalled"] + result["lost"] + result["refused"] == 0))
    return rows.outcome(verdicts)


SUITES = {f.__name__: f for f in (cpu, adaptive, memory, delay, joins, slow, publishers)}
