"""Encode a burst of deliveries once, and cut it into what each client gets.

With offsets, the encoded messages are also there to be stored. Sans-IO. Must not know outboxes.

Use: `encoder = BurstEncoder(keys_of, offsets)`; `encoder.add(delivery)`; `encoder.common()`; `encoder.alone()`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count

from bridge.delivery.batch import LARGEST_SEGMENT, apart, part, segments
from bridge.delivery.history import Addressees, Stored
from bridge.messages import Delivery, Texts
from bridge.wire.offsets import Offsets
from bridge.wire.segment import Segment
from bridge.wire.socketio_packets import encode_escaped, encode_event, encode_texts, escape

__all__ = ["BurstEncoder", "KeysOfDelivery"]

OVERHEAD = 96  # bytes, about, that a short text's frame is longer than the text, without escapes

#: Returns the conflation key of each message of a delivery.
KeysOfDelivery = Callable[[Delivery | Texts], Sequence[Hashable]]

#: Messages that only some get: how many bytes of common messages come before, a number that puts all such entries in
#: order, the frames, how many messages they are, their keys. A NamedTuple makes the encoding an eighth slower.
_Placed = tuple[int, int, bytes | memoryview, int, Sequence[Hashable]]


class _Group:
    """Messages for the same clients only."""

    __slots__ = ("own", "to")

    def __init__(self, to: tuple[str, ...]) -> None:
        self.to = to
        self.own: list[_Placed] = []


class BurstEncoder:
    """Encodes one burst.

    `keys_of`: None if no policy asks for keys; `offsets`: None for clients that can't have them; `largest`: bytes of a
    segment.
    """

    def __init__(
        self, keys_of: KeysOfDelivery | None = None, offsets: Offsets | None = None, largest: int = LARGEST_SEGMENT
    ) -> None:
        self._keys_of, self._offsets, self._largest = keys_of, offsets, largest
        #: The encoded messages in order, with whom they are for; empty without offsets.
        self.stored: list[Stored] = []
        self._common: list[Segment] = []
        self._size = 0  # bytes of the common messages
        self._groups: dict[tuple[str, ...], _Group] = {}  # by addressees, so it does not grow with a user's clients
        self._disjoint = False  # whether it is known that no client is in two groups
        self._numbers = count()
        self._whole: memoryview | None = None

    @property
    def has_alone(self) -> bool:
        """Whether any message is for some clients only."""
        return bool(self._groups)

    @property
    def has_common(self) -> bool:
        """Whether any message is for everybody."""
        return bool(self._common)

    def common(self) -> Iterable[Segment]:
        """Return the segments for clients that no message names."""
        return segments(self._common, self._largest)

    def alone(self) -> Iterator[tuple[Sequence[str], Sequence[Segment]]]:
        """Yield sids of clients that some message names, with all their messages in order, the common ones included."""
        if self._disjoint:
            yield from ((group.to, self._segments_of(group.own)) for group in self._groups.values())
            return
        groups: dict[str, list[_Group]] = defaultdict(list)
        for group in self._groups.values():
            for sid in group.to:
                groups[sid].append(group)
        several = [sid for sid, its in groups.items() if len(its) > 1]
        for group in self._groups.values():
            to = [sid for sid in group.to if len(groups[sid]) == 1] if several else group.to
            if to:
                yield to, self._segments_of(group.own)
        for sid in several:
            yield (sid,), self._segments_of(sorted(chain.from_iterable(group.own for group in groups[sid])))

    def add(self, delivery: Delivery | Texts) -> None:
        """Encode the next delivery."""
        if isinstance(delivery, Texts) and delivery.apart and self._add_grouped(delivery, delivery.to or ()):
            return
        keys = self._keys_of(delivery) if self._keys_of else ()
        first = self._offsets.next if self._offsets else 0
        for piece, to in apart(*self._encoded(delivery), keys, self._largest):
            if first:
                self._store(first, piece, to)
                first += piece.count
            if to is None:
                self._add_common(piece)
            else:
                self._add_addressed(piece, to)

    def _store(self, first: int, piece: Segment, to: Sequence[Addressees] | None) -> None:
        """Add a piece to `stored`. Many pieces of a burst may share the same addressees."""
        whom = to[0] if to is not None and len(to) == 1 else to
        shared = isinstance(whom, tuple) and whom in self._groups
        self.stored.append(Stored(first, piece.data, piece.count, whom, shared))

    def _add_grouped(self, texts: Texts, to: Sequence[Addressees]) -> bool:
        """Encode texts for the same clients together; return False if that could change the order at a client.

        It can't if no client is in two of the groups and the burst has nothing else. It costs half as much as one by
        one.
        """
        if self._keys_of or self._common or self._groups:
            return False
        groups = defaultdict[Addressees, list[bytes]](list)
        for whom, text in zip(to, escape(texts.frames, texts.joined), strict=True):
            groups[whom].append(text)
        sids = [sid for whom in groups for sid in whom or ()]
        if len(set(sids)) != len(sids):
            return False
        self._cut_by_group(texts.event, {whom: own for whom, own in groups.items() if whom})
        self._disjoint = True
        return True

    def _cut_by_group(self, event: str, groups: Mapping[tuple[str, ...], Sequence[bytes]]) -> None:
        """Encode the texts of all groups in one piece, and cut it into the groups."""
        if not groups:
            return
        texts = list(chain.from_iterable(groups.values()))
        first = self._offsets.reserve(len(texts)) if self._offsets else 0
        encoded = encode_escaped(event, texts, True, self._offsets.runs(first, len(texts)) if self._offsets else ())
        at = begins = 0
        for whom, own in groups.items():
            end = encoded.ends[at + len(own) - 1]
            data = encoded.data[begins:end]
            self._group(whom).own.append((0, next(self._numbers), data, len(own), ()))
            if first:
                self.stored.append(Stored(first + at, data, len(own), whom))
            at += len(own)
            begins = end

    def _encoded(self, delivery: Delivery | Texts) -> tuple[Segment, Sequence[Addressees] | None]:
        if isinstance(delivery, Texts):
            number = len(delivery.frames)
            large = len(delivery.joined) + OVERHEAD * number > self._largest
            runs = self._offsets.runs(self._offsets.reserve(number), number) if self._offsets else ()
            ends = large or delivery.to is not None
            return encode_texts(delivery.event, delivery.frames, delivery.joined, ends, runs), delivery.to
        offset = self._offsets.text(self._offsets.reserve(1)) if self._offsets else b""
        data = encode_event(delivery.event, delivery.payload, offset)
        return Segment(data, 1, (), (len(data),)), None if delivery.to is None else [delivery.to]

    def _add_common(self, piece: Segment) -> None:
        self._common.append(piece)
        self._size += len(piece.data)

    def _add_addressed(self, piece: Segment, addressees: Sequence[Addressees]) -> None:
        """Add a piece whose messages are each for some clients, or for all."""
        at = begins = first = 0  # `first`, at `begins`: the first message for all that is not added yet
        for number, (to, end) in enumerate(zip(addressees, piece.ends, strict=True)):
            if to is not None:
                if first < number:
                    self._add_common(part(piece, slice(first, number), begins))
                its = piece.keys[number : number + 1]
                self._group(to).own.append((self._size, next(self._numbers), piece.data[at:end], 1, its))
                first, begins = number + 1, end
            at = end
        if first < piece.count:
            self._add_common(part(piece, slice(first, piece.count), begins))

    def _group(self, to: tuple[str, ...]) -> _Group:
        group = self._groups.get(to)
        if group is None:
            self._groups[to] = group = _Group(to)
            self._disjoint = False
        return group

    def _segments_of(self, own: Sequence[_Placed]) -> Sequence[Segment]:
        return segments(list(self._with_keys(own)) if self._keys_of else [self._joined(own)], self._largest)

    def _joined(self, own: Sequence[_Placed]) -> Segment:
        if not self._size:
            if len(own) == 1:
                return Segment(own[0][2], own[0][3])
            return Segment(b"".join([frames for _, _, frames, _, _ in own]), sum([number for *_, number, _ in own]))
        if self._whole is None:
            self._whole = memoryview(b"".join([piece.data for piece in self._common]))
        parts: list[bytes | memoryview] = []
        at = 0
        for place, _, frames, _, _ in own:
            if place > at:
                parts.append(self._whole[at:place])
                at = place
            parts.append(frames)
        parts.append(self._whole[at:])
        number = sum([number for *_, number, _ in own]) + sum([each.count for each in self._common])
        return Segment(b"".join(parts), number)

    def _with_keys(self, own: Sequence[_Placed]) -> Iterator[Segment]:
        """Yield a client's messages as pieces with their keys, the common ones in between."""
        common = iter(self._common)
        at = 0
        for place, _, frame, _, keys in own:
            while at < place:
                yield (before := next(common))
                at += len(before.data)
            yield Segment(frame, 1, keys)
        yield from common
