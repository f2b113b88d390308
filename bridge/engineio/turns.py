"""Takes a client's messages for as long as its turn lasts, some at a time: first few, then as many as time allows.

Must not know what a message is.

Use: `at = take_turn(messages, 0, take)`; if that is not their number, the rest is for another turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["FEW", "LONGEST_TURN", "take_turn"]

T = TypeVar("T")

FEW = 4  # messages that are taken together without a look at the clock
LONGEST_TURN = 0.002  # seconds; then others have theirs
_FIRST = 4  # the first part of those that one read brings is a quarter: what is costly is long, and so there are few
_GROWTH = 4


def take_turn(messages: Sequence[T], at: int, take: Callable[[Sequence[T]], bool]) -> int:
    """Take messages from this index on; returns how far it came. `take`: returns whether more may be taken."""
    many = max(FEW, len(messages) // _FIRST)
    now = time.monotonic()
    ends = now + LONGEST_TURN
    while at < len(messages) and now < ends:
        if not take(messages[at : at + many]):
            return len(messages)
        at, began, now = at + many, now, time.monotonic()
        fit = many * (ends - now) / max(now - began, 1e-9) / 2  # of half the time that is left
        many = max(1, min(many * _GROWTH, int(fit)))
    return min(at, len(messages))
