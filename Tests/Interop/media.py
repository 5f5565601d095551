"""The media that publishers send, made once by ffmpeg and kept in .build/interop, and the reading of captures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import flv

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".build" / "interop"

SECONDS = 8
FRAME_RATE = 25
SAMPLE_RATE = 44100
AAC_RATE = SAMPLE_RATE / 1024  # frames of 1024 samples
# A keyframe a second: a player that joins loses little, and every join meets the GOP cache.
PICTURE = ["-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={FRAME_RATE}"]
TONE = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate={SAMPLE_RATE}"]
AVC = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "300k", "-g", str(FRAME_RATE), "-keyint_min", str(FRAME_RATE), "-sc_threshold", "0", "-pix_fmt", "yuv420p"]  # fmt: skip
AAC = ["-c:a", "aac", "-b:a", "64k"]
X265 = f"log-level=error:keyint={FRAME_RATE}:min-keyint={FRAME_RATE}:scenecut=0:bframes=2"


@dataclass(frozen=True)
class Media:
    """One file to publish, and what players must find in it."""

    name: str
    video: str | None
    audio: str | None
    command: tuple[str, ...]
    suffix: str = "flv"

    @property
    def path(self) -> Path:
        return CACHE / f"{self.name}.{self.suffix}"

    def make(self) -> None:
        stamp, recipe = CACHE / f"{self.name}.recipe", " ".join(self.command)
        if self.path.exists() and stamp.exists() and stamp.read_text() == recipe:
            return
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-y", *self.command, "-t", str(SECONDS), str(self.path)]
        subprocess.run(command, check=True, timeout=120)
        stamp.write_text(recipe)


H264 = Media("h264-aac", "h264", "aac", (*PICTURE, *TONE, *AVC, "-tune", "zerolatency", *AAC))
H264_B = Media("h264b-aac", "h264", "aac", (*PICTURE, *TONE, *AVC, "-bf", "2", *AAC))
VIDEO_ONLY = Media("h264", "h264", None, (*PICTURE, *AVC, "-tune", "zerolatency"))
AUDIO_ONLY = Media("aac", None, "aac", (*TONE, *AAC))
HEVC = Media(
    "hevc-aac", "hevc", "aac",
    (*PICTURE, *TONE, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", X265, "-tag:v", "hvc1", "-pix_fmt", "yuv420p", *AAC),
    suffix="mp4",
)  # fmt: skip
ALL = [H264, H264_B, VIDEO_ONLY, AUDIO_ONLY, HEVC]


def packets(path: Path, *extra: str) -> list[dict]:
    entries = "packet=codec_type,stream_index,pts_time,dts_time,flags,pos,size"
    command = ["ffprobe", "-v", "error", *extra, "-show_entries", entries, "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60)
    return json.loads(done.stdout or b"{}").get("packets", [])


def hevc_tags() -> list[flv.Tag]:
    """The HEVC file as tags of Enhanced RTMP, with its AAC beside it."""
    tags = flv.hevc_tags_from_mp4(HEVC.path.read_bytes(), packets(HEVC.path, "-select_streams", "v"))
    audio = HEVC.path.with_suffix(".audio.flv")
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-y", "-i", str(HEVC.path), "-vn", "-c", "copy", str(audio)]
    subprocess.run(command, check=True, timeout=60)
    tags += [t for t in flv.read(audio.read_bytes()) if t.kind == flv.AUDIO]
    # Configuration first where times are equal; a stable sort keeps each track's order.
    tags.sort(key=lambda t: (t.time, not t.is_config))
    # B-frames make the first decoding time negative; a live encoder starts at 0.
    start = min(t.time for t in tags)
    return [flv.Tag(t.kind, t.time - start, t.body) for t in tags]


def check(path: Path, media: Media, least: float) -> list[str]:
    """Complaints about a capture of `media`: codecs, completeness, timestamps, and whether ffmpeg decodes it without a
    word. `least` is how many seconds of it have to be there."""
    if not path.exists() or path.stat().st_size == 0:
        return ["nothing was received"]
    if path.suffix == ".flv":
        try:
            tags = flv.read(path.read_bytes(), whole=False)
            if media.video == "hevc":
                return check_hevc(path, tags, least)
            if complaints := check_flv(tags, media, least):
                return complaints
        except flv.FLVError as error:
            return [f"not FLV: {error}"]
        return decode(path)
    return check_streams(path, media) or check_packets(path, media, least) or decode(path)


def check_flv(tags: list[flv.Tag], media: Media, least: float) -> list[str]:
    """Our own reading: the wire's timestamps, untouched."""
    complaints = []
    for kind, name, codec, rate in ((flv.VIDEO, "video", media.video, FRAME_RATE), (flv.AUDIO, "audio", media.audio, AAC_RATE)):
        of_kind = [t for t in tags if t.kind == kind]
        frames = [t for t in of_kind if t.is_media]
        if codec is None:
            complaints += [f"{name}: {len(frames)} frames where none were sent"] if frames else []
            continue
        if not of_kind or not of_kind[0].is_config:
            complaints.append(f"{name}: does not begin with a sequence header")
        track = flv.Track(codec, [t.time / 1000 for t in frames], [t.is_keyframe for t in frames])
        complaints += flv.judge(track, rate, least, name)
    return complaints


