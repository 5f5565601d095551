"""What operators and strangers do to a relay that is on the air, seen from outside with real clients."""

from __future__ import annotations

import io
import json
import re
import signal
import time
from pathlib import Path
from typing import Callable

import clients
import flv
import media
import rtmp
import web
from clients import InThread, Ports, Process, wait_until

GROUP = "behaviour"


class Unmet(Exception):
    """An expectation that was not met; the text says which."""


def expect(condition, text: str) -> None:
    if not condition:
        raise Unmet(text)


def check_summary(detail: dict | None, kind: media.Media) -> list[str]:
    """Complaints about what the admin API says about a stream of `kind`."""
    if detail is None:
        return ["the stream is not known"]
    summary = detail.get("summary", {})
    names = {None: {None, ""}, "h264": {"avc", "avc1", "h264"}, "hevc": {"hevc", "hvc1"}, "aac": {"aac", "mp4a"}}
    complaints = [
        f"{field} is {summary.get(field)!r} for {codec}"
        for field, codec in (("videoCodec", kind.video), ("audioCodec", kind.audio))
        if summary.get(field) not in names[codec]
    ]
    if kind.video and (summary.get("width"), summary.get("height")) != (320, 180):
        complaints.append(f"picture is {summary.get('width')}x{summary.get('height')}, 320x180 was sent")
    if detail.get("publisher") is None:
        complaints.append("no publisher is shown")
    return complaints


class Source:
    """A publisher of our own, in a thread: H.264+AAC until it is told to finish, or for `seconds`."""

    def __init__(self, ports: Ports, stream: str, seconds: float = 30, offset: int = 0):
        self.stream = stream
        self.client = rtmp.Client(ports.rtmp, seconds=seconds + 15)
        self.status = self.client.publish(stream)
        self.error: Exception | None = None
        if self.status.get("code") == "NetStream.Publish.Start":
            self.thread = InThread(lambda thread: self._run(thread, seconds, offset))

    def _run(self, thread: InThread, seconds: float, offset: int) -> None:
        began = time.monotonic()
        tags = flv.read(media.H264.path.read_bytes())
        length = max(t.time for t in tags) + 1000 // media.FRAME_RATE
        while not thread.stop_asked.is_set() and time.monotonic() - began < seconds:
            rtmp.publish_in_real_time(self.client, tags, thread.stop_asked.is_set, offset)
            offset += length

    def finish(self) -> None:
        self.thread.end()
        self.client.finish(self.stream)

    def reset(self) -> None:
        self.thread.end()
        self.client.reset()

    def is_cut(self) -> bool:
        """Has the server ended the connection? The sender notices by its next writes."""
        return not self.thread.is_running() and self.thread.error is not None


class Viewer:
    """A viewer over HTTP-FLV in a thread, its bytes kept."""

    def __init__(self, server, stream: str, query: str = ""):
        self.sink = io.BytesIO()
        self.http = web.FLVOverHTTP(server.ports.http, f"/live/{stream}.flv{query}", 40)
        expect(self.http.response.status == 200, f"HTTP-FLV answered {self.http.response.status}")
        self.thread = InThread(lambda thread: self.http.capture(self.sink))

    def tags(self) -> list[flv.Tag]:
        data = self.sink.getvalue()
        return flv.read(data, whole=False) if len(data) > 13 else []

    def wait_for(self, condition: Callable[[list[flv.Tag]], bool], seconds: float, what: str) -> list[flv.Tag]:
        expect(wait_until(lambda: condition(self.tags()), seconds), what)
        return self.tags()

    def wait_end(self, seconds: float) -> list[flv.Tag]:
        expect(self.thread.wait(seconds) is not None, f"a viewer over HTTP-FLV was still connected after {seconds} s")
        expect(self.thread.error is None, f"a viewer over HTTP-FLV ended with {self.thread.error}")
        return flv.read(self.sink.getvalue())


def pictures(tags: list[flv.Tag]) -> list[flv.Tag]:
    return [t for t in tags if t.kind == flv.VIDEO and t.is_media]


def publish(server, stream: str, **options) -> Source:
    source = Source(server.ports, stream, **options)
    expect(source.status.get("code") == "NetStream.Publish.Start", f"publish was answered with {source.status}")
    expect(wait_until(lambda: server.is_live(stream, media.H264), 5), f"not live after 5 s: {server.detail(stream)}")
    return source


# --- the behaviours; each name is a sentence --------------------------------------------------------------------------


