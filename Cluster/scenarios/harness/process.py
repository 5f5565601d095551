"""Child processes: each in a folder and a process group of its own, ended by the id that was recorded when it began."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

from .machine import Trouble

#: Of util-linux: the kernel kills the child when the thread that began it ends. It covers the one case that no handler can,
#: SIGKILL of this program. Children are therefore only begun on the main thread.
FOLLOW_PARENT = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
END_SECONDS = 12


class Child:
    """One process. `prefix` goes before the command, for a core or a network namespace of its own."""

    def __init__(self, children, name, command, folder, prefix=(), environment=None):
        self.name = name
        self.command = [str(word) for word in (*prefix, *command)]
        self.folder = folder
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.frozen = False
        self.output = folder / f"{name}.out"
        self.log = folder / f"{name}.log"
        children.append(self)

    def start(self):
        """Begins it, appending to its files: a restart keeps what the life before it said."""
        if not shutil.which(self.command[0]):
            raise Trouble(f"{self.command[0]} is not there")
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.output, "ab") as output, open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*FOLLOW_PARENT, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                cwd=self.folder,
                env=self.environment,
                start_new_session=True,
            )
        self.frozen = False
        with open(self.folder / "pids", "a") as file:
            file.write(f"{self.process.pid} {self.name}\n")
        return self

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        """To the whole group; one that has ended is left alone (its id may be somebody else's by now)."""
        if self.is_alive:
            os.killpg(self.process.pid, number)

    def kill(self):
        """kill -9, and its end."""
        self.send(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def freeze(self):
        self.send(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.send(signal.SIGCONT)
        self.frozen = False

    def end(self, number=signal.SIGTERM, seconds=END_SECONDS):
        """Asks for its end and waits; kills it when it does not listen. Returns the exit status."""
        if self.process is None:
            return None
        if self.frozen:
            self.thaw()
        self.send(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def wait(self, seconds):
        """Waits for an end that comes by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{self.name} did not end within {seconds:.0f} s") from None

    def tail(self, lines=12):
        text = ""
        for path in (self.log, self.output):
            if path.exists():
                text += path.read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def require_alive(self):
        if not self.is_alive:
            raise Trouble(f"{self.name} ended with status {self.process.returncode}:\n{self.tail()}")


@contextlib.contextmanager
def undisturbed():
    """Ctrl-C and SIGTERM wait for the body's end and are forgotten then: an end that has begun is carried through."""
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def end_all(children):
    """Ends all of them: asked together, killed after a short while. Never raises: it runs when something else already did."""
    alive = [child for child in reversed(children) if child.is_alive]
    for child in alive:
        if child.frozen:
            child.thaw()
        child.send(signal.SIGTERM)
    until = time.monotonic() + 3
    for child in alive:
        try:
            child.process.wait(max(0.05, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
    children.clear()
