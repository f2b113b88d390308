"""Read a client's bytes as WebSocket messages, and write packets as WebSocket frames (RFC 6455). Sans-IO.

A client masks what it sends; a server does not, so the same bytes are right for every client.
Extensions are declined, so the reserved bits are 0. Must not know what is in a message.

Use: `FrameReader(1 << 20).feed(data)` -> [(TEXT, b"2"), …]; `frame(b"3")` -> b"\\x81\\x013".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from bridge.errors import BridgeError

try:
    from websockets.speedups import apply_mask
except ImportError:  # no wheel for this platform: the same in Python, with one big exclusive or
    from websockets.utils import apply_mask

__all__ = [
    "BINARY", "CLOSE", "NOT_UTF8", "PING", "POLICY_VIOLATION", "PONG", "TEXT",
    "FrameReader", "WebSocketError", "close_answer", "close_frame", "frame", "frames_in", "head", "messages_in",
]  # fmt: skip

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_DATA = frozenset((TEXT, BINARY))
_CONTROL = frozenset((CLOSE, PING, PONG))

_FINAL, _MASKED = 0x80, 0x80
_LARGEST_SHORT, _LARGEST_MIDDLE = 125, 65535
_LARGEST_CONTROL = 125

_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))
PROTOCOL_ERROR, NOT_UTF8, POLICY_VIOLATION, TOO_BIG = 1002, 1007, 1008, 1009  # RFC 6455, section 7.4.1


class WebSocketError(BridgeError):
    """Bytes that are no WebSocket frame. `status`: the close code; `messages`: those complete before the bytes."""

    code = "bad-frame"

    def __init__(self, status: int, reason: str, messages: list[tuple[int, bytes]] | None = None) -> None:
        self.status, self.reason, self.messages = status, reason, messages or []
        super().__init__(reason)


class FrameReader:
    """Turns one client's bytes into messages, (opcode, payload): TEXT, BINARY, CLOSE, PING or PONG.

    `limit`: bytes of one message. A reader that holds nothing (`idle`) can be thrown away.
    """

    __slots__ = ("_fragments", "_held", "_kind", "_limit", "_need", "_parts")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()  # the part of an incomplete frame that has come
        self._need = 0
        self._parts: bytearray | None = None  # the fragments so far of a message
        self._kind = self._fragments = 0

    @property
    def idle(self) -> bool:
        """Whether no frame or message is incomplete."""
        return not self._held and self._parts is None

    @property
    def size(self) -> int:
        """Bytes of an incomplete message that it holds."""
        return len(self._held) + len(self._parts or b"")

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the messages that these bytes completed; the bytes may be cut anywhere.

        Raises WebSocketError; the reader must not be used after that.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._need:
                return []
            data, self._held = bytes(self._held), bytearray()
        messages: list[tuple[int, bytes]] = []
        try:
            at = self._frames(data, messages)
        except WebSocketError as error:
            error.messages = messages
            raise
        if at < len(data):
            self._held += data[at:]
        return messages

    def _frames(self, data: bytes, messages: list[tuple[int, bytes]]) -> int:
        """Take all complete frames. Return where the first incomplete one begins."""
        at, end = 0, len(data)
        while end - at >= 2:
            second = data[at + 1]
            # Nearly every frame is of this kind: a complete short text, masked.
            if data[at] == 0x81 and 128 <= second < 254 and self._parts is None:
                start = at + 6
                stop = start + second - 128
                if stop > end or second - 128 > self._limit:
                    self._need = stop - at
                    self._check(second - 128)
                    return at
                messages.append((TEXT, apply_mask(data[start:stop], data[at + 2 : start])))
                at = stop
                continue
            stop = self._any(data, at, end, messages)
            if stop == at:
                return at
            at = stop
        self._need = 2
        return at

    def _any(self, data: bytes, at: int, end: int, messages: list[tuple[int, bytes]]) -> int:
        """Take a frame of any kind. Return where it ends, or `at` if it is incomplete."""
        first, second = data[at], data[at + 1]
        opcode, length = first & 0x0F, second & 0x7F
        self._check_head(first, second, opcode)
        start = at + 2
        if length > _LARGEST_SHORT:
            size = 2 if length == 126 else 8
            start += size
            if start > end:
                self._need = start - at
                return at
            length = int.from_bytes(data[at + 2 : start], "big")
            if length <= (_LARGEST_SHORT if size == 2 else _LARGEST_MIDDLE):
                raise WebSocketError(PROTOCOL_ERROR, "a length is not written in its shortest form")
        if opcode not in _CONTROL:
            self._check(length)
        start += 4
        stop = start + length
        if stop > end:
            self._need = stop - at
            return at
        self._take(opcode, first & _FINAL, apply_mask(data[start:stop], data[start - 4 : start]), messages)
        return stop

    def _check_head(self, first: int, second: int, opcode: int) -> None:
        if first & 0x70:
            raise WebSocketError(PROTOCOL_ERROR, "a reserved bit is set, and no extension was agreed on")
        if opcode not in _DATA and opcode not in _CONTROL and opcode != CONTINUATION:
            raise WebSocketError(PROTOCOL_ERROR, f"there is no frame of kind {opcode}")
        if not second & _MASKED:
            raise WebSocketError(PROTOCOL_ERROR, "a frame of a client is not masked")
        if opcode in _CONTROL and (not first & _FINAL or second & 0x7F > _LARGEST_CONTROL):
            raise WebSocketError(PROTOCOL_ERROR, "a control frame is in fragments or over 125 bytes")
        if opcode in _DATA and self._parts is not None:
            raise WebSocketError(PROTOCOL_ERROR, "a message begins inside another one's fragments")
        if opcode == CONTINUATION and self._parts is None:
            raise WebSocketError(PROTOCOL_ERROR, "a message begins with its continuation")

    def _check(self, length: int) -> None:
        if len(self._parts or b"") + length > self._limit:
            raise WebSocketError(TOO_BIG, f"a message is over the limit of {self._limit} bytes")

    def _take(self, opcode: int, final: int, payload: bytes, messages: list[tuple[int, bytes]]) -> None:
        if opcode in _CONTROL or (final and self._parts is None):
            messages.append((opcode, payload))
            return
        if self._parts is None:
            self._parts, self._kind, self._fragments = bytearray(), opcode, 0
        self._parts += payload
        self._fragments += 1
        if self._fragments > self._limit:  # else empty ones could go on for ever
            raise WebSocketError(TOO_BIG, "a message has too many fragments")
        if final:
            messages.append((self._kind, bytes(self._parts)))
            self._parts = None


def head(length: int, opcode: int = TEXT) -> bytes:
    """Return the header of an unmasked frame."""
    if length <= _LARGEST_SHORT:
        return bytes((_FINAL | opcode, length))
    if length <= _LARGEST_MIDDLE:
        return struct.pack("!BBH", _FINAL | opcode, 126, length)
    return struct.pack("!BBQ", _FINAL | opcode, 127, length)


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return an unmasked frame."""
    return head(len(payload), opcode) + payload


