"""Know who is there: clients, the users they belong to, and which users have come or gone.

A user comes with its first client and goes with its last. A client whose connection was cut is away at first, and its
user is still there. Then it is absent: its user may have gone, but messages to the user are kept for the client as long
as it may come back. State only. Must not know how presence is written, sent or timed.

Use: `for change in users.join(client, "ann", registered=True): tell(change)`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol

from bridge.relay.look_alikes import LookAlikes

__all__ = ["Announced", "Change", "Client", "ClientRequest", "Sender", "User", "Users"]


class Announced(enum.Enum):
    """What the server was told when a user came.

    NOT: nothing yet; NOTHING: nothing, because a hook returned None; USUAL: the bridge's notice; OWN: what a hook
    returned in its place.
    """

    NOT = enum.auto()
    NOTHING = enum.auto()
    USUAL = enum.auto()
    OWN = enum.auto()


@dataclass(eq=False)
class User:
    """A name and its clients, oldest first. `registered`: by register, not by its Socket.IO id.

    `away`: clients whose connection was cut just now; `told`: what the server has been told, on the present connection,
    of the user's coming.
    """

    name: str
    registered: bool
    clients: dict[str, Client] = field(default_factory=dict)
    away: dict[str, Client] = field(default_factory=dict)
    told: Announced = Announced.NOT

    @property
    def here(self) -> bool:
        """Whether the user has not gone. Somebody who comes again by the same name is another User."""
        return bool(self.clients or self.away)

    @property
    def first(self) -> Client:
        """The user's oldest client."""
        return next(iter(self.clients.values() or self.away.values()))


class Sender(NamedTuple):
    """On whose behalf something is sent: the client's key, and its user at that time."""

    key: str
    user: User | None

    @property
    def here(self) -> bool:
        """Whether that user is still there. A client without a user counts as there, since nobody is told of it."""
        return self.user is None or self.user.here


class ClientRequest(Protocol):
    """The request with which a client came. `enter` and `leave` are called around a hook, which may ask Flask for it.

    socketio_server/client_handshake.py makes it.
    """

    @property
    def auth(self) -> Mapping[str, Any]: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def cookies(self) -> Mapping[str, str]: ...

    @property
    def query(self) -> Mapping[str, str]: ...

    def enter(self) -> Any: ...

    def leave(self, token: Any, /) -> None: ...


@dataclass(eq=False)
class Client:
    """One Socket.IO connection, as handlers see it.

    `sid`: its Socket.IO id.
    `address`: the browser's IP address; behind a trusted proxy, or one on this machine, the one in its X-Forwarded-For.
    `state`: a dict of the handlers' own, which lives as long as the connection, and longer if that is recovered.
    """

    sid: str
    address: str
    state: dict[str, Any] = field(default_factory=dict)
    _visit: ClientRequest | None = field(default=None, repr=False)
    _user: User | None = field(default=None, repr=False)
    _register: Any = field(default=None, repr=False)
    _disconnect: Any = field(default=None, repr=False)
    _session: str = field(default="", repr=False)

    @property
    def user(self) -> str | None:
        """The user's name, or None before it is known."""
        user = self._user  # once: another thread may be changing it
        return user.name if user else None

    @property
    def clients(self) -> tuple[Client, ...]:
        """All clients of the same user that are there now, oldest first."""
        user = self._user
        return tuple(user.clients.copy().values()) if user else ()

    @property
    def auth(self) -> Mapping[str, Any]:
        """The page's `auth`, `io({auth: {token: "…"}})`; empty if it gave none, or more than 16 KiB."""
        return self._visit.auth if self._visit else {}

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the request with which the connection began; names in any case."""
        return self._visit.headers if self._visit else {}

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies of that request."""
        return self._visit.cookies if self._visit else {}

    @property
    def query(self) -> Mapping[str, str]:
        """The page's `query`, `io({query: {room: "…"}})`; of several values the first."""
        return self._visit.query if self._visit else {}

    @property
    def _sender(self) -> Sender:
        """The client with its present user."""
        return Sender(self.sid, self._user)

    def register(self, name: str) -> None:
        """Make this client one of the named user's, as the event `register` does.

        Raises Refused("bad-user").
        """
        self._register(self, name)

    def disconnect(self, reason: str = "disconnected") -> None:
        """End this client's connection. It is told `bridge:closing` with the reason as its code; if it was its user's
        last client, the server is told that the user has gone.

        It does not recover. The stock client reconnects by itself; `on_connect` can refuse it then.
        Raises ValueError unless the reason is a text of 1 to 128 characters, none of them a control character.
        """
        self._disconnect(self, reason)


@dataclass(frozen=True, slots=True)
class Change:
    """A user came (`here`) or went. `client`: its first client, or its last."""

    user: User
    client: Client
    here: bool


