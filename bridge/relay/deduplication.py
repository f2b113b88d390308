"""Recognise repeated events: of one user's events with the same value in one field, the server gets one.

The others are acknowledged as that one was; while it is under way, they wait for its ack. One that was refused is
forgotten, so that it may be tried again. State and a clock, no I/O. Must not know how events are sent.

Use: `settle = once.take("ann", value, told)`. If it is None, there was one before, and `told` is given its answer;
otherwise send the event, and call `settle(answer)` when its outcome is known.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

import orjson

from bridge.errors import Refused

__all__ = ["MOST", "MOST_OF_USER", "Deduplication", "OnAnswer"]

MOST_OF_USER = 10_000  # values of one user: 80 a second for two minutes
MOST = 500_000  # values in all, some 150 MB
MOST_WAITING = 1_000  # repeated events of one user that wait: as many as may wait for answers
SIZE_OF_USER, SIZE = 1 << 20, 64 << 20  # bytes of answers that have more in them than ok

_LONGEST = 31  # bytes of a value that is kept as it is; a longer one is kept as a digest of 32 bytes

#: An answer as the client gets it.
AckAnswer = dict[str, object]
OnAnswer = Callable[[AckAnswer], None]


@dataclass(slots=True, eq=False)
class _Event:
    """A first event. `answer` None: it is under way, and the functions in `waiting` are to be told."""

    answer: AckAnswer | None = None
    size: int = 0
    until: float = field(init=False)
    waiting: list[OnAnswer] = field(default_factory=list)


@dataclass(slots=True)
class _User:
    """Its events by their values; `long`: the values whose answers count, the oldest first."""

    events: OrderedDict[bytes, _Event] = field(default_factory=OrderedDict)
    long: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    size: int = 0
    waiting: int = 0


class Deduplication:
    """The values of the field of this name. `window`: seconds for which one is known. Its methods may be called from
    any thread."""

    def __init__(self, name: str, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._window, self._clock = name, window, clock
        self._lock = threading.Lock()
        self._users: dict[str, _User] = {}
        self._settled: deque[tuple[str, bytes, _Event]] = deque()  # in the order in which their time is over
        self._count = self._size = 0

    def __len__(self) -> int:
        return self._count

    def value_of(self, args: Sequence[object]) -> bytes | None:
        """What an event with these arguments has in the field, as a key; None if nothing: it is like no other."""
        for arg in args:
            if isinstance(arg, dict) and (value := arg.get(self._name)) is not None:
                data = _written(value)
                if data is None:
                    return None
                return data if len(data) <= _LONGEST else blake2b(data, digest_size=_LONGEST + 1).digest()
        return None

    def take(self, user: str, value: bytes, told: OnAnswer) -> OnAnswer | None:
        """Return the function that settles a first event, to be called once; for another one None, and `told` gets the
        first one's answer, now or later. Raises Refused."""
        with self._lock:
            self._expire()
            its = self._users.get(user)
            event = None if its is None else its.events.get(value)
            if its is None or event is None:
                return self._first(user, value)
            answer = event.answer
            if answer is None:
                if its.waiting >= MOST_WAITING:
                    raise Refused("link-busy", f"{MOST_WAITING} events of this user wait for others of the same value")
                its.waiting += 1
                event.waiting.append(told)
                return None
        told(answer)
        return None

    def _first(self, user: str, value: bytes) -> OnAnswer:
        its = self._users.setdefault(user, _User())
        if len(its.events) >= MOST_OF_USER:
            self._drop(user, next(iter(its.events)))
        while self._count >= MOST and self._settled:
            self._forget_oldest()
        # The user may have been forgotten with its last event.
        its = self._users.setdefault(user, its)
        its.events[value] = event = _Event()
        self._count += 1
        return partial(self._settle, user, value, event)

    def _settle(self, user: str, value: bytes, event: _Event, answer: AckAnswer) -> None:
        """Answer the repeated events as the first one was answered."""
        for told in self._keep(user, value, event, answer):
            told(answer)

    def _keep(self, user: str, value: bytes, event: _Event, answer: AckAnswer) -> list[OnAnswer]:
        """Keep the answer of a first event. Return the functions that wait for it."""
        ok = answer.get("ok") is True
        size = len(orjson.dumps(answer)) if len(answer) > 1 and ok else 0
        with self._lock:
            waiting, event.waiting = event.waiting, []
            its = self._users.get(user)
            if its is None or its.events.get(value) is not event:
                return waiting  # it was over a limit, and is forgotten
            its.waiting -= len(waiting)
            if not ok or size > SIZE_OF_USER:
                self._drop(user, value)
                return waiting
            event.answer, event.size, event.until = answer, size, self._clock() + self._window
            if size:
                its.long[value] = None
            its.size += size
            self._size += size
            self._settled.append((user, value, event))
            self._make_room(user, its)
        return waiting

    def _make_room(self, user: str, its: _User) -> None:
        while its.size > SIZE_OF_USER:
            self._drop(user, next(iter(its.long)))
        while self._settled and (self._size > SIZE or len(self._settled) > MOST):
            self._forget_oldest()

    def _expire(self) -> None:
        now = self._clock()
        while self._settled and self._settled[0][2].until <= now:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        user, value, event = self._settled.popleft()
        its = self._users.get(user)
        if its is not None and its.events.get(value) is event:
            self._drop(user, value)

    def _drop(self, user: str, value: bytes) -> None:
        its = self._users[user]
        event = its.events.pop(value)
        its.long.pop(value, None)
        its.size -= event.size
        its.waiting -= len(event.waiting)
        self._size -= event.size
        event.answer, event.size = None, 0  # it is among the settled ones until its time is over
        self._count -= 1
        if not its.events:
            del self._users[user]  # so that a user who came once is not kept for ever


def _written(value: object) -> bytes | None:
    """Write a value, the same for all that are the same; None if it is deeper than any message may be."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # binary, an integer of more than 64 bits, or deeper than orjson writes
        with contextlib.suppress(RecursionError):
            return repr(value).encode()
    return None
