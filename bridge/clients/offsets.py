"""Offsets: the last argument of each event, by which a client that comes back says what it has had.

An offset is an epoch, the same for all of one process, and a number that rises by one a message, so
one from before a restart, or of another bridge, is told from ours. Sans-IO. Must not know who gets what.

Use: `offsets = Offsets(); first = offsets.reserve(3); offsets.text(first)` -> b"kX0aB_01".
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import product

__all__ = ["Offsets", "Run"]

#: Offsets of several messages: what all begin with, and what each ends with.
Run = tuple[bytes, Sequence[bytes]]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_EPOCH = 6  # characters: two in 70,000,000,000 are the same
_LOW = [(a + b).encode() for a, b in product(_DIGITS, _DIGITS)]  # the last two digits, made once
_MOST = 16  # characters of a number: more are nobody's


class Offsets:
    """One process's. The first number is 1."""

    def __init__(self, epoch: str = "") -> None:
        self.epoch = epoch or secrets.token_urlsafe(_EPOCH)[:_EPOCH]
        self.next = 1
        # What was made last: the number before the last two digits, and all that stands before those.
        self._high = 0, self.epoch.encode()

    def reserve(self, count: int) -> int:
        """So many numbers, of which this is the first."""
        first = self.next
        self.next += count
        return first

    def text(self, number: int) -> bytes:
        """The offset of this number."""
        high, low = divmod(number, len(_LOW))
        return self._before(high) + _LOW[low]

    def runs(self, first: int, count: int) -> list[Run]:
        """The offsets of `count` numbers, in order."""
        made: list[Run] = []
        end = first + count
        while first < end:
            high, low = divmod(first, len(_LOW))
            some = _LOW[low : low + end - first]
            made.append((self._before(high), some))
            first += len(some)
        return made

    def _before(self, high: int) -> bytes:
        if high != self._high[0]:
            self._high = high, (self.epoch + _digits(high)).encode()
        return self._high[1]

    def number(self, text: object) -> int | None:
        """The number of an offset that is one of ours, as a client says it; None for anything else."""
        if not isinstance(text, str) or not text.startswith(self.epoch) or len(text) > _EPOCH + _MOST:
            return None
        number = 0
        for digit in text[len(self.epoch) :]:
            if digit not in _VALUES:
                return None
            number = number * len(_DIGITS) + _VALUES[digit]
        return number if 0 <= number < self.next and self.text(number) == text.encode() else None


def _digits(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
