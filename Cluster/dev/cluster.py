#!/usr/bin/env python3
"""Runs a cluster on this machine until Ctrl-C: Redis, origins, edges and a test publisher, all on the loopback.

A node that ends, by itself or because you killed it to see what happens, is started again after a few seconds. Logs and
process ids are in .build/cluster. `make cluster` builds first and passes ARGS on: make cluster ARGS="--count edges=2".
"""

import argparse
import contextlib
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scenarios"))
from harness import machine  # noqa: E402  (the path comes first)
from harness.console import table  # noqa: E402
from harness.machine import Trouble  # noqa: E402
from harness.node import Node  # noqa: E402
from harness.process import Child, end_all, undisturbed  # noqa: E402
from harness.redis import Redis  # noqa: E402

STREAM = "live/test"
MOST = {"origins": 5, "edges": 20}
#: Where the ports begin: (RTMP, HTTP, admin, link). The first origin has the admin port that relayctl looks at by default.
ORIGIN_PORTS = (1935, 8071, 9090, 1985)
EDGE_PORTS = (1945, 8081, 9095, 1995)
REDIS_PORT = 6390
RESTART_SECONDS = 5
FONT = pathlib.Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--count", default="origins=2,edges=3", metavar="origins=N,edges=N", help="how many of each (2 and 3)"
    )
    parser.add_argument(
        "--publisher",
        choices=("ffmpeg", "verifiable", "none"),
        default="ffmpeg",
        help="a picture from ffmpeg (falls back to the next when it is not there), frames that relayctl verify can check, or nothing",
    )
    parser.add_argument(
        "--port-offset", type=int, default=0, metavar="N", help="added to every port, when they are taken"
    )
    parser.add_argument("--flags", default="", metavar="FLAGS", help="more flags for every node, in one quoted text")
    parser.add_argument(
        "--bin",
        type=pathlib.Path,
        default=machine.BUILD / "release",
        metavar="DIR",
        help="where relay and relayctl are",
    )
    parser.add_argument("--check", action="store_true", help="only look at the words and the ports")
    options = parser.parse_args()
    options.origins, options.edges = 2, 3
    for word in filter(None, options.count.split(",")):
        found = re.fullmatch(r"\s*(origins|edges)\s*=\s*(\d+)\s*", word)
        if not found or not 1 <= int(found[2]) <= MOST[found[1]]:
            parser.error(f"--count takes origins=1…{MOST['origins']} and edges=1…{MOST['edges']}, not {word!r}")
        setattr(options, found[1], int(found[2]))
    if not 0 <= options.port_offset <= 20000:
        parser.error("--port-offset takes 0 to 20000")
    options.bin = options.bin.absolute()
    return options


class Place:
    """What `Node` asks of a lab."""

    def __init__(self, options, folder):
        self.relay, self.relayctl = options.bin / "relay", options.bin / "relayctl"
        self.children, self.folder = [], folder


def ports(first, index, offset):
    return tuple(port + index + offset for port in first)


def all_ports(options):
    """(what, port) of everything that will listen."""
    found = [("Redis", REDIS_PORT + options.port_offset)]
    for kind, first, count in (("origin", ORIGIN_PORTS, options.origins), ("edge", EDGE_PORTS, options.edges)):
        for i in range(count):
            for what, port in zip(("RTMP", "HTTP", "admin", "link"), ports(first, i, options.port_offset)):
                found.append((f"{what} of {kind} {i + 1}", port))
    return found


def require_free(options):
    for what, port in all_ports(options):
        if machine.port_is_free(port):
            continue
        listing = (
            subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True).stdout
            if shutil.which("ss")
            else ""
        )
        owner = re.search(r'users:\(\("([^"]+)",pid=(\d+)', listing)
        by = f" by {owner[1]} (process {owner[2]})" if owner else ""
        raise Trouble(
            f"port {port} ({what}) is in use{by}; end that program, or move all ports: "
            f"make cluster ARGS=\"--port-offset {options.port_offset + 100}\""
        )


class Publisher:
    """Publishes the test picture to the first origin that takes it, and to the next one a second after it was cut off."""

    def __init__(self, place, options, origins):
        self.kind = options.publisher
        if self.kind == "ffmpeg" and not shutil.which("ffmpeg"):
            self.kind = "verifiable"
        self.urls = [origin.rtmp(STREAM) for origin in origins]
        self.place, self.turn, self.due, self.child = place, 0, 0.0, None

    def keep_up(self):
        """Called a few times a second."""
        if self.kind == "none" or (self.child and self.child.is_alive) or time.monotonic() < self.due:
            return
        url, self.turn, self.due = self.urls[self.turn % len(self.urls)], self.turn + 1, time.monotonic() + 1
        if self.kind == "ffmpeg":
            command = ffmpeg(url)
        else:
            # It goes from URL to URL by itself.
            command = [self.place.relayctl, "publish", "--verifiable", "--retry", "1s", *self.urls]
        if self.child in self.place.children:
            self.place.children.remove(self.child)
        self.child = Child(self.place.children, "publisher", command, self.place.folder / "publisher").start()


#: As a live encoder would be set: a keyframe every two seconds, no B-frames, no look-ahead.
FFMPEG = """ffmpeg -hide_banner -nostdin -loglevel warning
    -re -f lavfi -i testsrc2=size=1280x720:rate=30 -re -f lavfi -i sine=frequency=440:beep_factor=4:sample_rate=48000
    -vf {clock}format=yuv420p -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline
    -b:v 2500k -maxrate 2500k -bufsize 1250k -g 60 -c:a aac -b:a 128k -ac 2 -f flv {url}"""


