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
from dataclasses import dataclass
from typing import Protocol

from bridge.errors import Refused
from bridge.messages import Delivery, Payload
from bridge.names import check_event, clean_user
from bridge.relay.bursts import Bursts
from bridge.relay.handlers import Bridge, Hooks, frames_of, report
from bridge.relay.routing import Inbound, Outbound
from bridge.relay.users import Change, Client, Users
from bridge.tally import Tally, shorten

__all__ = ["Ack", "Parts", "Relay", "Rules", "Wires"]

#: Answers one event: {"ok": true, …} or {"ok": false, "error": code, "message": text}.
Ack = Callable[[dict[str, object]], None]

_Done = Callable[[Refused | None], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide here. `presence`: the actions for came and went."""

    identity: str
    user_key: str
    presence: tuple[str, str]
    unhandled: str
    handler_limit: int  # bytes that one handler's answer may have in all


@dataclass(frozen=True, slots=True)
class Parts:
    """What the relay puts together."""

    users: Users
    inbound: Inbound
    outbound: Outbound
    hooks: Hooks
    encode: Callable[[object], bytes]


class Send(Protocol):
    """uplink.send"""

    def __call__(self, payloads: Sequence[bytes], done: _Done | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Wires:
    """Where to: the queue before the link, and the clients."""

    send: Send
    tell: Callable[[Sequence[bytes]], None]
    announce: Callable[[Sequence[bytes]], None]
    publish: Callable[[Sequence[Delivery]], None]
    link: Callable[[], dict[str, object]]


class Relay:
    """One bridge's relay. Its methods may be called from any thread."""

    def __init__(self, rules: Rules, parts: Parts, tally: Tally) -> None:
        self._rules, self._parts, self._tally = rules, parts, tally
        self._users, self._hooks = parts.users, parts.hooks
        self._reserved = frozenset() if rules.identity == "none" else frozenset(rules.presence)
        self._lock = threading.RLock()
        self._bursts = Bursts(parts.outbound, parts.hooks, parts.users, tally)
        self._announcing: list[bytes] | None = None  # the notices of a link that is coming up

    def run(self, wires: Wires, bridge: Bridge) -> None:
        """From now on everything may be called."""
        self._wires = wires
        self._bursts.run(wires.publish)
        bridge.run(send=self._send_anywhere, emit=self._bursts.emit)

    # From the clients.

    def connected(self, sid: str, address: str) -> None:
        """A client has connected."""
        client = Client(sid, address, _register=self._register)
        self._users.add(client)
        with self._lock:  # or a change of the link could overtake what it replaces
            self._own("bridge:link", self._wires.link(), client)
        if self._rules.identity == "sid":
            try:
                self._become(client, sid, registered=False)
            except Refused:
                pass  # it has gone already, and nobody was told that it came

    def event(self, sid: str, name: object, args: Sequence[object], ack: Ack) -> None:
        """A client has emitted an event. `ack` is called exactly once, now or when the fact is known."""
        self._tally.count("events_in")
        try:
            check_event(name, self._reserved)
            client = self._users.get(sid)
            if client is None:
                raise Refused("gone", "this client has disconnected")
            self._take(client, str(name), args, ack)
        except Refused as error:
            self._refuse(sid, error, ack, name)

    def disconnected(self, sid: str) -> None:
        """A client has gone."""
        with self._lock:
            for change in self._users.remove(sid):
                self._tell(change)

    def _take(self, client: Client, name: str, args: Sequence[object], ack: Ack) -> None:
        if self._rules.identity == "register":
            if name == "register":
                self._register(client, self._name_in(args))
                self._tally.count("events_ok")
                ack({"ok": True, "user": client.user})
                return
            if client.user is None:
                raise Refused("not-registered")
        payloads = self._handled(client, name, args)

        def done(error: Refused | None) -> None:
            if error is None:
                self._tally.count("events_ok")
                ack({"ok": True})
            else:
                self._refuse(client.sid, error, ack, name)

        if payloads == []:
            done(None)
            return
        with self._lock:
            if self._users.get(client.sid) is not client:  # while its handler ran
                raise Refused("gone", "this client has disconnected")
            if payloads is None:  # written only here, where the user can't change any more
                payloads = [self._parts.encode(self._parts.inbound.message(client.user, name, args))]
            self._wires.send(payloads, done)

    def _handled(self, client: Client, name: str, args: Sequence[object]) -> list[bytes] | None:
        """What a handler makes of an event; None if there is none for it."""
        handler = self._hooks.events.get(name)
        if handler is not None:
            return self._frames(handler, client, *args)
        if self._rules.unhandled == "drop":
            raise Refused("bad-event", f"no handler takes the event {name!r}")
        return None

    def _refuse(self, sid: str, error: Refused, ack: Ack, name: object) -> None:
        self._tally.refuse(error.code, f"client {sid}", f"event {shorten(name)}: {error.message}")
        ack({"ok": False, "error": error.code, "message": error.message})

    # Users and their presence.

    def _name_in(self, args: Sequence[object]) -> object:
        first = args[0] if args else None
        if isinstance(first, dict):
            return first.get(self._rules.user_key, first.get("username"))
        return first

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
            if client.user == name:  # unless its hook has made it somebody else
                self._own("bridge:user", {"user": name}, client)

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
                return self._frames(hook, change.client)
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
            self._announcing = announce = list[bytes]()
            try:
                for change in self._users.present():
                    self._tell(change)
            finally:
                self._announcing = None
            self._wires.announce(announce)

    def link_changed(self, status: dict[str, object]) -> None:
        """Tell every client of the link's new state."""
        with self._lock:
            self._wires.publish([Delivery("bridge:link", Payload.of(status))])

    def burst(self, frames: Sequence[bytes]) -> None:
        """What one read of the link completed."""
        self._bursts.take(frames)

    # For handlers.

    def _send_anywhere(self, message: object) -> None:
        payloads = frames_of(message, self._parts.encode, self._rules.handler_limit)
        if payloads:
            with self._lock:
                if self._announcing is not None:  # from a hook; the link is as good as up
                    self._announcing += payloads
                else:
                    self._wires.send(payloads)

    def _frames(self, hook: Callable[..., object], client: Client, *args: object) -> list[bytes]:
        """Call a user's function; whatever it raises is this one event's trouble."""
        try:
            return frames_of(hook(client, *args), self._parts.encode, self._rules.handler_limit)
        except Refused:
            raise
        except (Exception, SystemExit) as error:
            report(hook, self._tally)
            raise Refused("handler-error", f"the handler failed: {type(error).__name__}") from None

    def _own(self, event: str, payload: dict[str, object], client: Client) -> None:
        self._wires.publish([Delivery(event, Payload.of(payload), (client.sid,))])