def second_publisher_is_refused_and_the_first_is_unharmed(server, folder: Path) -> None:
    first = publish(server, "busy")
    viewer = Viewer(server, "busy")
    second = Source(server.ports, "busy")
    expect(second.status.get("code") == "NetStream.Publish.BadName", f"the second publisher was told {second.status}")
    expect(second.status.get("level") == "error", "the refusal is not of level error")
    url = server.ports.rtmp_url("busy")
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-re", "-i", media.H264.path, "-c", "copy", "-f", "flv", url]
    ffmpeg = Process(command, folder / "busy.log")
    expect(ffmpeg.wait(6) not in (None, 0), "a second publisher (ffmpeg) was not refused within 6 s")
    before = len(viewer.tags())
    viewer.wait_for(lambda tags: len(tags) > before + 20, 3, "the first publisher's stream stopped")
    first.finish()
    check_gapless(viewer.wait_end(5))


def check_gapless(tags: list[flv.Tag]) -> None:
    times = [t.time / 1000 for t in pictures(tags)]
    complaints = flv.judge(flv.Track("h264", times, [True] * len(times)), media.FRAME_RATE, 0, "picture")
    expect(not complaints, "; ".join(complaints))


def kicked_publisher_is_cut_and_viewers_are_told(server, folder: Path) -> None:
    source = publish(server, "kicked")
    viewer = Viewer(server, "kicked")
    viewer.wait_for(lambda tags: len(pictures(tags)) > 10, 4, "no pictures before the kick")
    response = server.get("/v1/streams/live/kicked/publisher", method="DELETE")
    expect(response.status == 204, f"the kick was answered with {response.status}")
    expect(wait_until(source.is_cut, 3), "the publisher was still connected 3 s after the kick")
    viewer.wait_end(3)
    expect(server.get("/v1/streams/live/kicked/publisher", method="DELETE").status == 404, "a second kick found something")


def kicked_viewer_is_cut_and_the_others_stay(server, folder: Path) -> None:
    source = publish(server, "audience")
    kicked = Viewer(server, "audience")
    kicked.wait_for(lambda tags: len(tags) > 5, 3, "no media before the kick")
    viewers = server.get("/v1/viewers?stream=live/audience").json()["viewers"]
    expect(len(viewers) == 1, f"{len(viewers)} viewers are listed, 1 is there")
    expect(viewers[0]["transport"] == "http-flv", f"its transport is {viewers[0]['transport']}")
    other = Viewer(server, "audience")
    status = server.get(f"/v1/viewers/{viewers[0]['id']}", method="DELETE").status
    expect(status == 204, f"the kick was answered with {status}")
    kicked.wait_end(3)
    before = len(other.tags())
    other.wait_for(lambda tags: len(tags) > before + 20, 3, "the other viewer's stream stopped")
    source.finish()
    check_gapless(other.wait_end(5))


def unknown_stream_is_refused_with_a_code_everywhere(server, folder: Path) -> None:
    response = web.fetch(server.ports.http, "/live/nobody.flv")
    expect(response.status == 404, f"HTTP answered {response.status}")
    problem = response.json()
    expect(re.fullmatch(r"RLY-\d{4}", problem.get("code", "")), f"the problem body has the code {problem.get('code')!r}")
    expect(problem.get("message") and problem.get("hint"), "the problem body has no message or no hint")
    expect(web.WebSocket(server.ports.http, "/live/nobody.flv", 5).response.status == 404, "WebSocket was not refused with 404")
    client = rtmp.Client(server.ports.rtmp, seconds=5)
    client.play("nobody")
    try:
        list(client.media())
        raise Unmet(f"RTMP play ended by {client.ended_by}, statuses {client.statuses}")
    except rtmp.RTMPError as error:
        expect(str(error) == "NetStream.Play.StreamNotFound", f"RTMP play was refused with {error}")
    for url in (server.ports.rtmp_url("nobody"), server.ports.http_url("nobody")):
        player = Process(["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-i", url, "-f", "null", "-"], folder / "nobody.log")
        expect(player.wait(6) not in (None, 0), f"ffmpeg was not refused within 6 s at {url.split(':')[0]}")


def head_and_cross_origin_requests_are_answered(server, folder: Path) -> None:
    source = publish(server, "page")
    head = web.fetch(server.ports.http, "/live/page.flv", "HEAD", {"Origin": "https://example.org"})
    expect(head.status == 200, f"HEAD answered {head.status}")
    expect(head.fields.get("content-type") == "video/x-flv", f"Content-Type is {head.fields.get('content-type')}")
    expect(head.fields.get("access-control-allow-origin") in ("*", "https://example.org"), "no Access-Control-Allow-Origin")
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}
    preflight = web.fetch(server.ports.http, "/live/page.flv", "OPTIONS", asked)
    expect(preflight.status in (200, 204), f"a preflight was answered with {preflight.status}")
    expect("access-control-allow-origin" in preflight.fields, "a preflight has no Access-Control-Allow-Origin")
    expect(web.fetch(server.ports.http, "/live/page.flv", "POST").status == 405, "POST was not refused with 405")
    source.finish()