def ffmpeg(url):
    """A moving picture, with a clock in it where ffmpeg can draw one."""
    asked = ["ffmpeg", "-hide_banner", "-v", "quiet", "-h", "filter=drawtext"]
    clock = ""
    if FONT.exists() and "fontfile" in subprocess.run(asked, capture_output=True, text=True).stdout:
        clock = (
            f"drawtext=fontfile={FONT}:text='%{{localtime\\:%H\\\\\\:%M\\\\\\:%S}} %{{pts}}':fontsize=54:fontcolor=white:"
            "box=1:boxcolor=black@0.6:boxborderw=12:x=(w-tw)/2:y=h-140,"
        )
    return [word.format(clock=clock, url=url) for word in FFMPEG.split()]


def guide(options, redis, nodes, publisher):
    """What to open and what to try."""
    origins = [node for node in nodes if node.role == "origin"]
    edges = [node for node in nodes if node.role == "edge"]
    relayctl = options.bin / "relayctl"
    if relayctl.is_relative_to(pathlib.Path.cwd()):
        relayctl = relayctl.relative_to(pathlib.Path.cwd())
    at = "" if origins[0].admin_port == 9090 else f" --admin {origins[0].admin}"
    rows = [["redis", "registry", f"{redis.port}", "", "", "", str(redis.child.pid)]]
    rows += [
        [
            node.name,
            node.role,
            str(node.rtmp_port),
            str(node.http_port),
            str(node.admin_port),
            str(node.link_port),
            str(node.pid),
        ]
        for node in nodes
    ]
    lines = table(rows, ["name", "role", "rtmp", "http", "admin", "link", "process"])
    first, second = edges[0], edges[-1]
    lines += [
        "",
        f"Publish   {origins[0].rtmp('live')}, stream key test"
        + {"none": "", "ffmpeg": "  (ffmpeg does already)", "verifiable": "  (relayctl does already)"}[publisher.kind],
    ]
    lines += [
        f"Watch     ffplay -fflags nobuffer {first.rtmp(STREAM)}",
        f"          ffplay -fflags nobuffer {second.http(STREAM)}",
        f"          in a web page (mpegts.js, flv.js): {first.http(STREAM)} or {second.ws(STREAM)}",
    ]
    if publisher.kind == "verifiable":
        lines += [
            f"Verify    {relayctl} verify {first.http(STREAM)} {second.rtmp(STREAM)} --viewers 6 --seconds 30 --reconnect"
        ]
    lines += [
        "Look      " + f"{relayctl} nodes{at}",
        f"          {relayctl} why {STREAM}{at}",
        f"          {relayctl} top{at}",
        f"          {relayctl} events --follow{at}",
    ]
    lines += [
        f"Break it  kill -9 {origins[0].pid}    the origin of the stream; viewers stay, it is started again after {RESTART_SECONDS} s",
        f"          kill -9 {redis.child.pid}    the registry; running streams do not notice",
        f"          {relayctl} drain {second.name} --deadline 60{at}",
    ]
    lines += ["", f"Logs and process ids: {nodes[0].child.folder.parent}", "Ctrl-C ends all of it."]
    return lines


def watch_over(redis, nodes, publisher):
    """Keeps everything running until somebody stops this program."""
    down = {}
    children = {"redis": redis.child, **{node.name: node.child for node in nodes}}
    while True:
        publisher.keep_up()
        for name, child in children.items():
            if child.is_alive:
                continue
            if name not in down:
                down[name] = time.monotonic()
                status = child.process.returncode
                how = f"signal {-status}" if status < 0 else f"status {status}"
                print(
                    f"{time.strftime('%H:%M:%S')}  {name} ended ({how}); it is started again in {RESTART_SECONDS} s",
                    flush=True,
                )
            elif time.monotonic() - down[name] > RESTART_SECONDS:
                del down[name]
                child.start()
                print(f"{time.strftime('%H:%M:%S')}  {name} is process {child.pid}", flush=True)
        time.sleep(0.2)


def say(text):
    """A last word; whoever read the others may be gone."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def stop(*_):
    raise KeyboardInterrupt


def main():
    options = parse()
    require_free(options)
    if options.check:
        return 0
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    folder = machine.BUILD / "cluster"
    shutil.rmtree(folder, ignore_errors=True)
    place = Place(options, folder)
    try:
        redis = Redis(place.children, folder / "redis", port=REDIS_PORT + options.port_offset)
        redis.start()
        nodes = []
        for role, first, count in (("origin", ORIGIN_PORTS, options.origins), ("edge", EDGE_PORTS, options.edges)):
            for i in range(count):
                nodes.append(
                    Node(
                        place,
                        role,
                        f"{role[0]}{i + 1}",
                        redis.url,
                        options.flags.split(),
                        key="local-cluster-key",
                        region="local",
                        ports=ports(first, i, options.port_offset),
                    )
                )
        for node in nodes:
            node.start(wait=False)
        for node in nodes:
            node.wait_ready()
        publisher = Publisher(place, options, nodes[: options.origins])
        publisher.keep_up()
        print()
        for line in guide(options, redis, nodes, publisher):
            print(line)
        print(flush=True)
        watch_over(redis, nodes, publisher)
    except (KeyboardInterrupt, BrokenPipeError):
        say("\nending")
    finally:
        with undisturbed():  # a second Ctrl-C must not leave anything behind
            end_all(place.children)
    say("ended")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        sys.exit(1)
