"""Request and response: an event that asks for an ack leaves with an id, the server's message with that id is the ack.

Who does not get an answer in time is told so. Must not know users, sockets or how messages are sent.

Use: `done = replies.expect(sid, events, messages, answer)`, which writes `reply_to` into the messages;
`replies.take(frames, go_on)` for what the server says.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import orjson

from bridge.alarm import Alarm
from bridge.errors import Refused, TooMany
from bridge.messages import Payload
from bridge.relay.acks import Acks, Answer, Event
from bridge.relay.reading import Decode
from bridge.tally import Tally, shorten

__all__ = ["KEY", "Awaited", "Replies"]

#: The key of a message, both ways.
KEY = "reply_to"

MOST_OF_CLIENT = 1_000  # events of one client that wait for an answer: a page that asks so fast is not reading them
MOST = 100_000  # of all clients, some 30 MB

_QUOTED = b'"reply_to"'
# One of its characters as \u00XX, behind which the key could hide.
_ESCAPED = re.compile(rb"\\u00(?:7[0249]|6[5cCfF]|5[fF])")


@dataclass(slots=True)
class _Asked:
    """An event that waits for an answer. `until`: by time.monotonic(), once it is with the server."""

    sid: str
    number: int
    name: object
    answer: Answer
    until: float = 0.0


class Awaited:
    """What to call when the fate of events is known of which some wait for answers: see acks.Done."""

    def __init__(self, replies: Replies, acks: Acks, sid: str, events: Sequence[Event], keys: Sequence[str]) -> None:
        self._replies, self._acks, self._sid, self._keys = replies, acks, sid, keys
        self._others = [data[0] for number, data in events if number is None]  # nobody waits for these

    def __call__(self, error: Refused | None) -> None:
        if error is None:
            self._replies.begin(self._keys)
            if self._others:
                self._acks.ok(len(self._others), (), _nobody)
            return
        if self._others:
            self._acks.refused(self._sid, error, self._others, (), _nobody)
        for asked in self._replies.forget(self._keys):
            self._acks.refused(asked.sid, error, [asked.name], [asked.number], asked.answer)

    def forget(self) -> None:
        """They were not sent, and who sent them tells it."""
        self._replies.forget(self._keys)


class Replies:
    """The answers that are waited for, `seconds` each from when its event is with the server."""

    def __init__(self, seconds: float, decode: Decode, acks: Acks, tally: Tally) -> None:
        self._seconds, self._decode, self._acks, self._tally = seconds, decode, acks, tally
        self._lock = threading.Lock()
        self._asked: dict[str, _Asked] = {}  # not with the server yet
        self._begun: OrderedDict[str, _Asked] = OrderedDict()  # with it, the first ones first
        self._of_client: Counter[str] = Counter()
        # Of one process: an answer to what another one asked is for nobody here.
        self._process, self._numbers = secrets.token_hex(4), count(1)
        self._alarm = Alarm(self._expire, "bridge-replies")

    def expect(
        self, sid: str, events: Sequence[Event], messages: Sequence[dict[str, object]], answer: Answer
    ) -> Awaited:
        """Give the message of each event that asks for an ack its id. Raises TooMany."""
        asking = [(event, message) for event, message in zip(events, messages, strict=True) if event[0] is not None]
        keys: list[str] = []
        with self._lock:
            if self._of_client[sid] + len(asking) > MOST_OF_CLIENT:
                raise TooMany("link-busy", f"{MOST_OF_CLIENT} events of this client wait for an answer already")
            if len(self._asked) + len(self._begun) + len(asking) > MOST:
                raise TooMany("link-busy", f"{MOST} events wait for an answer already")
            if asking:
                self._of_client[sid] += len(asking)
            for (number, data), message in asking:
                message[KEY] = key = f"{self._process}-{next(self._numbers)}"
                assert number is not None
                self._asked[key] = _Asked(sid, number, data[0], answer)
                keys.append(key)
        return Awaited(self, self._acks, sid, events, keys)

    def begin(self, keys: Iterable[str]) -> None:
        """These are with the server now: their time runs."""
        until = time.monotonic() + self._seconds
        with self._lock:
            for key in keys:
                asked = self._asked.pop(key, None)
                if asked is not None:  # else it was answered before the bridge knew that it was sent
                    asked.until = until
                    self._begun[key] = asked
            if self._begun:
                self._alarm.set(until)

    def forget(self, keys: Iterable[str]) -> list[_Asked]:
        """Those that were waited for still, and are no more."""
        with self._lock:
            return [asked for asked in map(self._gone, keys) if asked is not None]

    def _gone(self, key: object) -> _Asked | None:
        asked = self._asked.pop(key, None) or self._begun.pop(key, None) if isinstance(key, str) else None
        if asked is not None:
            self._of_client[asked.sid] -= 1
            if not self._of_client[asked.sid]:
                del self._of_client[asked.sid]  # or a client that came once would be known for ever
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
        why = f"the server did not answer within {self._seconds:g} s"
        for asked in over:
            self._acks.refused(asked.sid, Refused("no-reply", why), [asked.name], [asked.number], asked.answer)
        return following

    # From the server.

    def take(self, frames: Sequence[bytes], go_on: Callable[[Sequence[bytes]], None]) -> None:
        """Answer whom the answers in a burst are for, and `go_on` with the others, all in their order."""
        if not _may_hold(b"".join(frames)):
            go_on(frames)
            return
        others: list[bytes] = []
        for frame in frames:
            value = self._answer_in(frame) if _may_hold(frame) else None
            if value is None:
                others.append(frame)
                continue
            if others:
                go_on(others)
                others = []
            self._resolve(value)
        if others:
            go_on(others)

    def _answer_in(self, frame: bytes) -> dict[str, object] | None:
        """The frame's value if it answers something, else None."""
        try:
            value = self._decode.strict(frame)
        except self._decode.not_json:
            try:
                value = self._decode.lenient(self._decode.to_text(frame)[0])
            except self._decode.too_deep:
                return {KEY: None}  # it may be for one client; to all would be the wrong guess
            except self._decode.not_json:
                return None
        return value if isinstance(value, dict) and KEY in value else None

    def _resolve(self, value: dict[str, object]) -> None:
        key = value.pop(KEY)
        with self._lock:
            asked = self._gone(key)
        if asked is None:
            self._tally.note("replies_unknown", "! the server answers what nobody waits for: %s", shorten(key))
            return
        try:
            reply = orjson.Fragment(Payload.of(value).json)
        except Refused as error:
            self._acks.refused(asked.sid, error, [asked.name], [asked.number], asked.answer)
        else:
            self._acks.ok(1, [asked.number], asked.answer, reply=reply)


def _may_hold(data: bytes) -> bool:
    return _QUOTED in data or (b"\\u00" in data and _ESCAPED.search(data) is not None)


def _nobody(_ids: Sequence[int], _answer: dict[str, object]) -> None:
    """Those that did not ask."""
