"""The machine and the repository: where things are, free ports, and what stands above a table of figures."""

import datetime
import os
import pathlib
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
BUILD = REPOSITORY / ".build"


class Trouble(Exception):
    """Ends a scenario with one clear sentence: something that had to be there was not. Never used for a missed figure."""


def wall_ms():
    """Milliseconds since 1970, the clock that relayctl writes beside its events."""
    return time.time() * 1000


def free_ports(count):
    """Ports nobody listens on, below the range that outgoing connections use. Each call goes on where the last one ended,
    so that a port is not given twice while its first owner is still starting."""
    found = []
    while len(found) < count:
        free_ports.last += 1
        if free_ports.last >= 31900:
            free_ports.last = 20000
            free_ports.rounds += 1
        if free_ports.rounds > 2:
            raise Trouble("there are no free ports between 20000 and 31900")
        if port_is_free(free_ports.last):
            found.append(free_ports.last)
    return found


free_ports.last = 20000 + os.getpid() * 37 % 9000
free_ports.rounds = 0


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def commit():
    """The short commit, with a + when the tree differs from it."""

    def git(*arguments):
        return subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, timeout=20)

    head = git("rev-parse", "--short", "HEAD")
    if head.returncode:
        return "uncommitted"
    return head.stdout.strip() + ("+" if git("status", "--porcelain", "--untracked-files=no").stdout.strip() else "")


def describe():
    """Date, commit and machine of this run."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "machine": f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, Linux {os.uname().release}",
    }


def cpu_seconds(pid):
    """What the kernel accounts to all threads of a process, user and system, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cores():
    """The core of the server under test and the core of everything else; the same one if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def wait_until(what, seconds, condition, every=0.02):
    """Asks until the condition is true, and returns what it said; Trouble after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Trouble(f"{what}: not within {seconds:g} s")
        time.sleep(every)
