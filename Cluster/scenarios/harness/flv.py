"""One HTTP-FLV viewer, as little of it as joins need: how long until the first keyframe, and does media still come."""

import socket
import time
import urllib.parse

VIDEO, KEYFRAME = 9, 1


class JoinFailed(Exception):
    """What the server said instead of media, or that it said nothing. `status` is 0 without an answer."""

    def __init__(self, status, text):
        super().__init__(f"{status or 'no answer'}: {text}")
        self.status = status
        self.text = text


class FlvViewer:
    """A viewer that is connected when it is made, or JoinFailed."""

    def __init__(self, url, timeout=10.0):
        parts = urllib.parse.urlsplit(url)
        self.began = time.monotonic()
        self.deadline = self.began + timeout
        try:
            self.socket = socket.create_connection((parts.hostname, parts.port), timeout)
            self.socket.sendall(
                f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
            )
            self.reader = self.socket.makefile("rb")
            status_line = self.reader.readline().decode(errors="replace")
            self.status = int(status_line.split()[1]) if len(status_line.split()) > 1 else 0
            self.headers = {}
            while line := self.reader.readline().strip():
                name, _, value = line.decode(errors="replace").partition(":")
                self.headers[name.lower()] = value.strip()
        except OSError as error:
            raise JoinFailed(0, str(error)) from None
        if self.status != 200:
            body = self.reader.read(2000).decode(errors="replace") if self.status else ""
            self.close()
            raise JoinFailed(self.status, body.strip() or "the connection was closed")
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.close()
        self.socket.close()

    def read(self, count):
        """So many bytes of the body, or fewer at its end."""
        if not self.chunked:
            return self.reader.read(count)
        found = b""
        while len(found) < count:
            if self.chunk_left == 0:
                size = self.reader.readline().split(b";")[0].strip()
                if not size:
                    break
                self.chunk_left = int(size, 16)
                if self.chunk_left == 0:
                    break
            piece = self.reader.read(min(self.chunk_left, count - len(found)))
            if not piece:
                break
            found += piece
            self.chunk_left -= len(piece)
            if self.chunk_left == 0:
                self.reader.readline()
        return found

    def tags(self):
        """(type, is keyframe, timestamp) of each tag; ends with the stream. OSError when nothing came in time."""
        if len(self.read(13)) < 13:
            return
        while True:
            head = self.read(11)
            if len(head) < 11:
                return
            size = int.from_bytes(head[1:4], "big")
            body = self.read(size + 4)
            if len(body) < size + 4:
                return
            video = head[0] == VIDEO and len(body) > 5
            # 0x17 0x01: an AVC keyframe that is no sequence header; 0x9?: Enhanced RTMP, coded frames.
            plain = video and body[0] >> 4 == KEYFRAME and body[1] == 1
            enhanced = video and body[0] & 0xF0 == 0x90 and body[0] & 0x0F in (1, 3)
            yield head[0], plain or enhanced, int.from_bytes(head[4:7], "big") | head[7] << 24


def join(url, timeout=10.0):
    """Seconds from connecting to the whole first keyframe. JoinFailed when there is none in time."""
    began = time.monotonic()
    try:
        with FlvViewer(url, timeout) as viewer:
            for _, is_keyframe, _ in viewer.tags():
                if is_keyframe:
                    return time.monotonic() - began
                if time.monotonic() - began > timeout:
                    break
    except OSError as error:
        raise JoinFailed(0, str(error)) from None
    raise JoinFailed(200, "no keyframe came")


def join_times(url, count, pause=0.0, timeout=10.0):
    """Times of joins one after the other, ms; failures as their texts."""
    times, failures = [], []
    for _ in range(count):
        try:
            times.append(1000 * join(url, timeout))
        except JoinFailed as failed:
            failures.append(str(failed))
        time.sleep(pause)
    return times, failures
