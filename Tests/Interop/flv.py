"""FLV files read and judged without anybody's library: tags, timestamps, and the elementary stream of Enhanced RTMP
HEVC, which the ffmpeg and GStreamer of today's Debian cannot read out of FLV themselves.

Sources: Adobe's FLV specification 10.1 annex E; Veovera's Enhanced RTMP v2 for the extended video header;
ISO/IEC 14496-15 for the configuration records.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

AUDIO, VIDEO, SCRIPT = 8, 9, 18
CODEC_AVC, CODEC_HEVC = 7, 12  # 12 is the number that encoders used for HEVC before Enhanced RTMP


class FLVError(Exception):
    pass


@dataclass
class Tag:
    kind: int
    time: int  # ms
    body: bytes

    @property
    def is_config(self) -> bool:
        if self.kind == AUDIO:
            return len(self.body) >= 2 and self.body[0] >> 4 == 10 and self.body[1] == 0
        if self.kind != VIDEO or len(self.body) < 5:
            return False
        if self.body[0] & 0x80:
            return self.body[0] & 0x0F == 0
        return self.body[0] & 0x0F in (CODEC_AVC, CODEC_HEVC) and self.body[1] == 0

    @property
    def is_keyframe(self) -> bool:
        return self.kind == VIDEO and len(self.body) > 0 and (self.body[0] >> 4) & 0x07 == 1 and not self.is_config

    @property
    def is_media(self) -> bool:
        """A frame that a decoder gets: neither configuration, nor metadata, nor the end-of-sequence marker."""
        if self.kind == SCRIPT or self.is_config or len(self.body) < 2:
            return False
        if self.kind == VIDEO and self.body[0] & 0x80:
            return self.body[0] & 0x0F in (1, 3)
        if self.kind == VIDEO and self.body[0] & 0x0F in (CODEC_AVC, CODEC_HEVC):
            return self.body[1] == 1
        return True


def read(data: bytes, whole: bool = True) -> list[Tag]:
    """All tags. With `whole`, a cut last tag is an error; a live capture that was ended may have one."""
    if len(data) < 13 or data[:3] != b"FLV" or data[3] != 1:
        raise FLVError("no FLV header")
    offset = struct.unpack(">I", data[5:9])[0]
    if offset != 9 or data[9:13] != b"\0\0\0\0":
        raise FLVError("header is not 9 bytes followed by a zero tag size")
    at, tags = 13, []
    while at < len(data):
        if at + 11 > len(data):
            break
        kind, size = data[at] & 0x1F, int.from_bytes(data[at + 1 : at + 4], "big")
        time = int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24
        end = at + 11 + size
        if kind not in (AUDIO, VIDEO, SCRIPT):
            raise FLVError(f"tag of type {kind} at byte {at}")
        if data[at + 8 : at + 11] != b"\0\0\0":
            raise FLVError(f"stream id is not 0 at byte {at}")
        if end + 4 > len(data):
            break
        if struct.unpack(">I", data[end : end + 4])[0] != 11 + size:
            raise FLVError(f"previous tag size is wrong at byte {end}")
        tags.append(Tag(kind, time, data[at + 11 : end]))
        at = end + 4
    if whole and at != len(data):
        raise FLVError(f"{len(data) - at} bytes of a cut tag at the end")
    return tags


def write(tags: list[Tag], has_audio: bool = True, has_video: bool = True) -> bytes:
    out = [b"FLV\x01", bytes([has_audio << 2 | has_video]), b"\0\0\0\x09\0\0\0\0"]
    for tag in tags:
        size = len(tag.body)
        out += [
            bytes([tag.kind]), size.to_bytes(3, "big"), (tag.time & 0xFFFFFF).to_bytes(3, "big"),
            bytes([tag.time >> 24 & 0xFF]), b"\0\0\0", tag.body, struct.pack(">I", 11 + size),
        ]  # fmt: skip
    return b"".join(out)


def check_metadata(tags: list[Tag]) -> None:
    """FFmpeg's demuxer, and so VLC and mpv, takes an onMetaData with a time other than 0 for a data track of its own."""
    times = [t.time for t in tags if t.kind == SCRIPT and t.body.startswith(b"\x02\0\x0aonMetaData") and t.time != 0]
    if times:
        raise FLVError(f"onMetaData has the time {times[0]}; players take it for a track unless it is 0")


# --- HEVC ------------------------------------------------------------------------------------------------------------


