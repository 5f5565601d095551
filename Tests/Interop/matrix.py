#!/usr/bin/env python3
"""Real publishers against real players, through one `relay standalone`, and then what operators and strangers do to it.

    python3 Tests/Interop/matrix.py [--only TEXT] [--keep] [--list]

Every publisher sends eight seconds of a test picture in real time; all players of the machine join it at once. A capture
has to be complete from the join to the end, begin with sequence headers and a keyframe, never go back in time, and decode
in ffmpeg without a word; every player has to end by itself when the stream does. `--only` takes publishers and behaviours
whose name contains TEXT, `--keep` keeps the captures. What the machine does not have is skipped, with the reason.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import behaviours
import clients
import media
import web
from clients import PLAYERS, PUBLISHERS, Ports, Process, wait_until

RELAY = Path(os.environ.get("RELAY", media.ROOT / ".build" / "release" / "relay"))
# A player may join this much later than the stream began, and still has to get all that follows.
JOIN_ALLOWANCE = 4.0
END_ALLOWANCE = 6.0


class Server:
    """One `relay standalone` on free ports."""

    has_admin = True

    def __init__(self, folder: Path, *options: str):
        self.ports = Ports(*free_ports(3))
        command = [RELAY, "standalone", "--rtmp-port", self.ports.rtmp, "--http-port", self.ports.http]
        command += ["--admin-port", self.ports.admin, "--log-level", "warning", *options]
        self.process = Process(command, folder / f"relay-{self.ports.rtmp}.log")
        if not wait_until(lambda: self.answers("/readyz") or not self.process.is_running(), 15) or not self.process.is_running():
            tail = self.process.log.read_text(errors="replace")[-2000:]
            self.process.end()
            raise SystemExit(f"the relay did not get ready:\n{tail}")

    def get(self, path: str, **options) -> web.Response:
        return web.fetch(self.ports.admin, path, **options)

    def answers(self, path: str) -> bool:
        try:
            return self.get(path).status == 200
        except (OSError, web.WebError, EOFError):
            return False

    def detail(self, stream: str) -> dict | None:
        try:
            response = self.get(f"/v1/streams/live/{stream}")
            return response.json() if response.status == 200 else None
        except (OSError, web.WebError, ValueError):
            return None

    def is_live(self, stream: str, media: media.Media) -> bool:
        """Published, and its codecs known."""
        summary = (self.detail(stream) or {}).get("summary", {})
        has_video, has_audio = bool(summary.get("videoCodec")), bool(summary.get("audioCodec"))
        return summary.get("state") == "live" and has_video >= bool(media.video) and has_audio >= bool(media.audio)

    def end(self) -> None:
        self.process.end()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Results:
    """What came out, in order."""

    MARKS = {"ok": "ok", "FAIL": "FAIL", "skip": "–"}

    def __init__(self):
        self.rows: list[tuple[str, str, str, str]] = []  # group, name, state, detail

    def add(self, group: str, name: str, complaints: list[str], skip: str | None = None) -> None:
        state = "skip" if skip else "FAIL" if complaints else "ok"
        detail = skip or "; ".join(complaints)
        self.rows.append((group, name, state, detail))
        print(f"{state:4}  {group} → {name}" + (f": {detail}" if detail else ""), flush=True)

    def count(self, state: str) -> int:
        return sum(1 for row in self.rows if row[2] == state)

    def summary(self, seconds: float) -> None:
        print(f"\n=== interop: {len(self.rows)} combinations and behaviours in {seconds:.0f} s")
        publishers = [p.name for p in PUBLISHERS if any(r[0] == p.name for r in self.rows)]
        columns = ["admin API"] + [p.name for p in PLAYERS]
        if publishers:
            print(f"\n{'player':20}" + "".join(f"{i + 1:>5}" for i in range(len(publishers))))
            cells = {(g, n): self.MARKS[s] for g, n, s, _ in self.rows}
            for column in columns:
                print(f"{column:20}" + "".join(f"{cells.get((p, column), '–'):>5}" for p in publishers))
            print("publishers: " + ", ".join(f"{i + 1} {p}" for i, p in enumerate(publishers)))
        others = [r for r in self.rows if r[0] == behaviours.GROUP]
        for _, name, state, detail in others:
            print(f"{self.MARKS[state]:>4}  {name}" + (f": {detail}" if detail else ""))
        reasons: dict[str, int] = {}
        for group, name, state, detail in self.rows:
            if state == "skip":
                key = f"{group} → publish: {detail}" if name == "publish" else f"{name}: {detail}"
                reasons[key] = reasons.get(key, 0) + 1
        for reason, times in sorted(reasons.items()):
            print(f"skipped {times} x {reason}")
        for group, name, state, detail in self.rows:
            if state == "FAIL":
                print(f"FAILED {group} → {name}: {detail}")
        print(f"\n{self.count('ok')} passed, {self.count('FAIL')} failed, {self.count('skip')} skipped", flush=True)


def run_publisher(publisher, server, folder: Path, results: Results) -> None:
    if reason := publisher.unavailable():
        results.add(publisher.name, "publish", [], reason)
        return
    stream, kind = publisher.stream, publisher.media
    source = publisher.start(server.ports, stream, folder / f"{stream}.publisher.log")
    running = []
    try:
        live = wait_until(lambda: server.is_live(stream, kind) or not source.is_running(), 10)
        if not live or not server.is_live(stream, kind):
            source.end()
            results.add(publisher.name, "publish", source.complaints() or [f"not live after 10 s: {server.detail(stream)}"])
            return
        if server.has_admin:
            results.add(publisher.name, "admin API", behaviours.check_summary(server.detail(stream), kind))
        for player in PLAYERS:
            if reason := player.unavailable() or player.refuses(kind):
                results.add(publisher.name, player.name, [], reason)
                continue
            slug = player.name.replace(" ", "-").replace(",", "")
            out = folder / f"{stream}.{slug}.{player.suffix}"
            running.append((player, player.start(server.ports, stream, kind, out, folder / f"{stream}.{slug}.log"), out))
        code = source.wait(media.SECONDS + 8)
        ended = time.monotonic()
        complaints = source.complaints() if code is not None else ["did not end"]
        results.add(publisher.name, "publish", complaints)
        for player, client, out in running:
            code = client.wait(ended + END_ALLOWANCE - time.monotonic())
            late = [] if code is not None else ["did not end with the stream"]
            client.end(signal.SIGINT)
            complaints = late or client.complaints()
            least = media.SECONDS - JOIN_ALLOWANCE
            complaints += media.check(out, kind, least) + player.also(client, kind, least)
            results.add(publisher.name, player.name, complaints)
    finally:
        source.end()
        for _, client, _ in running:
            client.end(signal.SIGKILL)


def main(make_server=Server) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", default="", help="publishers and behaviours whose name contains this")
    parser.add_argument("--keep", action="store_true", help="keep captures and logs, and say where")
    parser.add_argument("--list", action="store_true", help="list publishers, players and behaviours")
    options = parser.parse_args()
    wanted = lambda name: options.only.lower() in name.lower()
    if options.list:
        print("\n".join(["publishers:"] + [f"  {p.name}" for p in PUBLISHERS] + ["players:"] + [f"  {p.name}" for p in PLAYERS]))
        print("\n".join(["behaviours:"] + [f"  {name}" for name, _ in behaviours.ALL]))
        return 0
    for program in (RELAY, clients.RELAYCTL):
        if not program.exists():
            sys.exit(f"error: {program} is not there; build it with `make build`")
    if reason := clients.lacks("ffmpeg") or clients.lacks("ffprobe"):
        sys.exit(f"error: {reason}; Tests/Tools/install-test-tools.sh installs it")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began, results = time.monotonic(), Results()
    # Under /tmp and open to all: VLC runs as another user when we are root.
    folder = Path(tempfile.mkdtemp(prefix="relay-interop-"))
    folder.chmod(0o777)
    try:
        for kind in media.ALL:
            kind.make()
        server = make_server(folder)
        try:
            for publisher in PUBLISHERS:
                if wanted(publisher.name):
                    run_publisher(publisher, server, folder, results)
        finally:
            server.end()
        if server.has_admin:
            behaviours.run(lambda *o: make_server(folder, *o), folder, results, wanted)
        results.summary(time.monotonic() - began)
    finally:
        Process.end_all()
        if options.keep or results.count("FAIL"):
            print(f"captures and logs: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if not results.count("ok"):
        print("error: nothing ran", file=sys.stderr)
        return 1
    return 1 if results.count("FAIL") else 0


if __name__ == "__main__":
    sys.exit(main())
