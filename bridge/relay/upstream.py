"""Take clients' events to the server: many at a time, or one by one through a handler.

Whichever way an event goes, its name is checked first, its user is put in under the relay's lock,
and its ack is called exactly once, when the fact is known. Must not know who comes and goes, nor
sockets.

Use: `upstream = Upstream(options, dependencies, ports, calls=…, register=…, lock=…, counters=…)`;
`upstream.take(sid, [(7, ["move", {"x": 1}])], answer, may_wait=True)` -> 1.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from bridge.counters import Counters, shorten
from bridge.errors import Refused, TooMany
from bridge.names import check_event
from bridge.relay.acks import AckedEvent, Acks, AnswerAcks, OnFate
from bridge.relay.deduplication import Deduplication
from bridge.relay.dependencies import Identity, RelayDependencies, RelayOptions, RelayPorts
from bridge.relay.hook_calls import HookCalls, HookOutcome
from bridge.relay.users import Client

__all__ = ["Upstream"]

log = logging.getLogger("bridge")

PATIENCE = 5.0  # seconds for which a client is not read because the link is slower; then its events are refused
LONGEST_TURN = 0.002  # seconds; then others have their turn
MOST_NAMES = 1024  # names that are remembered as permitted
MOST_LOGGED = 100  # names of events that no handler takes; if there are more, somebody makes them up
CHARGED = ("bad-event", "not-registered")  # who sends only what is refused so is ended at some time
FOR_ALL = ("link-busy", "link-down", "gone")  # if one event is refused with these, so are those after it


class Upstream:
    """Takes the events of all clients. Methods may be called from any thread.

    `calls`: calls handlers; `register`: gives a client to a user; `lock`: the relay's.
    """

    def __init__(
        self,
        options: RelayOptions,
        dependencies: RelayDependencies,
        ports: RelayPorts,
        *,
        calls: HookCalls,
        register: Callable[[Client, object], None],
        lock: threading.RLock,
        counters: Counters,
    ) -> None:
        self._options, self._reserved = options, options.reserved_events
        self._registers = options.identity is Identity.REGISTER
        self._users, self._hooks, self._replies = dependencies.users, dependencies.hooks, dependencies.replies
        self._messages, self._encode_many = dependencies.event_messages.messages, dependencies.encode_many
        self._deduplication = dependencies.deduplication
        self._send, self._wait_for_room = ports.send, ports.wait_for_room
        self._charge = ports.charge
        self._calls, self._register, self._lock, self._counters = calls, register, lock, counters
        self._acks = Acks(counters)
        self._plain: set[str] = set()  # names that are permitted and have no handler
        self._logged: set[str] = set()  # names that were logged as having no handler
        self._turn_ends = 0.0

    def take(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks, may_wait: bool) -> int:
        """Take a client's events, in order. Return how many were taken: all, if it may wait for handlers and for room.

        `answer` is called exactly once for each event that asks for an ack, now or when its outcome is known.
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
        """Let others run: thousands of events may be refused one by one."""
        if time.monotonic() > self._turn_ends:
            time.sleep(0)
            self._turn_ends = time.monotonic() + LONGEST_TURN

    def _end_of_plain(self, sid: str, events: Sequence[AckedEvent], at: int) -> int:
        """Return the index of the first event from `at` on that is not simply relayed."""
        if self._registers:
            client = self._users.get(sid)
            if client is None or client.user is None:
                return at
        plain, handled, once = self._plain, self._hooks.events, self._deduplication
        for end in range(at, len(events)):
            name = events[end][1][0]
            if type(name) is not str or name in handled or (name not in plain and not self._is_plain(name)):
                return end
            if once is not None and once.value_of(events[end][1]) is not None:
                return end
        return len(events)

    def _is_plain(self, name: str) -> bool:
        if name in self._hooks.events or self._options.drop_unhandled or (name == "register" and self._registers):
            return False
        try:
            check_event(name, self._reserved)
        except Refused:
            return False
        self._log_unhandled(name)
        if len(self._plain) >= MOST_NAMES:
            self._plain.clear()
        self._plain.add(name)
        return True

    def _log_unhandled(self, name: str) -> None:
        """If there are handlers, log the first event of each name that none of them takes."""
        if name in self._logged or len(self._logged) > MOST_LOGGED or not self._hooks.any:
            return
        self._logged.add(name)
        if len(self._logged) > MOST_LOGGED:
            log.info("= more events than %d names are relayed though no handler takes them", MOST_LOGGED)
            return
        log.info("= the event %s is relayed though no handler takes it (--unhandled drop refuses such)", shorten(name))

    # Many at a time.

    def _relay(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks, may_wait: bool) -> int:
        """Relay plain events in one piece, or one by one if something is wrong with one. Return how many were taken."""
        try:
            if may_wait:
                with self._wait_for_room(PATIENCE), self._lock:
                    return self._send_plain(sid, events, answer, has_room=True)
            if not self._lock.acquire(blocking=False):
                return 0
            try:
                return self._send_plain(sid, events, answer, has_room=False)
            finally:
                self._lock.release()
        except Refused as error:
            if not may_wait:
                return 0
            if error.code in FOR_ALL:
                refused = events[:1] if isinstance(error, TooMany) else events
                self._acks.sent(sid, refused, answer)(error)
                return len(refused)
        for event in events:
            self._one(sid, event, answer)
            self._maybe_yield()
        return len(events)

    def _send_plain(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks, has_room: bool) -> int:
        """Send plain events under the lock, so that the user can't change. Return for how many there was room.

        They are sent together; with confirm, each by itself. Raises Refused if the first can't be sent.
        """
        client = self._users.get(sid)
        if client is None:
            raise Refused("gone", "this client has disconnected")
        at, size = 0, 1 if self._options.confirm else len(events)
        while at < len(events):
            part = events[at : at + size]
            awaited = None
            try:
                messages = self._messages(client.user, [data for _, data in part])
                if self._replies is None:
                    done = self._acks.sent(sid, part, answer)
                else:
                    done = awaited = self._replies.expect(sid, part, messages, answer)
                payloads = self._encode_many(messages)
                self._send(payloads, done, has_room=has_room, by=client._sender)
            except Refused as error:
                if awaited is not None:
                    awaited.forget()
                if size > 1 and isinstance(error, TooMany):
                    size = 1  # there may be room for some of them
                    continue
                if at:
                    return at
                raise
            at += size
        return at

    # One by one.

    def _one(self, sid: str, event: AckedEvent, answer: AnswerAcks) -> int:
        """Take one event of any kind."""
        number, (name, *args) = event
        done = self._acks.sent(sid, [event], answer)
        try:
            check_event(name, self._reserved)
            client = self._users.get(sid)
            if client is None:
                raise Refused("gone", "this client has disconnected")
            if self._registers and name == "register":
                self._register(client, self._name_in(args))
                self._acks.ok(1, () if number is None else (number,), answer, user=client.user)
            elif self._deduplication is not None and (value := self._deduplication.value_of(args)) is not None:
                self._only_once(self._deduplication, value, client, event, answer)
            else:
                self._pass_on(client, event, answer, done)
        except Refused as error:
            done(error)
            if error.code in CHARGED:
                self._charge(sid)
        return 1

    def _only_once(
        self, once: Deduplication, value: bytes, client: Client, event: AckedEvent, answer: AnswerAcks
    ) -> None:
        """Pass on the first event of a user with this value; answer a later one as the first was answered."""
        number, (name, *_) = event
        ids = () if number is None else (number,)
        user = client.sid if client.user is None else client.user
        settle = once.take(user, value, partial(self._acks.again, client.sid, name, ids, answer))
        if settle is None:
            self._counters.count("events_repeated")
            return

        def answered(ids: Sequence[int], told: dict[str, object]) -> None:
            answer(ids, told)
            settle(told)

        done = self._acks.sent(client.sid, [event], answered)
        try:
            self._pass_on(client, event, answered, done)
        except Refused as error:
            done(error)

    def _pass_on(self, client: Client, event: AckedEvent, answer: AnswerAcks, done: OnFate) -> None:
        if self._registers and client.user is None:
            raise Refused("not-registered")
        name, *args = event[1]
        handler = self._hooks.events.get(str(name))
        if handler is not None:
            self._send_outcome(client, self._calls.call(handler, client, *args), done)
            return
        if self._options.drop_unhandled:
            raise Refused("bad-event", f"no handler takes the event {name!r}")
        self._log_unhandled(str(name))
        with self._wait_for_room(PATIENCE), self._lock:
            self._check(client)
            self._send_plain(client.sid, [event], answer, has_room=True)

    def _send_outcome(self, client: Client, outcome: HookOutcome, done: OnFate) -> None:
        """Send what a handler returned for a client's event."""
        told = outcome.told(self._counters, done)
        if not outcome.payloads:
            told(None)
            return
        try:
            with self._wait_for_room(PATIENCE), self._lock:
                self._check(client)
                self._send(outcome.payloads, told, has_room=True, by=client._sender)
        except Refused as error:
            outcome.refused(error, self._counters)
            raise

    def _check(self, client: Client) -> None:
        if self._users.get(client.sid) is not client:  # while its handler ran
            raise Refused("gone", "this client has disconnected")

    def _name_in(self, args: Sequence[object]) -> object:
        first = args[0] if args else None
        if isinstance(first, dict):
            return first.get(self._options.user_key, first.get("username"))
        return first
