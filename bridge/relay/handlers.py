"""Offer users' Python files the object that `setup(bridge)` is given: hooks to register, and functions to call.

Keeps the hooks; hook_results.py reads what they return. Must not know sockets, Flask or the queue: sending and emitting
are given with `run()`, and before that are refused in words.

Use, in a handlers file:

    def setup(bridge):
        @bridge.on_event("keys")
        def keys(client, pressed):
            return {"username": client.user, "action": "move", "x": pressed["right"] - pressed["left"]}
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Final, Protocol, TypeVar

from bridge.errors import Refused
from bridge.names import event_problem
from bridge.relay.hook_checks import Arguments, bare, check, named
from bridge.relay.hook_results import Default, Done, Emit, Frame, ToClients, ToServer
from bridge.relay.users import Client, Users

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["Ask", "Bridge", "Hooks", "MakeCall", "call_directly", "in_thread"]


class Ask(Protocol):
    """What `on_link_up` may take: sends a frame (None: nothing), and returns the server's next one, in the form that
    `on_message` gets. Raises TimeoutError if none comes within `seconds`."""

    def __call__(self, frame: ToServer, seconds: float = 5.0) -> Any: ...


#: Makes a call in the thread that may make it, waits for it, and returns or raises what the call does.
MakeCall = Callable[..., Any]

_Hook = Callable[..., Any]
_F = TypeVar("_F", bound=_Hook)
_E = TypeVar("_E", bound=Callable[Concatenate[Client, ...], ToServer])
_M = TypeVar("_M", bound=Callable[[Any], ToClients])
_P = TypeVar("_P", bound=Callable[[Client], ToServer | Default])

_U = TypeVar("_U", bound=Callable[[], ToServer] | Callable[[Ask], ToServer])
_D = TypeVar("_D", bound=Callable[[str], object])

_ASK_OR_NOTHING = Arguments("def f(): … or def f(ask): …", 0, 1)
_ONE_REASON = Arguments("def f(reason): …", 1, 1)
_ONE_CLIENT = Arguments("def f(client): …", 1, 1)
_CLIENT_AND_MORE = Arguments("def f(client, *args): …, with the event's arguments after the client", 1, None)
_ONE_MESSAGE = Arguments("def f(message): …", 1, 1)


@dataclass
class Hooks:
    """The functions that handlers files have registered."""

    events: dict[str, _Hook] = field(default_factory=dict)
    message: _Hook | None = None
    connect: _Hook | None = None
    register: _Hook | None = None
    disconnect: _Hook | None = None
    link_up: _Hook | None = None
    link_down: _Hook | None = None

    @property
    def any(self) -> bool:
        """Whether any function is registered."""
        return any(vars(self).values())


_Emit = Emit  # inside Bridge, Emit is the attribute that handlers files use


def call_directly(function: Callable[..., Any], *args: Any) -> Any:
    """Make the call in the same thread."""
    return function(*args)


def in_thread(function: _Hook, run: MakeCall) -> _Hook:
    """Return a function that calls the given one by `run`; if the result is an iterator, each of its steps as well."""

    @wraps(function)
    def hook(*args: Any) -> Any:
        result = run(function, *args)
        return _steps(result, run) if isinstance(result, Iterator) else result

    return hook


_END = object()


def _steps(iterator: Iterator[Any], run: MakeCall) -> Iterator[Any]:
    while (item := run(next, iterator, _END)) is not _END:
        yield item


def _not_running(*_: object) -> Any:
    raise RuntimeError("the bridge is not running yet: send and emit from a hook, not from setup()")


class Bridge:
    """What `setup(bridge)` is given. `app` is the Flask app: add routes, forms and filters to it."""

    DEFAULT: Final = Default()
    Emit: ClassVar = Emit
    Frame: ClassVar = Frame
    Refused: ClassVar = Refused

    def __init__(
        self, app: Any, hooks: Hooks, users: Users, reserved: Collection[str] = (), run: MakeCall = call_directly
    ) -> None:
        """`reserved`: further event names that no handler can take; `run`: makes a call in a thread of the system."""
        self.app: Flask = app
        self._reserved, self._run = reserved, run
        self._hooks, self._users = hooks, users
        self._send: Callable[[object, Done | None], None] = _not_running
        self._emit: Callable[[_Emit], None] = _not_running

    def run(self, *, send: Callable[[object, Done | None], None], emit: Callable[[_Emit], None]) -> None:
        """Let `send` and `emit` work. Called by the bridge."""
        self._send, self._emit = send, emit

    @named
    def on_event(self, name: str, *, thread: bool = False) -> Callable[[_E], _E]:
        """`f(client, *args)` handles the browsers' event of this name.

        With `thread=True` it runs in a thread of the system, where it may block: this client's other events wait for
        it, other clients don't.

        It returns what goes to the server: None (nothing), a dict or list (as JSON, nothing
        added), str or bytes (as they are), a Frame, or an iterator of these (several frames in order).
        """
        problem = event_problem(name, self._reserved)
        if problem:
            raise ValueError(f"{problem}: its handler would never be called")
        if name in self._hooks.events:
            raise ValueError(f"the event {name!r} has a handler already")

        def keep(function: _E) -> _E:
            check(f"on_event({name!r})", function, _CLIENT_AND_MORE)
            self._hooks.events[name] = in_thread(function, self._run) if thread else function
            return function

        return keep

    @bare
    def on_message(self, function: _M) -> _M:
        """`f(message)` gets every message of the server, decoded by the setting `payload`.

        It returns what goes to clients: None (nothing), an Emit, bridge.DEFAULT, or a list of these.
        """
        return self._take("message", function, _ONE_MESSAGE)

    @bare
    def on_connect(self, function: _P) -> _P:
        """`f(client)` is called for a client that connects, under identity `sid`, and again after a link's reconnect.

        What it returns (as from `on_event`) replaces the notice `connected`; bridge.DEFAULT is that notice. With None
        the server is told nothing when the client comes, and when it goes only what `on_disconnect` returns. If it
        raises Refused, or any other exception, the client has not come: its CONNECT is answered with an error.
        """
        return self._take("connect", function, _ONE_CLIENT)

    @bare
    def on_register(self, function: _P) -> _P:
        """`f(client)` is called for a user that registers, with its first client, and again after a link's reconnect.

        It returns what `on_connect` may return. If it raises Refused, or any other exception, the client does not get
        the name, and the ack of its `register` says why.
        """
        return self._take("register", function, _ONE_CLIENT)

    @bare
    def on_disconnect(self, function: _P) -> _P:
        """`f(client)` is called when a user has gone, with its last client. What it returns replaces `disconnected`."""
        return self._take("disconnect", function, _ONE_CLIENT)

    @bare
    def on_link_up(self, function: _U) -> _U:
        """`f()` or `f(ask)` says the first words of each connection to the server: a login, a subscription.

        What it returns (as from `on_event`) is sent before presence and everything else. `ask(frame, seconds=5)` sends
        a frame (None: nothing) and returns the server's next one, in the form that `on_message` gets. It raises
        TimeoutError if none comes. If `f` raises, the connection is closed, with that as the reason, and the link
        reconnects. Until `f` is done the link does not count as up: everything else waits, or goes on as if it were
        down.
        """
        return self._take("link_up", function, _ASK_OR_NOTHING)

    @bare
    def on_link_down(self, function: _D) -> _D:
        """`f(reason)` is called when a link that was up has broken; `reason`: a text."""
        return self._take("link_down", function, _ONE_REASON)

    def send(self, message: ToServer, done: Done | None = None) -> None:
        """Send to the server anything that an event's handler may return. Raises Refused if it can't be sent.

        `done` is told what became of it, as a Frame's is; a refusal is then told to `done` and not raised.
        """
        self._send(message, done)

    def emit(self, event: str, payload: object = None, to: str | Client | Sequence[str | Client] | None = None) -> None:
        """Emit to clients: `to` is None for all, a user's name, a client, or a list of these."""
        self._emit(Emit(event, payload, to))

    @property
    def clients(self) -> tuple[Client, ...]:
        """Every client that is connected, oldest first."""
        return self._users.clients

    @property
    def users(self) -> tuple[str, ...]:
        """The names of all users who are there."""
        return self._users.names

    def _take(self, hook: str, function: _F, arguments: Arguments) -> _F:
        check(f"on_{hook}", function, arguments)
        if getattr(self._hooks, hook) is not None:
            raise ValueError(f"on_{hook} has a handler already")
        setattr(self._hooks, hook, function)
        return function
