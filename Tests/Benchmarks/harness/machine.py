"""The machine and the repository: cores, packages, ports, builds, and what stands above a table of figures."""

import datetime
import os
import pathlib
import shutil
import socket
import subprocess

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
BUILD = REPOSITORY / ".build" / "relayload"
RELAY = REPOSITORY / ".build" / "release" / "relay"

#: Debian's names; what each is for.
PACKAGES = {"nginx": "the server to compare with", "libnginx-mod-rtmp": "its RTMP module", "gcc": "for the load tool",
            "make": "for the load tool"}
NGINX_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")


class Trouble(Exception):
    """Ends the run with one clear line."""


def cores():
    """The core of the servers and the core of the load; the same one, with a warning to print, if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def install_missing(console):
    """Installs what is not there, and says what; as root directly, else through sudo."""
    missing = [name for name in PACKAGES if not _is_there(name)]
    if not missing:
        return
    for name in missing:
        console.say(f"installing {name}: {PACKAGES[name]}")
    if not shutil.which("apt-get"):
        raise Trouble(f"please install {', '.join(missing)}: there is no apt-get here")
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for arguments in (["apt-get", "install", "-y", *missing], ["apt-get", "update"], ["apt-get", "install", "-y", *missing]):
        done = subprocess.run(prefix + arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode == 0 and "install" in arguments:
            return
    raise Trouble(f"apt-get could not install {' '.join(missing)}: {done.stderr.strip().splitlines()[-1:]}")


def _is_there(name):
    if name == "libnginx-mod-rtmp":
        return NGINX_MODULE.exists()
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


def build_load_tool():
    """Builds `relayload` and returns its path."""
    done = subprocess.run(["make", "-s", "-C", str(HERE / "loadgen"), f"OUT={BUILD}"], capture_output=True, text=True)
    if done.returncode:
        raise Trouble("the load tool does not build:\n" + done.stderr)
    return BUILD / "relayload"


def free_ports(count):
    """Ports nobody listens on, below the range that outgoing connections use."""
    found = []
    for port in range(20000 + os.getpid() % 5000, 32000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise Trouble("no free ports")


def commit():
    """The short commit, with a + when the tree differs from it."""
    def git(*arguments):
        return subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True)

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


def memory_kib(pid):
    """Memory of a process's own (anonymous PSS) and RSS, in KiB.

    Not its whole PSS: that falls when another process maps the same libraries, and rises when it ends.
    """
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("Pss_Anon", "Rss"):
            found[name] = int(rest.split()[0])
    return found["Pss_Anon"], found["Rss"]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