def close_frame(status: int, reason: str = "") -> bytes:
    """Return the close frame with this status."""
    return frame(struct.pack("!H", status) + reason.encode()[: _LARGEST_CONTROL - 2], CLOSE)


def close_answer(payload: bytes) -> bytes:
    """Return the answer to a close frame with this payload (RFC 6455, sections 5.5.1 and 7.4)."""
    if not payload:
        return frame(b"", CLOSE)
    status = int.from_bytes(payload[:2], "big")
    valid = len(payload) >= 2 and (status in _CLOSE_CODES or 3000 <= status < 5000)
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        valid = False
    return frame(payload[:2], CLOSE) if valid else close_frame(PROTOCOL_ERROR, "this is no close code or reason")


def frames_in(data: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
    """Yield the frames in `data` that we made: (opcode, payload's start, its end)."""
    at = 0
    while at < len(data):
        opcode, length = data[at] & 0x0F, data[at + 1]
        start = at + 2
        if length == 126:
            start, length = at + 4, int.from_bytes(data[at + 2 : at + 4], "big")
        elif length == 127:
            start, length = at + 10, int.from_bytes(data[at + 2 : at + 10], "big")
        at = start + length
        yield opcode, start, at


def messages_in(data: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each message in frames that we made: a text frame with the binary ones after it."""
    start = end = 0
    for opcode, _, stop in frames_in(data):
        if opcode == TEXT and end:
            yield start, end
            start = end
        end = stop
    if end:
        yield start, end
