"""Nodes of a cluster as processes: their flags, their admin API, and what can be done to them."""

import datetime
import json
import urllib.error
import urllib.parse
import urllib.request

from .machine import Trouble, free_ports, wait_until
from .process import Child

READY_SECONDS = 20
CALL_SECONDS = 5


class Refused(Exception):
    """An admin answer that is no success: its status and its body."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body[:200]}")
        self.status = status
        self.body = body


class Node:
    """`relay origin`, `relay edge` or `relay standalone` on ports of its own, in a folder of its own."""

    def __init__(
        self,
        lab,
        role,
        name,
        registry=None,
        flags=(),
        key="scenario-cluster-key",
        prefix=(),
        region="here",
        ports=None,
        binary=None,
        host="127.0.0.1",
    ):
        self.role, self.name, self.host = role, name, host
        self.rtmp_port, self.http_port, self.admin_port, self.link_port = ports or free_ports(4)
        command = [
            binary or lab.relay,
            role,
            "--node-name",
            name,
            "--rtmp-host",
            host,
            "--rtmp-port",
            self.rtmp_port,
            "--http-host",
            host,
            "--http-port",
            self.http_port,
            "--admin-host",
            host,
            "--admin-port",
            self.admin_port,
            "--log-format",
            "json",
        ]
        if role != "standalone":
            command += [
                "--cluster-registry",
                registry,
                "--cluster-key",
                key,
                "--cluster-region",
                region,
                "--link-host",
                host,
                "--link-port",
                self.link_port,
                "--link-advertise",
                host,
            ]
        self.child = Child(lab.children, name, [*command, *flags], lab.folder / name, prefix=prefix)

    @property
    def admin(self):
        return f"http://{self.host}:{self.admin_port}"

    @property
    def pid(self):
        return self.child.pid

    def start(self, wait=True):
        self.child.start()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=READY_SECONDS):
        def ready():
            self.child.require_alive()
            return self.is_ready()

        wait_until(f"{self.name} is ready", seconds, ready)

    def is_ready(self):
        return self.status_of("/readyz") == 200

    def kill(self):
        self.child.kill()

    def freeze(self):
        self.child.freeze()

    def thaw(self):
        self.child.thaw()

    def end(self):
        return self.child.end()

    # --- admin API

    def request(self, path, method="GET", timeout=CALL_SECONDS):
        """The body of an answer. Refused when it is no success; OSError when there is none."""
        request = urllib.request.Request(self.admin + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None

    def get(self, path, timeout=CALL_SECONDS):
        """An answer's JSON; None when there is no success."""
        try:
            return json.loads(self.request(path, timeout=timeout))
        except (Refused, OSError, ValueError):
            return None

    def status_of(self, path, timeout=CALL_SECONDS):
        """The status of an answer; 0 when there is none."""
        try:
            self.request(path, timeout=timeout)
            return 200
        except Refused as refused:
            return refused.status
        except OSError:
            return 0

    def post(self, path):
        """The answer to an order; raises as `request` does."""
        body = self.request(path, method="POST")
        return json.loads(body) if body.strip() else None

    def why(self, stream):
        return self.get(f"/v1/cluster/why/{stream}")

    def part(self, stream, of=None):
        """What this node (or another one, as this one knows it) does for a stream; None when nothing."""
        for part in (self.why(stream) or {}).get("parts", []):
            if part["node"] == (of or self.name):
                return part
        return None

    def owner(self, stream):
        """(owner, epoch) of a stream as this node would tell a viewer; None when nobody owns it."""
        found = self.get(f"/v1/cluster/locate/{stream}")
        location = (found or {}).get("stream")
        return (location["owner"], location["epoch"]) if location else None

    def nodes(self):
        return {node["node"]: node for node in (self.get("/v1/cluster/nodes") or {}).get("nodes", [])}

    def streams(self):
        """Streams of the registry by name; none while the registry is away, whatever the node still knows itself."""
        answer = self.get("/v1/cluster/streams?limit=10000")
        if not answer or answer["registry"]["state"] != "connected":
            return {}
        return {entry["stream"]: entry for entry in answer["streams"]}

    def viewers(self):
        return (self.get("/v1/status") or {}).get("viewers", 0)

    def metric(self, name):
        """The sum of a metric over its labels; None when it is not there: not measured is not zero."""
        try:
            text = self.request("/metrics")
        except (Refused, OSError):
            return None
        values = [
            float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name
        ]
        return sum(values) if values else None

    # --- what it wrote

    def log_lines(self):
        found = []
        for path in (self.child.log, self.child.output):
            for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
                try:
                    found.append(json.loads(line))
                except json.JSONDecodeError:
                    found.append({"message": line})
        return found

    def logged_since(self, wall_ms, words):
        """Instants, ms since 1970, at which it wrote a line with one of the words, at or after an instant."""
        found = []
        for line in self.log_lines():
            try:
                at = (
                    datetime.datetime.fromisoformat(line.get("time", "").rstrip("Z"))
                    .replace(tzinfo=datetime.timezone.utc)
                    .timestamp()
                    * 1000
                )
            except ValueError:
                continue
            if at >= wall_ms and any(word in str(line) for word in words):
                found.append(at)
        return found

    def log_text(self):
        return "".join(
            path.read_text(errors="replace") for path in (self.child.log, self.child.output) if path.exists()
        )

    # --- URLs

    def rtmp(self, stream):
        return f"rtmp://{self.host}:{self.rtmp_port}/{stream}"

    def http(self, stream):
        return f"http://{self.host}:{self.http_port}/{stream}.flv"

    def ws(self, stream):
        return f"ws://{self.host}:{self.http_port}/{stream}.flv"

    def urls(self, stream):
        """The stream over all three transports."""
        return [self.rtmp(stream), self.http(stream), self.ws(stream)]


def stop_if_crashed(nodes):
    """A node that died by itself is a failure of every scenario."""
    for node in nodes:
        text = node.log_text()
        for mark in ("Fatal error", "Crash:", "*** Signal"):
            if mark in text:
                at = text.index(mark)
                raise Trouble(f"{node.name} crashed: {text[at:at + 300]}")
