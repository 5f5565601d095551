"""The soak: churn for a while, then everything leaves, and the server must be as small as before.

The baseline is taken after a first short round of the same churn, when everything has gone again: a process that has
just started has not touched most of its code and its allocator's pools, and would make any honest server look leaky.
"""

import json
import signal
import time

from . import machine
from .console import Table
from .load import Shape
from .servers import Relay

FORMS = ("rtmp", "http-flv", "ws-flv")
#: One join and one leave each 50 ms, over all forms together.
JOINS_PER_SECOND = 20
STAY_MS = 5000
PUBLISH_SECONDS, PAUSE_SECONDS = 60, 1
#: Viewers that stay for one life of the publisher, two of them too slow.
STEADY, SLOW = 30, 2
FIRST_ROUND_SECONDS = 30
SETTLE_SECONDS = 60
PSS_TOLERANCE, PSS_SLACK_KIB = 1.05, 2048
#: Joins that may fail: those that fall between two publishers.
FAILED_SHARE = 0.1
ROW_SECONDS = 30


class Sampler:
    """Prints a row of memory and descriptors."""

    def __init__(self, console, relay):
        self.table = Table(console, [("time", 14), ("own MiB", 8), ("RSS MiB", 8), ("fds", 6), ("publisher", 9)])
        self.relay, self.begun = relay, time.monotonic()

    def take(self, label=None, publisher="-"):
        self.relay.require_alive()
        pss, rss = machine.memory_kib(self.relay.pid)
        descriptors = machine.descriptors(self.relay.pid)
        label = label or f"{time.monotonic() - self.begun:.0f} s"
        self.table.row([label, pss / 1024, rss / 1024, descriptors, publisher])
        return pss, descriptors


class Publisher:
    """One publisher after another on the same stream; every other one ends without a farewell."""

    def __init__(self, load, relay):
        self.load, self.relay, self.lives = load, relay, 0
        self.run = self.steady = None
        self.next_change = 0.0

    def step(self, now):
        if now < self.next_change:
            return
        if self.run:
            self.stop(abruptly=self.lives % 2 == 0)
            self.next_change = now + PAUSE_SECONDS
            return
        self.lives += 1
        self.run = self.load.start("publish", self.relay.url("rtmp", "soak"), "--seconds", 3600)
        self.run.show = False
        self.run.begun.wait(10)
        form = FORMS[self.lives % len(FORMS)]
        self.steady = self.load.start(
            "play", self.relay.url(form, "soak"), "--viewers", STEADY, "--slow", SLOW, "--slow-life", 15, "--seconds", 3600,
            "--slow-mode", "stall" if self.lives % 2 else "trickle")
        self.steady.show = False
        self.next_change = now + PUBLISH_SECONDS

    def stop(self, abruptly=False):
        for run in (self.run, self.steady):
            if run and run.process.poll() is None:
                run.process.send_signal(signal.SIGKILL if abruptly and run is self.run else signal.SIGTERM)
                run.process.wait(10)
        self.run = self.steady = None


def churn(load, relay, seconds, sampler):
    """Runs the churn and returns how many joins there were, how many failed, and why."""
    publisher = Publisher(load, relay)
    publisher.step(time.monotonic())
    runs = [load.start("joins", relay.url(form, "soak"), "--rate", JOINS_PER_SECOND / len(FORMS), "--seconds", seconds,
                       "--stay-ms", STAY_MS) for form in FORMS]
    try:
        end, next_row = time.monotonic() + seconds, time.monotonic() + ROW_SECONDS
        while time.monotonic() < end:
            relay.require_alive()
            publisher.step(time.monotonic())
            if time.monotonic() >= next_row:
                sampler.take(publisher=publisher.lives if publisher.run else "-")
                next_row += ROW_SECONDS
            time.sleep(0.2)
        results = [run.result(30) for run in runs]
    finally:
        for run in runs:
            run.end()
        publisher.stop()
    return sum(r["joined"] for r in results), sum(r["failed"] for r in results), next((r["refusal"] for r in results if r["refusal"]), "")


def settle(relay, fits):
    """Waits until `fits(pss, descriptors)`, at most a minute; returns the last of both."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        relay.require_alive()
        pss, _ = machine.memory_kib(relay.pid)
        descriptors = machine.descriptors(relay.pid)
        if fits(pss, descriptors) or time.monotonic() > end:
            return pss, descriptors
        time.sleep(1)


def leftovers(relay):
    """What the admin API still counts, in words; empty when nothing."""
    body = relay.get("/v1/status")
    if body is None:
        return "no answer from /v1/status"
    status = json.loads(body)
    return ", ".join(f"{status[key]} {key}" for key in ("streams", "publishers", "viewers") if status.get(key))


def soak(console, load, core, binary, seconds, extra):
    """Runs it all; true when everything came back to the baseline."""
    with Relay(core, binary, extra=extra) as relay:
        sampler = Sampler(console, relay)
        _, idle_descriptors = sampler.take("started")
        churn(load, relay, min(FIRST_ROUND_SECONDS, seconds), sampler)
        settle(relay, lambda _, descriptors: descriptors <= idle_descriptors and not leftovers(relay))
        time.sleep(2)
        base_pss, base_descriptors = sampler.take("baseline")
        joined, failed, refusal = churn(load, relay, seconds, sampler)
        most_pss = base_pss * PSS_TOLERANCE + PSS_SLACK_KIB
        settle(relay, lambda pss, descriptors: pss <= most_pss and descriptors == base_descriptors and not leftovers(relay))
        pss, descriptors = sampler.take("all gone")
        left = leftovers(relay)
    checks = [
        ("descriptors as before", f"{base_descriptors} → {descriptors}", descriptors == base_descriptors),
        ("own memory within 5 % + 2 MiB", f"{base_pss / 1024:.1f} → {pss / 1024:.1f} MiB", pss <= most_pss),
        ("nothing left behind", left or "no streams, publishers or viewers", not left),
        ("joins succeed", f"{joined} joined, {failed} failed {refusal}".strip(), joined > 0 and failed <= FAILED_SHARE * (joined + failed)),
    ]
    console.say()
    for what, found, passed in checks:
        console.say(f"  {'PASS' if passed else 'FAIL'}  {what}: {found}")
    return all(passed for _, _, passed in checks)
