"""As much of RTMP as two odd clients need: a publisher that sends almost nothing (thousands of streams from one process),
and a player that never sends a byte after `play`. Real clients are tested elsewhere; these exist for what real ones do not do.
"""

import os
import selectors
import socket
import struct
import threading
import time

CHUNK = 65536
STRING, NUMBER, OBJECT, NULL, END = 2, 0, 3, 5, b"\0\0\x09"


def amf(*values):
    """AMF0 of texts, numbers, None and dicts of these."""
    out = b""
    for value in values:
        if value is None:
            out += bytes([NULL])
        elif isinstance(value, str):
            out += bytes([STRING]) + struct.pack(">H", len(value)) + value.encode()
        elif isinstance(value, dict):
            out += bytes([OBJECT])
            for key, item in value.items():
                out += struct.pack(">H", len(key)) + key.encode() + amf(item)
            out += END
        else:
            out += bytes([NUMBER]) + struct.pack(">d", value)
    return out


def message(channel, kind, body, stream=0, timestamp=0):
    """One message as a single chunk; the chunk size was announced large enough."""
    return (
        bytes([channel])
        + timestamp.to_bytes(3, "big")
        + len(body).to_bytes(3, "big")
        + bytes([kind])
        + struct.pack("<I", stream)
        + body
    )


def opening(app, url):
    """C0 and C1, and after the answer all that leads up to the stream: everything that may be sent without waiting."""
    return b"\x03" + bytes(8) + os.urandom(1528), (
        message(2, 1, struct.pack(">I", CHUNK))
        + message(3, 20, amf("connect", 1, {"app": app, "type": "nonprivate", "flashVer": "scenario", "tcUrl": url}))
        + message(3, 20, amf("createStream", 2, None))
    )


#: H.264 baseline, 16x16: a sequence header and one IDR that no decoder is meant to see.
SEQUENCE_HEADER = bytes.fromhex("1700000000" "0142c00affe1000b6742c00ad9041f9f011000" "01000468ce3c80")
KEYFRAME = bytes.fromhex("1701000000" "00000008" "6588840001020304")


class QuietPlayer:
    """Plays over RTMP and reads all, but sends nothing more: no acknowledgement, no pong."""

    def __init__(self, port, app, name, host="127.0.0.1", timeout=10.0):
        self.socket = socket.create_connection((host, port), timeout)
        first, second = opening(app, f"rtmp://{host}:{port}/{app}")
        self.socket.sendall(first)
        answer = self._exactly(3073)
        self.socket.sendall(answer[1:1537] + second + message(3, 20, amf("play", 3, None, name), stream=1))
        self.received = 0

    def _exactly(self, count):
        found = b""
        while len(found) < count:
            piece = self.socket.recv(count - len(found))
            if not piece:
                raise ConnectionResetError("closed during the handshake")
            found += piece
        return found

    def read_for(self, seconds, silence=5.0):
        """Reads and discards; returns (bytes, seconds of the longest silence, whether it was closed)."""
        self.socket.settimeout(silence)
        end = time.monotonic() + seconds
        last, longest = time.monotonic(), 0.0
        while (now := time.monotonic()) < end:
            try:
                piece = self.socket.recv(1 << 16)
            except TimeoutError:
                return self.received, max(longest, time.monotonic() - last), False
            except OSError:
                piece = b""
            if not piece:
                return self.received, longest, True
            longest, last = max(longest, time.monotonic() - last), now
            self.received += len(piece)
        return self.received, longest, False

    def close(self):
        self.socket.close()


class Trickle:
    """Many streams with one small keyframe every few seconds each, published from one thread. For the registry a stream is a
    stream, however little it carries."""

    INTERVAL = 3.0
    #: Connections that are on their way at once.
    AT_ONCE = 64

    def __init__(self, port, app, names, host="127.0.0.1"):
        self.port, self.app, self.host = port, app, host
        self.names = list(names)
        self.selector = selectors.DefaultSelector()
        self.live, self.failed = {}, 0
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _open(self, name):
        connection = socket.socket()
        try:
            connection.connect((self.host, self.port))
        except OSError:
            self.failed += 1
            connection.close()
            return
        first, second = opening(self.app, f"rtmp://{self.host}:{self.port}/{self.app}")
        connection.sendall(first)
        connection.setblocking(False)
        self.selector.register(
            connection, selectors.EVENT_READ, {"name": name, "got": b"", "second": second, "step": 0}
        )

    def _ready(self, connection, state):
        try:
            piece = connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._close(connection, state)
            return
        if state["step"] >= 2:
            return
        state["got"] += piece
        try:
            if state["step"] == 0 and len(state["got"]) >= 3073:
                connection.sendall(state["got"][1:1537] + state["second"])
                state["got"], state["step"] = state["got"][3073:], 1
            # createStream's answer ends with its number 1.0, in AMF0.
            if state["step"] == 1 and amf(1)[0:9] in state["got"].partition(b"_result\0@")[2]:
                connection.sendall(
                    message(3, 20, amf("publish", 3, None, state["name"], "live"), stream=1)
                    + message(6, 9, SEQUENCE_HEADER, stream=1)
                    + message(6, 9, KEYFRAME, stream=1)
                )
                state.update(step=2, got=b"", began=time.monotonic(), due=time.monotonic() + self.INTERVAL)
                self.live[connection] = state
        except OSError:
            self._close(connection, state)

    def _close(self, connection, state):
        self.selector.unregister(connection)
        self.live.pop(connection, None)
        self.failed += not self.closing
        connection.close()

    def _run(self):
        todo = iter(self.names)
        more = True
        try:
            while not self.closing:
                while more and len(self.selector.get_map()) - len(self.live) < self.AT_ONCE:
                    name = next(todo, None)
                    if name is None:
                        more = False
                        break
                    self._open(name)
                for key, _ in self.selector.select(0.05):
                    self._ready(key.fileobj, key.data)
                now = time.monotonic()
                for connection, state in list(self.live.items()):
                    if state["due"] > now:
                        continue
                    state["due"] = now + self.INTERVAL
                    try:
                        connection.sendall(
                            message(6, 9, KEYFRAME, stream=1, timestamp=int(1000 * (now - state["began"])))
                        )
                    except OSError:
                        self._close(connection, state)
        finally:
            for key in list(self.selector.get_map().values()):
                key.fileobj.close()
            self.selector.close()

    def close(self):
        self.closing = True
        self.thread.join(5)
