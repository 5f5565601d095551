"""A redis-server of its own port and folder, and as much of a client as the scenarios need."""

import socket
import threading
import time

from .machine import Trouble, free_ports
from .process import Child

READY_SECONDS = 10


class RedisError(Exception):
    """The server's own words after the minus sign."""


class RedisClient:
    """One connection, one command at a time. Raises OSError when the server is away, RedisError when it refuses."""

    def __init__(self, port, timeout=3, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def call(self, *words):
        self.send(*words)
        return self._answer()

    def send(self, *words):
        """Sends without waiting for the answer."""
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def _answer(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode(errors="replace"))
        if kind == b"+":
            return rest.decode(errors="replace")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.reader.read(length + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return [self._answer() for _ in range(max(0, int(rest)))]
        raise Trouble(f"redis answered {line!r}")


class Redis:
    """One server. Without persistence, so that a restarted one is empty, unless `keeps` is set."""

    def __init__(
        self,
        children,
        folder,
        binary="redis-server",
        name="redis",
        port=None,
        keeps=False,
        arguments=(),
        host="127.0.0.1",
    ):
        self.name, self.host = name, host
        self.port = port or free_ports(1)[0]
        self.url = f"redis://{host}:{self.port}"
        save = ["--appendonly", "yes", "--appendfsync", "everysec"] if keeps else ["--appendonly", "no"]
        self.child = Child(
            children,
            name,
            [
                binary,
                "--port",
                self.port,
                "--bind",
                host,
                "--protected-mode",
                "no",
                "--dir",
                folder,
                "--save",
                "",
                "--daemonize",
                "no",
                "--enable-debug-command",
                "yes",
                *save,
                *arguments,
            ],
            folder,
        )

    def start(self):
        """Starts it and waits for its first PONG; returns the instant of that, on the monotonic clock."""
        self.child.start()
        return self.wait_ready()

    def wait_ready(self, seconds=READY_SECONDS):
        end = time.monotonic() + seconds
        while True:
            try:
                with RedisClient(self.port, timeout=1, host=self.host) as client:
                    if client.call("PING") == "PONG":
                        return time.monotonic()
            except (OSError, RedisError):
                pass
            self.child.require_alive()
            if time.monotonic() > end:
                raise Trouble(f"{self.name} was not ready within {seconds} s:\n{self.child.tail()}")
            time.sleep(0.01)

    def kill(self):
        self.child.kill()

    def restart(self):
        return self.start()

    def call(self, *words, timeout=3):
        with RedisClient(self.port, timeout, self.host) as client:
            return client.call(*words)

    def monitor(self):
        return Monitor(self.port)


class Monitor:
    """Counts the commands of clients as MONITOR shows them; those that a script runs inside Redis are counted apart. One
    count per tenth of a second, so that any second can be looked at."""

    BUCKETS = 10

    def __init__(self, port):
        self.client = RedisClient(port, timeout=None)
        self.client.call("MONITOR")
        self.started = time.monotonic()
        self.buckets = {}
        self.inside_scripts = 0
        self.names = {}
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for line in self.client.reader:
                head, _, rest = line.partition(b"] ")
                if head.endswith(b" lua"):
                    self.inside_scripts += 1
                    continue
                bucket = int((time.monotonic() - self.started) * self.BUCKETS)
                self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
                name = rest.split(b" ", 1)[0].strip(b'"\r\n').decode(errors="replace").lower()
                self.names[name] = self.names.get(name, 0) + 1
        except (OSError, ValueError):
            pass  # the end: of Redis, or of this connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(2)
        self.client.__exit__()

    @property
    def total(self):
        return sum(list(self.buckets.values()))

    def busiest_second(self):
        """The most commands in any ten tenths of a second in a row."""
        counts = dict(self.buckets)
        if not counts:
            return 0
        return max(sum(counts.get(start + i, 0) for i in range(self.BUCKETS)) for start in counts)
