"""Runs of `relayload`, on the load's core: their progress goes to the console, their JSON comes back."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import threading
import time

from .machine import Trouble

#: What a run may take beyond the time it was asked for.
GRACE_SECONDS = 60
#: A server that waits longer than this for a core of its own shares it with something else: close what runs beside.
DISTURBED_SHARE = 0.05
#: A publisher of at most this many streams may go before everything else on its core.
FEW_STREAMS = 8


@dataclasses.dataclass
class Shape:
    """A stream's shape; the load tool's own default is 1 Mb/s at 30 frames/s with a keyframe each 2 s."""

    kbps: int = 1000
    fps: int = 30
    gop: int = 60

    def arguments(self):
        return ["--kbps", str(self.kbps), "--fps", str(self.fps), "--gop", str(self.gop)]

    @property
    def gop_seconds(self):
        return self.gop / self.fps


def without_gaps(value):
    """The tool writes -1 for a percentile of nothing; here that is None."""
    if isinstance(value, dict):
        return {key: None if value.get("n") == 0 and key != "n" else without_gaps(v) for key, v in value.items()}
    return value


class Run:
    """One process of the load tool."""

    def __init__(self, console, core, tool, *arguments):
        self.console = console
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), str(tool), *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.what = " ".join(map(str, arguments[:2]))
        self.begun = threading.Event()
        self.show = True
        self.last_line = ""
        self.reader = threading.Thread(target=self._read_progress, daemon=True)
        self.reader.start()

    def _read_progress(self):
        for line in self.process.stderr:
            self.last_line = line.strip()
            if self.last_line == "publishing: begun":
                self.begun.set()
            if self.show:
                self.console.progress(line)
        self.begun.set()

    def result(self, timeout):
        """Waits for the end and returns the JSON object."""
        try:
            output, _ = self._communicate(timeout)
        except subprocess.TimeoutExpired:
            self.end()
            raise Trouble(f"{self.what} did not end within {timeout:.0f} s") from None
        if not output.strip():
            raise Trouble(f"{self.what}: {self.last_line}")
        return without_gaps(json.loads(output))

    def _communicate(self, timeout):
        # stderr belongs to the reader; the JSON fits the pipe, so waiting first cannot block the process.
        self.process.wait(timeout)
        self.reader.join(1)
        return self.process.stdout.read(), None

    def stop(self, timeout=10):
        """Asks for the end and returns the JSON object, or None when there is none."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(Trouble):
            return self.result(timeout)
        return None

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Load:
    """The load tool with a console and a core."""

    def __init__(self, console, core, tool):
        self.console, self.core, self.tool = console, core, tool

    def start(self, *arguments):
        return Run(self.console, self.core, self.tool, *arguments)

    @contextlib.contextmanager
    def publishing(self, url, seconds, shape, streams=1):
        """Publishes while the body runs; fails when a stream was lost on the way."""
        run = self.start("publish", url, "--streams", streams, "--seconds", seconds, *shape.arguments())
        try:
            if not run.begun.wait(GRACE_SECONDS) or run.process.poll() is not None:
                raise Trouble(f"the publisher did not start: {run.last_line}")
            run.show = False
            if streams <= FEW_STREAMS:
                # A publisher that waits for its core would send late; its delay is not the server's.
                with contextlib.suppress(OSError):
                    os.sched_setscheduler(run.process.pid, os.SCHED_FIFO, os.sched_param(2))
            time.sleep(shape.gop_seconds + 0.5)  # a keyframe for whoever joins
            yield run
            if run.process.poll() is not None:
                raise Trouble(f"the publisher ended early: {run.last_line}")
            summary = run.stop()
            if not summary or summary["lost"]:
                raise Trouble(f"the publisher lost {summary['lost'] if summary else 'all'} of {streams} streams")
        finally:
            run.end()

    def play(self, url, seconds, shape, viewers, ramp=500, warm=3, watch=None, mode="play", **more):
        arguments = [mode, url, "--viewers", viewers, "--ramp", ramp, "--warm", warm, "--seconds", seconds, *shape.arguments()]
        if watch:
            arguments += ["--watch", watch]
        for key, value in more.items():
            arguments += ["--" + key.replace("_", "-"), value]
        result = self._run(arguments, viewers / ramp + warm + seconds)
        if result["refused"]:
            self.console.say(f"    {result['refused']} of {viewers} viewers did not join: {result['refusal']}")
        return result

    def sink(self, port, seconds, shape, viewers, **more):
        return self.play(port, seconds, shape, viewers, mode="sink", **more)

    def joins(self, url, rate, seconds, stay_ms=250, watch=None):
        arguments = ["joins", url, "--rate", rate, "--seconds", seconds, "--stay-ms", stay_ms]
        if watch:
            arguments += ["--watch", watch]
        result = self._run(arguments, seconds)
        if result["failed"]:
            self.console.say(f"    {result['failed']} of {result['begun']} joins failed: {result['refusal']}")
        return result

    def _run(self, arguments, seconds):
        run = self.start(*arguments)
        try:
            result = run.result(seconds + GRACE_SECONDS)
        finally:
            run.end()
        waited = result["watched"]["waited_s"] / result["seconds"]
        if waited > DISTURBED_SHARE:
            self.console.say(f"    disturbed: the server waited {100 * waited:.0f} % of the time for its core")
        return result
