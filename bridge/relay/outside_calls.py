"""Let handlers send and emit from anywhere: a hook, a route, a thread of the system.

Each call is made in the one thread that may make it. Must not know what is sent.

Use: `outside = OutsideCalls(calls, ports, downstream.emit, counters)`; `outside.send({"x": 1})`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.relay.dependencies import RelayPorts
from bridge.relay.hook_calls import HookCalls, HookOutcome
from bridge.relay.hook_results import Done

__all__ = ["OutsideCalls"]


class OutsideCalls:
    """`calls`: reads what a handler sends to the server; `emit`: publishes what it emits to clients."""

    def __init__(self, calls: HookCalls, ports: RelayPorts, emit: Callable[[Any], None], counters: Counters) -> None:
        self._calls, self._ports, self._emit, self._counters = calls, ports, emit, counters
        #: Thread in which a link comes up -> takes what it sends.
        self._first: dict[int, Callable[[HookOutcome], None]] = {}

    @contextmanager
    def announcing(self, first: Callable[[HookOutcome], None]) -> Iterator[None]:
        """Redirect what this thread sends inside to `first`, while the link comes up."""
        announcer = threading.get_ident()
        self._first[announcer] = first
        try:
            yield
        finally:
            del self._first[announcer]

    def send(self, message: object, done: Done | None = None) -> None:
        """Send to the server. Raises TypeError, and Refused unless a `done` is told of it."""
        outcome = HookOutcome(dones=[] if done is None else [done])
        try:
            self._calls.read(message, outcome)  # in the caller's thread, because an iterator may take its time
            if outcome.payloads:
                self._ports.call_across(self._send_now, outcome)
            else:
                outcome.told(self._counters)(None)
        except Refused as error:
            if not outcome.dones:
                raise
            outcome.refused(error, self._counters)

    def _send_now(self, outcome: HookOutcome) -> None:
        """Send, without the relay's lock: a hook that holds it may wait for another thread that sends."""
        first = self._first.get(threading.get_ident())
        if first is not None:
            self._ports.fits(outcome.payloads)
            first(outcome)  # the link is as good as up
        else:
            self._ports.send(outcome.payloads, outcome.told(self._counters) if outcome.dones else None)

    def emit(self, emit: Any) -> None:
        """Emit to clients. Raises Refused."""
        self._ports.call_across(self._emit, emit)