def check_hevc(path: Path, tags: list[flv.Tag], least: float) -> list[str]:
    if complaints := check_flv(tags, HEVC, least):
        return complaints
    stream = path.with_suffix(".h265")
    stream.write_bytes(flv.hevc_to_annex_b(tags))
    frames = sum(1 for t in tags if t.kind == flv.VIDEO and t.is_media)
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-stats", "-f", "hevc", "-i", str(stream), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    counts = re.findall(r"frame=\s*(\d+)", done.stderr.decode(errors="replace"))
    if errors := decoder_words(done.stderr):
        return [f"decoding: {errors}"]
    # The last ones may lean on pictures that were not sent any more.
    if not counts or int(counts[-1]) < frames - 3:
        return [f"decoding: {counts[-1] if counts else 0} pictures out of {frames} frames"]
    return []


def check_streams(path: Path, media: Media) -> list[str]:
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60)
    found = {s.get("codec_type"): s.get("codec_name") for s in json.loads(done.stdout or b"{}").get("streams", [])}
    if None in found:
        return ["a track of unknown kind beside the media"]
    expected = {kind: codec for kind, codec in (("video", media.video), ("audio", media.audio)) if codec}
    return [] if found == expected else [f"codecs {found} where {expected} was expected"]


def check_packets(path: Path, media: Media, least: float) -> list[str]:
    complaints, found = [], packets(path)
    for name, codec, rate in (("video", media.video, FRAME_RATE), ("audio", media.audio, AAC_RATE)):
        if codec is None:
            continue
        of_kind = [p for p in found if p.get("codec_type") == name and ("dts_time" in p or "pts_time" in p)]
        times = [float(p.get("dts_time", p.get("pts_time"))) for p in of_kind]
        if path.suffix == ".mkv":
            # Matroska keeps presentation times only; the order of decoding times is judged on the other captures.
            times = sorted(float(p.get("pts_time", p.get("dts_time"))) for p in of_kind)
        keys = ["K" in p["flags"] for p in of_kind]
        if path.suffix == ".ts":
            # VLC starts to write before its clock is set; what comes before the jump to it is not judged.
            start = max((i + 1 for i, (a, b) in enumerate(zip(times, times[1:])) if b - a > 60), default=0)
            times, keys = times[start:], [True] * (len(times) - start)
        complaints += flv.judge(flv.Track(codec, times, keys), rate, least, name)
    return complaints


def decode(path: Path) -> list[str]:
    """ffmpeg decodes everything, and any word of complaint counts."""
    quiet, cut_aac = ["ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-y"], 0
    if path.suffix == ".ts":
        # VLC's muxer loses what comes before its clock is set, often the first keyframe, and cuts the last packet of AAC
        # frames short (two lines). A copy begins with the first keyframe that is there.
        copy, cut_aac = path.with_suffix(".copy.nut"), 2
        subprocess.run([*quiet, "-i", str(path), "-c", "copy", str(copy)], capture_output=True, timeout=60)
        path = copy
    done = subprocess.run([*quiet, "-i", str(path), "-f", "null", "-"], capture_output=True, timeout=60)
    words = decoder_words(done.stderr, cut_aac)
    return [f"decoding: {words}"] if words or done.returncode != 0 else []


def decoder_words(stderr: bytes, cut_aac: int = 0) -> str:
    lines = [line.strip() for line in re.split(r"[\r\n]", stderr.decode(errors="replace"))]
    cut = [line for line in lines if "aac" in line or "Error while decoding" in line or "Error submitting" in line]
    if len(cut) <= cut_aac:
        lines = [line for line in lines if line not in cut]
    # A copy cut at the end of the stream, whose frames have been counted already, and how the null muxer rounds times.
    harmless = ("File ended prematurely", "frame=", "size=", "[null @")
    lines = [line for line in lines if line and not any(h in line for h in harmless)]
    return f"{lines[0]} ({len(lines)} lines)" if lines else ""


def ffmpeg_version() -> tuple[int, int]:
    if shutil.which("ffmpeg") is None:
        return (0, 0)
    first = subprocess.run(["ffmpeg", "-version"], capture_output=True, timeout=20).stdout.decode().split("\n")[0]
    match = re.search(r"version n?(\d+)\.(\d+)", first)
    return (int(match.group(1)), int(match.group(2))) if match else (99, 0)
