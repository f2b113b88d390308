"""A client that reads as fast or as slowly as the test wants, and a server that feeds it numbered messages.

It speaks WebSocket by hand over one socket, so that what it has not read stays in the kernel and in the bridge.

Use: `viewer = Viewer(bridge, stalled=True)`; `Feed(peer).send(1000)`; `viewer.resume()`; `viewer.numbers.wait(…)`.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

from tests.process import Bridge
from tests.tcpserver import Peer
from tests.waiting import PATIENCE

__all__ = ["Feed", "Viewer", "masked", "number_in", "until"]

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def until(wanted: Callable[[], bool], timeout: float = PATIENCE, every: float = 0.02) -> None:
    """Ask until it is so, for what nobody tells; AssertionError if it does not become so."""
    pace = threading.Event()
    for _ in range(int(timeout / every)):
        if wanted():
            return
        pace.wait(every)
    raise AssertionError(f"it did not become so within {timeout} s")


def masked(payload: bytes, opcode: int = TEXT) -> bytes:
    """A client's frame, with a mask that changes nothing."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size < 1 << 16:
        head = bytes([0x80 | opcode, 0xFE]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, 0xFF]) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


def number_in(packet: str) -> int:
    """Which of a feed's messages this is; -1 if it is none."""
    return int(packet[15:21]) if packet.startswith('42["message","#') else -1


class Viewer:
    """One WebSocket, connected to the default namespace, with a thread that reads it.

    `auth`: what goes with its CONNECT; `rcvbuf`: bytes of the kernel's for what was not read; None: as the kernel
    likes. `at_most`: bytes a read and `pause`: seconds between reads, for one that is slow. All that came is in
    `packets`, in order.
    """

    def __init__(
        self, bridge: Bridge, *, rcvbuf: int | None = None, stalled: bool = False,
        at_most: int = 1 << 18, pause: float = 0.0, auth: dict[str, object] | None = None,
    ) -> None:  # fmt: skip
        self._sock = socket.socket()
        if rcvbuf is not None:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self._sock.settimeout(PATIENCE)
        self._sock.connect(("127.0.0.1", bridge.port))
        self.port: int = self._sock.getsockname()[1]
        self._pending = b""
        self._at_most, self._pause = at_most, pause
        self._changed = threading.Condition()
        self._writing, self._pings = threading.Lock(), 0
        self.packets: list[str] = []
        self.pongs = 0
        self.closed = threading.Event()
        self.code: int | None = None  # of the close frame, if one came
        self.sid = self._connect(json.dumps(auth).encode() if auth else b"")
        self._sock.settimeout(None)
        self._go, self._ended = threading.Event(), threading.Event()
        if not stalled:
            self._go.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _connect(self, auth: bytes) -> str:
        self._sock.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
            + base64.b64encode(os.urandom(16)) + b"\r\n\r\n" + masked(b"40" + auth)
        )  # fmt: skip
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._received()
        assert data.startswith(b"HTTP/1.1 101"), data
        self._pending = data.partition(b"\r\n\r\n")[2]
        self._take()
        while not any(packet.startswith('42["bridge:link",{"state":"connected"') for packet in self.packets):
            self._pending += self._received()
            self._take()
        [found] = [packet for packet in self.packets if packet.startswith("40")]
        return str(json.loads(found[2:])["sid"])

    def _received(self) -> bytes:
        data = self._sock.recv(4096)
        assert data, "the bridge closed the connection"
        return data

    def keep(self, packets: list[str]) -> None:
        """Packets that came; for one that must not keep all of them to override."""
        self.packets += packets

    def resume(self) -> None:
        """Read on."""
        self._go.set()

    def stall(self) -> None:
        """Read no more, after the read that is under way."""
        self._go.clear()

    def emit(self, event: str, *args: object, ack: int | None = None) -> None:
        """Send an event; blocks while the bridge does not read."""
        text = f"42{'' if ack is None else ack}{json.dumps([event, *args])}"
        self.write(masked(text.encode()))

    def write(self, data: bytes) -> None:
        """Bytes as they are, in one piece. What answers pings comes after them, as in a browser."""
        with self._writing:
            self._sock.sendall(data)
        self._answer_pings()

    def wait(self, wanted: Callable[[str], bool], timeout: float = PATIENCE) -> str:
        """The first packet that is wanted, or AssertionError."""
        at = 0

        def look() -> bool:
            nonlocal at
            while at < len(self.packets) and not wanted(self.packets[at]):
                at += 1
            return at < len(self.packets)

        with self._changed:
            if not self._changed.wait_for(look, timeout):
                raise AssertionError(f"it did not come within {timeout} s; the last were {self.packets[-3:]!r:.300}")
            return self.packets[at]

    def got(self, number: int, timeout: float = PATIENCE) -> list[int]:
        """The numbers of all messages that came, once this one has."""
        start = f'42["message","#{number:06}'
        self.wait(lambda packet: packet.startswith(start), timeout)
        return self.numbers

    def answer(self, ack: int, timeout: float = PATIENCE) -> Any:
        """What the event with this id was acked with."""
        start = f"43{ack}["
        return json.loads(self.wait(lambda packet: packet.startswith(start), timeout)[len(start) - 1 :])[0]

    @property
    def numbers(self) -> list[int]:
        """Of a feed's messages so far."""
        return [number for packet in list(self.packets) if (number := number_in(packet)) >= 0]

    def close(self) -> None:
        """At once."""
        self._ended.set()
        self._go.set()
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(PATIENCE)
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        try:
            while not self._ended.is_set():
                self._go.wait()
                data = self._sock.recv(self._at_most)
                if not data:
                    break
                self._pending += data
                self._take()
                if self._pause:
                    self._ended.wait(self._pause)
        except OSError:
            pass
        self.closed.set()

    def _take(self) -> None:
        """The frames that are whole; pings are answered."""
        packets, at, data = [], 0, self._pending
        for opcode, start, end in _frames(data):
            at = end
            if opcode == CLOSE:
                self.code = int.from_bytes(data[start : start + 2], "big") if end > start else 0
            elif opcode == PONG:
                self.pongs += 1
            elif data[start:end] == b"2":
                self._pings += 1
            if opcode == TEXT:
                packets.append(data[start:end].decode())
        self._pending = data[at:]
        with self._changed:
            self.keep(packets)
            self._changed.notify_all()
        self._answer_pings()

    def _answer_pings(self) -> None:
        """Unless another thread writes, which then does it."""
        while self._pings and self._writing.acquire(blocking=False):
            try:
                count, self._pings = self._pings, 0
                self._sock.sendall(masked(b"3") * count)
            finally:
                self._writing.release()


