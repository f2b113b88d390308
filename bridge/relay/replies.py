"""Match answers with events: an event that asks for an ack leaves with an id; the message with that id is the ack.

A client that gets no answer in time is told so. Only ids that were given out here count: any other value under the key
is the server's or the page's own, and passes. Must not know users, sockets or how messages are sent.

Use: `done = replies.expect(sid, events, messages, answer)`, which writes ids into the messages;
`replies.take(frames, go_on)` for what the server says.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from bridge.counters import Counters, shorten
from bridge.errors import Refused, TooMany
from bridge.messages import Payload
from bridge.relay.acks import AckedEvent, Acks, AnswerAcks
from bridge.relay.routing_keys import Decode
from bridge.relay.undelivered import Undelivered
from bridge.timer import Timer

__all__ = ["Awaited", "Replies", "RepliesOptions"]

MOST_OF_CLIENT = 1_000  # events of one client that wait for an answer; no page needs more
MOST = 100_000  # of all clients, some 30 MB

#: Where the ids of a process begin: 16 digits, at random, so that no two processes have the same. A float keeps every
#: digit, and hardly any server has such numbers: they lie between microseconds and nanoseconds of today.
_FIRST, _SPREAD = 2**52, 2**51
_ID = re.compile(rb"(?<!\d)\d{16}(?!\d)")


@dataclass(frozen=True, slots=True)
class RepliesOptions:
    """`seconds`: time for each answer; `key`: the field of the id, both ways; `number`: write ids as numbers."""

    seconds: float
    key: str = "reply_to"
    number: bool = False


@dataclass(slots=True)
class _Asked:
    """An event that waits for an answer. `until`: by time.monotonic(), once it is with the server."""

    sid: str
    number: int
    name: object
    answer: AnswerAcks
    until: float = field(init=False)


class Awaited:
    """Called with the outcome of events, some of which wait for answers: an acks.OnFate."""

    def __init__(
        self, replies: Replies, sid: str, events: Sequence[AckedEvent], keys: Sequence[int], answer: AnswerAcks
    ) -> None:
        self._replies, self._acks, self._sid, self._keys, self._answer = replies, replies._acks, sid, keys, answer
        self._others = [data[0] for number, data in events if number is None]  # events without an ack

    def __call__(self, error: Refused | None) -> None:
        if error is None:
            self._replies.begin(self._keys)
            if self._others:
                self._acks.ok(len(self._others), (), self._answer)
            return
        if self._others:
            self._acks.refused(self._sid, error, self._others, (), self._answer)
        for asked in self._replies.forget(self._keys):
            self._acks.refused(asked.sid, error, [asked.name], [asked.number], asked.answer)

    def forget(self) -> None:
        """Forget the events: they were not sent, and the caller tells that."""
        self._replies.forget(self._keys)


class Replies:
    """The events that wait for answers, each for a time from when the server has it."""

    def __init__(
        self, options: RepliesOptions, decode: Decode, acks: Acks, counters: Counters, undelivered: Undelivered
    ) -> None:
        self._options, self._decode, self._acks, self._counters = options, decode, acks, counters
        self._undelivered = undelivered
        self._quoted, self._escaped = f'"{options.key}"'.encode(), _escapes_of(options.key)
        self._lock = threading.Lock()
        self._asked: dict[int, _Asked] = {}  # not with the server yet
        self._begun: OrderedDict[int, _Asked] = OrderedDict()  # with it, the first ones first
        self._of_client: Counter[str] = Counter()
        self._first = self._next = _FIRST + secrets.randbelow(_SPREAD)
        self._timer = Timer(self._expire, "bridge-replies")

    def expect(
        self, sid: str, events: Sequence[AckedEvent], messages: Sequence[dict[str, object]], answer: AnswerAcks
    ) -> Awaited:
        """Write an id into the message of each event that asks for an ack. Raises TooMany."""
        asking: list[tuple[AckedEvent, dict[str, object]]] = []
        for event, message in zip(events, messages, strict=True):
            self._strip(event, message)
            if event[0] is not None:
                asking.append((event, message))
        keys: list[int] = []
        with self._lock:
            if self._of_client[sid] + len(asking) > MOST_OF_CLIENT:
                raise TooMany("link-busy", f"{MOST_OF_CLIENT} events of this client wait for an answer already")
            if len(self._asked) + len(self._begun) + len(asking) > MOST:
                raise TooMany("link-busy", f"{MOST} events wait for an answer already")
            if asking:
                self._of_client[sid] += len(asking)
            for (number, data), message in asking:
                key, self._next = self._next, self._next + 1
                message[self._options.key] = key if self._options.number else str(key)
                assert number is not None
                self._asked[key] = _Asked(sid, number, data[0], answer)
                keys.append(key)
        return Awaited(self, sid, events, keys, answer)

    def _strip(self, event: AckedEvent, message: dict[str, object]) -> None:
        """Remove the page's own value where an id goes, or one that equals an id which was given out."""
        own = message.get(self._options.key)
        if own is not None and (event[0] is not None or self._number(own)):
            self._counters.count("keys_stripped")
            del message[self._options.key]

    def begin(self, keys: Iterable[int]) -> None:
        """Start the time of events that the server has now."""
        until = time.monotonic() + self._options.seconds
        with self._lock:
            for key in keys:
                asked = self._asked.pop(key, None)
                if asked is not None:  # None: it was answered before the bridge knew that it was sent
                    asked.until = until
                    self._begun[key] = asked
            if self._begun:
                self._timer.set(until)

    def forget(self, keys: Iterable[int]) -> list[_Asked]:
        """Forget events. Return those that were still waiting."""
        with self._lock:
            return [asked for asked in map(self._gone, keys) if asked is not None]

    def _gone(self, key: int) -> _Asked | None:
        asked = self._asked.pop(key, None) or self._begun.pop(key, None)
        if asked is not None:
            self._of_client[asked.sid] -= 1
            if not self._of_client[asked.sid]:
                del self._of_client[asked.sid]  # so that a client that came once is not kept for ever
        return asked

    def _expire(self) -> float | None:
        now, over = time.monotonic(), list[_Asked]()
        following = None
        with self._lock:
            while self._begun and following is None:
                key, first = next(iter(self._begun.items()))
                if first.until > now:
                    following = first.until
                elif asked := self._gone(key):
                    over.append(asked)
        why = f"the server did not answer within {self._options.seconds:g} s"
        for asked in over:
            self._acks.refused(asked.sid, Refused("no-reply", why), [asked.name], [asked.number], asked.answer)
        return following

    # From the server.

    def take(self, frames: Sequence[bytes], go_on: Callable[[Sequence[bytes]], None]) -> None:
        """Give the answers in a burst to their clients and the other frames to `go_on`, all in order."""
        if not self._may_hold(b"".join(frames)):
            go_on(frames)
            return
        others: list[bytes] = []
        for frame in frames:
            found = self._answer_in(frame) if self._may_hold(frame) else None
            if found is None:
                others.append(frame)
                continue
            if others:
                go_on(others)
                others = []
            self._resolve(*found)
        if others:
            go_on(others)

    def _may_hold(self, data: bytes) -> bool:
        return self._quoted in data or (b"\\" in data and self._escaped.search(data) is not None)

    def _answer_in(self, frame: bytes) -> tuple[int, dict[str, object] | None] | None:
        """Read an answer: (its id, the rest of its value or None if that can't be read); None if it is no answer."""
        try:
            value = self._decode.strict(frame)
        except self._decode.not_json:
            try:
                value = self._decode.lenient(self._decode.to_text(frame)[0])
            except self._decode.not_json:
                # It is for one client, so broadcasting it would be wrong.
                ids = [number for number in map(self._number, map(bytes.decode, _ID.findall(frame))) if number]
                return (ids[0], None) if ids else None
        if not isinstance(value, dict) or not (number := self._number(value.get(self._options.key))):
            return None
        del value[self._options.key]
        return number, value

    def _number(self, key: object) -> int:
        """Return the id in a text or number; 0 if it was not given out here."""
        if (isinstance(key, str) and len(key) == len(str(_FIRST)) and key.isascii() and key.isdigit()) or (
            isinstance(key, float) and key.is_integer()
        ):
            key = int(key)
        return key if type(key) is int and self._first <= key < self._next else 0

    def _resolve(self, number: int, value: dict[str, object] | None) -> None:
        if value is None:
            self._unknown("the server's answer can't be read", number)
            return
        with self._lock:
            asked = self._gone(number)
        if asked is None:
            self._unknown("the server answers what nobody waits for any more", number)
            return
        try:
            reply = orjson.Fragment(Payload.of(value).json)
        except Refused as error:
            self._acks.refused(asked.sid, error, [asked.name], [asked.number], asked.answer)
        else:
            self._acks.ok(1, [asked.number], asked.answer, reply=reply)

    def _unknown(self, why: str, number: int) -> None:
        self._counters.count("replies_unknown")
        self._undelivered.add("late-reply", None, f"{why}: {shorten(number)}")


def _escapes_of(key: str) -> re.Pattern[bytes]:
    """Make a pattern of the escapes that can hide one of the key's characters."""
    units = key.encode("utf-16-be").hex()
    codes = {units[at : at + 4] for at in range(0, len(units), 4)}
    short = "" if key.replace("_", "a").isalnum() else r'|["\\/]'
    return re.compile(rf"\\(?:u(?:{'|'.join(sorted(codes))}){short})".encode(), re.IGNORECASE)
