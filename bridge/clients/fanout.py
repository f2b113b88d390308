"""A burst to its clients: encode each message once, and send each client its share in one piece.

What is for all is the same bytes for all. A client that is also meant alone gets its own piece,
cut from the same bytes and its own messages, in the order in which the server sent them. Must not
know how a client is written to, nor where deliveries come from.

Use: `fanout.publish([Delivery("message", Payload.text("hi"))])`.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bridge.clients.backlog import Segment
from bridge.clients.frames import messages_in
from bridge.clients.outbox import Outbox, Pressure
from bridge.clients.packets import Encoded, encode_event, encode_texts
from bridge.messages import Delivery, Texts
from bridge.tally import Tally

__all__ = ["Fanout", "KeysOf"]

LONGEST_TURN = 0.002  # seconds; then other green threads (pings, readers) have theirs
OVERHEAD = 64  # bytes that a short text's frame is longer than the text, at most about
LARGEST_SEGMENT = 256 * 1024  # bytes that go out in one piece; what is larger is cut between two messages

#: For each message of a delivery, what a newer one supersedes.
KeysOf = Callable[[Delivery | Texts], Sequence[Hashable]]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Frames of so many messages. `ends`: where each ends, if the piece is to be cut; `keys`: see KeysOf."""

    data: bytes
    count: int
    ends: Sequence[int] = ()
    keys: Sequence[Hashable] = ()


@dataclass
class _Burst:
    """`common`: what is for all, in pieces, `size` bytes; `alone`: by sid, what is for that client, and up to
    which byte of the common ones it comes before it."""

    common: list[_Piece] = field(default_factory=list)
    size: int = 0
    alone: dict[str, list[tuple[int, _Piece]]] = field(default_factory=dict)

    @cached_property
    def whole(self) -> memoryview:
        """All that is for all."""
        return memoryview(b"".join([piece.data for piece in self.common]))

    @cached_property
    def count(self) -> int:
        """Its messages."""
        return sum([piece.count for piece in self.common])

    def for_all(self, piece: _Piece) -> None:
        """Add this for everybody."""
        self.common.append(piece)
        self.size += len(piece.data)

    def for_some(self, sids: Sequence[str], piece: _Piece) -> None:
        """Add this for these clients."""
        for sid in sids:
            mine = self.alone.get(sid)
            if mine is None:
                self.alone[sid] = mine = []
            mine.append((self.size, piece))


class Fanout:
    """`outboxes` are those of all clients, by sid; `keys_of`: None if no policy asks for keys."""

    def __init__(
        self, outboxes: Mapping[str, Outbox], pressure: Pressure, tally: Tally, keys_of: KeysOf | None = None
    ) -> None:
        self._outboxes, self._pressure, self._tally, self._keys_of = outboxes, pressure, tally, keys_of

    def publish(self, deliveries: Sequence[Delivery | Texts], paced: bool = False) -> None:
        """Send all deliveries, in order. `paced`, for what the link brought: wait while every client is behind."""
        if not self._outboxes:
            return
        burst = _Burst()
        for delivery in deliveries:
            if isinstance(delivery, Texts):
                self._encode_texts(delivery, burst)
            else:
                self._encode(delivery, burst)
        turn = _Turn()
        others = [outbox for sid, outbox in self._outboxes.items() if sid not in burst.alone]
        for sid, pieces in burst.alone.items():
            outbox = self._outboxes.get(sid)
            if outbox is not None:
                own = _interleaved(burst, pieces) if self._keys_of else [_joined(burst, pieces)]
                self._send(own, [outbox], turn, paced)
        self._send(burst.common, others, turn, paced)

    def _encode(self, delivery: Delivery, burst: _Burst) -> None:
        data = encode_event(delivery.event, delivery.payload)
        piece = _Piece(data, 1, (len(data),), self._keys_of(delivery) if self._keys_of else ())
        if delivery.to is None:
            burst.for_all(piece)
        else:
            burst.for_some(delivery.to, piece)

    def _encode_texts(self, texts: Texts, burst: _Burst) -> None:
        keys = self._keys_of(texts) if self._keys_of else ()
        large = len(texts.joined) + OVERHEAD * len(texts.frames) > LARGEST_SEGMENT
        encoded = encode_texts(texts.event, texts.frames, texts.joined, ends=large or texts.to is not None)
        if texts.to is None:
            burst.for_all(_Piece(encoded.data, encoded.count, encoded.ends, keys))
            return
        data, at, first = encoded.data, 0, 0  # first: of the messages for all that are not in the burst yet
        begins = 0
        for number, (to, end) in enumerate(zip(texts.to, encoded.ends, strict=True)):
            if to is not None:
                if first < number:
                    burst.for_all(_part(encoded, keys, slice(first, number), begins))
                burst.for_some(to, _Piece(data[at:end], 1, (), keys[number : number + 1]))
                first, begins = number + 1, end
            at = end
        if first < encoded.count:
            burst.for_all(_part(encoded, keys, slice(first, encoded.count), begins))

    def _send(self, pieces: Iterable[_Piece], outboxes: Sequence[Outbox], turn: _Turn, paced: bool) -> None:
        if not outboxes:
            return
        for segment in _segments(pieces):
            for outbox in outboxes:
                outbox.put(segment)
                turn.maybe_yield()
            self._tally.count("deliveries", segment.count * len(outboxes))
            if paced and self._pressure.wait():
                self._tally.count("link_pauses")


