"""Clients' events on their way to the server: many at a time, or one by one through a handler.

Whichever way an event goes, its name is checked first, its user is put in under the relay's lock,
and its ack is called exactly once, when the fact is known. Must not know who comes and goes, nor
sockets.

Use: `events = Upstream(rules, parts, lock, counters); events.run(wires, register)`;
`events.take(sid, [(7, ["move", {"x": 1}])], answer, may_wait=True)` -> 1.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bridge.counters import Counters
from bridge.errors import Refused, TooMany
from bridge.names import check_event
from bridge.relay.acks import AckedEvent, Acks, AnswerAcks, OnFate
from bridge.relay.deduplication import Deduplication, WrapOnFate
from bridge.relay.event_message import EventMessages
from bridge.relay.handlers import Hooks
from bridge.relay.hook_calls import HookCalls, Made
from bridge.relay.replies import Replies
from bridge.relay.unhandled_events import UnhandledEvents
from bridge.relay.users import Client, Sender, Users

__all__ = ["AckedEvent", "AnswerAcks", "Send", "Upstream", "UpstreamParts", "UpstreamRules"]

PATIENCE = 5.0  # seconds that a client is not read because the link is slower; then its events are refused
LONGEST_TURN = 0.002  # seconds; then others have theirs
MOST_NAMES = 1024  # names that are remembered as good


class Send(Protocol):
    """uplink.send"""

    def __call__(
        self,
        payloads: Sequence[bytes],
        done: OnFate | None = None,
        *,
        has_room: bool = False,
        by: Sender | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class UpstreamRules:
    """The settings that decide here. `singly`: each event has a fate of its own."""

    identity: str
    user_key: str
    reserved: frozenset[str]
    unhandled: str
    singly: bool = False


@dataclass(frozen=True, slots=True)
class UpstreamParts:
    """What events need of the relay's. `replies` None: the server answers no events; `once` None: each is its own."""

    users: Users
    inbound: EventMessages
    hooks: Hooks
    calls: HookCalls
    encode_many: Callable[[Sequence[object]], list[bytes]]
    replies: Replies | None = None
    once: Deduplication | None = None


