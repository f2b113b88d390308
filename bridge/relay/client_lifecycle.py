"""Handle clients that come, come back, register and go.

Combines users, presence and expiry. Everything that changes who is there is done under the relay's lock. Must not know
events, the link, sockets or Socket.IO.

Use: `lifecycle = ClientLifecycle(options, dependencies, ports, presence=…, …)`; `lifecycle.connected(sid, …)`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.messages import Delivery, Payload, Texts
from bridge.names import MAX_NAME, clean_user, has_control
from bridge.relay.dependencies import Identity, RelayDependencies, RelayOptions, RelayPorts
from bridge.relay.downstream import Downstream
from bridge.relay.expiry_queue import ExpiryQueue
from bridge.relay.hook_calls import HookOutcome
from bridge.relay.presence_notices import Arrival, PresenceNotices
from bridge.relay.users import Client

__all__ = ["ClientLifecycle"]

PATIENCE = 5.0  # seconds that a handler's call waits for a hook, which may itself wait for this call
MOST_AWAY = 50_000  # clients that may come back; if there are more, the first ones are given up early


@dataclass(frozen=True, slots=True)
class _Arriving:
    """A client that may connect, and what its hook emitted and wants the server told."""

    client: Client
    arrival: Arrival
    emitted: list[Delivery | Texts]
    told: HookOutcome


class ClientLifecycle:
    """The clients of one relay. Methods may be called from any thread."""

    def __init__(
        self,
        options: RelayOptions,
        dependencies: RelayDependencies,
        ports: RelayPorts,
        *,
        presence: PresenceNotices,
        downstream: Downstream,
        lock: threading.RLock,
        counters: Counters,
    ) -> None:
        self._options, self._users, self._ports = options, dependencies.users, ports
        self._presence, self._downstream, self._lock, self._counters = presence, downstream, lock, counters
        # The methods that handlers call on a client.
        self._register = partial(ports.call_across, self._patiently, self.register)
        self._disconnect = partial(ports.call_across, self._patiently, self.disconnect)
        self._grace = ExpiryQueue(options.grace, self._grace_over, MOST_AWAY)
        self._window = ExpiryQueue(options.window, self._forgotten, MOST_AWAY)
        self._connecting: set[str] = set()
        self._arriving: dict[str, _Arriving] = {}  # clients that may connect, and have not yet

    def connecting(self, sid: str, address: str, session: str = "", here: Callable[[], bool] = lambda: True) -> None:
        """Ask the hook whether a client may connect. Raises Refused; then the client has never been here.

        `here`: whether it has not gone while it waited for others, whom the hook was asked of.

        What the hook emits, and wants the server told, waits until the client has `connected`.
        """
        with self._lock:
            if not here():
                raise Refused("gone", "it has gone already")
            if self._users.is_away(sid):
                return  # to the hook and the server it has never gone
            client, changes = self._users.back(sid)
            self._window.discard(sid)
            if client is None:
                client = self._add(sid, address, session)
            else:
                self._visits(client, address)
            self._connecting.add(sid)
            try:
                with self._downstream.kept() as emitted, self._presence.collected() as told:
                    if changes:
                        arrival = self._presence.arrival(changes[0])
                    else:
                        arrival = self._presence.come(client, sid, registered=False)
                if self._users.get(sid) is not client:
                    raise Refused("gone", "a handler has disconnected this client")
                self._arriving[sid] = _Arriving(client, arrival, emitted, told)
            except Refused as error:
                self._users.remove(sid)
                self._counters.refuse(error.code, f"client {sid}", error.message)
                raise
            finally:
                self._connecting.discard(sid)

    def _arrived(self, arriving: _Arriving, recovered: bool) -> None:
        client = arriving.client
        self._ports.tell_link(client.sid)
        if arriving.emitted:
            self._ports.publish(arriving.emitted)
        self._presence.say(arriving.told)
        self._presence.arrived(client, arriving.arrival)
        if self._users.get(client.sid) is not client:  # refused, or disconnected, since it may connect
            self._ports.close(client.sid, "gone")
        elif client.user is not None:
            self._welcome(client, client.user, late=not recovered)

    def _visits(self, client: Client, address: str) -> None:
        """It comes, or comes back, with a request of its own."""
        client.address = address
        if self._ports.visit is not None:
            client._visit = self._ports.visit(client.sid)

    def _add(self, sid: str, address: str, session: str) -> Client:
        client = Client(sid, address, _register=self._register, _disconnect=self._disconnect, _session=session)
        self._visits(client, address)
        self._users.add(client)
        return client

    def connected(self, sid: str, address: str, session: str = "", recovered: bool = False) -> None:
        """A client has connected; `session`: what it may come back as, "" for none; `recovered`: it has missed
        nothing."""
        with self._lock:  # or a change of the link could overtake what it replaces
            if sid in self._arriving:
                self._arrived(self._arriving.pop(sid), recovered)
                return
            if self._is_back(sid, address, recovered):
                return
            client = self._add(sid, address, session)
            self._ports.tell_link(client.sid)
        name = sid if self._options.identity is Identity.SID else self._recalled(session)
        if name is not None:
            try:
                self._become(
                    client, *((name, False) if self._options.identity is Identity.SID else (clean_user(name), True))
                )
            except Refused as error:
                self._refused(client, error)

    def _refused(self, client: Client, error: Refused) -> None:
        """Refuse a client that has connected already."""
        if self._users.get(client.sid) is not client:
            return  # it has gone, and nobody was told that it came
        self._counters.refuse(error.code, f"client {client.sid}", error.message)
        if client._session:
            self._ports.remember(client._session, None)
        if self._options.identity is Identity.SID:
            with self._lock:
                self._users.remove(client.sid)
            self._ports.close(client.sid, error.code)

    def _is_back(self, sid: str, address: str, recovered: bool) -> bool:
        """Bring back a client that was away or absent. Return whether it was one."""
        client, changes = self._users.back(sid)
        self._grace.discard(sid)
        self._window.discard(sid)
        if client is None:
            return False
        self._visits(client, address)
        self._ports.tell_link(client.sid)
        try:
            for change in changes:
                self._presence.arrived(client, self._presence.arrival(change))
        except Refused as error:
            self._users.release(client)
            client._user = None
            self._refused(client, error)
        if client.user is not None:
            self._welcome(client, client.user, late=not recovered)
        return True

    def _welcome(self, client: Client, user: str, late: bool = True) -> None:
        """Tell a client its user and, if it is `late`, send it the last values for that user."""
        if client.sid in self._connecting:
            return  # it will be told when it has connected
        self._own("bridge:user", {"user": user}, client)
        if late:
            self._ports.catch_up(client.sid, user)

    def _recalled(self, session: str) -> str | None:
        """Return the user of a session from before a restart, or None."""
        return self._ports.recall(session) if session and self._options.identity is Identity.REGISTER else None

    def disconnected(self, sid: str, for_good: bool = True) -> None:
        """Handle a client that has gone; it may come back unless it is `for_good`."""
        with self._lock:
            if sid in self._arriving:  # it has gone before it had an answer
                self._arrived(self._arriving.pop(sid), recovered=False)
            if for_good:
                self._end(sid)
                return
            client = self._users.get(sid)
            if client is None:
                return
            if client._session and client._user is not None and client._user.registered:
                self._ports.remember(client._session, client._user.name)  # it was here until now
            self._users.leave(sid)
            if self._options.grace:
                self._grace.add(sid)
            else:
                self._give_up(sid)

    def _end(self, sid: str) -> None:
        """Have a client leave for good, also one that is away or absent."""
        client = self._users.known(sid)
        if client is None:
            return
        self._grace.discard(sid)
        self._window.discard(sid)
        if client._session:
            self._ports.remember(client._session, None)
        for change in self._users.remove(sid):
            self._presence.gone(change)

    def _grace_over(self, sid: str) -> None:
        with self._lock:
            if sid not in self._grace:  # else it has come back and gone again meanwhile
                self._give_up(sid)

    def _give_up(self, sid: str) -> None:
        for change in self._users.give_up(sid):
            self._presence.gone(change)
        self._window.add(sid)

    def _forgotten(self, sid: str) -> None:
        with self._lock:
            if sid not in self._window:
                self._users.forget(sid)

    def stop(self) -> None:
        """Let everybody leave, because the bridge stops; also those that may have come back."""
        with self._lock:
            self._grace.close()
            self._window.close()
            for change in self._users.present():
                self._presence.gone(change)

    # Who they are.

    def register(self, client: Client, name: object) -> None:
        """Give the client to a user, as the event `register` does. Raises Refused."""
        try:
            clean = clean_user(name)
            if client.user != clean:
                self._become(client, clean, registered=True)
        except Refused as error:
            self._ports.client_log.line("refused", client.sid, address=client.address, reason=error.code)
            raise

    def _become(self, client: Client, name: str, registered: bool) -> None:
        with self._lock:
            if self._users.get(client.sid) is not client:
                raise Refused("gone", "this client has disconnected")
            self._presence.become(client, name, registered)
            if self._users.get(client.sid) is not client:
                raise Refused("gone", "a handler has disconnected this client")
            if registered and client._session and client.user == name:
                self._ports.remember(client._session, name)
            if registered and client.user == name:
                self._ports.client_log.line("register", client.sid, user=name, address=client.address)
            if client.user == name:  # unless a hook has made it somebody else
                self._welcome(client, name)

    def dismiss(self, client: Client, error: Refused) -> None:
        """Disconnect a client that a hook has refused when the link came up."""
        self._grace.discard(client.sid)
        if client._session:
            self._ports.remember(client._session, None)
        self._ports.close(client.sid, error.code)

    def disconnect(self, client: Client, reason: str) -> None:
        """End a client's connection for good, as a handler wants. Raises ValueError for a bad reason."""
        if not isinstance(reason, str) or not 1 <= len(reason) <= MAX_NAME or has_control(reason):
            raise ValueError(f"the reason is a text of 1 to {MAX_NAME} characters, none of them a control character")
        self.disconnected(client.sid)
        self._ports.close(client.sid, reason)

    def _patiently(self, call: Callable[[Client, Any], None], client: Client, argument: object) -> None:
        """Make a handler's call. Raises what it raises, and RuntimeError if a hook keeps the lock for too long."""
        if not self._lock.acquire(timeout=PATIENCE):
            raise RuntimeError(
                f"a hook has kept all others from coming and going for {PATIENCE:g} s, perhaps because it waits for "
                "this very call: nothing has been done"
            )
        try:
            call(client, argument)
        finally:
            self._lock.release()

    def _own(self, event: str, payload: dict[str, object], client: Client) -> None:
        self._ports.publish_notice(Delivery(event, Payload.own(payload), (client.sid,)))