class _Turn:
    """Whose time is up after two milliseconds."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends = time.monotonic() + LONGEST_TURN

    def maybe_yield(self) -> None:
        """Let others have their turn, if this one is over."""
        if time.monotonic() > self._ends:
            time.sleep(0)
            self._ends = time.monotonic() + LONGEST_TURN


def _part(encoded: Encoded, keys: Sequence[Hashable], which: slice, begins: int) -> _Piece:
    """Some messages of one encoding, the first of which begins there."""
    ends = [end - begins for end in encoded.ends[which]]
    return _Piece(encoded.data[begins : begins + ends[-1]], len(ends), ends, keys[which])


def _joined(burst: _Burst, alone: Sequence[tuple[int, _Piece]]) -> _Piece:
    """What a client gets that has something of its own, in order."""
    if not burst.size:
        return _Piece(b"".join([piece.data for _, piece in alone]), len(alone))
    parts: list[bytes | memoryview] = []
    at = 0
    for place, piece in alone:
        if place > at:
            parts.append(burst.whole[at:place])
            at = place
        parts.append(piece.data)
    parts.append(burst.whole[at:])
    return _Piece(b"".join(parts), burst.count + len(alone))


def _interleaved(burst: _Burst, alone: Sequence[tuple[int, _Piece]]) -> Iterator[_Piece]:
    """The same in pieces, each with its keys."""
    common = iter(burst.common)
    at = 0
    for place, piece in alone:
        while at < place:
            yield (before := next(common))
            at += len(before.data)
        yield piece
    yield from common


def _segments(pieces: Iterable[_Piece]) -> Iterator[Segment]:
    """The pieces as few segments, none over the largest unless it is one message."""
    held: list[_Piece] = []
    size = 0
    for piece in pieces:
        for part in _cut(piece) if len(piece.data) > LARGEST_SEGMENT else (piece,):
            if held and size + len(part.data) > LARGEST_SEGMENT:
                yield _segment(held)
                held, size = [], 0
            held.append(part)
            size += len(part.data)
    if held:
        yield _segment(held)


def _segment(pieces: Sequence[_Piece]) -> Segment:
    if len(pieces) == 1:
        return Segment(pieces[0].data, pieces[0].count, pieces[0].keys)
    data = b"".join([piece.data for piece in pieces])
    keys = [key for piece in pieces for key in piece.keys]
    return Segment(data, sum([piece.count for piece in pieces]), keys)


def _cut(piece: _Piece) -> Iterator[_Piece]:
    """The piece in parts of the largest size, cut between two messages."""
    ends = piece.ends or [end for _, end in messages_in(piece.data)]
    at = first = 0
    while first < piece.count:
        last = max(first + 1, bisect_right(ends, at + LARGEST_SEGMENT))
        end = ends[last - 1]
        yield _Piece(piece.data[at:end], last - first, (), piece.keys[first:last])
        at, first = end, last
