"""A burst of deliveries as what each client gets of it: one encoding for all, cut for those who are meant alone.

With offsets, what was encoded is also there to be stored. Sans-IO. Must not know outboxes.

Use: `shares = Shares(keys_of, offsets); shares.add(delivery); shares.common(); shares.of(sid); shares.stored`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, KeysView, Sequence

from bridge.clients.backlog import Segment
from bridge.clients.frames import messages_in
from bridge.clients.history import Addressees, Stored
from bridge.clients.offsets import Offsets
from bridge.clients.packets import Encoded, encode_escaped, encode_event, encode_texts, escape
from bridge.messages import Delivery, Texts

__all__ = ["LARGEST_SEGMENT", "KeysOf", "Shares"]

OVERHEAD = 96  # bytes that a short text's frame is longer than the text, at most about
LARGEST_SEGMENT = 256 * 1024  # bytes that go out in one piece; what is larger is cut between two messages

#: For each message of a delivery, what a newer one supersedes.
KeysOf = Callable[[Delivery | Texts], Sequence[Hashable]]


class _Piece:
    """Frames of so many messages. `ends`: where each ends, if that is known; `keys`: see KeysOf."""

    __slots__ = ("count", "data", "ends", "keys")

    def __init__(self, data: bytes, count: int, ends: Sequence[int] = (), keys: Sequence[Hashable] = ()) -> None:
        self.data, self.count, self.ends, self.keys = data, count, ends, keys


class Shares:
    """One burst's. `keys_of`: None if no policy asks for keys; `offsets`: None for clients that can't have them."""

    def __init__(self, keys_of: KeysOf | None = None, offsets: Offsets | None = None) -> None:
        self._keys_of, self._offsets = keys_of, offsets
        #: What was encoded, in order, with whom it is for; nothing without offsets.
        self.stored: list[Stored] = []
        self._common: list[_Piece] = []
        self._size = 0  # of the common ones
        #: By sid: frames that are for that client, after how many bytes of the common ones, and how many they are.
        self._alone: dict[str, list[tuple[int, bytes, int]]] = {}
        self._keys: dict[str, list[Hashable]] = {}
        self._whole: memoryview | None = None

    @property
    def alone(self) -> KeysView[str]:
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
        if isinstance(delivery, Texts) and delivery.to is not None and self._add_grouped(delivery, delivery.to):
            return
        keys = self._keys_of(delivery) if self._keys_of else ()
        first = self._offsets.next if self._offsets else 0
        for encoded, to in _apart(*self._encoded(delivery)):
            if first:
                self.stored.append(Stored(first, encoded.data, encoded.count, to))
                first += encoded.count
            some, keys = keys[: encoded.count], keys[encoded.count :]
            if to is None:
                self._add_common(_Piece(encoded.data, encoded.count, encoded.ends, some))
            else:
                self._add_addressed(encoded, to, some)

    def _add_grouped(self, texts: Texts, to: Sequence[Addressees]) -> bool:
        """Many texts that are each for some, those for the same ones together, if that changes nobody's order:
        if nobody is among two of these groups, and there is nothing else. Half as dear as one by one."""
        if self._keys_of or self._common or self._alone or None in to:
            return False
        groups = defaultdict[int, list[bytes]](list)
        ids = list(map(id, to))  # routing makes them once for each user; others are only less well grouped
        for key, text in zip(ids, escape(texts.frames, texts.joined), strict=True):
            groups[key].append(text)
        whose = dict(zip(ids, to, strict=True))
        sids = [sid for to in whose.values() for sid in to or ()]
        if len(set(sids)) != len(sids):
            return False
        for key, own in groups.items():
            whom = whose[key]
            if whom:
                data = self._grouped(texts.event, own, whom)
                self._alone.update((sid, [(0, data, len(own))]) for sid in whom)
        return True

    def _grouped(self, event: str, texts: Sequence[bytes], whom: tuple[str, ...]) -> bytes:
        count, offsets = len(texts), self._offsets
        if offsets is None:
            return encode_escaped(event, texts, False).data
        first = offsets.reserve(count)
        data = encode_escaped(event, texts, False, list(offsets.runs(first, count))).data
        self.stored.append(Stored(first, data, count, whom))
        return data

    def _encoded(self, delivery: Delivery | Texts) -> tuple[Encoded, Sequence[Addressees] | None]:
        if isinstance(delivery, Texts):
            count = len(delivery.frames)
            large = len(delivery.joined) + OVERHEAD * count > LARGEST_SEGMENT
            runs = list(self._offsets.runs(self._offsets.reserve(count), count)) if self._offsets else ()
            ends = large or delivery.to is not None
            return encode_texts(delivery.event, delivery.frames, delivery.joined, ends, runs), delivery.to
        offset = self._offsets.text(self._offsets.reserve(1)) if self._offsets else b""
        data = encode_event(delivery.event, delivery.payload, offset)
        return Encoded(data, 1, (len(data),)), None if delivery.to is None else [delivery.to]

    def _add_common(self, piece: _Piece) -> None:
        self._common.append(piece)
        self._size += len(piece.data)

    def _add_addressed(
        self, encoded: Encoded, addressees: Sequence[tuple[str, ...] | None], keys: Sequence[Hashable]
    ) -> None:
        """Messages that are each for some clients, or for all."""
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


def _apart(encoded: Encoded, to: Sequence[Addressees] | None) -> Iterator[tuple[Encoded, Sequence[Addressees] | None]]:
    """In parts of the largest size, with whom each message is for."""
    if len(encoded.data) <= LARGEST_SEGMENT:
        yield encoded, to
        return
    for at, begins, last in _cuts(encoded.ends):
        ends = [end - begins for end in encoded.ends[at:last]]
        yield Encoded(encoded.data[begins : begins + ends[-1]], last - at, ends), to and to[at:last]


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
    for first, begins, last in _cuts(ends):
        yield _Piece(piece.data[begins : ends[last - 1]], last - first, (), piece.keys[first:last])


def _cuts(ends: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Parts of the largest size, of messages that end there: the first message, where it begins, and the one
    after the last."""
    begins = first = 0
    while first < len(ends):
        last = max(first + 1, bisect_right(ends, begins + LARGEST_SEGMENT))
        yield first, begins, last
        begins, first = ends[last - 1], last