class Users:
    """All clients and users of one process."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._users: dict[str, User] = {}
        self._looks = LookAlikes()
        self._away: dict[str, Client] = {}
        self._absent: dict[str, Client] = {}
        self._absent_of: dict[str, dict[str, None]] = {}  # user's name -> sids

    def add(self, client: Client) -> None:
        """Add a client that has connected; its user is not known yet."""
        self._clients[client.sid] = client

    def join(self, client: Client, name: str, registered: bool) -> list[Change]:
        """Give the client to a user, who has come if it is the first client.

        It still belongs to the user it had before as well, until `release` or `part`.
        """
        user = self._users.get(name)
        changes = []
        if user is None:
            user = self._users[name] = User(name, registered)
            self._looks.add(name, self._users)
            changes.append(Change(user, client, here=True))
        user.clients[client.sid] = client
        client._user = user
        return changes

    def look_alike(self, name: str, client: Client) -> str | None:
        """Return the name of another user who is there and looks like this one; not the one that the client leaves."""
        for other in self._looks.like(name):
            user = self._users[other]
            if {*user.clients, *user.away} != {client.sid}:
                return other
        return None

    def release(self, client: Client) -> list[Change]:
        """Take the client from its user, who has gone if it was the last client.

        `client.user` still names the user, for those who are told.
        """
        return [] if client._user is None else self.part(client, client._user)

    def part(self, client: Client, user: User) -> list[Change]:
        """Take the client from this user, as `release` does: while it changes its user, it has two."""
        was_here = user.here
        user.clients.pop(client.sid, None)
        user.away.pop(client.sid, None)
        if user.here or not was_here:
            return []
        del self._users[user.name]
        self._looks.remove(user.name)
        return [Change(user, client, here=False)]

    def remove(self, sid: str) -> list[Change]:
        """Remove a client that has gone for good. An unknown sid is no error."""
        self.forget(sid)
        client = self._clients.pop(sid, None) or self._away.pop(sid, None)
        return self.release(client) if client else []

    def leave(self, sid: str) -> None:
        """Make a client away: its connection was cut, and it may be back in a moment."""
        client = self._clients.pop(sid, None)
        if client is None:
            return
        self._away[sid] = client
        if client._user is not None:
            del client._user.clients[sid]
            client._user.away[sid] = client

    def give_up(self, sid: str) -> list[Change]:
        """Make a client absent: it has been away for long. Its user has gone if it was the last."""
        client = self._away.pop(sid, None)
        if client is None:
            return []
        self._absent[sid] = client
        if client.user is not None:
            self._absent_of.setdefault(client.user, {})[sid] = None
        return self.release(client)

    def forget(self, sid: str) -> None:
        """Forget an absent client, which will not come back."""
        client = self._absent.pop(sid, None)
        if client is None or client.user is None:
            return
        sids = self._absent_of[client.user]
        del sids[sid]
        if not sids:
            del self._absent_of[client.user]

    def back(self, sid: str) -> tuple[Client | None, list[Change]]:
        """Bring back a client that was away or absent: (the client or None, the users who have come with it)."""
        client = self._away.pop(sid, None)
        if client is not None:
            if client._user is not None:
                del client._user.away[sid]
                client._user.clients[sid] = client
            self._clients[sid] = client
            return client, []
        client = self._absent.get(sid)
        if client is None:
            return None, []
        self.forget(sid)
        self._clients[sid] = client
        user = client._user
        return client, self.join(client, user.name, user.registered) if user is not None else []

    def is_away(self, sid: str) -> bool:
        """Tell whether the client is away."""
        return sid in self._away

    def get(self, sid: str) -> Client | None:
        """Return the client with this Socket.IO id, or None."""
        return self._clients.get(sid)

    def present(self) -> Iterator[Change]:
        """Yield everybody who is there as if they came now; but nobody who goes or comes meanwhile."""
        for user in tuple(self._users.values()):
            if user.here:
                yield Change(user, user.first, here=True)

    def sids(self, names: Iterable[str]) -> tuple[tuple[str, ...], int]:
        """Return the sids of all clients of these users, each once, and how many users were not there.

        Clients that are away or absent are among them, because messages to them are kept.
        """
        found: dict[str, None] = {}
        missing = 0
        for name in dict.fromkeys(names):
            user, absent = self._users.get(name), self._absent_of.get(name)
            if user is not None:
                found.update(dict.fromkeys(user.clients))
                found.update(dict.fromkeys(user.away))
            elif absent is None:
                missing += 1
            found.update(absent or {})
        return tuple(found), missing

    @property
    def clients(self) -> tuple[Client, ...]:
        """Every client, in the order of connecting."""
        return tuple(self._clients.copy().values())  # a copy is made in one step, whichever thread asks

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every user."""
        return tuple(self._users.copy())

    def some(self, most: int) -> tuple[str, ...]:
        """Return the names of the users who came first, at most `most`."""
        return tuple(islice(self._users, most))

    def known(self, sid: str) -> Client | None:
        """Return the client with this id if it is connected or may come back."""
        return self._clients.get(sid) or self._away.get(sid) or self._absent.get(sid)
