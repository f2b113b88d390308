"""Take the server's messages to the clients, by the settings or by a handler's on_message.

Owns no table and no I/O: routing decides, and the function it was given publishes. Must not know presence, events of
clients or the link.

Use: `downstream = Downstream(dependencies, fanout.publish, counters)`; `downstream.take(frames)`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bridge.counters import Counters
from bridge.messages import Delivery, Payload, Texts
from bridge.relay.dependencies import Publish, RelayDependencies
from bridge.relay.hook_results import Default, Emit, report
from bridge.relay.routing_keys import Decoded
from bridge.relay.users import Client

__all__ = ["Downstream"]


class Downstream:
    """Publishes what the server says and what handlers emit. Its methods may be called from any thread."""

    def __init__(self, dependencies: RelayDependencies, publish: Publish, counters: Counters) -> None:
        self._routing, self._hooks, self._users = dependencies.routing, dependencies.hooks, dependencies.users
        self._undelivered, self._publish, self._counters = dependencies.undelivered, publish, counters
        self._here = threading.local()  # .deliveries: those of the burst that this thread works on

    def take(self, frames: Sequence[bytes]) -> None:
        """Route the frames of one read of the link, and publish them in one piece."""
        deliveries: list[Delivery | Texts] = []
        if self._hooks.message is None:
            deliveries = self._routing.burst(frames)
        else:
            self._here.deliveries = deliveries  # so that what a handler emits meanwhile keeps its place
            try:
                for frame in frames:
                    self._handle(self._hooks.message, frame, deliveries)
            finally:
                self._here.deliveries = None
        if deliveries:
            self._publish(deliveries, paced=True)

    @contextmanager
    def kept(self) -> Iterator[list[Delivery | Texts]]:
        """Collect what this thread emits inside; the caller publishes it later."""
        before = getattr(self._here, "deliveries", None)
        self._here.deliveries = kept = list[Delivery | Texts]()
        try:
            yield kept
        finally:
            self._here.deliveries = before

    def emit(self, emit: Emit) -> None:
        """Publish what a handler emits. Raises Refused("not-json")."""
        deliveries = self._of_emit(emit)
        burst: list[Delivery | Texts] | None = getattr(self._here, "deliveries", None)
        if burst is not None:
            burst += deliveries
        else:
            self._publish(deliveries)

    def _handle(self, hook: Callable[..., object], frame: bytes, deliveries: list[Delivery | Texts]) -> None:
        decoded = self._routing.decode_or_none(frame)
        if decoded is None:
            return
        try:
            made = self._made(hook(decoded[0]), decoded)
        except BaseException:  # else sys.exit() in a handler, or eventlet.Timeout, would end the link's thread
            report(hook, self._counters)
        else:
            deliveries += made

    def _made(self, result: object, decoded: Decoded) -> list[Delivery]:
        if isinstance(result, (list, tuple)):
            return [delivery for one in result for delivery in self._made(one, decoded)]
        if result is None:
            return []
        if isinstance(result, Default):
            return self._routing.default(*decoded)
        if isinstance(result, Emit):
            return self._of_emit(result)
        raise TypeError(f"on_message returns None, Emit, DEFAULT or a list of these, not {type(result).__name__}")

    def _of_emit(self, emit: Emit) -> list[Delivery]:
        """Make the delivery, unless it is for nobody. Record the users and clients it names that are not there."""
        payload = Payload.of(emit.payload)
        if emit.to is None:
            return [Delivery(emit.event, payload)]
        to = [emit.to] if isinstance(emit.to, (str, Client)) else list(emit.to)
        if not all(isinstance(one, (str, Client)) for one in to):
            raise TypeError("Emit(to=…) is None, a user's name, a client, or a list of these")
        if not to:
            self._undelivered.add("empty-list", (), f"a handler emits {emit.event!r} to an empty list")
        sids: dict[str, None] = {}
        for one in to:
            sids.update(dict.fromkeys(self._sids(one, emit.event)))
        names = tuple([one for one in to if isinstance(one, str)])
        return [Delivery(emit.event, payload, tuple(sids), names)] if sids else []

    def _sids(self, one: str | Client, event: str) -> tuple[str, ...]:
        """Return the clients of one whom a handler names, and record if nobody is there."""
        if isinstance(one, Client):
            if not self._users.known(one.sid):
                whom = one.user or one.sid
                self._undelivered.add("gone-client", (whom,), f"a handler emits {event!r}; this client has gone")
            return (one.sid,)
        sids, missing = self._users.sids([one])
        if missing:
            self._counters.count("unknown_users")
            self._undelivered.add("unknown-user", (one,), f"a handler emits {event!r}; no such user is there")
        return sids
