"""A reader of a client's WebSocket frames, written from RFC 6455 in the plainest way, to compare the bridge's with.

Use: `read(stream, limit)` -> ([(opcode, payload), …], close code or 0).
"""

from __future__ import annotations

__all__ = ["Outcome", "read"]

#: The messages, and the close code of the error after them, or 0.
Outcome = tuple[list[tuple[int, bytes]], int]

PROTOCOL_ERROR, TOO_BIG = 1002, 1009


class _Wrong(Exception):
    """`status`: the close code."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


def read(stream: bytes, limit: int) -> Outcome:
    """All messages of up to `limit` bytes. What is wrong with a frame is seen as soon as its header is here."""
    messages: list[tuple[int, bytes]] = []
    parts: list[bytes] = []
    kind = 0
    try:
        while len(stream) >= 2:
            final, opcode, length, start = _header(stream, kind, limit - sum(map(len, parts)))
            if length < 0 or len(stream) < start + 4 + length:
                break
            key, body = stream[start : start + 4], stream[start + 4 : start + 4 + length]
            stream = stream[start + 4 + length :]
            payload = bytes(byte ^ key[place % 4] for place, byte in enumerate(body))
            if opcode >= 8:
                messages.append((opcode, payload))
                continue
            kind, parts = kind or opcode, [*parts, payload]
            if len(parts) > limit and not (final and len(parts) == 1):
                raise _Wrong(TOO_BIG)
            if final:
                messages.append((kind, b"".join(parts)))
                kind, parts = 0, []
    except _Wrong as wrong:
        return messages, wrong.status
    return messages, 0


def _header(stream: bytes, kind: int, room: int) -> tuple[bool, int, int, int]:
    """(final, opcode, payload's length, where the mask is); length -1 if it is not all here."""
    final, opcode = bool(stream[0] & 0x80), stream[0] & 0x0F
    masked, length = bool(stream[1] & 0x80), stream[1] & 0x7F
    if stream[0] & 0x70 or opcode not in (0, 1, 2, 8, 9, 10) or not masked:
        raise _Wrong(PROTOCOL_ERROR)
    if opcode >= 8 and (not final or length > 125):
        raise _Wrong(PROTOCOL_ERROR)
    if (opcode in (1, 2) and kind) or (opcode == 0 and not kind):
        raise _Wrong(PROTOCOL_ERROR)
    size = {126: 2, 127: 8}.get(length, 0)
    if len(stream) < 2 + size:
        return final, opcode, -1, 0
    if size:
        length = int.from_bytes(stream[2 : 2 + size], "big")
        if length < (126 if size == 2 else 65536):
            raise _Wrong(PROTOCOL_ERROR)
    if opcode < 8 and length > room:
        raise _Wrong(TOO_BIG)
    return final, opcode, length, 2 + size