def audio_or_video_alone_on_request(server, folder: Path) -> None:
    source = publish(server, "half")
    viewers = {only: Viewer(server, "half", f"?only={only}") for only in ("audio", "video")}
    kinds = {"audio": flv.AUDIO, "video": flv.VIDEO}
    for only, viewer in viewers.items():
        tags = viewer.wait_for(lambda tags: len(tags) > 40, 5, f"fewer than 40 tags of {only} alone")
        strays = {t.kind for t in tags} - {kinds[only], flv.SCRIPT}
        expect(not strays, f"{only} alone has tags of type {strays}")
        flags = viewer.sink.getvalue()[4]
        expect(flags == {"audio": 4, "video": 1}[only], f"the FLV header of {only} alone says {flags}")
    source.finish()
    for viewer in viewers.values():
        viewer.wait_end(5)


def joining_viewer_gets_a_keyframe_at_once(server, folder: Path) -> None:
    source = publish(server, "join")
    time.sleep(1.5)  # well inside a GOP
    began = time.monotonic()
    viewer = Viewer(server, "join")
    tags = viewer.wait_for(lambda tags: len(pictures(tags)) > 0, 1, "no picture within 1 s")
    took = time.monotonic() - began
    expect(tags[0].kind == flv.SCRIPT or tags[0].is_config, "does not begin with metadata or a sequence header")
    first = next(i for i, t in enumerate(tags) if t.kind == flv.VIDEO and t.is_media)
    expect(tags[first].is_keyframe, "the first picture is no keyframe")
    expect(any(t.is_config and t.kind == flv.VIDEO for t in tags[:first]), "no sequence header before the first picture")
    expect(took < 0.5, f"the first picture took {took * 1000:.0f} ms")
    source.finish()


def viewers_are_kept_while_a_lost_publisher_returns(server, folder: Path) -> None:
    source = publish(server, "return")
    viewer = Viewer(server, "return")
    viewer.wait_for(lambda tags: len(pictures(tags)) > 25, 4, "no pictures before the loss")
    source.reset()
    time.sleep(1)
    expect(viewer.thread.is_running(), "the viewer was dropped when the publisher's connection was reset")
    before = len(pictures(viewer.tags()))
    again = publish(server, "return", offset=3_600_000)  # another clock
    viewer.wait_for(lambda tags: len(pictures(tags)) > before + 25, 5, "no pictures after the return")
    again.finish()
    tags = viewer.wait_end(5)
    for kind in (flv.AUDIO, flv.VIDEO):
        times = [t.time for t in tags if t.kind == kind and t.is_media]
        expect(times == sorted(times), "time goes back after the return")
        widest = max(b - a for a, b in zip(times, times[1:]))
        expect(widest < 10_000, f"the timeline jumps by {widest} ms at the return")
    expect(pictures(tags)[before].is_keyframe, "the first picture after the return is no keyframe")
    out = folder / "return.flv"
    out.write_bytes(flv.write(tags))
    expect(not media.decode(out), "; ".join(media.decode(out)))


def name_is_free_at_once_after_a_polite_end(server, folder: Path) -> None:
    for attempt in range(3):
        source = publish(server, "again")
        viewer = Viewer(server, "again")
        viewer.wait_for(lambda tags: len(tags) > 5, 3, f"no media in round {attempt + 1}")
        source.finish()
        viewer.wait_end(3)


def metrics_are_prometheus_text_without_stream_names(server, folder: Path) -> None:
    source = publish(server, "unlisted-name")
    response = server.get("/metrics")
    expect(response.status == 200, f"answered {response.status}")
    expect(response.fields.get("content-type", "").startswith("text/plain"), response.fields.get("content-type"))
    text = response.body.decode()
    sample = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_]\w*="[^"\n]*"(,[a-zA-Z_]\w*="[^"\n]*")*\})? [-+0-9.eEinfNaI]+')
    bad = [line for line in text.splitlines() if line and not line.startswith("#") and not sample.fullmatch(line)]
    expect(not bad, f"not Prometheus text: {bad[:1]}")
    expect("unlisted-name" not in text, "a stream's name is a label")
    expect(re.search(r"^\w*viewers\w*(\{.*\})? ", text, re.MULTILINE), "nothing about viewers")
    source.finish()


