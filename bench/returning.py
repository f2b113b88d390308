"""Clients of bench/recovery.py: raw WebSockets that keep what they need to come back, many in one loop.

Must not know who sends what they get.

Use: `loop = Loop(port); [client] = loop.come(1); loop.until(lambda: client.last == 41)`; `crowd = Crowd(port)`.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import selectors
import socket
import struct
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

__all__ = ["PATIENCE", "Client", "Crowd", "Loop"]

PATIENCE = 60.0  # seconds for whatever is awaited
UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_LAST = re.compile(rb'#(\d{8})[^"]*","([\w-]+)"\]\Z')


class Client:
    """One WebSocket on the default namespace. `count`: messages so far; `last`: the number of the newest; `linked`:
    whether the bridge says that its server is connected."""

    def __init__(self, port: int, auth: bytes = b"") -> None:
        self.began = time.monotonic()
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", port))
        self._out = UPGRADE + _masked(b"40" + auth)
        self._in = b""
        self.opened = self.linked = False
        self.pid = self.offset = b""
        self.count, self.last, self.disorder = 0, -1, 0

    def ready(self) -> None:
        """Write or read what can be."""
        if self._out:
            self.sock.send(self._out)
            self._out = b""
            return
        data = self.sock.recv(1 << 18)
        if not data:
            raise ConnectionResetError("the bridge closed a client's connection")
        self._in += data
        if not self.opened:
            head, found, rest = self._in.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                raise ConnectionError(head.decode(errors="replace"))
            self.opened, self._in = True, rest
        self._take()

    def _take(self) -> None:
        data, at = self._in, 0
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if len(data) < start + size or len(data) < start:
                break
            self._packet(data[start : start + size])
            at = start + size
        self._in = data[at:]

    def _packet(self, packet: bytes) -> None:
        if packet.startswith(b'42["message"'):
            found = _LAST.search(packet)
            assert found, packet
            number = int(found[1])
            self.disorder += self.last >= 0 and number != self.last + 1
            self.last, self.offset = number, found[2]
            self.count += 1
        elif packet == b"2":
            self._out += _masked(b"3")
        elif packet.startswith(b'42["bridge:link"'):
            self.linked = json.loads(packet[2:])[1]["state"] == "connected"
        elif packet.startswith(b"40"):
            self.pid = json.loads(packet[2:]).get("pid", "").encode()

    @property
    def writes(self) -> bool:
        """Whether it waits to write."""
        return bool(self._out)

    @property
    def auth(self) -> bytes:
        """What it comes back with."""
        return b'{"pid":"%b","offset":"%b"}' % (self.pid, self.offset)

    def emit(self, *event: str) -> None:
        """An event without an ack; it is written when the loop comes to it."""
        self._out += _masked(b"42" + json.dumps(event).encode())

    def cut(self) -> None:
        """It resets its connection, of which the bridge hears at once. A network that is only silent is noticed by its
        pings."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Loop:
    """Clients of the bridge at this port, served while something is awaited."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.selector = selectors.DefaultSelector()

    def come(self, count: int, auths: list[bytes] | None = None) -> list[Client]:
        """Clients, all at once."""
        made = [Client(self.port, auth) for auth in auths or [b""] * count]
        for client in made:
            self.selector.register(client.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
        return made

    def emit(self, clients: list[Client], *events: tuple[str, ...]) -> None:
        """One of these events from each of these clients; it returns when they are written."""
        for client, event in zip(clients, events, strict=True):
            client.emit(*event)
            self.selector.modify(client.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
        self.until(lambda: not any(client.writes for client in clients))

    def cut(self, clients: list[Client]) -> None:
        """They reset their connections, all at once."""
        for client in clients:
            self.selector.unregister(client.sock)
            client.cut()

    def until(self, wanted: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> float:
        """Serve the clients until it is so; when it was."""
        ends = time.monotonic() + PATIENCE
        while not wanted():
            assert time.monotonic() < ends, "it takes too long"
            meanwhile()
            for key, _ in self.selector.select(0.01):
                client: Client = key.data
                client.ready()
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.writes else 0)
                if key.events != events:
                    self.selector.modify(client.sock, events, client)
        return time.monotonic()


class Crowd:
    """As many clients as there are to be, in a process of their own: another one's news do not wait for them."""

    def __init__(self, port: int, count: int) -> None:
        self._pipe, other = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_crowd, args=(other, port, count), daemon=True)
        self._process.start()

    def do(self, command: str, number: int = 0) -> float:
        """`come`, `wait` for this number, `cut`, or `back`, which ends when all have everything up to the number that
        is told then by `wait`; when it was done, in `time.monotonic`, one clock for all processes."""
        self.begin(command, number)
        return self.end()

    def begin(self, command: str, number: int = 0) -> None:
        """The same, not waiting for its end."""
        self._pipe.send((command, number))

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._pipe.poll()

    def end(self) -> float:
        """Wait for its end. Raises AssertionError for what went wrong."""
        problem, when = self._pipe.recv()
        assert not problem, problem
        return float(when)

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join(PATIENCE)


def _crowd(pipe: Connection, port: int, count: int) -> None:
    members = _Members(port, count)
    while True:
        command, number = pipe.recv()
        try:
            getattr(members, command)(number)
            pipe.send((members.problem(), time.monotonic()))
        except Exception as error:  # told to whoever waits
            pipe.send((f"{type(error).__name__}: {error}", 0.0))


class _Members:
    """What a crowd's process does; its methods are the commands."""

    def __init__(self, port: int, count: int) -> None:
        self._loop, self._count = Loop(port), count
        self._clients: list[Client] = []
        self._pids: list[bytes] = []

    def come(self, _: int) -> None:
        self._clients = self._loop.come(self._count)
        self._loop.until(lambda: all(client.pid for client in self._clients))
        self._pids = [client.pid for client in self._clients]

    def wait(self, number: int) -> None:
        self._loop.until(lambda: all(client.last >= number for client in self._clients))

    def cut(self, _: int) -> None:
        self._loop.cut(self._clients)

    def back(self, _: int) -> None:
        self._clients = self._loop.come(self._count, [client.auth for client in self._clients])
        self._loop.until(lambda: all(client.pid for client in self._clients))

    def problem(self) -> str:
        bad = sum(client.disorder > 0 for client in self._clients)
        bad += sum(client.pid != pid for client, pid in zip(self._clients, self._pids, strict=True))
        return f"{bad} of {self._count} did not recover" if bad else ""


def _masked(payload: bytes) -> bytes:
    """A client's frame, with a mask that changes nothing."""
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload
