"""One TCP connection, with HTTP and WebSocket frames written by hand, so that each byte can be wrong.

Use: `with Wire.session(at) as wire: wire.send('42["echo"]'); wire.next()`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from tests.behaviour.sites import Site
from tests.waiting import PATIENCE

__all__ = [
    "BINARY",
    "CLOSE",
    "END",
    "MORE",
    "PING",
    "PONG",
    "TEXT",
    "Answer",
    "Control",
    "Heard",
    "Wire",
    "codes",
    "frame",
    "message",
    "upgrading",
]

MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {CLOSE: "close", PING: "ping", PONG: "pong"}
#: Of every frame: the example's of RFC 6455, as a test's name may have a frame in it.
MASK = b"\x37\xfa\x21\x3d"
PATH = "/socket.io/?EIO=4&"


class Control(NamedTuple):
    """A control frame, or the end of the connection."""

    name: str
    data: bytes = b""


Heard: TypeAlias = str | bytes | Control

#: Of the connection, by FIN or by RST: which of the two depends on what was still unread.
END = Control("end")


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """One frame as a client sends it."""
    length = len(data)
    size = bytes([length]) if length < 126 else struct.pack(*(("!BH", 126) if length < 65536 else ("!BQ", 127)), length)
    head = bytes([fin << 7 | reserved << 4 | opcode, masked << 7 | size[0]]) + size[1:]
    if not masked:
        return head + data
    whole = int.from_bytes(data, "big") ^ int.from_bytes((MASK * (length // 4 + 1))[:length], "big")
    return head + MASK + whole.to_bytes(length, "big")


def message(data: str | bytes) -> bytes:
    """One message in one frame."""
    return frame(TEXT, data.encode()) if isinstance(data, str) else frame(BINARY, data)


def upgrading(query: str = "transport=websocket", **headers: str | None) -> bytes:
    """A WebSocket's request. `headers`: others, or others' values; None leaves one out."""
    lines: dict[str, str | None] = {
        "Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }  # fmt: skip
    lines.update({name.replace("_", "-"): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"GET {PATH}{query} HTTP/1.1\r\n{head}\r\n".encode()


class Wire:
    """A connection. As a WebSocket's: `eio_sid` and `opened` of its session, `sid` after `connect()`."""

    eio_sid = ""
    sid = ""

    def __init__(self, at: Site) -> None:
        self.sock = socket.create_connection(("127.0.0.1", at.port), timeout=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._over = False
        self.opened: dict[str, object] = {}

    @classmethod
    def open(cls, at: Site, query: str = "transport=websocket") -> Wire:
        """A WebSocket with an Engine.IO session, not connected to any namespace."""
        wire = cls(at)
        answer = wire.ask(upgrading(query))
        assert answer.status == 101, answer
        if "sid=" not in query:
            wire.opened = json.loads(str(wire.next())[1:])
            wire.eio_sid = str(wire.opened["sid"])
        return wire

    @classmethod
    def session(cls, at: Site, namespace: str = "/") -> Wire:
        """A WebSocket that is connected to this namespace."""
        wire = cls.open(at)
        wire.connect(namespace)
        return wire

    def connect(self, namespace: str = "/", auth: str = "") -> str:
        """Connect to a namespace; the Socket.IO id."""
        at = "" if namespace == "/" else namespace + ","
        self.send(f"40{at}{auth}")
        self.sid = str(json.loads(self.until(f"40{at}")[len(f"40{at}") :])["sid"])
        return self.sid

    def write(self, data: bytes, pieces: int | None = None) -> None:
        """Bytes as they are, in segments of so many if that is given. If nobody takes them, reading tells."""
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(data), pieces or len(data) or 1):
                self.sock.sendall(data[start : start + (pieces or len(data))])

    def send(self, *messages: str | bytes) -> None:
        """Messages, each in a frame, all in one segment."""
        self.write(b"".join(map(message, messages)))

    def answer(self) -> Answer:
        """The next HTTP response."""
        while b"\r\n\r\n" not in self._buffer:
            assert self._more(), f"no response but {self._buffer!r}"
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        return Answer(int(first.split()[1]), headers, self._take(length))

    def ask(self, request: bytes) -> Answer:
        """Write a request; the response."""
        self.write(request)
        return self.answer()

    def next(self) -> Heard:
        """The next message or control frame, or END."""
        try:
            first, second = self._take(2)
            length = second & 127
            if length > 125:
                length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
            data = self._take(length)
        except EOFError:
            return END
        assert first & 128, "the server has sent a fragment"
        assert not second & 128, "the server has masked a frame"
        assert not first & 0x70, f"the server has sent a reserved bit: {first:x}"
        if first & 15 == TEXT:
            return data.decode()
        return data if first & 15 == BINARY else Control(NAMES[first & 15], data)

    def until(self, start: str) -> str:
        """The next text message that starts so."""
        for heard in self:
            if isinstance(heard, str) and heard.startswith(start):
                return heard
        raise AssertionError(f"the connection was closed before {start!r}")

    def rest(self) -> list[Heard]:
        """Everything up to the end."""
        return list(self)

    def raw(self) -> bytes:
        """Every byte up to the end."""
        while self._more():
            pass
        return self._buffer

    def event(self, text: str, number: int = 7) -> list[Heard]:
        """Ask an event's ack; everything up to it."""
        self.send(f"42{number}{text}")
        heard: list[Heard] = []
        for one in self:
            heard.append(one)
            if isinstance(one, str) and re.match(rf"4(3|6\d+-){number}\[", one):
                return heard
        return [*heard, END]

    def finish(self) -> None:
        """FIN: nothing more will be sent."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST: the connection is gone, whatever was under way."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def __iter__(self) -> Iterator[Heard]:
        while (heard := self.next()) != END:
            yield heard

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, length: int) -> bytes:
        while len(self._buffer) < length:
            if not self._more():
                raise EOFError
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _more(self) -> bool:
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)


def codes(heard: Iterable[Heard]) -> list[object]:
    """What was heard, a close frame as its code alone: the words after it are for people."""
    return [
        (one.name, int.from_bytes(one.data[:2], "big")) if isinstance(one, Control) and one.name == "close" else one
        for one in heard
    ]
