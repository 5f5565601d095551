"""Crowds: the benchmark's load tool, `relayload`, built once and run on a core that the server under test does not use."""

import json
import subprocess

from . import machine
from .machine import Trouble, wait_until
from .process import Child

LOADGEN = machine.REPOSITORY / "Tests" / "Benchmarks" / "loadgen"
BUILD = machine.BUILD / "relayload"
GRACE_SECONDS = 60


def build():
    """Builds it and returns its path."""
    done = subprocess.run(
        ["make", "-s", "-C", str(LOADGEN), f"OUT={BUILD}"], capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise Trouble("the load tool does not build:\n" + done.stderr)
    return BUILD / "relayload"


def on_core(core):
    return ("taskset", "-c", str(core))


class Load:
    """One run of it; `result` waits for its JSON."""

    def __init__(self, lab, name, *arguments, core=None):
        prefix = on_core(core) if core is not None else ()
        self.child = Child(lab.children, name, [build(), *arguments], lab.folder / "load", prefix=prefix)

    def start(self):
        self.child.start()
        return self

    def start_publishing(self):
        self.child.start()
        wait_until(
            f"{self.child.name} publishes",
            15,
            lambda: "publishing: begun" in self.child.log.read_text(errors="replace"),
        )
        return self

    def result(self, seconds):
        self.child.wait(seconds + GRACE_SECONDS)
        text = self.child.output.read_text()
        if not text.strip():
            raise Trouble(f"{self.child.name} left no result:\n{self.child.tail()}")
        return json.loads(text)


def play(lab, name, url, viewers, seconds, ramp=500, warm=2, core=None, **more):
    """Runs a crowd to its end. Further options as `stall_ms=500`."""
    words = ["play", url, "--viewers", viewers, "--ramp", ramp, "--warm", warm, "--seconds", seconds]
    for key, value in more.items():
        words += ["--" + key.replace("_", "-"), value]
    return Load(lab, name, *words, core=core).start().result(viewers / ramp + warm + seconds)
