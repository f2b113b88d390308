"""The middle: what happens when a client comes, emits or goes, and when the link does something.

It owns no table and no I/O. It puts users, routing and handlers together and calls what it
was given: send, tell, announce and publish. Must not know sockets, Socket.IO or Flask.

One lock keeps presence true: a user's notice and whatever it sends go to the queue in an order
that the server can believe. Handlers of events run outside of it, as they may take their time.

Use: `relay = Relay(rules, parts, counters); relay.run(wires)`; then the link and the engine call it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from bridge.counters import Counters
from bridge.messages import Delivery, Payload
from bridge.relay.acks import AckedEvent, AnswerAcks
from bridge.relay.client_lifecycle import ClientLifecycle
from bridge.relay.dependencies import RelayCallbacks, RelayParts, RelayRules
from bridge.relay.downstream import Downstream
from bridge.relay.handlers import Bridge
from bridge.relay.hook_calls import HookCalls
from bridge.relay.hook_results import report
from bridge.relay.link_opening import LinkOpening
from bridge.relay.outside_calls import OutsideCalls
from bridge.relay.presence_notices import PresenceCallbacks, PresenceNotices
from bridge.relay.upstream import Upstream, UpstreamParts, UpstreamRules

__all__ = ["Relay", "RelayCallbacks", "RelayParts", "RelayRules"]


class Relay:
    """One bridge's relay. Its methods may be called from any thread."""

    def __init__(self, rules: RelayRules, parts: RelayParts, counters: Counters) -> None:
        self._rules, self._parts, self._counters = rules, parts, counters
        self._users, self._hooks = parts.users, parts.hooks
        reserved = frozenset[str]() if rules.identity == "none" else frozenset(rules.presence)
        if rules.confirm:
            reserved |= {"hello"}
        self._lock = threading.RLock()
        self._calls = HookCalls(parts.encode, rules.handler_limit, counters)
        usual = None if rules.identity == "none" else self._notice
        self._presence = PresenceNotices(parts.users, parts.hooks, self._calls, usual, counters)
        self._events = Upstream(
            UpstreamRules(rules.identity, rules.user_key, reserved, rules.unhandled, rules.confirm),
            UpstreamParts(
                parts.users, parts.inbound, parts.hooks, self._calls, parts.encode_many, parts.replies, parts.once
            ),
            self._lock,
            counters,
        )
        self._bursts = Downstream(parts.outbound, parts.hooks, parts.users, counters, parts.undelivered)
        self._comings = ClientLifecycle(rules, parts, self._presence, self._bursts, self._lock, counters=counters)
        self.connecting, self.connected = self._comings.connecting, self._comings.connected
        self.disconnected, self.stop = self._comings.disconnected, self._comings.stop
        self._anywhere = OutsideCalls(self._calls, self._lock, self._comings, counters)

    def run(self, wires: RelayCallbacks, bridge: Bridge) -> None:
        """From now on everything may be called."""
        self._wires = wires
        self._bursts.run(wires.publish)
        self._presence.run(PresenceCallbacks(wires.tell, wires.fits, self._comings.dismiss))
        self._comings.run(wires, self._anywhere.register, self._anywhere.disconnect)
        self._anywhere.run(wires, self._bursts.emit)
        self._events.run(wires.send, wires.room, self._comings.register)
        bridge.run(send=self._anywhere.send, emit=self._anywhere.emit)

    # From the clients.

    @property
    def asks_who_connects(self) -> bool:
        """Whether clients are to be told of by `connecting`, before they have connected."""
        return self._rules.identity == "sid" and self._hooks.connect is not None

    def events(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks, may_wait: bool) -> int:
        """A client has emitted events; how many were taken, see events.Events.take."""
        return self._events.take(sid, events, answer, may_wait)

    def _notice(self, user: str, came: bool) -> bytes:
        """The bridge's own."""
        action = self._rules.presence[0 if came else 1]
        return self._parts.encode(self._parts.inbound.presence(user, action))

    # From the link.

    def opening(self, greetings: Sequence[bytes]) -> LinkOpening | None:
        """What a connection begins with; None if there is nothing to say."""
        message, announcing = self._parts.outbound.decode_or_none, self._anywhere.announcing
        opening = LinkOpening(greetings, self._hooks, self._calls, message, announcing, counters=self._counters)
        return opening if opening.needed else None

    def link_down(self, reason: str) -> None:
        """The link that was up is down."""
        if self._hooks.link_down is None:
            return
        try:
            self._hooks.link_down(reason)
        except BaseException:  # SystemExit is no Exception, and would end the link's thread
            report(self._hooks.link_down, self._counters)

    def link_up(self) -> None:
        """The link is there: everybody is announced before anything else is sent."""
        with self._lock:
            with self._anywhere.announcing(self._presence.say):
                announced = self._presence.announce()
            self._wires.announce(announced.payloads, announced.told(self._counters) if announced.dones else None)

    def link_changed(self, status: dict[str, object] | None = None) -> None:
        """Tell every client of the link's new state; without one, of its state as it is."""
        with self._lock:
            told = self._wires.link() if status is None else status
            self._wires.own(Delivery("bridge:link", Payload.of(told)))

    def burst(self, frames: Sequence[bytes]) -> None:
        """What one read of the link completed."""
        if self._parts.replies is None:
            self._bursts.take(frames)
        else:
            self._parts.replies.take(frames, self._bursts.take)