def relayctl_shows_and_kicks(server, folder: Path) -> None:
    admin = ["--admin", f"http://127.0.0.1:{server.ports.admin}"]

    def ctl(*words: str) -> tuple[int | None, str]:
        process = Process([clients.RELAYCTL, *words, *admin], folder / "relayctl.log")
        code = process.wait(8)
        process.end()
        return code, process.log.read_text(errors="replace")

    source = publish(server, "shown")
    for words in (["status"], ["streams"], ["viewers"], ["stream", "live/shown"]):
        code, text = ctl(*words)
        expect(code == 0 and text.strip(), f"{' '.join(words)}: status {code}, {text[-200:]!r}")
        expect("\x1b" not in text, f"{' '.join(words)}: colour although the output is no terminal")
        code, text = ctl(*words, "-o", "json")
        expect(code == 0 and isinstance(json.loads(text), (dict, list)), f"{' '.join(words)} -o json: status {code}")
    code, text = ctl("kick", "publisher", "live/shown")
    expect(code == 0, f"kick: status {code}: {text[-200:]}")
    expect(wait_until(source.is_cut, 3), "the publisher was still connected 3 s after the kick")
    code, text = ctl("stream", "live/nobody")
    expect(code == 1, f"an unknown stream: status {code}, 1 expected")


def sigterm_tells_players_and_ends_cleanly(server, folder: Path) -> None:
    source = publish(server, "going")
    viewer = Viewer(server, "going")
    socket = web.WebSocket(server.ports.http, "/live/going.flv", 20)
    frames = InThread(lambda thread: socket.capture(io.BytesIO()))
    player = rtmp.Client(server.ports.rtmp, seconds=20)
    player.play("going")
    played = InThread(lambda thread: list(player.media()))
    out = folder / "going.flv"
    ffmpeg = clients.ffmpeg_player(clients.of_rtmp)(server.ports, "going", media.H264, out, folder / "going.log")
    viewer.wait_for(lambda tags: len(pictures(tags)) > 20, 4, "no pictures before SIGTERM")
    server.process.popen.send_signal(signal.SIGTERM)
    began = time.monotonic()
    code = server.process.wait(15)
    took = time.monotonic() - began
    expect(code is not None, "the relay still ran 15 s after SIGTERM")
    expect(code == 0, f"the relay ended with status {code}")
    viewer.wait_end(2)
    expect(frames.wait(2) is not None and socket.close_code in (1000, 1001), f"WebSocket was closed with {socket.close_code}")
    expect(played.wait(2) is not None and played.error is None, f"the RTMP player ended with {played.error}")
    expect(player.ended_by != "close", "the RTMP player was closed without being told")
    expect(ffmpeg.wait(4) is not None, "ffmpeg still played 4 s after the relay ended")
    expect(wait_until(source.is_cut, 2), "the publisher did not notice")
    expect(took < 12, f"it took {took:.1f} s")


def second_sigterm_ends_at_once(server, folder: Path) -> None:
    source = publish(server, "hurry")
    server.process.popen.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    began = time.monotonic()
    server.process.popen.send_signal(signal.SIGTERM)
    expect(server.process.wait(3) is not None, "the relay still ran 3 s after the second SIGTERM")
    source.thread.end()
    expect(time.monotonic() - began < 2, "it took more than 2 s")


SHARED = [
    second_publisher_is_refused_and_the_first_is_unharmed,
    kicked_publisher_is_cut_and_viewers_are_told,
    kicked_viewer_is_cut_and_the_others_stay,
    unknown_stream_is_refused_with_a_code_everywhere,
    head_and_cross_origin_requests_are_answered,
    audio_or_video_alone_on_request,
    joining_viewer_gets_a_keyframe_at_once,
    viewers_are_kept_while_a_lost_publisher_returns,
    name_is_free_at_once_after_a_polite_end,
    metrics_are_prometheus_text_without_stream_names,
    relayctl_shows_and_kicks,
]
ALONE = [sigterm_tells_players_and_ends_cleanly, second_sigterm_ends_at_once]
ALL = [(f.__name__.replace("_", " "), f) for f in SHARED + ALONE]


def run(make_server, folder: Path, results, wanted: Callable[[str], bool]) -> None:
    """Runs the behaviours; those of ALONE get a relay of their own each."""
    chosen = [(name, f) for name, f in ALL if wanted(name)]
    shared = make_server() if any(f in SHARED for _, f in chosen) else None
    try:
        for name, behaviour in chosen:
            server = shared if behaviour in SHARED else make_server()
            complaints = []
            try:
                behaviour(server, folder)
            except Exception as error:  # a client of ours that fell is an unmet expectation too
                complaints = [str(error) if isinstance(error, Unmet) else f"{type(error).__name__}: {error}"]
            if behaviour in SHARED and not server.process.is_running():
                complaints.append("the relay died: " + server.process.log.read_text(errors="replace")[-400:])
            results.add(GROUP, name, complaints)
            if server is not shared:
                server.end()
            elif not server.process.is_running():
                server.end()
                shared = make_server()
    finally:
        if shared is not None:
            shared.end()
