"""Publishers and players: real programs, each with its command line, and a few of our own for what they cannot do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Callable

import flv
import media
import rtmp
import web
from media import Media

RELAYCTL = Path(os.environ.get("RELAYCTL", media.ROOT / ".build" / "release" / "relayctl"))


# --- things that run -------------------------------------------------------------------------------------------------


class Process:
    """A program in its own process group, with its output in a file. Ended by pid."""

    started: list["Process"] = []

    def __init__(self, command: list, log: Path, env: dict | None = None, good_codes: tuple[int, ...] = (0,)):
        self.log, self.good_codes = log, good_codes
        self.output = open(log, "wb")
        self.popen = subprocess.Popen(
            [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT,
            start_new_session=True, env=os.environ | (env or {}),
        )  # fmt: skip
        Process.started.append(self)

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def wait(self, seconds: float) -> int | None:
        """The exit status, or None when it still runs."""
        try:
            return self.popen.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return None

    def end(self, by: int = signal.SIGTERM, patience: float = 4) -> None:
        if self.is_running():
            self._signal(by)
            if self.wait(patience) is None:
                self._signal(signal.SIGKILL)
                self.wait(5)
        self.output.close()

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass

    def complaints(self) -> list[str]:
        code = self.popen.poll()
        if code in self.good_codes:
            return []
        text = self.log.read_text(errors="replace").replace("\r", "\n").strip().split("\n")
        return [f"ended with status {code}: {text[-1][-200:]}"]

    @classmethod
    def end_all(cls) -> None:
        for process in cls.started:
            process.end(signal.SIGKILL)


class InThread:
    """One of our own clients; an exception is its complaint."""

    def __init__(self, work: Callable[["InThread"], None]):
        self.stop_asked = threading.Event()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self.thread.start()

    def _run(self, work) -> None:
        try:
            work(self)
        except Exception as error:  # its complaint, whatever it is
            self.error = error

    def is_running(self) -> bool:
        return self.thread.is_alive()

    def wait(self, seconds: float) -> int | None:
        self.thread.join(max(0.0, seconds))
        return None if self.thread.is_alive() else 0

    def end(self, by: int = 0, patience: float = 4) -> None:
        self.stop_asked.set()
        self.thread.join(patience)

    def complaints(self) -> list[str]:
        return [f"{type(self.error).__name__}: {self.error}"] if self.error else []


@dataclass(frozen=True)
class Ports:
    rtmp: int
    http: int
    admin: int

    def rtmp_url(self, stream: str) -> str:
        return f"rtmp://127.0.0.1:{self.rtmp}/live/{stream}"

    def http_url(self, stream: str) -> str:
        return f"http://127.0.0.1:{self.http}/live/{stream}.flv"

    def ws_url(self, stream: str) -> str:
        return f"ws://127.0.0.1:{self.http}/live/{stream}.flv"


# --- what this machine has -------------------------------------------------------------------------------------------


def lacks(program: str) -> str | None:
    return None if shutil.which(program) else f"{program} is not installed"


@lru_cache
def lacks_gst(*elements: str) -> str | None:
    if missing := lacks("gst-launch-1.0"):
        return missing
    for element in elements:
        command = ["gst-inspect-1.0", "--exists", element]
        if subprocess.run(command, capture_output=True, timeout=60).returncode != 0:
            return f"GStreamer has no {element}"
    return None


@lru_cache
def ffmpeg_knows_enhanced() -> bool:
    """FFmpeg reads and writes HEVC in FLV since 6.1."""
    return media.ffmpeg_version() >= (6, 1)


def no_hevc_before_6_1(kind: Media) -> str | None:
    if kind.video != "hevc" or ffmpeg_knows_enhanced():
        return None
    return "reads no HEVC out of FLV: its FFmpeg is older than 6.1"


# --- publishers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Publisher:
    name: str
    media: Media
    start: Callable  # (ports, stream, log) -> Process or InThread
    unavailable: Callable[[], str | None] = lambda: None

    @property
    def stream(self) -> str:
        return "".join(c if c.isalnum() else "-" for c in self.name.lower())


def ffmpeg_publisher(kind: Media, *options: str) -> Callable:
    def start(ports: Ports, stream: str, log: Path) -> Process:
        command = ["ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-re", "-i", kind.path, "-c", "copy"]
        return Process([*command, *options, "-f", "flv", ports.rtmp_url(stream)], log)

    return start


def gst_publisher(sink: str, location: Callable[[str], str]) -> Callable:
    def start(ports: Ports, stream: str, log: Path) -> Process:
        # The sink keeps time (sync), and the muxer writes no index or duration (streamable).
        pipeline = f"filesrc location={media.H264.path} ! flvdemux name=d flvmux name=m streamable=true ! {sink} sync=true"
        branches = "d.video ! queue ! h264parse ! m.video d.audio ! queue ! aacparse ! m.audio"
        target = location(ports.rtmp_url(stream))
        return Process(["gst-launch-1.0", "-q", *pipeline.split(), f"location={target}", *branches.split()], log)

    return start


def relayctl_publisher(ports: Ports, stream: str, log: Path) -> Process:
    return Process([RELAYCTL, "publish", media.H264.path, ports.rtmp_url(stream)], log)


def enhanced_publisher(ports: Ports, stream: str, log: Path) -> InThread:
    def work(thread: InThread) -> None:
        client = rtmp.Client(ports.rtmp, seconds=media.SECONDS + 20, four_cc=["hvc1"])
        status = client.publish(stream)
        if status.get("code") != "NetStream.Publish.Start":
            raise rtmp.RTMPError(f"publish was answered with {status}")
        rtmp.publish_in_real_time(client, media.hevc_tags(), thread.stop_asked.is_set)
        client.finish(stream)

    return InThread(work)


PUBLISHERS = [
    Publisher("ffmpeg H.264+AAC", media.H264, ffmpeg_publisher(media.H264)),
    Publisher("ffmpeg H.264 B-frames", media.H264_B, ffmpeg_publisher(media.H264_B)),
    Publisher("ffmpeg no_duration_filesize", media.H264, ffmpeg_publisher(media.H264, "-flvflags", "no_duration_filesize")),
    Publisher("ffmpeg video only", media.VIDEO_ONLY, ffmpeg_publisher(media.VIDEO_ONLY)),
    Publisher("ffmpeg audio only", media.AUDIO_ONLY, ffmpeg_publisher(media.AUDIO_ONLY)),
    Publisher(
        "ffmpeg HEVC", media.HEVC, ffmpeg_publisher(media.HEVC, "-rtmp_enhanced_codecs", "hvc1"),
        lambda: None if ffmpeg_knows_enhanced() else "writes no HEVC into FLV: this FFmpeg is older than 6.1",
    ),  # fmt: skip
    Publisher("Enhanced RTMP HEVC", media.HEVC, enhanced_publisher),
    Publisher(
        "GStreamer rtmp2sink", media.H264, gst_publisher("rtmp2sink", lambda url: url),
        lambda: lacks_gst("rtmp2sink", "flvmux", "flvdemux", "h264parse", "aacparse"),
    ),  # fmt: skip
    Publisher(
        "GStreamer rtmpsink (librtmp)", media.H264, gst_publisher("rtmpsink", lambda url: f"{url} live=1"),
        lambda: lacks_gst("rtmpsink", "flvmux", "flvdemux", "h264parse", "aacparse"),
    ),  # fmt: skip
    Publisher("relayctl publish", media.H264, relayctl_publisher),
]


# --- players ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Player:
    name: str
    suffix: str  # of the capture
    start: Callable  # (ports, stream, kind, out, log) -> Process or InThread
    unavailable: Callable[[], str | None] = lambda: None
    refuses: Callable[[Media], str | None] = lambda kind: None
    # What to look at beside the capture: (client, media, least seconds) -> complaints
    also: Callable = lambda client, kind, least: []


def ffmpeg_player(url: Callable[[Ports, str], str], *options: str) -> Callable:
    def start(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> Process:
        command = ["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-y", *options, "-i", url(ports, stream), "-c", "copy"]
        return Process([*command, "-flvflags", "no_duration_filesize", out], log)

    return start


def rtmpdump(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> Process:
    # It ends with 2 when the metadata's duration (that of the file, for some publishers) was not reached; the capture is
    # judged all the same.
    return Process(["rtmpdump", "--live", "-q", "-r", ports.rtmp_url(stream), "-o", out], log, good_codes=(0, 2))


def gst_player(source: Callable[[Ports, str], list[str]]) -> Callable:
    def start(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> Process:
        pipeline = ["gst-launch-1.0", "-q", *source(ports, stream), "!", "flvdemux", "name=d"]
        pipeline += ["matroskamux", "name=m", "!", "filesink", f"location={out}"]
        if kind.video:
            pipeline += "d.video ! queue ! h264parse ! m.".split()
        if kind.audio:
            pipeline += "d.audio ! queue ! aacparse ! m.".split()
        return Process(pipeline, log)

    return start


def vlc(url: Callable[[Ports, str], str]) -> Callable:
    def start(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> Process:
        # VLC refuses to run as root; 65534 is nobody.
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
        sink = f"#std{{access=file,mux=ts,dst={out}}}"
        command = [*user, "cvlc", "-I", "dummy", "--no-dbus", url(ports, stream), "--sout", sink, "--play-and-exit"]
        return Process(command, log, {"HOME": str(out.parent)})

    return start


def mpv(url: Callable[[Ports, str], str]) -> Callable:
    def start(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> Process:
        # Its recorder keeps no beginning, so it decodes and encodes again, as small as it can.
        video = ["libx265", "preset=ultrafast,x265-params=log-level=error"] if kind.video == "hevc" else ["libx264", "preset=ultrafast"]
        command = ["mpv", "--no-config", "--msg-level=all=warn", f"--o={out}", "--of=matroska", "--oac=aac"]
        command += [f"--ovc={video[0]}", f"--ovcopts={video[1]}"] if kind.video else []
        return Process([*command, url(ports, stream)], log)

    return start


def http_raw(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> InThread:
    def work(thread: InThread) -> None:
        viewer = web.FLVOverHTTP(ports.http, f"/live/{stream}.flv", media.SECONDS + 10)
        if viewer.response.status != 200:
            raise web.WebError(f"status {viewer.response.status}")
        kind_of_body = viewer.response.fields.get("content-type")
        if kind_of_body != "video/x-flv":
            raise web.WebError(f"Content-Type is {kind_of_body}")
        with open(out, "wb") as sink:
            viewer.capture(sink)
        flv.check_metadata(flv.read(out.read_bytes()))  # which also has to end with a whole tag

    return InThread(work)


def ws_raw(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> InThread:
    def work(thread: InThread) -> None:
        viewer = web.WebSocket(ports.http, f"/live/{stream}.flv", media.SECONDS + 10)
        if viewer.response.status != 101:
            raise web.WebError(f"status {viewer.response.status}")
        with open(out, "wb") as sink:
            viewer.capture(sink)
        if viewer.close_code != 1000:
            raise web.WebError(f"closed with {viewer.close_code}, 1000 expected")
        flv.check_metadata(flv.read(out.read_bytes()))

    return InThread(work)


def rtmp_raw(four_cc: list[str] | None) -> Callable:
    def start(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> InThread:
        def work(thread: InThread) -> None:
            client = rtmp.Client(ports.rtmp, seconds=media.SECONDS + 10, four_cc=four_cc)
            client.play(stream)
            tags = list(client.media())
            out.write_bytes(flv.write(tags))
            if client.ended_by == "close":
                raise rtmp.RTMPError("the connection was closed without telling the player")
            if any(t.kind == flv.SCRIPT and t.body.startswith(b"\x02\x00\x0d@setDataFrame") for t in tags):
                raise rtmp.RTMPError("@setDataFrame was passed on to a player")
            flv.check_metadata(tags)

        return InThread(work)

    return start


def relayctl_player(url: Callable[[Ports, str], str]) -> Callable:
    def start(ports: Ports, stream: str, kind: Media, out: Path, log: Path) -> Process:
        return Process([RELAYCTL, "play", "-o", "json", "--output", out, url(ports, stream)], log)

    return start


def check_report(process: Process, kind: Media, least: float) -> list[str]:
    """Complaints about the report of `relayctl play`, beside the capture that it wrote."""
    text = process.log.read_text(errors="replace")
    try:
        report = json.loads(text[text.index("{") :])
    except ValueError:
        return [f"its report is no JSON: {text[-200:]!r}"]
    complaints, names = [], {"h264": ("avc1", "avc"), "hevc": ("hvc1", "hev1", "hevc"), "aac": ("mp4a", "aac")}
    for track, codec, rate in (("video", kind.video, media.FRAME_RATE), ("audio", kind.audio, media.AAC_RATE)):
        told = report.get(track)
        if (told is None) != (codec is None):
            complaints.append(f"its report says {track}: {told}")
        elif codec and not told["codec"].startswith(names[codec]):
            complaints.append(f"its report says {told['codec']} for {codec}")
        elif codec and told["frames"] < 0.95 * rate * least:
            complaints.append(f"its report says {told['frames']} frames of {track}")
    for field in ("timestampRegressions", "timestampJumps", "brokenFrames"):
        if report.get(field):
            complaints.append(f"its report says {field}: {report[field]}")
    return complaints


def of_rtmp(ports: Ports, stream: str) -> str:
    return ports.rtmp_url(stream)


def of_http(ports: Ports, stream: str) -> str:
    return ports.http_url(stream)


def of_ws(ports: Ports, stream: str) -> str:
    return ports.ws_url(stream)


def no_hevc_in_gst(kind: Media) -> str | None:
    return "GStreamer's flvdemux reads no HEVC" if kind.video == "hevc" else None


GST = ("flvdemux", "matroskamux", "h264parse", "aacparse")

PLAYERS = [
    Player("ffmpeg rtmp", "flv", ffmpeg_player(of_rtmp), refuses=no_hevc_before_6_1),
    Player("ffmpeg http-flv", "flv", ffmpeg_player(of_http), refuses=no_hevc_before_6_1),
    Player("rtmpdump", "flv", rtmpdump, lambda: lacks("rtmpdump")),
    Player(
        "gst rtmp2src", "mkv", gst_player(lambda p, s: ["rtmp2src", f"location={p.rtmp_url(s)}"]),
        lambda: lacks_gst("rtmp2src", *GST), no_hevc_in_gst,
    ),
    Player(
        "gst rtmpsrc", "mkv", gst_player(lambda p, s: ["rtmpsrc", f"location={p.rtmp_url(s)} live=1"]),
        lambda: lacks_gst("rtmpsrc", *GST), no_hevc_in_gst,
    ),
    Player(
        "gst souphttpsrc", "mkv", gst_player(lambda p, s: ["souphttpsrc", f"location={p.http_url(s)}", "is-live=true"]),
        lambda: lacks_gst("souphttpsrc", *GST), no_hevc_in_gst,
    ),
    Player("vlc rtmp", "ts", vlc(of_rtmp), lambda: lacks("cvlc"), no_hevc_before_6_1),
    Player("vlc http-flv", "ts", vlc(of_http), lambda: lacks("cvlc"), no_hevc_before_6_1),
    Player("mpv rtmp", "mkv", mpv(of_rtmp), lambda: lacks("mpv"), no_hevc_before_6_1),
    Player("mpv http-flv", "mkv", mpv(of_http), lambda: lacks("mpv"), no_hevc_before_6_1),
    Player("raw http-flv", "flv", http_raw),
    Player("raw ws-flv", "flv", ws_raw),
    Player("raw rtmp, E-RTMP", "flv", rtmp_raw(["hvc1", "av01", "Opus"])),
    Player("raw rtmp, legacy", "flv", rtmp_raw(None)),
    Player("relayctl rtmp", "flv", relayctl_player(of_rtmp), also=check_report),
    Player("relayctl http-flv", "flv", relayctl_player(of_http), also=check_report),
    Player("relayctl ws-flv", "flv", relayctl_player(of_ws), also=check_report),
]  # fmt: skip


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()
