"""A burst of deliveries as what each client gets of it: one encoding for all, cut for those who are meant alone.

Sans-IO. Must not know outboxes.

Use: `shares = Shares(keys_of); shares.add(delivery); shares.common(); shares.of(sid)`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain

from bridge.clients.backlog import Segment
from bridge.clients.frames import messages_in
from bridge.clients.packets import Encoded, encode_event, encode_texts
from bridge.messages import Delivery, Texts

__all__ = ["LARGEST_SEGMENT", "KeysOf", "Shares"]

OVERHEAD = 64  # bytes that a short text's frame is longer than the text, at most about
LARGEST_SEGMENT = 256 * 1024  # bytes that go out in one piece; what is larger is cut between two messages

#: For each message of a delivery, what a newer one supersedes.
KeysOf = Callable[[Delivery | Texts], Sequence[Hashable]]


class _Piece:
    """Frames of so many messages. `ends`: where each ends, if that is known; `keys`: see KeysOf."""

    __slots__ = ("count", "data", "ends", "keys")

    def __init__(self, data: bytes, count: int, ends: Sequence[int] = (), keys: Sequence[Hashable] = ()) -> None:
        self.data, self.count, self.ends, self.keys = data, count, ends, keys


class Shares:
    """One burst's. `keys_of`: None if no policy asks for keys."""

    def __init__(self, keys_of: KeysOf | None = None) -> None:
        self._keys_of = keys_of
        self._common: list[_Piece] = []
        self._size = 0  # of the common ones
        #: By sid: frames that are for that client, after how many bytes of the common ones, and how many they are.
        self._alone: dict[str, list[tuple[int, bytes, int]]] = {}
        self._keys: dict[str, list[Hashable]] = {}
        self._whole: memoryview | None = None

    @property
    def alone(self) -> Iterable[str]:
        """The sids of those who get something of their own."""
        return self._alone.keys()

    @property
    def has_common(self) -> bool:
        """Whether there is anything for all."""
        return bool(self._common)

    def common(self) -> Iterator[Segment]:
        """What everybody else gets."""
        return _segments(self._common)

    def of(self, sid: str) -> Iterator[Segment]:
        """What one of `alone` gets, the common ones included, in order."""
        return _segments(self._with_keys(sid) if self._keys_of else [self._joined(self._alone[sid])])

    def add(self, delivery: Delivery | Texts) -> None:
        """Encode the next delivery."""
        keys = self._keys_of(delivery) if self._keys_of else ()
        if isinstance(delivery, Texts):
            large = len(delivery.joined) + OVERHEAD * len(delivery.frames) > LARGEST_SEGMENT
            ends = large or delivery.to is not None
            encoded = encode_texts(delivery.event, delivery.frames, delivery.joined, ends)
            if delivery.to is not None:
                self._add_addressed(encoded, delivery.to, keys)
                return
        else:
            data = encode_event(delivery.event, delivery.payload)
            encoded = Encoded(data, 1, (len(data),))
            if delivery.to is not None:
                self._add_addressed(encoded, [delivery.to], keys)
                return
        self._add_common(_Piece(encoded.data, encoded.count, encoded.ends, keys))

    def _add_common(self, piece: _Piece) -> None:
        self._common.append(piece)
        self._size += len(piece.data)

    def _add_addressed(
        self, encoded: Encoded, addressees: Sequence[tuple[str, ...] | None], keys: Sequence[Hashable]
    ) -> None:
        """Messages that are each for some clients, or for all."""
        if not (keys or self._common or self._alone or None in addressees) and self._add_grouped(encoded, addressees):
            return
        data, alone, size = encoded.data, self._alone, self._size
        at = begins = first = 0  # first: of the messages for all that have not been added yet, which begins there
        for number, (to, end) in enumerate(zip(addressees, encoded.ends, strict=True)):
            if to is not None:
                if first < number:
                    self._add_common(_part(encoded, keys, slice(first, number), begins))
                    size = self._size
                own = (size, data[at:end], 1)
                for sid in to:
                    mine = alone.get(sid)
                    if mine is None:
                        alone[sid] = mine = []
                    mine.append(own)
                    if keys:
                        self._keys.setdefault(sid, []).append(keys[number])
                first, begins = number + 1, end
            at = end
        if first < encoded.count:
            self._add_common(_part(encoded, keys, slice(first, encoded.count), begins))

    def _add_grouped(self, encoded: Encoded, addressees: Sequence[tuple[str, ...] | None]) -> bool:
        """The same in half the time, if nobody is among the addressees of two kinds of messages."""
        data, groups = encoded.data, defaultdict[tuple[str, ...] | None, list[bytes]](list)
        frames = [data[at:end] for at, end in zip(chain((0,), encoded.ends), encoded.ends, strict=False)]
        for to, frame in zip(addressees, frames, strict=True):
            groups[to].append(frame)
        sids = [sid for to in groups for sid in to or ()]
        if len(set(sids)) != len(sids):
            return False
        for to, own in groups.items():
            share = (0, b"".join(own), len(own))
            self._alone.update((sid, [share]) for sid in to or ())
        return True

    def _joined(self, alone: Sequence[tuple[int, bytes, int]]) -> _Piece:
        count = sum([number for _, _, number in alone])
        if not self._size:
            return _Piece(b"".join([frames for _, frames, _ in alone]), count)
        if self._whole is None:
            self._whole = memoryview(b"".join([piece.data for piece in self._common]))
        parts: list[bytes | memoryview] = []
        at = 0
        for place, frames, _ in alone:
            if place > at:
                parts.append(self._whole[at:place])
                at = place
            parts.append(frames)
        parts.append(self._whole[at:])
        return _Piece(b"".join(parts), count + sum([piece.count for piece in self._common]))

    def _with_keys(self, sid: str) -> Iterator[_Piece]:
        """The same in pieces, each with its keys."""
        common = iter(self._common)
        at = 0
        for (place, frame, _), key in zip(self._alone[sid], self._keys[sid], strict=True):
            while at < place:
                yield (before := next(common))
                at += len(before.data)
            yield _Piece(frame, 1, (), (key,))
        yield from common


def _part(encoded: Encoded, keys: Sequence[Hashable], which: slice, begins: int) -> _Piece:
    """Some messages of one encoding, the first of which begins there."""
    ends = [end - begins for end in encoded.ends[which]]
    return _Piece(encoded.data[begins : begins + ends[-1]], len(ends), ends, keys[which])


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
