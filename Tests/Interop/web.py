"""HTTP and WebSocket clients for tests, on bare sockets, so that nothing repairs or hides what the server sent.

Sources: RFC 9112 (HTTP/1.1) and RFC 6455 (WebSocket).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import struct
import time


class WebError(Exception):
    pass


class Response:
    def __init__(self, status: int, fields: dict[str, str], body: bytes = b""):
        self.status, self.fields, self.body = status, fields, body

    def json(self):
        return json.loads(self.body)


class Connection:
    """One connection; every wait is bounded by the deadline."""

    def __init__(self, port: int, seconds: float):
        self.deadline = time.monotonic() + seconds
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.buffer = b""

    def receive(self) -> bytes:
        """Some bytes, or none at the end."""
        if self.buffer:
            data, self.buffer = self.buffer, b""
            return data
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server did not end the connection in time")
        self.socket.settimeout(left)
        return self.socket.recv(65536)

    def take(self, count: int) -> bytes:
        out = b""
        while len(out) < count:
            data = self.receive()
            if not data:
                raise EOFError("the server closed the connection")
            out += data
        out, self.buffer = out[:count], out[count:] + self.buffer
        return out

    def request(self, method: str, path: str, fields: dict[str, str] | None = None) -> Response:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.receive()
            if not data:
                raise WebError(f"the connection ended within the response's head: {head[:80]!r}")
            head += data
        head, self.buffer = head.split(b"\r\n\r\n", 1)
        first, *rest = head.decode("latin-1").split("\r\n")
        received = {}
        for line in rest:
            name, _, value = line.partition(":")
            received[name.strip().lower()] = value.strip()
        return Response(int(first.split(" ")[1]), received)

    def close(self) -> None:
        self.socket.close()


def fetch(port: int, path: str, method: str = "GET", fields: dict[str, str] | None = None, seconds: float = 5) -> Response:
    """One request; the whole body, however it is delimited."""
    connection = Connection(port, seconds)
    try:
        response = connection.request(method, path, {"Connection": "close"} | (fields or {}))
        if method != "HEAD" and response.status not in (204, 304):
            body = b""
            try:
                while data := connection.receive():
                    body += data
                    length = response.fields.get("content-length")
                    if length is not None and len(body) >= int(length):
                        break
            except ConnectionError:
                pass
            response.body = dechunk(body) if response.fields.get("transfer-encoding") == "chunked" else body
        return response
    finally:
        connection.close()


def dechunk(data: bytes) -> bytes:
    out, at = b"", 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return out
        size = int(data[at:end].split(b";")[0] or b"0", 16)
        if size == 0:
            return out
        out += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2


class FLVOverHTTP:
    """`GET /app/stream.flv` as raw bytes."""

    def __init__(self, port: int, path: str, seconds: float):
        self.connection = Connection(port, seconds)
        self.response = self.connection.request("GET", path)
        self.chunked = self.response.fields.get("transfer-encoding", "").lower() == "chunked"

    def capture(self, sink) -> int:
        """Writes the body to `sink` until the server ends it; answers how many bytes."""
        total, whole = 0, b""
        while data := self.connection.receive():
            if self.chunked:
                whole += data
            else:
                sink.write(data)
                total += len(data)
        if self.chunked:
            body = dechunk(whole)
            sink.write(body)
            total = len(body)
        self.connection.close()
        return total


class WebSocket:
    """A viewer over WebSocket: masks what it sends, refuses masked frames, answers pings."""

    def __init__(self, port: int, path: str, seconds: float):
        self.connection = Connection(port, seconds)
        key = base64.b64encode(os.urandom(16)).decode()
        self.response = self.connection.request(
            "GET",
            path,
            {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"},
        )
        self.close_code: int | None = None
        if self.response.status != 101:
            return
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        if self.response.fields.get("sec-websocket-accept") != base64.b64encode(digest).decode():
            raise WebError("Sec-WebSocket-Accept is wrong")

    def send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        head = bytes([0x80 | opcode, 0x80 | len(payload)])
        self.connection.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def capture(self, sink) -> int:
        """Writes binary messages to `sink` until the server closes; answers how many bytes."""
        total = 0
        while True:
            try:
                first, second = self.connection.take(2)
            except EOFError:
                raise WebError("the connection ended without a close frame") from None
            if second & 0x80:
                raise WebError("the server masked a frame")
            if first & 0x70:
                raise WebError("reserved bits are set")
            size = second & 0x7F
            if size >= 126:
                width = 2 if size == 126 else 8
                size = int.from_bytes(self.connection.take(width), "big")
            payload, opcode = self.connection.take(size), first & 0x0F
            if opcode in (0, 2):
                sink.write(payload)
                total += size
            elif opcode == 9:
                self.send(10, payload)
            elif opcode == 8:
                self.close_code = struct.unpack(">H", payload[:2])[0] if size >= 2 else None
                self.send(8, payload[:2])
                self.connection.close()
                return total
            elif opcode != 10:
                raise WebError(f"opcode {opcode} where binary was expected")
