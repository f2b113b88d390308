"""What a user's own Python file can hook into: the object given to `setup(bridge)`.

Keeps the hooks and reads what they return. Must not know sockets, Flask or the queue;
sending and emitting are given with `run()`, and before that are refused in words.

Use, in a handlers file:

    def setup(bridge):
        @bridge.on_event("keys")
        def keys(client, pressed):
            return {"username": client.user, "action": "move", "x": pressed["right"] - pressed["left"]}
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

from bridge.errors import Refused
from bridge.messages import AsIs, Delivery, Payload
from bridge.names import event_problem
from bridge.relay.users import Client, Users
from bridge.tally import Tally

__all__ = ["Bridge", "Default", "Emit", "Hooks", "frames_of", "report"]


_Hook = Callable[..., Any]
_F = TypeVar("_F", bound=_Hook)


class Default:
    """The type of `bridge.DEFAULT`: route this message as if there were no handler."""

    def __repr__(self) -> str:
        return "bridge.DEFAULT"


@dataclass(frozen=True)
class Emit:
    """One event for clients. `to`: None for all, a user's name, a Client, or a list of these.

    `payload` is one argument: JSON values, or bytes anywhere in them.
    Raises ValueError for an event name that can't be used.
    """

    event: str
    payload: object = None
    to: str | Client | Sequence[str | Client] | None = None

    def __post_init__(self) -> None:
        problem = event_problem(self.event)
        if problem:
            raise ValueError(problem)

    def delivery(self, users: Users) -> tuple[Delivery, int]:
        """The delivery, and how many of the users named are not there. Raises Refused("not-json")."""
        payload = Payload.of(self.payload)
        if self.to is None:
            return Delivery(self.event, payload), 0
        to = [self.to] if isinstance(self.to, (str, Client)) else list(self.to)
        if not all(isinstance(one, (str, Client)) for one in to):
            raise TypeError("Emit(to=…) is None, a user's name, a client, or a list of these")
        sids: dict[str, None] = {}
        missing = 0
        for one in to:
            found, absent = ((one.sid,), 0) if isinstance(one, Client) else users.sids([one])
            sids.update(dict.fromkeys(found))
            missing += absent
        return Delivery(self.event, payload, tuple(sids), tuple(one for one in to if isinstance(one, str))), missing


@dataclass
class Hooks:
    """The functions that handlers files have registered."""

    events: dict[str, _Hook] = field(default_factory=dict)
    message: _Hook | None = None
    connect: _Hook | None = None
    register: _Hook | None = None
    disconnect: _Hook | None = None


_Emit = Emit  # inside Bridge, Emit is the attribute that handlers files use


def _not_running(*_: object) -> Any:
    raise RuntimeError("the bridge is not running yet: send and emit from a hook, not from setup()")


class Bridge:
    """What `setup(bridge)` is given. `app` is the Flask app: add routes, forms and filters to it."""

    DEFAULT: Final = Default()
    Emit: ClassVar = Emit
    Refused: ClassVar = Refused

    def __init__(self, app: Any, hooks: Hooks, users: Users, reserved: Collection[str] = ()) -> None:
        """`reserved`: event names that never get as far as a handler, besides those reserved anyway."""
        self.app = app
        self._reserved = reserved
        self._hooks, self._users = hooks, users
        self._send: Callable[[object], None] = _not_running
        self._emit: Callable[[_Emit], None] = _not_running

    def run(self, *, send: Callable[[object], None], emit: Callable[[_Emit], None]) -> None:
        """From now on `send` and `emit` work. Called by the bridge."""
        self._send, self._emit = send, emit

    def on_event(self, name: str) -> Callable[[_F], _F]:
        """`f(client, *args)` takes the browsers' event of this name.

        It returns what goes to the server: None (nothing), a dict or list (as JSON, nothing
        added), str or bytes (as they are), or an iterator of these (several frames in order).
        """
        problem = event_problem(name, self._reserved)
        if problem:
            raise ValueError(f"{problem}: its handler would never be called")
        if name in self._hooks.events:
            raise ValueError(f"the event {name!r} has a handler already")

        def keep(function: _F) -> _F:
            self._hooks.events[name] = function
            return function

        return keep

    def on_message(self, function: _F) -> _F:
        """`f(message)` takes every message of the server, decoded by the setting `payload`.

        It returns what goes to clients: None (nothing), an Emit, bridge.DEFAULT, or a list of these.
        """
        return self._take("message", function)

    def on_connect(self, function: _F) -> _F:
        """`f(client)` replaces the notice that a user came, under identity `sid`."""
        return self._take("connect", function)

    def on_register(self, function: _F) -> _F:
        """`f(client)` replaces the notice that a user came who registered."""
        return self._take("register", function)

    def on_disconnect(self, function: _F) -> _F:
        """`f(client)` replaces the notice that a user went."""
        return self._take("disconnect", function)

    def send(self, message: object) -> None:
        """Send to the server what an event's handler could return. Raises Refused."""
        self._send(message)

    def emit(self, event: str, payload: object = None, to: Any = None) -> None:
        """Emit to clients: `to` is None for all, a user's name, a client, or a list of these."""
        self._emit(Emit(event, payload, to))

    @property
    def clients(self) -> tuple[Client, ...]:
        """Every client that is connected, oldest first."""
        return self._users.clients

    @property
    def users(self) -> tuple[str, ...]:
        """The names of all users that are there."""
        return self._users.names

    def _take(self, hook: str, function: _F) -> _F:
        if getattr(self._hooks, hook) is not None:
            raise ValueError(f"on_{hook} has a handler already")
        setattr(self._hooks, hook, function)
        return function


def report(hook: Callable[..., object], tally: Tally) -> None:
    """Log the exception that a user's function raised just now, with its traceback, and count it."""
    error = sys.exc_info()[1]
    name = getattr(hook, "__qualname__", hook)
    # One traceback of a kind is news, the same again for each event of a careless page is not.
    kind = f"{name} {type(error).__name__}"
    tally.note("handler_errors", "! the handler %s failed: %r", name, error, kind=kind, traceback=True)


def frames_of(result: object, encode: Callable[[object], bytes], limit: int) -> list[bytes]:
    """What a handler returned, as payloads for the server.

    `limit`: bytes in all, and messages, which may be empty; a handler that makes more (or never
    ends) is Refused("too-big").
    Raises TypeError for what can't be sent, Refused for what can't be encoded.
    """
    if isinstance(result, Iterator):
        frames: list[bytes] = []
        size = 0
        for count, item in enumerate(result):
            if isinstance(item, Iterator):
                raise TypeError("a handler's iterator gives messages, not iterators")
            for frame in frames_of(item, encode, limit):
                frames.append(frame)
                size += len(frame)
            if max(size, count) > limit:
                raise Refused("too-big", f"the handler makes more than {limit} bytes for one event")
        return frames
    if result is None:
        return []
    if isinstance(result, (dict, list)):
        return [encode(result)]
    if isinstance(result, str):
        return [AsIs(_utf8(result))]
    if isinstance(result, (bytes, bytearray, memoryview)):
        return [AsIs(result)]
    raise TypeError(
        f"a handler returns None, a dict, a list, str, bytes or an iterator of these, not {type(result).__name__}"
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused("not-json", "this text has half a surrogate pair and can't be written as UTF-8") from None
