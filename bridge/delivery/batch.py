"""Cut encoded messages into pieces that may go out at once, always between two messages. Sans-IO.

Must not know who gets them.

Use: `for piece, to in apart(encoded, to, keys, LARGEST_SEGMENT): …`; `segments(pieces, LARGEST_SEGMENT)`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence

from bridge.delivery.history import Addressees
from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import messages_in

__all__ = ["LARGEST_SEGMENT", "apart", "part", "segments"]

LARGEST_SEGMENT = 256 * 1024  # bytes that go out in one piece, if outboxes have room for several such pieces


def apart(
    encoded: Segment, to: Sequence[Addressees] | None, keys: Sequence[Hashable], largest: int
) -> Iterator[tuple[Segment, Sequence[Addressees] | None]]:
    """Cut encoded messages into pieces of the largest size. Yield each with whom its messages are for."""
    if len(encoded.data) <= largest:
        yield (Segment(encoded.data, encoded.count, keys, encoded.ends) if keys else encoded), to
        return
    all_ends = encoded.ends or [end for _, end in messages_in(encoded.data)]  # `ends` may be missing
    for at, begins, last in _cuts(all_ends, largest):
        # Only messages for different clients are taken apart later.
        ends = [end - begins for end in all_ends[at:last]] if to is not None else ()
        data = encoded.data[begins : all_ends[last - 1]]
        yield Segment(data, last - at, keys[at:last], ends), to and to[at:last]


def part(piece: Segment, which: slice, begins: int) -> Segment:
    """Return some messages of a piece; `begins`: where the first of them begins."""
    ends = [end - begins for end in piece.ends[which]]
    return Segment(piece.data[begins : begins + ends[-1]], len(ends), piece.keys[which], ends)


def segments(pieces: Sequence[Segment], largest: int) -> Sequence[Segment]:
    """Join the pieces into as few segments as possible; none is over the largest unless it is one message."""
    if len(pieces) == 1 and len(pieces[0].data) <= largest:
        return [_segment(pieces)]
    return list(_gathered(pieces, largest))


def _gathered(pieces: Iterable[Segment], largest: int) -> Iterator[Segment]:
    held: list[Segment] = []
    size = 0
    for piece in pieces:
        for part, _ in apart(piece, None, piece.keys, largest) if len(piece.data) > largest else ((piece, None),):
            if held and size + len(part.data) > largest:
                yield _segment(held)
                held, size = [], 0
            held.append(part)
            size += len(part.data)
    if held:
        yield _segment(held)


def _segment(pieces: Sequence[Segment]) -> Segment:
    if len(pieces) == 1:
        only = pieces[0]
        return Segment(only.data, only.count, only.keys) if only.ends else only  # what may wait long has no ends
    data = b"".join([piece.data for piece in pieces])
    keys = [key for piece in pieces for key in piece.keys]
    return Segment(data, sum([piece.count for piece in pieces]), keys)


def _cuts(ends: Sequence[int], largest: int) -> Iterator[tuple[int, int, int]]:
    """Divide messages with these ends into parts of the largest size.

    Yields for each part: (index of its first message, where that begins, index after its last message).
    """
    begins = first = 0
    while first < len(ends):
        last = max(first + 1, bisect_right(ends, begins + largest))
        yield first, begins, last
        begins, first = ends[last - 1], last
