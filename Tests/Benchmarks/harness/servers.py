"""The servers under test, each a context: started on its core, ready when entered, ended by its own process id."""

import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from . import machine
from .machine import Trouble

READY_SECONDS = 30
END_SECONDS = 10


class Server:
    """What they share: a process on the servers' core, its log, and a folder that is removed at the end."""

    name = "server"

    def __init__(self, core):
        self.core = core
        self.process = None
        self.folder = None

    #: The process whose CPU time and memory count.
    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{self.name}-"))
        self.log = self.folder / "log"
        try:
            with open(self.log, "wb") as log:
                self.process = subprocess.Popen(
                    ["taskset", "-c", str(self.core), *map(str, self.command())], stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, cwd=self.folder)
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_ready(self):
        end = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                what = "ended at once" if self.process.poll() is not None else f"was not ready within {READY_SECONDS} s"
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
                raise Trouble(f"{self.name} {what}:\n{tail}")
            time.sleep(0.05)

    def require_alive(self):
        """Raises with the beginning of its last words when it has ended."""
        if self.process.poll() is None:
            return
        lines = self.log.read_text(errors="replace").splitlines()
        words = [line for line in lines if "Fatal error" in line]
        thread = next((i for i, line in enumerate(lines) if line.endswith("crashed:")), len(lines) - 20)
        words += lines[max(0, thread) :][:40]
        raise Trouble(f"{self.name} ended with status {self.process.returncode}:\n" + "\n".join(words))


class Relay(Server):
    """`relay standalone` with one event loop. `flush` is `adaptive` or an interval in milliseconds."""

    name = "relay"

    def __init__(self, core, binary, flush="adaptive", extra=()):
        super().__init__(core)
        self.binary, self.flush, self.extra = binary, flush, extra
        self.rtmp_port, self.http_port, self.admin_port = machine.free_ports(3)

    def command(self):
        if not pathlib.Path(self.binary).exists():
            raise Trouble(f"{self.binary} is not there: `swift build -c release --product relay` makes it")
        return [self.binary, "standalone", "--rtmp-port", self.rtmp_port, "--http-port", self.http_port,
                "--admin-port", self.admin_port, "--node-threads", 1, "--flush-interval", self.flush,
                "--log-level", "warning", *self.extra]

    def is_ready(self):
        return self.get("/readyz") is not None

    def get(self, path):
        """The body of an admin answer; None unless it is a success."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=2) as answer:
                return answer.read()
        except (OSError, urllib.error.URLError):
            return None

    def url(self, form, name):
        port, end = (self.rtmp_port, "") if form == "rtmp" else (self.http_port, ".flv")
        scheme = {"rtmp": "rtmp", "http-flv": "http", "ws-flv": "ws"}[form]
        return f"{scheme}://127.0.0.1:{port}/live/{name}{end}"


NGINX_CONFIGURATION = """
load_module {module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 16384; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        chunk_size 4096;
        application live {{ live on; }}
    }}
}}
"""


class Nginx(Server):
    """Debian's nginx with its RTMP module and one worker, everything else at its defaults."""

    name = "nginx"

    def __init__(self, core):
        super().__init__(core)
        (self.rtmp_port,) = machine.free_ports(1)

    def command(self):
        configuration = self.folder / "nginx.conf"
        configuration.write_text(NGINX_CONFIGURATION.format(
            module=machine.NGINX_MODULE, folder=self.folder, port=self.rtmp_port))
        binary = shutil.which("nginx", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin") or "nginx"
        return [binary, "-p", self.folder, "-e", self.folder / "error.log", "-c", configuration]

    @property
    def pid(self):
        """The worker; the master only watches it."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def is_ready(self):
        try:
            return (self.folder / "pid").exists() and self.pid > 0
        except (OSError, IndexError):
            return False

    def url(self, form, name):
        return f"rtmp://127.0.0.1:{self.rtmp_port}/live/{name}"


class Floor(Server):
    """`relayload floor`: makes its own stream, and is both server and publisher."""

    name = "floor"

    def __init__(self, core, tool, form, merge_ms, seconds, shape):
        super().__init__(core)
        self.tool, self.form, self.merge_ms, self.seconds, self.shape = tool, form, merge_ms, seconds, shape
        (self.port,) = machine.free_ports(1)

    def command(self):
        return [self.tool, "floor", self.port, "--form", "rtmp" if self.form == "rtmp" else "flv", "--merge", self.merge_ms,
                "--seconds", self.seconds, *self.shape.arguments()]

    def is_ready(self):
        """Looks for the listening port in the kernel's table: to connect would be to join."""
        wanted = f"0100007F:{self.port:04X}"
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines():
            fields = line.split()
            if fields[1] == wanted and fields[3] == "0A":
                return True
        return False
