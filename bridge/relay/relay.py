"""The middle: what happens when a client comes, emits or goes, and when the link does something.

It owns no table and no I/O. It puts users, routing and handlers together and calls what it
was given: send, tell, announce and publish. Must not know sockets, Socket.IO or Flask.

One lock keeps presence true: a user's notice and whatever it sends go to the queue in an order
that the server can believe. Handlers of events run outside of it, as they may take their time.

Use: `relay = Relay(rules, parts, tally); relay.run(wires)`; then the link and the engine call it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.errors import Refused
from bridge.messages import Delivery, Payload
from bridge.names import check_event, clean_user
from bridge.relay.handlers import Bridge, Default, Emit, Hooks, frames_of
from bridge.relay.routing import Inbound, Outbound
from bridge.relay.users import Change, Client, Users
from bridge.tally import Tally, shorten

__all__ = ["Ack", "Parts", "Relay", "Rules", "Wires"]

log = logging.getLogger("bridge.relay")

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
        self._burst: list[Delivery] | None = None

    def run(self, wires: Wires, bridge: Bridge) -> None:
        """From now on everything may be called."""
        self._wires = wires
        bridge.run(send=self._send_anywhere, emit=self._emit_anywhere)

    # From the clients.

    def connected(self, sid: str, address: str) -> None:
        """A client has connected."""
        client = Client(sid, address, _register=self._register)
        self._users.add(client)
        self._own("bridge:link", self._wires.link(), client)
        if self._rules.identity == "sid":
            self._become(client, sid, registered=False)

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
        payloads = self._payloads(client, name, args)

        def done(error: Refused | None) -> None:
            if error is None:
                self._tally.count("events_ok")
                ack({"ok": True})
            else:
                self._refuse(client.sid, error, ack, name)

        if not payloads:
            done(None)
            return
        with self._lock:
            if self._users.get(client.sid) is not client:  # while its handler ran
                raise Refused("gone", "this client has disconnected")
            self._wires.send(payloads, done)

    def _payloads(self, client: Client, name: str, args: Sequence[object]) -> list[bytes]:
        handler = self._hooks.events.get(name)
        if handler is not None:
            return self._frames(handler, client, *args)
        if self._rules.unhandled == "drop":
            raise Refused("bad-event", f"no handler takes the event {name!r}")
        return [self._parts.encode(self._parts.inbound.message(client.user, name, args))]

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
            for change in self._users.release(client):
                self._tell(change)
            for change in self._users.join(client, name, registered):
                self._tell(change)
        self._own("bridge:user", {"user": name}, client)

    def _tell(self, change: Change) -> None:
        payloads = self._presence(change)
        if payloads:
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
            announce = [payload for change in list(self._users.present()) for payload in self._presence(change)]
            self._wires.announce(announce)

    def link_changed(self, status: dict[str, object]) -> None:
        """Tell every client of the link's new state."""
        self._wires.publish([Delivery("bridge:link", Payload.of(status))])

    def burst(self, frames: Sequence[bytes]) -> None:
        """What one read of the link completed."""
        deliveries: list[Delivery] = []
        if self._hooks.message is None:
            for frame in frames:
                deliveries += self._parts.outbound.route(frame)
        else:
            self._burst = deliveries  # what a handler emits meanwhile keeps its place
            try:
                for frame in frames:
                    self._handle(frame, deliveries)
            finally:
                self._burst = None
        if deliveries:
            self._wires.publish(deliveries)

    def _handle(self, frame: bytes, deliveries: list[Delivery]) -> None:
        decoded = self._parts.outbound.decode_or_none(frame)
        if decoded is None:
            return
        assert self._hooks.message is not None
        try:
            made = self._deliveries(self._hooks.message(decoded[0]), decoded)
        except (Exception, SystemExit):  # sys.exit() in a handler would else end the link's thread
            self._failed(self._hooks.message)
        else:
            deliveries += made

    def _deliveries(self, result: object, decoded: tuple[Any, Payload, object]) -> list[Delivery]:
        if isinstance(result, (list, tuple)):
            return [delivery for one in result for delivery in self._deliveries(one, decoded)]
        if result is None:
            return []
        if isinstance(result, Default):
            return self._parts.outbound.unhandled(*decoded)
        if isinstance(result, Emit):
            return self._of_emit(result)
        raise TypeError(f"on_message returns None, Emit, DEFAULT or a list of these, not {type(result).__name__}")

    # For handlers.

    def _of_emit(self, emit: Emit) -> list[Delivery]:
        delivery, missing = emit.delivery(self._users)
        if missing:
            self._tally.count("unknown_users", missing)
        return [] if delivery.to == () else [delivery]

    def _emit_anywhere(self, emit: Emit) -> None:
        deliveries = self._of_emit(emit)
        if self._burst is not None:
            self._burst += deliveries
        else:
            self._wires.publish(deliveries)

    def _send_anywhere(self, message: object) -> None:
        payloads = frames_of(message, self._parts.encode, self._rules.handler_limit)
        if payloads:
            with self._lock:
                self._wires.send(payloads)

    def _frames(self, hook: Callable[..., object], client: Client, *args: object) -> list[bytes]:
        """Call a user's function; whatever it raises is this one event's trouble."""
        try:
            return frames_of(hook(client, *args), self._parts.encode, self._rules.handler_limit)
        except Refused:
            raise
        except (Exception, SystemExit) as error:
            self._failed(hook)
            raise Refused("handler-error", f"the handler failed: {type(error).__name__}") from None

    def _failed(self, hook: Callable[..., object]) -> None:
        self._tally.count("handler_errors")
        log.exception("! the handler %s failed", getattr(hook, "__qualname__", hook))

    def _own(self, event: str, payload: dict[str, object], client: Client) -> None:
        self._wires.publish([Delivery(event, Payload.of(payload), (client.sid,))])
