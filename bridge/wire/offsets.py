"""Make and read offsets: the last argument of each message, by which a client that comes back says what it has had.

An offset is an epoch, the same for all of one process, and a number that rises by one with each message. So an
offset from before a restart, or of another bridge, is not taken for one of ours. Sans-IO. Must not know who gets what.

Use: `offsets = Offsets(); first = offsets.reserve(3); offsets.text(first)` -> b"kX0aB_01".
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import product

__all__ = ["OffsetRun", "Offsets"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_EPOCH = 6  # characters: two in 70,000,000,000 are the same
_LOW = [(a + b).encode() for a, b in product(_DIGITS, _DIGITS)]  # the last two digits, made once
_TENS, _ONES = bytes(low[0] for low in _LOW), bytes(low[1] for low in _LOW)
_MOST = 16  # characters of a number; a longer one is not ours


class OffsetRun:
    """Offsets of `count` messages that differ only in their last two digits. `before`: their common beginning."""

    __slots__ = ("_at", "before", "count")

    def __init__(self, before: bytes, at: int, count: int) -> None:
        self.before, self._at, self.count = before, at, count

    @property
    def ends(self) -> Sequence[bytes]:
        """The last two digits of each offset."""
        return _LOW[self._at : self._at + self.count]

    @property
    def tens(self) -> bytes:
        """The second last digit of each offset."""
        return _TENS[self._at : self._at + self.count]

    @property
    def ones(self) -> bytes:
        """The last digit of each offset."""
        return _ONES[self._at : self._at + self.count]


class Offsets:
    """The offsets of one process. The first number is 1. `next`: the next one that is free."""

    def __init__(self, epoch: str = "") -> None:
        self.epoch = epoch or secrets.token_urlsafe(_EPOCH)[:_EPOCH]
        self.next = 1
        # The last beginning that was made: (the number without its last two digits, the text before these).
        self._high = 0, self.epoch.encode()

    def reserve(self, count: int) -> int:
        """Reserve `count` numbers and return the first."""
        first = self.next
        self.next += count
        return first

    def text(self, number: int) -> bytes:
        """Return the offset of a number."""
        high, low = divmod(number, len(_LOW))
        return self._before(high) + _LOW[low]

    def runs(self, first: int, count: int) -> list[OffsetRun]:
        """Return the offsets of `count` numbers, in order."""
        made: list[OffsetRun] = []
        end = first + count
        while first < end:
            high, low = divmod(first, len(_LOW))
            some = min(end - first, len(_LOW) - low)
            made.append(OffsetRun(self._before(high), low, some))
            first += some
        return made

    def _before(self, high: int) -> bytes:
        if high != self._high[0]:
            self._high = high, (self.epoch + _digits(high)).encode()
        return self._high[1]

    def number(self, text: object) -> int | None:
        """Return the number of an offset that a client shows; None if it is not one of ours."""
        if not isinstance(text, str) or not text.startswith(self.epoch) or len(text) > _EPOCH + _MOST:
            return None
        number = 0
        for digit in text[len(self.epoch) :]:
            if digit not in _VALUES:
                return None
            number = number * len(_DIGITS) + _VALUES[digit]
        return number if number < self.next and self.text(number) == text.encode() else None


def _digits(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
