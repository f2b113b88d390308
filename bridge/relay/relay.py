"""Connect both sides: act when a client comes, emits or goes, and when the link changes or brings a burst.

It owns no table and no I/O. It combines users, routing and handlers, and calls the functions it was given: send, tell,
announce and publish. Must not know sockets, Socket.IO or Flask.

One lock keeps presence true: a user's notices and events go to the queue in an order that makes sense to the server.
Handlers of events run outside of it, because they may take their time.

Use: `relay = Relay(options, dependencies, ports, counters)`; then the link and the Socket.IO server call it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.relay.client_lifecycle import ClientLifecycle
from bridge.relay.dependencies import Identity, RelayDependencies, RelayOptions, RelayPorts
from bridge.relay.downstream import Downstream
from bridge.relay.hook_calls import HookCalls
from bridge.relay.hook_results import report
from bridge.relay.link_opening import LinkOpening
from bridge.relay.outside_calls import OutsideCalls
from bridge.relay.presence_notices import PresenceNotices
from bridge.relay.upstream import Upstream
from bridge.relay.users import Client

__all__ = ["Identity", "Relay", "RelayDependencies", "RelayOptions", "RelayPorts"]


class Relay:
    """One bridge's relay. Its methods may be called from any thread."""

    def __init__(
        self, options: RelayOptions, dependencies: RelayDependencies, ports: RelayPorts, counters: Counters
    ) -> None:
        self._options, self._dependencies, self._ports = options, dependencies, ports
        self._counters, self._hooks = counters, dependencies.hooks
        self._lock = threading.RLock()
        self._calls = HookCalls(dependencies.encode, options.handler_limit, counters)
        self._presence = PresenceNotices(
            dependencies.users,
            dependencies.hooks,
            self._calls,
            usual=None if options.identity is Identity.NONE else self._notice,
            tell=ports.tell,
            fits=ports.fits,
            on_dismissed=self._dismiss,
            counters=counters,
        )
        self._downstream = Downstream(dependencies, ports.publish, counters)
        self._lifecycle = ClientLifecycle(
            options, dependencies, ports,
            presence=self._presence, downstream=self._downstream, lock=self._lock, counters=counters,
        )  # fmt: skip
        self._upstream = Upstream(
            options, dependencies, ports,
            calls=self._calls, register=self._lifecycle.register, lock=self._lock, counters=counters,
        )  # fmt: skip
        self._outside = OutsideCalls(self._calls, ports, self._downstream.emit, counters)
        self.connecting, self.connected = self._lifecycle.connecting, self._lifecycle.connected
        self.disconnected, self.stop = self._lifecycle.disconnected, self._lifecycle.stop
        self.events = self._upstream.take
        self.send, self.emit = self._outside.send, self._outside.emit

    # From the clients.

    @property
    def asks_who_connects(self) -> bool:
        """Whether `connecting` has to be called before a client's CONNECT is answered."""
        return self._options.identity is Identity.SID and self._hooks.connect is not None

    def _notice(self, user: str, came: bool) -> bytes:
        """Encode the bridge's own notice that a user came or went."""
        action = self._options.presence[0 if came else 1]
        return self._dependencies.encode(self._dependencies.event_messages.message(user, action))

    def _dismiss(self, client: Client, error: Refused) -> None:
        self._lifecycle.dismiss(client, error)

    # From the link.

    def opening(self, greetings: Sequence[bytes]) -> LinkOpening | None:
        """Return the exchange with which a connection begins; None if there is none."""
        if not greetings and self._hooks.link_up is None:
            return None
        message, announcing = self._dependencies.routing.decode_or_none, self._outside.announcing
        return LinkOpening(greetings, self._hooks, self._calls, message, announcing, counters=self._counters)

    def link_down(self, reason: str) -> None:
        """Call the hook for a link that was up and is down."""
        if self._hooks.link_down is None:
            return
        try:
            self._hooks.link_down(reason)
        except BaseException:  # SystemExit is no Exception, and would end the link's thread
            report(self._hooks.link_down, self._counters)

    def link_up(self) -> None:
        """Announce everybody who is there, before anything else is sent on a new connection."""
        with self._lock:
            with self._outside.announcing(self._presence.say):
                announced = self._presence.announce()
            done = announced.told(self._counters) if announced.dones else None
            self._ports.announce(announced.payloads, done)

    def link_changed(self) -> None:
        """Tell every client the link's present status."""
        with self._lock:
            self._ports.tell_link(None)

    def burst(self, frames: Sequence[bytes]) -> None:
        """Handle the frames that one read of the link completed."""
        replies = self._dependencies.replies
        if replies is None:
            self._downstream.take(frames)
        else:
            replies.take(frames, self._downstream.take)
