"""Encoded messages in pieces, cut between two messages so that none is larger than what goes out at once. Sans-IO.

Must not know who gets them.

Use: `for piece, to in apart(encoded, to, keys, LARGEST_SEGMENT): …`; `segments(pieces, LARGEST_SEGMENT)`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence

from bridge.delivery.history import Addressees
from bridge.delivery.write_buffer import Segment
from bridge.wire.socketio_packets import Encoded
from bridge.wire.websocket_frames import messages_in

__all__ = ["LARGEST_SEGMENT", "Piece", "apart", "part", "segments"]

LARGEST_SEGMENT = 256 * 1024  # bytes that go out in one piece, if the outboxes have room for several of them


class Piece:
    """Frames of so many messages. `ends`: where each ends, if that is known; `keys`: see KeysOf."""

    __slots__ = ("count", "data", "ends", "keys")

    def __init__(self, data: bytes, count: int, ends: Sequence[int] = (), keys: Sequence[Hashable] = ()) -> None:
        self.data, self.count, self.ends, self.keys = data, count, ends, keys


def apart(
    encoded: Encoded, to: Sequence[Addressees] | None, keys: Sequence[Hashable], largest: int
) -> Iterator[tuple[Piece, Sequence[Addressees] | None]]:
    """In pieces of the largest size, with whom each message is for."""
    if len(encoded.data) <= largest:
        yield Piece(encoded.data, encoded.count, encoded.ends, keys), to
        return
    all_ends = encoded.ends or [end for _, end in messages_in(encoded.data)]  # escapes may have made it as long as this
    for at, begins, last in _cuts(all_ends, largest):
        ends = [end - begins for end in all_ends[at:last]] if to is not None else ()  # only who takes them apart asks
        data = encoded.data[begins : all_ends[last - 1]]
        yield Piece(data, last - at, ends, keys[at:last]), to and to[at:last]


def part(piece: Piece, which: slice, begins: int) -> Piece:
    """Some messages of a piece, the first of which begins there."""
    ends = [end - begins for end in piece.ends[which]]
    return Piece(piece.data[begins : begins + ends[-1]], len(ends), ends, piece.keys[which])


def segments(pieces: Sequence[Piece], largest: int) -> Sequence[Segment]:
    """The pieces as few segments, none over the largest unless it is one message."""
    if len(pieces) == 1 and len(pieces[0].data) <= largest:
        return [_segment(pieces)]
    return list(_gathered(pieces, largest))


def _gathered(pieces: Iterable[Piece], largest: int) -> Iterator[Segment]:
    held: list[Piece] = []
    size = 0
    for piece in pieces:
        for part in _cut(piece, largest) if len(piece.data) > largest else (piece,):
            if held and size + len(part.data) > largest:
                yield _segment(held)
                held, size = [], 0
            held.append(part)
            size += len(part.data)
    if held:
        yield _segment(held)


def _segment(pieces: Sequence[Piece]) -> Segment:
    if len(pieces) == 1:
        return Segment(pieces[0].data, pieces[0].count, pieces[0].keys)
    data = b"".join([piece.data for piece in pieces])
    keys = [key for piece in pieces for key in piece.keys]
    return Segment(data, sum([piece.count for piece in pieces]), keys)


def _cut(piece: Piece, largest: int) -> Iterator[Piece]:
    """The piece in parts of the largest size, cut between two messages."""
    ends = piece.ends or [end for _, end in messages_in(piece.data)]
    for first, begins, last in _cuts(ends, largest):
        yield Piece(piece.data[begins : ends[last - 1]], last - first, (), piece.keys[first:last])


def _cuts(ends: Sequence[int], largest: int) -> Iterator[tuple[int, int, int]]:
    """Parts of the largest size, of messages that end there: the first message, where it begins, and the one
    after the last."""
    begins = first = 0
    while first < len(ends):
        last = max(first + 1, bisect_right(ends, begins + largest))
        yield first, begins, last
        begins, first = ends[last - 1], last
