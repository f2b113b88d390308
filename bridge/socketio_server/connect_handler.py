"""Answer CONNECTs to the default namespace. A client is greeted before it has an id, so that it may have its old one.

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
PATIENCE = 15.0  # seconds for the handlers of a client's previous connection, also when thousands come back at once


class ConnectHandler:
    """Handles the CONNECTs of all clients.

    `connection`: returns the session that a Socket.IO id has, until python-socketio has forgotten it; `session`:
    returns a session by its own id, None if it has gone; `replace`: ends the first session, a client's, for the second.
    """

    def __init__(
        self,
        greeter: Greeter,
        connection: Callable[[str], Session | None],
        session: Callable[[str], Session | None],
        replace: Callable[[Session, Session], None],
    ) -> None:
        self._greeter, self._connection, self._session, self._replace = greeter, connection, session, replace
        self._coming: dict[str, Session] = {}  # old sid -> the session that arrives with it
        self._auths: dict[str, dict[str, object]] = {}  # session's id -> auth of an arriving client
        self._greetings: dict[str, Greeting] = {}  # session's id -> greeting of a client without a sid
        self._greeted: dict[str, Greeting] = {}  # new sid -> greeting

    @contextmanager
    def arrives(self, eio_sid: str, packet: str) -> Iterator[None]:
        """Prepare a client's CONNECT, which is answered inside. May wait for the end of the client's old connection."""
        auth = _auth(packet)
        if isinstance(auth, dict) and len(packet) <= MOST_AUTH:
            self._auths[eio_sid] = auth
        old = self._greeter.sid_of(auth)
        comes_back = old is not None and self._takes(old, eio_sid)
        if not comes_back and old is not None:
            auth = None  # it becomes a new client, because two can't have one id
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
        """End other connections that have this sid or arrive with it. Return whether the sid is free for this one."""
        own, ends = self._session(eio_sid), time.monotonic() + PATIENCE
        while (other := self._connection(sid) or self._coming.get(sid)) is not None:
            left = ends - time.monotonic()
            if other is own or left <= 0:
                return False
            if own is not None and self._connection(sid) is other:
                self._replace(other, own)  # its network may have been cut without anybody noticing yet
            else:
                other.finish()
            gone = Event()
            if other.flow.when_done(gone.send):
                gone.wait(left)
            elif self._connection(sid) is other:
                return False
        if own is not None:
            self._coming[sid] = own
        return own is not None

    def sid(self, eio_sid: str, new: Callable[[], str]) -> str:
        """Return the Socket.IO id for a client: the greeting's, or a new one."""
        greeting = self._greetings.pop(eio_sid, None)
        sid = (greeting.sid if greeting else None) or new()
        if greeting is not None:
            self._greeted[sid] = greeting
        return sid

    def connect_data(self, data: dict[str, object]) -> dict[str, object]:
        """Make the data of the answer to CONNECT, as Node's server does."""
        sid = str(data["sid"])
        greeting = self._greeted.get(sid)
        pid = self._greeter.pid(greeting, sid) if greeting else None
        return data if pid is None else {**data, "pid": pid}

    def auth(self, eio_sid: str) -> dict[str, object]:
        """Return the `auth` of an arriving client, without the keys of recovery."""
        auth = self._auths.get(eio_sid, {})
        return {key: value for key, value in auth.items() if key not in ("pid", "offset")}

    def session(self, sid: str) -> str:
        """Return the session's name of a client whose CONNECT is not answered yet; "" if it has none."""
        greeting = self._greeted.get(sid)
        return greeting.session if greeting else ""

    def greeting(self, sid: str) -> Greeting:
        """Return the greeting of a client whose CONNECT has been answered, and forget it."""
        return self._greeted.pop(sid, None) or Greeting("", plain=True)


def _auth(packet: str) -> object:
    """Return the object in a CONNECT packet; None if there is none. python-socketio reports one that can't be read."""
    start = packet.find("{")
    try:
        return json.loads(packet[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return None