def hevc_to_annex_b(tags: list[Tag]) -> bytes:
    """The HEVC elementary stream in the tags, of the extended form or of codec number 12, ready for a decoder."""
    out, length_size = [], 4
    for tag in tags:
        if tag.kind != VIDEO or len(tag.body) < 5:
            continue
        first, packet = tag.body[0], tag.body[0] & 0x0F
        if first & 0x80:
            if tag.body[1:5] != b"hvc1":
                raise FLVError(f"FourCC {tag.body[1:5]!r} where hvc1 was expected")
            if packet == 0:
                length_size = append_parameter_sets(tag.body[5:], out)
            elif packet in (1, 3):
                append_units(tag.body[8 if packet == 1 else 5 :], length_size, out)
        elif packet == CODEC_HEVC:
            if tag.body[1] == 0:
                length_size = append_parameter_sets(tag.body[5:], out)
            elif tag.body[1] == 1:
                append_units(tag.body[5:], length_size, out)
        else:
            raise FLVError(f"video codec {packet} where HEVC was expected")
    return b"".join(out)


def append_parameter_sets(record: bytes, out: list[bytes]) -> int:
    """Reads an HEVCDecoderConfigurationRecord (14496-15, 8.3.3.1); answers the size of a unit's length field."""
    if len(record) < 23:
        raise FLVError("configuration record is too short")
    at = 23
    for _ in range(record[22]):
        count = int.from_bytes(record[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(record[at : at + 2], "big")
            out += [b"\0\0\0\1", record[at + 2 : at + 2 + size]]
            at += 2 + size
    return (record[21] & 3) + 1


def append_units(data: bytes, length_size: int, out: list[bytes]) -> None:
    at = 0
    while at + length_size <= len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if at + size > len(data):
            raise FLVError("a unit is longer than its tag")
        out += [b"\0\0\0\1", data[at : at + size]]
        at += size


def hevc_tags_from_mp4(mp4: bytes, packets: list[dict]) -> list[Tag]:
    """Tags of the extended form from an MP4 file and what `ffprobe -show_packets` says about its video packets (`pos`,
    `size`, `dts_time`, `pts_time`, `flags`): the sample bytes are taken straight out of the file."""
    box = mp4.find(b"hvcC")
    if box < 4:
        raise FLVError("no hvcC box in the file")
    record = mp4[box + 4 : box - 4 + int.from_bytes(mp4[box - 4 : box], "big")]
    first = round(float(packets[0]["dts_time"]) * 1000)
    tags = [Tag(VIDEO, first, bytes([0x80 | 1 << 4 | 0]) + b"hvc1" + record)]
    for packet in packets:
        start, size = int(packet["pos"]), int(packet["size"])
        time = round(float(packet["dts_time"]) * 1000)
        offset = round(float(packet["pts_time"]) * 1000) - time
        frame_type = 1 if "K" in packet["flags"] else 2
        # CodedFramesX (3) has no composition time; use both forms, as encoders do.
        if offset == 0:
            head = bytes([0x80 | frame_type << 4 | 3]) + b"hvc1"
        else:
            head = bytes([0x80 | frame_type << 4 | 1]) + b"hvc1" + (offset & 0xFFFFFF).to_bytes(3, "big")
        tags.append(Tag(VIDEO, time, head + mp4[start : start + size]))
    return tags


# --- judgement -------------------------------------------------------------------------------------------------------


@dataclass
class Track:
    """What one track of a capture looked like, from whatever reader."""

    codec: str
    times: list[float]  # decoding times, s, in order of arrival
    keys: list[bool]


def judge(track: Track, rate: float, least: float, name: str) -> list[str]:
    """Complaints about a track: `rate` frames per second of the source, at least `least` seconds of it expected."""
    if len(track.times) < 2:
        return [f"{name}: {len(track.times)} frames"]
    complaints = []
    back = sum(1 for a, b in zip(track.times, track.times[1:]) if b < a - 0.0005)
    if back:
        complaints.append(f"{name}: decoding time goes back {back} times")
    span = track.times[-1] - track.times[0]
    if span < least:
        complaints.append(f"{name}: {span:.1f} s received, at least {least:.1f} expected")
    expected = span * rate + 1
    if len(track.times) < 0.95 * expected:
        complaints.append(f"{name}: {len(track.times)} frames over {span:.1f} s, {expected:.0f} expected")
    if len(track.times) > 1.05 * expected + 2:
        complaints.append(f"{name}: {len(track.times)} frames over {span:.1f} s, only {expected:.0f} expected")
    widest = max(b - a for a, b in zip(track.times, track.times[1:]))
    if widest > 4 / rate + 0.05:
        complaints.append(f"{name}: a gap of {widest * 1000:.0f} ms")
    if name == "video" and not track.keys[0]:
        complaints.append("video: does not begin with a keyframe")
    return complaints
