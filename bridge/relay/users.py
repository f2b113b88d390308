"""Who is there: clients, the users they belong to, and whose coming or going is to be told.

A user is announced when its first client comes and taken leave of when its last has gone.
State only: must not know how presence is written, sent or timed.

Use: `for change in users.join(client, "ann", registered=True): tell(change)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Change", "Client", "Sender", "User", "Users"]


@dataclass(eq=False)
class User:
    """A name and its clients, oldest first. `registered`: by register, not by its Socket.IO id.

    `told`: the server has been told of its coming, on the present connection. `here`: until it has gone;
    who comes again by the same name is another one.
    """

    name: str
    registered: bool
    clients: dict[str, Client] = field(default_factory=dict)
    told: bool = False
    here: bool = True


class Sender(NamedTuple):
    """On whose behalf something is sent: a client, and who it was then."""

    key: str
    user: User | None

    @property
    def here(self) -> bool:
        """Whether that user is there still. Nobody is told of a client without one, so it always is."""
        return self.user is None or self.user.here


@dataclass(eq=False)
class Client:
    """One Socket.IO connection, as handlers see it.

    `sid`: its Socket.IO id; `address`: the browser's IP address; `state`: a dict of the
    handlers' own, which lives as long as the connection.
    """

    sid: str
    address: str
    state: dict[str, Any] = field(default_factory=dict)
    _user: User | None = field(default=None, repr=False)
    _register: Any = field(default=None, repr=False)

    @property
    def user(self) -> str | None:
        """The user's name, or None before it is known."""
        return self._user.name if self._user else None

    @property
    def clients(self) -> tuple[Client, ...]:
        """All clients of the same user that are there now, oldest first."""
        return tuple(self._user.clients.values()) if self._user else ()

    @property
    def sender(self) -> Sender:
        """This client as who it is now."""
        return Sender(self.sid, self._user)

    def register(self, name: str) -> None:
        """Make this client one of the named user's, as the event `register` does.

        Raises Refused("bad-user").
        """
        self._register(self, name)


@dataclass(frozen=True, slots=True)
class Change:
    """A user came (`here`) or went. `client`: the one that was its first, or its last."""

    user: User
    client: Client
    here: bool


class Users:
    """All clients and users of one process."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._users: dict[str, User] = {}

    def add(self, client: Client) -> None:
        """A client has connected; who it is is not known yet."""
        self._clients[client.sid] = client

    def join(self, client: Client, name: str, registered: bool) -> list[Change]:
        """Make the client, released before, one of the user's, who has come if it is the first."""
        user = self._users.get(name)
        changes = []
        if user is None:
            user = self._users[name] = User(name, registered)
            changes.append(Change(user, client, here=True))
        user.clients[client.sid] = client
        client._user = user
        return changes

    def release(self, client: Client) -> list[Change]:
        """The client no longer belongs to its user, who has gone with its last client.

        `client.user` still names it, for whoever is told.
        """
        user = client._user
        if user is None or user.clients.pop(client.sid, None) is None or user.clients:
            return []
        del self._users[user.name]
        user.here = False
        return [Change(user, client, here=False)]

    def remove(self, sid: str) -> list[Change]:
        """A client has disconnected. A sid that is not known is no error."""
        client = self._clients.pop(sid, None)
        return self.release(client) if client else []

    def get(self, sid: str) -> Client | None:
        """The client with this Socket.IO id."""
        return self._clients.get(sid)

    def present(self) -> Iterator[Change]:
        """Everybody who is there, as if they came just now; but not who goes or comes meanwhile."""
        for user in tuple(self._users.values()):
            if user.clients:
                yield Change(user, next(iter(user.clients.values())), here=True)

    def sids(self, names: Iterable[str]) -> tuple[tuple[str, ...], int]:
        """The sids of all clients of these users, each once, and how many users were not there."""
        found: dict[str, None] = {}
        missing = 0
        for name in dict.fromkeys(names):
            user = self._users.get(name)
            if user is None:
                missing += 1
            else:
                found.update(dict.fromkeys(user.clients))
        return tuple(found), missing

    @property
    def clients(self) -> tuple[Client, ...]:
        """Every client, in the order of connecting."""
        return tuple(self._clients.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Every user's name."""
        return tuple(self._users)
