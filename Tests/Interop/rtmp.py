"""A small RTMP client for tests, independent of the Swift code: simple handshake, AMF0, publish and play.

It exists for what foreign clients of today's Debian cannot send (Enhanced RTMP) and for looking at status codes that
they do not show. Sources: Adobe's RTMP specification 1.0; Enhanced RTMP v2 for `fourCcList`.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from dataclasses import dataclass, field

from flv import AUDIO, SCRIPT, VIDEO, Tag


class RTMPError(Exception):
    pass


# --- AMF0 ------------------------------------------------------------------------------------------------------------


def amf(value) -> bytes:
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01" + bytes([value])
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"\x02" + struct.pack(">H", len(data)) + data
    if isinstance(value, list):
        return b"\x0a" + struct.pack(">I", len(value)) + b"".join(amf(v) for v in value)
    if isinstance(value, dict):
        body = b"".join(struct.pack(">H", len(k)) + k.encode() + amf(v) for k, v in value.items())
        return b"\x03" + body + b"\0\0\x09"
    raise TypeError(type(value))


def amf_values(data: bytes) -> list:
    values, at = [], 0
    while at < len(data):
        value, at = _amf_value(data, at)
        values.append(value)
    return values


def _amf_value(data: bytes, at: int):
    marker, at = data[at], at + 1
    if marker == 0:
        return struct.unpack(">d", data[at : at + 8])[0], at + 8
    if marker == 1:
        return bool(data[at]), at + 1
    if marker == 2:
        size = struct.unpack(">H", data[at : at + 2])[0]
        return data[at + 2 : at + 2 + size].decode(errors="replace"), at + 2 + size
    if marker in (3, 8):
        at += 4 if marker == 8 else 0
        result = {}
        while True:
            size = struct.unpack(">H", data[at : at + 2])[0]
            key, at = data[at + 2 : at + 2 + size].decode(errors="replace"), at + 2 + size
            if size == 0 and data[at] == 9:
                return result, at + 1
            result[key], at = _amf_value(data, at)
    if marker in (5, 6):
        return None, at
    if marker == 10:
        count, at = struct.unpack(">I", data[at : at + 4])[0], at + 4
        items = []
        for _ in range(count):
            item, at = _amf_value(data, at)
            items.append(item)
        return items, at
    raise RTMPError(f"AMF0 marker {marker}")


# --- the connection --------------------------------------------------------------------------------------------------


@dataclass
class Message:
    kind: int
    time: int
    stream: int
    body: bytes


@dataclass
class Incoming:
    """The newest header on a chunk stream, and the message being gathered."""

    time: int = 0
    delta: int = 0
    length: int = 0
    kind: int = 0
    stream: int = 0
    extended: bool = False
    body: bytearray = field(default_factory=bytearray)


class Client:
    """One connection. Blocking; `deadline` bounds every wait."""

    def __init__(self, port: int, app: str = "live", seconds: float = 20, four_cc: list[str] | None = None):
        self.deadline = time.monotonic() + seconds
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.streams: dict[int, Incoming] = {}
        self.in_chunk, self.out_chunk = 128, 128
        self.received = self.acknowledged = 0
        self.window = 2_500_000
        self.transaction = 1
        self.statuses: list[dict] = []
        self.control: list[int] = []  # user control events seen
        self._handshake()
        self._send(2, 1, 0, 0, struct.pack(">I", 4096))
        self.out_chunk = 4096
        options = {"app": app, "flashVer": "interop", "tcUrl": f"rtmp://127.0.0.1:{port}/{app}", "objectEncoding": 0}
        if four_cc is not None:
            options["fourCcList"] = four_cc
            options["capsEx"] = 0
        self.connect_result = self.call("connect", options)

    # bytes

    def _fill(self, count: int) -> None:
        while len(self.buffer) < count:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the server did not answer in time")
            self.socket.settimeout(left)
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the server closed the connection")
            self.buffer += data
            self.received += len(data)
            if self.received - self.acknowledged >= self.window // 2:
                self.acknowledged = self.received
                self._send(2, 3, 0, 0, struct.pack(">I", self.received & 0xFFFFFFFF))

    def _take(self, count: int) -> bytes:
        self._fill(count)
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def _handshake(self) -> None:
        c1 = struct.pack(">II", 0, 0) + os.urandom(1528)
        self.socket.sendall(b"\x03" + c1)
        answer = self._take(1 + 1536)
        if answer[0] != 3:
            raise RTMPError(f"S0 is {answer[0]}")
        self.socket.sendall(answer[1:])
        if self._take(1536) != c1:
            raise RTMPError("S2 is not an echo of C1")

    # messages

    def _send(self, csid: int, kind: int, stream: int, at: int, body: bytes) -> None:
        stamp = min(at, 0xFFFFFF)
        extended = struct.pack(">I", at) if stamp == 0xFFFFFF else b""
        head = bytes([csid]) + stamp.to_bytes(3, "big") + len(body).to_bytes(3, "big") + bytes([kind])
        out = [head + struct.pack("<I", stream) + extended, body[: self.out_chunk]]
        for start in range(self.out_chunk, len(body), self.out_chunk):
            out += [bytes([0xC0 | csid]) + extended, body[start : start + self.out_chunk]]
        self.socket.settimeout(max(0.1, self.deadline - time.monotonic()))
        self.socket.sendall(b"".join(out))

    def message(self) -> Message:
        """The next whole message; protocol control is dealt with on the way."""
        while True:
            message = self._chunk()
            if message is None:
                continue
            if message.kind == 1:
                self.in_chunk = struct.unpack(">I", message.body[:4])[0]
            elif message.kind == 5:
                self.window = struct.unpack(">I", message.body[:4])[0]
            elif message.kind == 4:
                event = struct.unpack(">H", message.body[:2])[0]
                self.control.append(event)
                if event == 6:
                    self._send(2, 4, 0, 0, struct.pack(">H", 7) + message.body[2:6])
            if message.kind == 20:
                values = amf_values(message.body)
                if values and values[0] == "onStatus" and isinstance(values[-1], dict):
                    self.statuses.append(values[-1])
            return message

    def _chunk(self) -> Message | None:
        first = self._take(1)[0]
        form, csid = first >> 6, first & 0x3F
        if csid == 0:
            csid = 64 + self._take(1)[0]
        elif csid == 1:
            csid = 64 + int.from_bytes(self._take(2), "little")
        state = self.streams.setdefault(csid, Incoming())
        fresh = not state.body
        if form < 3:
            head = self._take((11, 7, 3)[form])
            stamp = int.from_bytes(head[:3], "big")
            state.extended = stamp == 0xFFFFFF
            if form < 2:
                state.length, state.kind = int.from_bytes(head[3:6], "big"), head[6]
            if form == 0:
                state.stream = struct.unpack("<I", head[7:11])[0]
        if state.extended:
            value = struct.unpack(">I", self._take(4))[0]
            stamp = value if form < 3 else None
        if form == 0:
            state.time, state.delta = stamp, 0
        elif form < 3:
            state.delta = stamp
        if fresh and form > 0:
            state.time = state.time + state.delta & 0xFFFFFFFF
        state.body += self._take(min(self.in_chunk, state.length - len(state.body)))
        if len(state.body) < state.length:
            return None
        done = Message(state.kind, state.time, state.stream, bytes(state.body))
        state.body = bytearray()
        return done

    # commands

    def send_command(self, name: str, *arguments, stream: int = 0) -> int:
        transaction = self.transaction
        self.transaction += 1
        self._send(3, 20, stream, 0, b"".join(amf(v) for v in (name, transaction, *arguments)))
        return transaction

    def call(self, name: str, *arguments) -> list:
        transaction = self.send_command(name, *arguments)
        while True:
            message = self.message()
            if message.kind != 20:
                continue
            values = amf_values(message.body)
            if len(values) > 1 and values[1] == transaction and values[0] in ("_result", "_error"):
                if values[0] == "_error":
                    raise RTMPError(f"{name}: {values[-1]}")
                return values[2:]

    def wait_status(self, seen: int = 0) -> dict:
        """The next onStatus after the first `seen` ones."""
        while len(self.statuses) <= seen:
            self.message()
        return self.statuses[seen]

    def publish(self, name: str) -> dict:
        self.send_command("releaseStream", None, name)
        self.send_command("FCPublish", None, name)
        self.stream = int(self.call("createStream", None)[-1])
        self.send_command("publish", None, name, "live", stream=self.stream)
        return self.wait_status()

    def play(self, name: str) -> None:
        self.stream = int(self.call("createStream", None)[-1])
        self._send(2, 4, 0, 0, struct.pack(">HII", 3, self.stream, 3000))
        self.send_command("play", None, name, -2000, stream=self.stream)

    def send_tag(self, tag: Tag) -> None:
        csid = {AUDIO: 4, VIDEO: 6, SCRIPT: 5}[tag.kind]
        self._send(csid, tag.kind, self.stream, tag.time, tag.body)

    def media(self):
        """Tags until the stream's end as the server tells it (UnpublishNotify, Play.Stop, StreamEOF) or closes."""
        while True:
            try:
                message = self.message()
            except (EOFError, ConnectionError):
                self.ended_by = "close"
                return
            if message.kind in (AUDIO, VIDEO, SCRIPT):
                yield Tag(message.kind, message.time, message.body)
            elif message.kind == 4 and self.control[-1] == 1:
                self.ended_by = "StreamEOF"
                return
            elif message.kind == 20 and self.statuses:
                code = self.statuses[-1].get("code", "")
                if code in ("NetStream.Play.UnpublishNotify", "NetStream.Play.Stop", "NetStream.Play.Complete"):
                    self.ended_by = code
                    return
                if self.statuses[-1].get("level") == "error":
                    raise RTMPError(code)

    def finish(self, name: str) -> None:
        """The polite end of a publisher."""
        self.send_command("FCUnpublish", None, name)
        self.send_command("deleteStream", None, self.stream)
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """The impolite end: RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def publish_in_real_time(client: Client, tags: list[Tag], should_stop=lambda: False, offset: int = 0) -> int:
    """Sends the tags at their times; answers how many went out."""
    began, sent = time.monotonic(), 0
    for tag in tags:
        delay = tag.time / 1000 - (time.monotonic() - began)
        if delay > 0:
            time.sleep(delay)
        if should_stop():
            break
        client.send_tag(Tag(tag.kind, tag.time + offset, tag.body))
        sent += 1
    return sent
