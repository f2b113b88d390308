"""Keep the recent messages, encoded once for all clients, with whom each was for; bounded in time and in bytes.

The history is a list of stored pieces, the oldest first, numbered without gaps. A reader says up to which number it
has had everything. Sans-IO. Must not know sessions or outboxes.

Use: `history.add([Stored(first, data, count, to)])`; `history.holds(after)`; `history.read(after, sid, 65536)`.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from bridge.wire.websocket_frames import messages_in

__all__ = ["Addressees", "History", "Stored"]

#: Whom a message is for: sids, or None for all.
Addressees = tuple[str, ...] | None

_PIECE = 200  # bytes that a piece costs besides its data
_SHARED = 8  # bytes that a reference to addressees, or to one of them, costs
_SEVERAL = 56  # bytes that a tuple of addressees costs besides
_LOOKS = 2048  # messages or pieces that are looked at in one read: a millisecond or two
_TIDY = 1024  # empty places at the start, over which the list is cut


class Stored:
    """Frames of `count` messages, the first of which has the number `first`.

    `to`: whom all of them are for, or a list with an entry for each message; `shared`: another piece has the same
    `to`. `at`: when it was added; `size`: bytes that it costs.
    """

    __slots__ = ("at", "count", "data", "first", "size", "to")

    def __init__(
        self,
        first: int,
        data: bytes | memoryview,
        count: int,
        to: Addressees | Sequence[Addressees] = None,
        shared: bool = False,
    ) -> None:
        self.first, self.data, self.count, self.to = first, data, count, to
        self.at = 0.0
        self.size = len(data) + _PIECE + (0 if shared else _cost(to))  # bytes that it costs, about


class History:
    """Keeps messages. `window`: seconds; `limit`: bytes, including what a piece costs besides its data."""

    def __init__(self, window: float, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._window, self._limit, self._clock = window, limit, clock
        self._pieces: list[Stored] = []
        self._firsts: list[int] = []
        self._start = 0  # the index of the oldest piece; the places before it are empty
        self._gone = 0  # the number of the last message that is no longer here
        self.newest = 0  # the number of the last message
        self.size = 0

    def add(self, pieces: Iterable[Stored]) -> None:
        """Add the next messages."""
        now = self._clock()
        for piece in pieces:
            if not self._kept():
                self._gone = piece.first - 1  # messages in between were not stored, as nobody could miss them
            piece.at = now
            self._pieces.append(piece)
            self._firsts.append(piece.first)
            self.size += piece.size
            self.newest = piece.first + piece.count - 1
        self._trim(now)

    def holds(self, after: int) -> bool:
        """Tell whether every message after this number is here."""
        self._trim(self._clock())
        return after >= self._gone

    def read(self, after: int, sid: str, at_most: int) -> tuple[bytes, int, int]:
        """Read the messages for this client after a number: (frames, how many messages, the last number looked at).

        About `at_most` bytes; fewer or none if few of the messages that were looked at are for this client.
        """
        at = max(self._start, bisect_right(self._firsts, after + 1) - 1)
        parts: list[bytes | memoryview] = []
        size = count = looks = 0
        while size < at_most and looks < _LOOKS and at < len(self._pieces):
            piece = self._pieces[at]
            looks += piece.count if isinstance(piece.to, list) else 1
            data, number = _share(piece, max(0, after + 1 - piece.first), sid)
            parts.append(data)
            size += len(data)
            count += number
            after = max(after, piece.first + piece.count - 1)
            at += 1
        return b"".join(parts), count, after

    def clear(self) -> None:
        """Forget all messages: no client is connected or may come back."""
        self._pieces, self._firsts = [], []
        self._start = self.size = 0
        self._gone = self.newest

    def _kept(self) -> int:
        return len(self._pieces) - self._start

    def _trim(self, now: float) -> None:
        while self._kept():
            piece = self._pieces[self._start]
            if self.size <= self._limit and now - piece.at <= self._window:
                break
            self._gone = piece.first + piece.count - 1
            self.size -= piece.size
            self._pieces[self._start] = _NOTHING  # frees the piece before the list is cut
            self._start += 1
        if self._start > _TIDY and self._start * 2 > len(self._pieces):
            del self._pieces[: self._start], self._firsts[: self._start]
            self._start = 0


def _cost(to: Addressees | Sequence[Addressees]) -> int:
    """Return the bytes that addressees cost; a tuple that several messages share counts once."""
    if to is None or isinstance(to, tuple):
        return _SEVERAL + _SHARED * len(to) if to else 0
    apart = {id(whom): len(whom) for whom in to if whom}
    return _SHARED * (len(to) + sum(apart.values())) + _SEVERAL * len(apart)


_NOTHING = Stored(0, b"", 0)


def _share(piece: Stored, skip: int, sid: str) -> tuple[bytes | memoryview, int]:
    """Return a client's messages of a piece, after skipping its first ones: (frames, how many)."""
    to = piece.to
    if not isinstance(to, list):
        if to is not None and sid not in to:
            return b"", 0
        if not skip:
            return piece.data, piece.count
        start = next(islice(messages_in(piece.data), skip, None), (len(piece.data), 0))[0]
        return piece.data[start:], max(0, piece.count - skip)
    parts = [
        piece.data[start:end]
        for number, ((start, end), whom) in enumerate(zip(messages_in(piece.data), to, strict=True))
        if number >= skip and (whom is None or sid in whom)
    ]
    return b"".join(parts), len(parts)
