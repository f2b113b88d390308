"""Who connects on the default namespace: greeted before it has a Socket.IO id, so that it may have its old one.

Must not know what a greeting is made of, nor events.

Use: `handler = ConnectHandler(greeter, connection, session)`; `take_over(server, arrives=handler.arrives)`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eventlet.event import Event

from bridge.engineio.session import Session
from bridge.recovery.greeting import Greeter
from bridge.recovery.session_registry import Greeting

__all__ = ["ConnectHandler"]

MOST_AUTH = 16 * 1024  # characters of a CONNECT whose auth is kept for handlers: a token has some 2,000
PATIENCE = 15.0  # seconds for the handlers of the connection before this one, and when thousands come back at once


class ConnectHandler:
    """`connection`: the one that a Socket.IO id has now, until python-socketio has forgotten it; `session`: by its own
    id, None if it has gone."""

    def __init__(
        self,
        greeter: Greeter,
        connection: Callable[[str], Session | None],
        session: Callable[[str], Session | None],
    ) -> None:
        self._greeter, self._connection, self._session = greeter, connection, session
        self._coming: dict[str, Session] = {}  # those who are arriving with the id that they had, by that
        self._auths: dict[str, dict[str, object]] = {}  # of those who are arriving, by their session's id
        self._greetings: dict[str, Greeting] = {}  # of those who have no id yet, by their session's
        self._greeted: dict[str, Greeting] = {}  # by the new id

    @contextmanager
    def arrives(self, eio_sid: str, packet: str) -> Iterator[None]:
        """A client's CONNECT, which is answered inside. It may wait for the end of the connection that it had."""
        auth = _auth(packet)
        if isinstance(auth, dict) and len(packet) <= MOST_AUTH:
            self._auths[eio_sid] = auth
        old = self._greeter.sid_of(auth)
        comes_back = old is not None and self._takes(old, eio_sid)
        if not comes_back and old is not None:
            auth = None  # it is somebody new, as two can't have one id
        self._greetings[eio_sid] = greeting = self._greeter.greet(auth)
        try:
            yield
        finally:
            self._greetings.pop(eio_sid, None)
            self._auths.pop(eio_sid, None)
            if comes_back and old is not None:
                del self._coming[old]
            for sid in [sid for sid, its in self._greeted.items() if its is greeting]:
                del self._greeted[sid]  # it was refused

    def _takes(self, sid: str, eio_sid: str) -> bool:
        """End whoever has this id or arrives with it, and whose hook may wait still; whether it is this one's now."""
        own, ends = self._session(eio_sid), time.monotonic() + PATIENCE
        while (other := self._connection(sid) or self._coming.get(sid)) is not None:
            left = ends - time.monotonic()
            if other is own or left <= 0:
                return False
            other.finish()  # its network was cut, and perhaps nobody has noticed yet
            gone = Event()
            if other.when_done(gone.send):
                gone.wait(left)
            elif self._connection(sid) is other:
                return False
        if own is not None:
            self._coming[sid] = own
        return own is not None

    def sid(self, eio_sid: str, new: Callable[[], str]) -> str:
        """The Socket.IO id that it gets."""
        greeting = self._greetings.pop(eio_sid, None)
        sid = (greeting.sid if greeting else None) or new()
        if greeting is not None:
            self._greeted[sid] = greeting
        return sid

    def connect_data(self, data: dict[str, object]) -> dict[str, object]:
        """What the CONNECT is answered with, as Node's server does it."""
        sid = str(data["sid"])
        greeting = self._greeted.get(sid)
        pid = self._greeter.pid(greeting, sid) if greeting else None
        return data if pid is None else {**data, "pid": pid}

    def auth(self, eio_sid: str) -> dict[str, object]:
        """What the client that is arriving gave as `auth`, without what is of recovery."""
        auth = self._auths.get(eio_sid, {})
        return {key: value for key, value in auth.items() if key not in ("pid", "offset")}

    def session(self, sid: str) -> str:
        """The session of one that has an id, and not its CONNECT yet; "" if it has none."""
        greeting = self._greeted.get(sid)
        return greeting.session if greeting else ""

    def greeting(self, sid: str) -> Greeting:
        """The client has its CONNECT."""
        return self._greeted.pop(sid, None) or Greeting("", plain=True)


def _auth(packet: str) -> object:
    """The object in a CONNECT packet; None if there is none that can be read, which others say."""
    start = packet.find("{")
    try:
        return json.loads(packet[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return None
