"""Cut encoded messages into pieces that may go out at once, always between two messages. Sans-IO.

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

LARGEST_SEGMENT = 256 * 1024  # bytes that go out in one piece, if outboxes have room for several such pieces


class Piece:
    """Frames of `count` messages. `ends`: where each ends, if known; `keys`: see burst_encoder.KeysOfDelivery."""

    __slots__ = ("count", "data", "ends", "keys")

    def __init__(self, data: bytes, count: int, ends: Sequence[int] = (), keys: Sequence[Hashable] = ()) -> None:
        self.data, self.count, self.ends, self.keys = data, count, ends, keys


def apart(
    encoded: Encoded, to: Sequence[Addressees] | None, keys: Sequence[Hashable], largest: int
) -> Iterator[tuple[Piece, Sequence[Addressees] | None]]:
    """Cut encoded messages into pieces of the largest size. Yield each with whom its messages are for."""
    if len(encoded.data) <= largest:
        yield Piece(encoded.data, encoded.count, encoded.ends, keys), to
        return
    all_ends = encoded.ends or [end for _, end in messages_in(encoded.data)]  # `ends` may be missing
    for at, begins, last in _cuts(all_ends, largest):
        # Only messages for different clients are taken apart later.
        ends = [end - begins for end in all_ends[at:last]] if to is not None else ()
        data = encoded.data[begins : all_ends[last - 1]]
        yield Piece(data, last - at, ends, keys[at:last]), to and to[at:last]


def part(piece: Piece, which: slice, begins: int) -> Piece:
    """Return some messages of a piece; `begins`: where the first of them begins."""
    ends = [end - begins for end in piece.ends[which]]
    return Piece(piece.data[begins : begins + ends[-1]], len(ends), ends, piece.keys[which])


def segments(pieces: Sequence[Piece], largest: int) -> Sequence[Segment]:
    """Join the pieces into as few segments as possible; none is over the largest unless it is one message."""
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
    """Cut a piece into parts of the largest size."""
    ends = piece.ends or [end for _, end in messages_in(piece.data)]
    for first, begins, last in _cuts(ends, largest):
        yield Piece(piece.data[begins : ends[last - 1]], last - first, (), piece.keys[first:last])


def _cuts(ends: Sequence[int], largest: int) -> Iterator[tuple[int, int, int]]:
    """Divide messages with these ends into parts of the largest size.

    Yields for each part: (index of its first message, where that begins, index after its last message).
    """
    begins = first = 0
    while first < len(ends):
        last = max(first + 1, bisect_right(ends, begins + largest))
        yield first, begins, last
        begins, first = ends[last - 1], last