def _frames(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(opcode, payload's start, its end) of each frame that is whole."""
    at = 0
    while at + 2 <= len(data):
        opcode, length, start = data[at] & 0x0F, data[at + 1], at + 2
        assert data[at] & 0x80, "a frame is no last fragment"
        assert length < 128, "a frame of the bridge's is masked"
        if length > 125:
            size = 2 if length == 126 else 8
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        at = start + length
        if start > len(data) or at > len(data):
            return
        yield opcode, start, at


class Feed:
    """Numbered messages of a server, of `size` characters each. `sent`: how many have been handed to the kernel."""

    def __init__(self, peer: Peer, size: int = 1000) -> None:
        self._peer, self._rest = peer, "x" * (size - 7)
        self.sent = 0
        self._thread: threading.Thread | None = None

    def send(self, count: int, a_second: int = 3000) -> int:
        """So many more, this many a second, in a write each 10 ms; the number of the last one."""
        pace, at_once, began = threading.Event(), max(1, a_second // 100), time.monotonic()
        for start in range(0, count, at_once):
            self._write(min(at_once, count - start))
            pace.wait(max(0.0, began + (start + at_once) / a_second - time.monotonic()))
        return self.sent - 1

    def flood(self, count: int, a_second: int = 0) -> None:
        """So many more on a thread; as fast as they are taken, or so many a second."""
        self._thread = threading.Thread(target=self._flood, args=(count, a_second), daemon=True)
        self._thread.start()

    def flooded(self, timeout: float = PATIENCE) -> int:
        """Wait until all of the flood have been taken; the number of the last one."""
        assert self._thread is not None
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"the bridge does not read: {self.sent} were taken"
        return self.sent - 1

    def stands_still(self, seconds: float) -> None:
        """Wait until nothing more has been taken for so long."""
        pace, sent = threading.Event(), -1
        while sent != self.sent:
            sent = self.sent
            pace.wait(seconds)

    def _flood(self, count: int, a_second: int) -> None:
        try:
            if a_second:
                self.send(count, a_second)
            else:
                for start in range(0, count, 100):
                    self._write(min(100, count - start))
        except OSError:
            pass  # the test has ended

    def _write(self, count: int) -> None:
        self._peer.send("".join([f"#{self.sent + place:06}{self._rest}~" for place in range(count)]).encode())
        self.sent += count
