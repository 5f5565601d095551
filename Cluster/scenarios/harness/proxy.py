"""A TCP proxy that can stop carrying: a partition between one node and Redis that needs neither root nor a firewall.

The connections stay open and nothing moves, as when a cable is cut; whatever was under way arrives after the repair.
"""

import selectors
import socket
import threading

PASS, BLACKHOLE, REFUSE = "pass", "blackhole", "refuse"
CHUNK = 65536


class _Side:
    """One direction's reader and its peer, with what could not be written yet."""

    def __init__(self, connection, pair):
        self.connection = connection
        self.pair = pair
        self.waiting = b""
        self.ended = False


class TcpProxy:
    """Listens on `port` of the loopback and carries to `target`. `mode` may be changed at any time from any thread:
    `pass`; `blackhole`: nothing moves, connections stay; `refuse`: connections are reset and new ones too."""

    def __init__(self, port, target):
        self.port = port
        self.target = target
        self.mode = PASS
        self.bytes = 0
        self.sides = {}
        self.selector = selectors.DefaultSelector()
        self.wake_in, self.wake_out = socket.socketpair()
        self.wake_in.setblocking(False)
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.listener.setblocking(False)
        self.closing = False
        self.selector.register(self.wake_in, selectors.EVENT_READ, "wake")
        self.selector.register(self.listener, selectors.EVENT_READ, "accept")
        self.thread = threading.Thread(target=self._run, name=f"proxy-{port}", daemon=True)
        self.thread.start()

    def set_mode(self, mode):
        self.mode = mode
        self.wake_out.send(b"m")

    def retarget(self, port):
        """New connections go to another port; the old ones are reset, as when a failover moves an address."""
        self.target = port
        self.wake_out.send(b"r")

    def close(self):
        self.closing = True
        try:
            self.wake_out.send(b"c")
        except OSError:
            return
        self.thread.join(2)

    def _run(self):
        try:
            while not self.closing:
                for key, events in self.selector.select(1):
                    if key.data == "wake":
                        self._obey(self.wake_in.recv(64))
                    elif key.data == "accept":
                        self._accept()
                    else:
                        self._move(key.data, events)
        finally:
            for side in list(self.sides.values()):
                side.connection.close()
            self.listener.close()
            self.wake_in.close()
            self.wake_out.close()
            self.selector.close()

    def _obey(self, orders):
        if b"r" in orders or self.mode == REFUSE:
            for side in list(self.sides.values()):
                self._drop(side)
        for side in list(self.sides.values()):
            self._watch(side)

    def _accept(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        if self.mode == REFUSE:
            _reset(client)
            return
        server = socket.socket()
        client.setblocking(False)
        server.setblocking(False)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.connect_ex(("127.0.0.1", self.target))
        near, far = _Side(client, None), _Side(server, None)
        near.pair, far.pair = far, near
        for side in (near, far):
            self.sides[side.connection.fileno()] = side
            self.selector.register(side.connection, selectors.EVENT_READ, side)
            self._watch(side)

    def _watch(self, side):
        """In a blackhole nothing is read and nothing written: the peer's own window fills, as it would."""
        events = 0
        if self.mode == PASS:
            if not side.pair.waiting and not side.ended:
                events |= selectors.EVENT_READ
            if side.waiting:
                events |= selectors.EVENT_WRITE
        self._register(side, events)

    def _register(self, side, events):
        known = self.selector.get_map().get(side.connection.fileno())
        if events and known:
            self.selector.modify(side.connection, events, side)
        elif events:
            self.selector.register(side.connection, events, side)
        elif known:
            self.selector.unregister(side.connection)

    def _move(self, side, events):
        if self.mode != PASS or side.connection.fileno() < 0:
            return
        try:
            if events & selectors.EVENT_WRITE and side.waiting:
                sent = side.connection.send(side.waiting)
                side.waiting = side.waiting[sent:]
            if events & selectors.EVENT_READ and not side.pair.waiting:
                data = side.connection.recv(CHUNK)
                if not data:
                    self._drop(side)
                    return
                self.bytes += len(data)
                side.pair.waiting += data
        except BlockingIOError:
            pass
        except OSError:
            self._drop(side)
            return
        self._watch(side)
        self._watch(side.pair)

    def _drop(self, side):
        for one in (side, side.pair):
            if self.sides.pop(one.connection.fileno(), None):
                self._register(one, 0)
                _reset(one.connection)


def _reset(connection):
    """Closes with RST: SO_LINGER on, 0 s."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    except OSError:
        pass
    connection.close()