class Upstream:
    """The events of all clients. Its methods may be called from any thread."""

    def __init__(self, rules: UpstreamRules, parts: UpstreamParts, lock: threading.RLock, counters: Counters) -> None:
        self._rules, self._parts, self._lock, self._counters = rules, parts, lock, counters
        self._users, self._hooks, self._replies = parts.users, parts.hooks, parts.replies
        self._acks = Acks(counters)
        self._unheard = UnhandledEvents(parts.hooks)
        self._plain: set[str] = set()  # names that are good and have no handler
        self._turn_ends = 0.0

    def run(
        self,
        send: Send,
        room: Callable[[float], AbstractContextManager[None]],
        register: Callable[[Client, object], None],
    ) -> None:
        """From now on events are taken."""
        self._send, self._room, self._register = send, room, register

    def take(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks, may_wait: bool) -> int:
        """Take a client's events, in order; how many were taken: all, if it may wait for handlers and for room.

        `answer` is called for each that asks for an ack exactly once, now or when the fact is known.
        """
        at = 0
        while at < len(events):
            end = self._end_of_plain(sid, events, at)
            if end > at:
                taken = self._relay(sid, events[at:end], answer, may_wait)
            else:
                taken = self._one(sid, events[at], answer) if may_wait else 0
            if not taken:
                break
            at += taken
            if may_wait:
                self._maybe_yield()
        self._counters.count("events_in", at)
        return at

    def _maybe_yield(self) -> None:
        """Thousands of events that are refused, one by one, are not to keep others waiting."""
        if time.monotonic() > self._turn_ends:
            time.sleep(0)
            self._turn_ends = time.monotonic() + LONGEST_TURN

    def _end_of_plain(self, sid: str, events: Sequence[AckedEvent], at: int) -> int:
        """Up to which event there are none but those that are relayed as they are."""
        if self._rules.identity == "register":
            client = self._users.get(sid)
            if client is None or client.user is None:
                return at
        plain, handled, once = self._plain, self._hooks.events, self._parts.once
        for end in range(at, len(events)):
            name = events[end][1][0]
            if type(name) is not str or name in handled or (name not in plain and not self._is_plain(name)):
                return end
            if once is not None and once.value_of(events[end][1]) is not None:
                return end
        return len(events)

    def _is_plain(self, name: str) -> bool:
        if name in self._hooks.events or self._rules.unhandled == "drop":
            return False
        if name == "register" and self._rules.identity == "register":
            return False
        try:
            check_event(name, self._rules.reserved)
        except Refused:
            return False
        self._unheard.heard(name)
        if len(self._plain) >= MOST_NAMES:
            self._plain.clear()
        self._plain.add(name)
        return True

    # Many at a time.

    def _relay(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks, may_wait: bool) -> int:
        """Relay plain events in one piece; one by one if there is something wrong with one of them."""
        try:
            taken = self._relayed(sid, events, answer, may_wait)
            if taken:
                return taken
        except Refused as error:
            if may_wait and error.code in ("link-busy", "link-down", "gone"):  # which is so for all of them
                refused = events[:1] if isinstance(error, TooMany) else events
                self._acks.sent(sid, refused, answer)(error)
                return len(refused)
        if may_wait:
            for event in events:
                self._one(sid, event, answer)
                self._maybe_yield()
            return len(events)
        return 0

    def _relayed(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks, may_wait: bool) -> int:
        """How many there was room for. Raises Refused if there was none for the first."""
        if not may_wait:
            if not self._lock.acquire(blocking=False):
                return 0
            try:
                return self._send_plain(sid, events, answer, has_room=False)
            finally:
                self._lock.release()
        with self._room(PATIENCE), self._lock:
            return self._send_plain(sid, events, answer, has_room=True)

    def _send_plain(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks, has_room: bool) -> int:
        """Under the lock, where the user can't change any more."""
        client = self._users.get(sid)
        if client is None:
            raise Refused("gone", "this client has disconnected")
        try:
            if not self._rules.singly:
                self._send_together(client, events, answer, has_room)
                return len(events)
        except TooMany:
            if len(events) == 1:
                raise
        for at, event in enumerate(events):
            try:
                self._send_together(client, [event], answer, has_room)
            except Refused:
                if at:
                    return at
                raise
        return len(events)

    def _send_together(
        self,
        client: Client,
        events: Sequence[AckedEvent],
        answer: AnswerAcks,
        has_room: bool,
        also: WrapOnFate | None = None,
    ) -> None:
        """`also`: makes of what is called when they are with the server what else is called then."""
        messages = self._parts.inbound.messages(client.user, [data for _, data in events])
        if self._replies is None:
            done = self._acks.sent(client.sid, events, answer)
            done = done if also is None else also(done)
            self._send(self._parts.encode_many(messages), done, has_room=has_room, by=client._sender)
            return
        awaited = self._replies.expect(client.sid, events, messages, answer)
        done = awaited if also is None else also(awaited)
        try:
            self._send(self._parts.encode_many(messages), done, has_room=has_room, by=client._sender)
        except Refused:
            awaited.forget()
            raise

    # One by one.

    def _one(self, sid: str, event: AckedEvent, answer: AnswerAcks) -> int:
        """Take one event, whatever it is."""
        number, (name, *args) = event
        done = self._acks.sent(sid, [event], answer)
        try:
            check_event(name, self._rules.reserved)
            client = self._users.get(sid)
            if client is None:
                raise Refused("gone", "this client has disconnected")
            if self._rules.identity == "register" and name == "register":
                self._register(client, self._name_in(args))
                self._acks.ok(1, () if number is None else (number,), answer, user=client.user)
            elif self._parts.once is not None and (value := self._parts.once.value_of(args)) is not None:
                self._only_once(self._parts.once, value, client, event, answer)
            else:
                self._pass_on(client, event, answer, done)
        except Refused as error:
            done(error)
        return 1

    def _only_once(
        self, once: Deduplication, value: bytes, client: Client, event: AckedEvent, answer: AnswerAcks
    ) -> None:
        """Pass an event on if there was none of this user with the same value; else it is acked as that one."""
        number, (name, *_) = event
        ids = () if number is None else (number,)
        user = client.sid if client.user is None else client.user
        first = once.take(user, value, partial(self._acks.again, client.sid, name, ids, answer))
        if first is None:
            self._counters.count("events_repeated")
            return
        answer, also = first.told_by(number, answer)
        done = self._acks.sent(client.sid, [event], answer)
        done = done if also is None else also(done)
        try:
            self._pass_on(client, event, answer, done, also)
        except Refused as error:
            done(error)

    def _pass_on(
        self, client: Client, event: AckedEvent, answer: AnswerAcks, done: OnFate, also: WrapOnFate | None = None
    ) -> None:
        if self._rules.identity == "register" and client.user is None:
            raise Refused("not-registered")
        name, *args = event[1]
        handler = self._hooks.events.get(str(name))
        if handler is not None:
            self._send_made(client, self._parts.calls.made(handler, client, *args), done)
            return
        if self._rules.unhandled == "drop":
            raise Refused("bad-event", f"no handler takes the event {name!r}")
        self._unheard.heard(str(name))
        with self._room(PATIENCE), self._lock:
            self._check(client)
            self._send_together(client, [event], answer, has_room=True, also=also)

    def _send_made(self, client: Client, made: Made, done: OnFate) -> None:
        """What its handler made of a client's event."""
        told = made.told(self._counters, done)
        if not made.payloads:
            told(None)
            return
        try:
            with self._room(PATIENCE), self._lock:
                self._check(client)
                self._send(made.payloads, told, has_room=True, by=client._sender)
        except Refused as error:
            made.refused(error, self._counters)
            raise

    def _check(self, client: Client) -> None:
        if self._users.get(client.sid) is not client:  # while its handler ran
            raise Refused("gone", "this client has disconnected")

    def _name_in(self, args: Sequence[object]) -> object:
        first = args[0] if args else None
        if isinstance(first, dict):
            return first.get(self._rules.user_key, first.get("username"))
        return first
