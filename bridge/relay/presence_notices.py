"""Tell the server which users come and go, by the usual notices or by what hooks return in their place.

A hook may refuse a user who comes: then nobody has come, and everything is as before. The server is told that a user
went only if it was told that the user came. Everything here is done under the relay's lock. Must not know events,
clients' connections or the queue.

Use: `presence.become(client, "ann", registered=True)` raises Refused; `presence.gone(change)`; `presence.announce()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.relay.dependencies import Tell
from bridge.relay.handlers import Hooks
from bridge.relay.hook_calls import HookCalls, HookOutcome
from bridge.relay.users import Announced, Change, Client, User, Users

__all__ = ["Arrival", "PresenceNotices"]


@dataclass(slots=True)
class Arrival:
    """A user who may come, and what the server is told of it. `outcome` None: the user was there already."""

    user: User
    outcome: HookOutcome | None
    told: Announced


class PresenceNotices:
    """The notices of one relay.

    `usual`: makes the bridge's own notice of a user and whether it came, None if there are none; `tell`: sends notices
    to the server; `fits`: raises Refused if one can't be sent; `on_dismissed`: called for a client that a hook refuses
    when the link comes up.
    """

    def __init__(
        self,
        users: Users,
        hooks: Hooks,
        calls: HookCalls,
        *,
        usual: Callable[[str, bool], bytes] | None,
        tell: Tell,
        fits: Callable[[Sequence[bytes]], None],
        on_dismissed: Callable[[Client, Refused], None],
        counters: Counters,
    ) -> None:
        self._users, self._hooks, self._calls = users, hooks, calls
        self._usual, self._tell, self._fits = usual, tell, fits
        self._on_dismissed, self._counters = on_dismissed, counters
        self._collected: HookOutcome | None = None  # in place of telling it at once

    def become(self, client: Client, name: str, registered: bool) -> None:
        """Give the client to a user; the one it had leaves. Raises Refused; then nothing has changed."""
        before = client._user
        arrival = self.come(client, name, registered)
        if before is not None and before is not arrival.user:
            self._leave(client, before)
        self.arrived(client, arrival)

    def come(self, client: Client, name: str, registered: bool) -> Arrival:
        """Give the client to a user; `arrived` tells the server. Raises Refused."""
        before = client._user
        changes = self._users.join(client, name, registered)
        user = client._user
        assert user is not None  # it has just been given it
        try:
            if not changes:
                return Arrival(user, None, Announced.NOT)
            self._check_looks(changes[0])
            return self.arrival(changes[0])
        except Refused as error:
            self._users.part(client, user)
            if client._user is user:
                client._user = before
            self._dismiss(user, error)  # others that the hook has made the same user
            raise

    def _check_looks(self, change: Change) -> None:
        """Raise Refused if somebody who is there has a name that looks the same; not for who comes back."""
        if self._users.look_alike(change.user.name, change.client) is not None:
            raise Refused("bad-user", "somebody who is there has a name that looks the same")

    def arrival(self, change: Change) -> Arrival:
        """Make what the server is told of a user who comes, or comes back. Raises Refused if a hook refuses it."""
        user = change.user
        hook = self._hooks.register if user.registered else self._hooks.connect
        outcome = HookOutcome(usual=True) if hook is None else self._fitting(hook, change.client)
        if outcome.usual:
            own = self._own(user, came=True)
            return Arrival(user, own, Announced.USUAL if own.payloads else Announced.NOTHING)
        return Arrival(user, outcome, Announced.OWN if outcome.payloads else Announced.NOTHING)

    def _fitting(self, hook: Callable[..., object], client: Client) -> HookOutcome:
        """Call a hook and read its notices. Raises Refused if it refuses, or if a notice can't be sent."""
        outcome = self._calls.call(hook, client, usual=True)
        try:
            self._fits(outcome.payloads)
        except Refused as error:
            outcome.refused(error, self._counters)
            raise
        return outcome

    def arrived(self, client: Client, arrival: Arrival) -> None:
        """Tell the server of a user who came, unless it was told meanwhile.

        If a hook has given its client to another user meanwhile, what it returned is sent, but as nobody's notice.
        """
        user, outcome = arrival.user, arrival.outcome
        if outcome is None:
            return
        told_meanwhile = user.here and user.told is not Announced.NOT
        if told_meanwhile or not (user.here or self._users.get(client.sid) is client):
            outcome.refused(Refused("gone", "the server was told otherwise meanwhile"), self._counters)
            return
        if user.here:
            user.told = arrival.told
        self.say(outcome)

    def _leave(self, client: Client, before: User) -> None:
        """Take a client from the user it had, after it was given to another one."""
        now = client._user
        for change in self._users.part(client, before):
            client._user = before  # so that hooks see that user
            self.gone(change)
        if client._user is before:
            client._user = now
        elif now is not None and client._user is not now:  # its leaving hook has made it somebody else
            self._users.part(client, now)

    def gone(self, change: Change) -> None:
        """Tell the server that a user went, if it was told that the user came."""
        user = change.user
        if user.told is Announced.NOT:
            return
        outcome = self._farewell(change)
        user.told = Announced.NOT
        self.say(outcome)

    def _farewell(self, change: Change) -> HookOutcome:
        user, hook = change.user, self._hooks.disconnect
        known = user.told in (Announced.USUAL, Announced.OWN)
        try:
            outcome = HookOutcome(usual=True) if hook is None else self._fitting(hook, change.client)
        except Refused as error:
            self._counters.refuse(error.code, "on_disconnect", error.message)
            known = user.told is Announced.USUAL  # then it gets the other one, too
            outcome = HookOutcome(usual=True)
        if not outcome.usual:
            return outcome
        return self._own(user, came=False) if known else HookOutcome()

    def _own(self, user: User, came: bool) -> HookOutcome:
        return HookOutcome() if self._usual is None else HookOutcome([self._usual(user.name, came)])

    def announce(self) -> HookOutcome:
        """Make the notices of everybody who is there, for a new connection. Users whom a hook refuses are removed."""
        for change in self._users.present():
            change.user.told = Announced.NOT
        with self.collected() as collected:
            for change in self._users.present():
                self._announce(change)
        return collected

    def _announce(self, change: Change) -> None:
        try:
            arrival = self.arrival(change)
        except Refused as error:
            self._counters.refuse(error.code, "presence", f"{change.user.name}: {error.message}")
            self._dismiss(change.user, error)
        else:
            self.arrived(change.client, arrival)

    def _dismiss(self, user: User, error: Refused) -> None:
        """Remove a user who was refused, and dismiss its clients."""
        for client in (*user.clients.values(), *user.away.values()):
            self._users.remove(client.sid)
            self._on_dismissed(client, error)

    @contextmanager
    def collected(self) -> Iterator[HookOutcome]:
        """Collect what the server would be told inside; the caller tells it later."""
        before, self._collected = self._collected, HookOutcome()
        try:
            yield self._collected
        finally:
            self._collected = before

    def say(self, outcome: HookOutcome) -> None:
        """Tell the server now, or add to what is being collected."""
        if self._collected is not None:
            self._collected.add(outcome)
            return
        if outcome.payloads:
            self._tell(outcome.payloads, outcome.told(self._counters) if outcome.dones else None)
        else:
            outcome.told(self._counters)(None)
