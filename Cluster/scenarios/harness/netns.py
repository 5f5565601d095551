"""Network namespaces: every node a host of its own on one bridge, so that a firewall can cut one way between two of them.

The bridge lives in a namespace of its own too, which this program enters for the time of a scenario: nothing is ever sent to
the machine's real interfaces, and no rule is added outside. Needs root and a kernel that allows it; `available` says why not.
"""

import ctypes
import os
import pathlib
import shutil
import subprocess

from .machine import Trouble

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
#: Addresses that exist inside these namespaces only.
SUBNET = "10.213.77."
HUB = SUBNET + "1"


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=10)
    if done.returncode:
        raise Trouble(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def available():
    """None when namespaces can be made here, else why they cannot."""
    if os.geteuid() != 0:
        return "not root"
    for program in ("ip", "nft"):
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return f"{program} is not there (apt-get install {'iproute2' if program == 'ip' else 'nftables'})"
    name = f"relay-probe-{os.getpid()}"
    try:
        run("ip", "netns", "add", name)
        try:
            run("ip", "netns", "exec", name, "nft", "add", "table", "inet", "probe")
            run("ip", "netns", "exec", name, "ip", "link", "add", "b0", "type", "bridge")
            run("ip", "netns", "exec", name, "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        finally:
            run("ip", "netns", "del", name)
    except (Trouble, OSError) as trouble:
        return str(trouble)
    return None


class Host:
    """One namespace with one address."""

    def __init__(self, network, name, number):
        self.name = f"relay-{os.getpid()}-{name}"
        self.address = f"{SUBNET}{number}"
        self.prefix = ("ip", "netns", "exec", self.name)
        network.made.append(self.name)
        run("ip", "netns", "add", self.name)
        outside, inside = f"h{number}", "eth0"
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name)
        run("ip", "link", "set", outside, "master", "hub", "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{self.address}/24", "dev", inside),
            ("link", "set", inside, "up"),
        ):
            run("ip", "-n", self.name, *words)
        self._nft("add", "table", "inet", "chaos")
        self._nft("add", "chain", "inet", "chaos", "in", "{ type filter hook input priority 0 ; }")

    def _nft(self, *words):
        run(*self.prefix, "nft", *words)

    def drop_from(self, address, port=None):
        """What comes from an address (and port) is not heard any more. On the way in: on the way out, the sender would be told."""
        source = ["tcp", "sport", port] if port else []
        self._nft("add", "rule", "inet", "chaos", "in", "ip", "saddr", address, *source, "drop")

    def hear_all(self):
        self._nft("flush", "chain", "inet", "chaos", "in")


class Network:
    """A context: inside it this program and what it starts are in the hub's namespace, with `hosts` reachable at `address`."""

    def __init__(self, names):
        self.names = names
        self.made, self.hosts = [], {}
        self.home = None

    def __enter__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        if LIBC.unshare(CLONE_NEWNET):
            raise Trouble(f"unshare: {os.strerror(ctypes.get_errno())}")
        try:
            run("ip", "link", "set", "lo", "up")
            run("ip", "link", "add", "hub", "type", "bridge")
            run("ip", "addr", "add", f"{HUB}/24", "dev", "hub")
            run("ip", "link", "set", "hub", "up")
            # Bridged packets are the hub's business only when its firewall is told so; it is not.
            forward = pathlib.Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
            if forward.exists():
                forward.write_text("0")
            for number, name in enumerate(self.names, start=10):
                self.hosts[name] = Host(self, name, number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        LIBC.setns(self.home, CLONE_NEWNET)
        os.close(self.home)
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=10)
