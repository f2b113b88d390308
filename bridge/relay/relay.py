"""The middle: what happens when a client comes, emits or goes, and when the link does something.

It owns no table and no I/O. It puts users, routing and handlers together and calls what it
was given: send, tell, announce and publish. Must not know sockets, Socket.IO or Flask.

One lock keeps presence true: a user's notice and whatever it sends go to the queue in an order
that the server can believe. Handlers of events run outside of it, as they may take their time.

Use: `relay = Relay(rules, parts, tally); relay.run(wires)`; then the link and the engine call it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bridge.errors import Refused
from bridge.messages import Delivery, Payload
from bridge.names import clean_user
from bridge.relay.acks import Answer, Event
from bridge.relay.answers import frames_of
from bridge.relay.anywhere import Across, Anywhere, directly
from bridge.relay.bursts import Bursts, Publish
from bridge.relay.events import Events, EventsParts, EventsRules, Send
from bridge.relay.handlers import Bridge, Hooks
from bridge.relay.replies import Replies
from bridge.relay.routing import Inbound, Outbound
from bridge.relay.users import Change, Client, Users
from bridge.relay.waiting import Waiting
from bridge.tally import Tally

__all__ = ["Parts", "Relay", "Rules", "Wires"]

MOST_AWAY = 50_000  # clients that may come back; beyond, the first to have gone are given up early


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide here. `presence`: the actions for came and went; `grace`: seconds until a user
    whose connection was cut has gone; `window`: seconds in which its client may come back, 0 if none can."""

    identity: str
    user_key: str
    presence: tuple[str, str]
    unhandled: str
    handler_limit: int  # bytes that one handler's answer may have in all
    confirm: bool = False  # the server confirms each event, and is greeted with `hello`
    grace: float = 0.0
    window: float = 0.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the relay puts together. `replies` None: the server answers no events."""

    users: Users
    inbound: Inbound
    outbound: Outbound
    hooks: Hooks
    encode: Callable[[object], bytes]
    encode_many: Callable[[Sequence[object]], list[bytes]]
    replies: Replies | None = None


@dataclass(frozen=True, slots=True)
class Wires:
    """Where to: the queue before the link, and the clients. `own`: for the bridge's own events; `catch_up`: for
    a client that is late, what was last for a user; `remember` and
    `recall`: which user a session is, also after a restart; `across`: makes a call, from whatever thread, in the one
    that may make it."""

    send: Send
    room: Callable[[float], AbstractContextManager[None]]
    tell: Callable[[Sequence[bytes]], None]
    announce: Callable[[Sequence[bytes]], None]
    publish: Publish
    own: Callable[[Delivery], None]
    catch_up: Callable[[str, str], None]
    link: Callable[[], dict[str, object]]
    remember: Callable[[str, str | None], None]
    recall: Callable[[str], str | None]
    across: Across = directly


class Relay:
    """One bridge's relay. Its methods may be called from any thread."""

    def __init__(self, rules: Rules, parts: Parts, tally: Tally) -> None:
        self._rules, self._parts, self._tally = rules, parts, tally
        self._users, self._hooks = parts.users, parts.hooks
        reserved = frozenset[str]() if rules.identity == "none" else frozenset(rules.presence)
        if rules.confirm:
            reserved |= {"hello"}
        self._lock = threading.RLock()
        self._events = Events(
            EventsRules(rules.identity, rules.user_key, reserved, rules.unhandled, rules.handler_limit, rules.confirm),
            EventsParts(parts.users, parts.inbound, parts.hooks, parts.encode, parts.encode_many, parts.replies),
            self._lock,
            tally,
        )
        self._bursts = Bursts(parts.outbound, parts.hooks, parts.users, tally)
        self._grace = Waiting(rules.grace, self._grace_over, MOST_AWAY)
        self._window = Waiting(rules.window, self._forgotten, MOST_AWAY)
        self._anywhere = Anywhere(self._frames, self._lock, self._register)
        self._announcing: list[bytes] | None = None  # the notices of a link that is coming up

    def run(self, wires: Wires, bridge: Bridge) -> None:
        """From now on everything may be called."""
        self._wires = wires
        self._bursts.run(wires.publish)
        self._events.run(wires.send, wires.room, self._register)
        self._anywhere.run(wires.send, self._bursts.emit, wires.across)
        bridge.run(send=self._anywhere.send, emit=self._anywhere.emit)

    # From the clients.

    def connected(self, sid: str, address: str, session: str = "", recovered: bool = False) -> None:
        """A client has connected; `session`: what it may come back as, "" for none; `recovered`: it has missed
        nothing."""
        with self._lock:  # or a change of the link could overtake what it replaces
            if self._is_back(sid, address, recovered):
                return
            client = Client(sid, address, _register=self._anywhere.register, _session=session)
            self._users.add(client)
            self._own("bridge:link", self._wires.link(), client)
        name = sid if self._rules.identity == "sid" else self._recalled(session)
        if name is not None:
            try:
                self._become(client, name, registered=self._rules.identity != "sid")
            except Refused:
                pass  # it has gone already, and nobody was told that it came

    def _is_back(self, sid: str, address: str, recovered: bool) -> bool:
        """Whether it is a client that was away or absent."""
        client, changes = self._users.back(sid)
        self._grace.discard(sid)
        self._window.discard(sid)
        if client is None:
            return False
        client.address = address
        self._own("bridge:link", self._wires.link(), client)
        for change in changes:
            self._tell(change)
        if client.user is not None:
            self._welcome(client, client.user, late=not recovered)
        return True

    def _welcome(self, client: Client, user: str, late: bool = True) -> None:
        """Tell a client who it is, and if it is `late` what was last for that user."""
        self._own("bridge:user", {"user": user}, client)
        if late:
            self._wires.catch_up(client.sid, user)

    def _recalled(self, session: str) -> str | None:
        """Who this session was before the bridge was restarted."""
        return self._wires.recall(session) if session and self._rules.identity == "register" else None

    def events(self, sid: str, events: Sequence[Event], answer: Answer, may_wait: bool) -> int:
        """A client has emitted events; how many were taken, see events.Events.take."""
        return self._events.take(sid, events, answer, may_wait)

    def disconnected(self, sid: str, for_good: bool = True) -> None:
        """A client has gone; it may come back if it was not `for_good`."""
        with self._lock:
            client = self._users.get(sid)
            if client is None:
                return
            if for_good:
                if client._session:
                    self._wires.remember(client._session, None)
                for change in self._users.remove(sid):
                    self._tell(change)
                return
            if client._session and client._user is not None and client._user.registered:
                self._wires.remember(client._session, client._user.name)  # it was here until now
            self._users.leave(sid)
            if self._rules.grace:
                self._grace.add(sid)
            else:
                self._give_up(sid)

    def _grace_over(self, sid: str) -> None:
        with self._lock:
            if sid not in self._grace:  # else it has come back and gone again meanwhile
                self._give_up(sid)

    def _give_up(self, sid: str) -> None:
        for change in self._users.give_up(sid):
            self._tell(change)
        self._window.add(sid)

    def _forgotten(self, sid: str) -> None:
        with self._lock:
            if sid not in self._window:
                self._users.forget(sid)

    def stop(self) -> None:
        """The bridge stops: everybody leaves, whoever may have come back too."""
        with self._lock:
            self._grace.close()
            self._window.close()
            for change in self._users.present():
                self._tell(Change(change.user, change.client, here=False))

    # Users and their presence.

    def _register(self, client: Client, name: object) -> None:
        clean = clean_user(name)
        if client.user != clean:
            self._become(client, clean, registered=True)

    def _become(self, client: Client, name: str, registered: bool) -> None:
        with self._lock:
            if self._users.get(client.sid) is not client:
                raise Refused("gone", "this client has disconnected")
            before = client.user
            for change in self._users.release(client):
                self._tell(change)
            if client.user != before:
                return  # its leaving hook has made it somebody else
            for change in self._users.join(client, name, registered):
                self._tell(change)
            if registered and client._session:
                self._wires.remember(client._session, name)
            if client.user == name:  # unless its hook has made it somebody else
                self._welcome(client, name)

    def _tell(self, change: Change) -> None:
        """Tell the server of a change; not that somebody went of whose coming it has not been told,
        which is so if the hook for the coming makes the client somebody else."""
        if not change.here and not change.user.told:
            return
        payloads = self._presence(change)
        change.user.told = change.here
        if self._announcing is not None:
            self._announcing += payloads
        elif payloads:
            self._wires.tell(payloads)

    def _presence(self, change: Change) -> list[bytes]:
        """The notice of a user's coming or going, or what a handler has in its place."""
        came = self._hooks.register if change.user.registered else self._hooks.connect
        hook = came if change.here else self._hooks.disconnect
        try:
            if hook is not None:
                return self._events.frames(hook, change.client)
            if self._rules.identity == "none":
                return []
            action = self._rules.presence[0 if change.here else 1]
            return [self._parts.encode(self._parts.inbound.presence(change.user.name, action))]
        except Refused as error:
            self._tally.refuse(error.code, "presence", error.message)
            return []

    # From the link.

    def link_up(self) -> None:
        """The link is there: everybody is announced before anything else is sent."""
        with self._lock:
            for change in self._users.present():
                change.user.told = False
            with self._anywhere.announcing() as announce:
                self._announcing = announce
                try:
                    for change in self._users.present():
                        self._tell(change)
                finally:
                    self._announcing = None
            self._wires.announce(announce)

    def link_changed(self, status: dict[str, object] | None = None) -> None:
        """Tell every client of the link's new state; without one, of its state as it is."""
        with self._lock:
            told = self._wires.link() if status is None else status
            self._wires.own(Delivery("bridge:link", Payload.of(told)))

    def burst(self, frames: Sequence[bytes]) -> None:
        """What one read of the link completed."""
        if self._parts.replies is None:
            self._bursts.take(frames)
        else:
            self._parts.replies.take(frames, self._bursts.take)

    def _frames(self, message: object) -> list[bytes]:
        return frames_of(message, self._parts.encode, self._rules.handler_limit)

    def _own(self, event: str, payload: dict[str, object], client: Client) -> None:
        self._wires.own(Delivery(event, Payload.of(payload), (client.sid,)))
