"""Encode events as Socket.IO packets in WebSocket frames, and decode packets. Sans-IO.

Socket.IO protocol 5 in Engine.IO 4: `42["name",arg]` is an event, `451-["name",{"_placeholder":true,"num":0}]`
an event with an attachment, `433[…]` the ack of the event with id 3. Encoded once, they are the same bytes for
every client; a client that polls gets the packets that are in them. Must not know who gets them.

Use: `encode_event("message", Payload.text("hi"))` -> b'\\x81\\x1042["message","hi"]'.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from operator import add

import orjson

from bridge.messages import SEPARATOR, Payload
from bridge.wire.offsets import OffsetRun
from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import BINARY, TEXT, frame, frames_in, head

__all__ = [
    "ReceivedEvent",
    "decode_events", "encode_acks", "encode_escaped", "encode_event", "encode_texts", "escape", "polled",
]  # fmt: skip

#: An event of a client: its ack id, and [name, *arguments].
ReceivedEvent = tuple[int | None, list[object]]

_SEPARATOR = SEPARATOR.encode()
_AFTER = b'"]'
_BETWEEN = b'","'  # a text and its offset
_OK: dict[str, object] = {"ok": True}
_DIGITS = bytes(0x30 if chr(byte).isdigit() and byte < 0x80 else 0x20 for byte in range(256))
_LONG_NUMBER = b"0" * 19  # nineteen digits, by _DIGITS
_MANY = 12  # texts from which `_numbered_alike` is quicker
_LOW_DIGITS = 2  # the last digits of an offset, in which the offsets of one run differ
_LONGEST_ID = 15  # digits of an ack's id; JavaScript's whole numbers have no more


def encode_event(event: str, payload: Payload, offset: bytes = b"") -> bytes:
    """Encode one event with one argument, and its offset if it has one: the packet's frame, then its attachments'."""
    last = b',"' + offset + _AFTER if offset else b"]"
    data = b"[" + orjson.dumps(event) + b"," + payload.json + last
    if not payload.attachments:
        return frame(b"42" + data)
    packet = frame(b"45%d-" % len(payload.attachments) + data)
    return packet + b"".join(frame(attachment, BINARY) for attachment in payload.attachments)


class _Heads(dict[int, bytes]):
    """Length of a text -> the bytes before it: the end of the packet before, and the beginning of its own frame.

    `more`: bytes of a packet between its text and its end.
    """

    MOST = 8192  # lengths that are remembered

    def __init__(self, event: str, more: int) -> None:
        super().__init__()
        self._before = b"42[" + orjson.dumps(event) + b',"'
        self._rest = len(self._before) + more + len(_AFTER)

    def __missing__(self, length: int) -> bytes:
        if len(self) >= self.MOST:
            self.clear()
        made = self[length] = _AFTER + head(self._rest + length) + self._before
        return made


_heads = lru_cache(maxsize=64)(_Heads)


def encode_texts(
    event: str, frames: Sequence[bytes], joined: str, ends: bool, runs: Sequence[OffsetRun] = ()
) -> Segment:
    """Encode one event for each text, escaping all texts at once.

    `frames`, `joined`: as in messages.Texts; `runs`: their offsets; `ends`: whether to tell where each frame ends.
    It takes two hundred nanoseconds a text, where one at a time takes two thousand.
    """
    return encode_escaped(event, escape(frames, joined), ends, runs)


def escape(frames: Sequence[bytes], joined: str) -> Sequence[bytes]:
    """Return the texts as they stand in JSON, without quotes; `frames` and `joined` as in messages.Texts."""
    escaped = orjson.dumps(joined)[1:-1]
    if len(escaped) == len(joined) and joined.isascii():
        return frames
    texts = escaped.split(_SEPARATOR)
    if len(texts) == len(frames):
        return texts
    return [orjson.dumps(frame.decode())[1:-1] for frame in frames]  # a text has a separator in it


def encode_escaped(event: str, texts: Sequence[bytes], ends: bool, runs: Sequence[OffsetRun] = ()) -> Segment:
    """Encode texts that `escape` returned, as `encode_texts` does."""
    if runs:
        return _numbered(event, texts, ends, runs)
    heads = _heads(event, 0)
    first = heads[len(texts[0])]
    lengths = list(map(len, texts))
    count = len(texts)
    if lengths.count(lengths[0]) == count:
        data = b"".join((first[len(_AFTER) :], first.join(texts), _AFTER))
        size = len(first) + lengths[0]
        return Segment(data, count, (), range(size, size * count + 1, size) if ends else ())
    parts: list[bytes] = [b""] * (2 * count + 1)
    parts[0:-1:2] = before = list(map(heads.__getitem__, lengths))
    parts[1::2] = texts
    parts[0], parts[-1] = first[len(_AFTER) :], _AFTER
    found = list(accumulate(map(add, map(len, before), lengths))) if ends else ()
    return Segment(b"".join(parts), count, (), found)


def _numbered(event: str, texts: Sequence[bytes], ends: bool, runs: Sequence[OffsetRun]) -> Segment:
    """Encode escaped texts with their offsets."""
    lengths = list(map(len, texts))
    alike = lengths.count(lengths[0]) == len(texts)
    if alike and len(texts) >= _MANY and len(runs[0].before) == len(runs[-1].before):
        return _numbered_alike(event, texts, ends, runs)
    if len(runs) == 1 and not ends:
        return Segment(_one_run(event, texts, lengths, alike, runs[0]), len(texts))
    pieces: list[bytes] = []
    found: list[int] = []
    at = size = 0
    for run in runs:
        these = slice(at, at + run.count)
        pieces.append(_one_run(event, texts[these], lengths[these], alike, run))
        if ends:
            found += islice(accumulate(_sizes(event, lengths[these], run), initial=size), 1, None)
        at += run.count
        size += len(pieces[-1])
    return Segment(b"".join(pieces), len(texts), (), found)


def _one_run(event: str, texts: Sequence[bytes], lengths: list[int], alike: bool, run: OffsetRun) -> bytes:
    middle = _BETWEEN + run.before
    heads = _heads(event, len(middle) + _LOW_DIGITS)
    head = heads[lengths[0]]
    parts = [head, b"", middle, b""] * run.count
    if not alike:
        parts[0::4] = map(heads.__getitem__, lengths)
    parts[0] = head[len(_AFTER) :]
    parts[1::4] = texts
    parts[3::4] = run.ends
    parts.append(_AFTER)
    return b"".join(parts)


def _sizes(event: str, lengths: Iterable[int], run: OffsetRun) -> list[int]:
    """Return the length of each frame of a run."""
    tail = len(_BETWEEN) + len(run.before) + _LOW_DIGITS
    heads = _heads(event, tail)
    return [len(heads[length]) + length + tail for length in lengths]


def _numbered_alike(event: str, texts: Sequence[bytes], ends: bool, runs: Sequence[OffsetRun]) -> Segment:
    """Encode texts and offsets that all have the same length.

    Everything is joined at once, with the first offset in each frame; then the digits that differ are written into
    their places, a column at a time. That costs half as much.
    """
    before, count, length = runs[0].before, len(texts), len(texts[0])
    middle = _BETWEEN + before + b"0" * _LOW_DIGITS
    head = _heads(event, len(middle))[length]
    size, digits = length + len(middle) + len(head), length + len(middle) - _LOW_DIGITS
    tens, ones = _columns(runs)
    data = bytearray(middle + head).join(texts)
    data[digits::size], data[digits + 1 :: size] = tens[:-1], ones[:-1]
    at = runs[0].count
    for run in runs[1:]:
        for place, (digit, was) in enumerate(zip(run.before, before, strict=True), digits - len(before)):
            if digit != was:
                column = slice(at * size + place, (at + run.count) * size, size)
                data[column] = bytes((digit,)) * len(range(*column.indices(len(data))))
        at += run.count
    last = _BETWEEN + runs[-1].before + tens[-1:] + ones[-1:] + _AFTER
    whole = b"".join((head[len(_AFTER) :], data, last))
    return Segment(whole, count, (), range(size, len(whole) + 1, size) if ends else ())


def _columns(runs: Sequence[OffsetRun]) -> tuple[bytes, bytes]:
    """Return the second last digit of each offset, and the last."""
    if len(runs) == 1:
        return runs[0].tens, runs[0].ones
    return b"".join([run.tens for run in runs]), b"".join([run.ones for run in runs])


def encode_acks(ids: Iterable[int], answer: dict[str, object]) -> bytes:
    """Encode the acks of the events with these ids, each with the same argument."""
    rest = b"[" + (b'{"ok":true}' if answer == _OK else orjson.dumps(answer)) + b"]"
    return b"".join([frame(b"43%d%b" % (number, rest)) for number in ids])


def decode_events(packets: Sequence[bytes]) -> list[ReceivedEvent | None]:
    """Decode text packets `42…` of the default namespace.

    None stands for a packet that is anything else, or can't be read: python-socketio gets it, and says what is wrong.
    """
    # orjson reads a whole number of over 64 bits as a float, so such numbers are looked for, in all packets at once.
    if _has_long_number(b" ".join(packets)):
        return [None if _has_long_number(packet) else _decoded(packet) for packet in packets]
    return [_decoded(packet) for packet in packets]


def _has_long_number(text: bytes) -> bool:
    return _LONG_NUMBER in text.translate(_DIGITS)


def _decoded(packet: bytes) -> ReceivedEvent | None:
    number, start = None, 2
    if packet[2:3] != b"[":
        start = packet.find(b"[")
        digits = packet[2:start]
        if start < 0 or not digits.isdigit() or len(digits) > _LONGEST_ID:
            return None
        number = int(digits)
    try:
        data = orjson.loads(packet[start:])
    except ValueError:
        return None
    return (number, data) if data and type(data) is list and type(data[0]) is str else None


def polled(frames: Iterable[bytes]) -> Iterator[str]:
    """Yield the packets in these frames as a polling client gets them: text, attachments in base64.

    Frames that only a WebSocket needs, such as close frames, are left out.
    """
    for data in frames:
        for opcode, start, end in frames_in(data):
            if opcode == TEXT:
                yield data[start:end].decode()
            elif opcode == BINARY:
                yield "b" + base64.b64encode(data[start:end]).decode()
