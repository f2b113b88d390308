"""Let handlers send, emit and register from anywhere: a hook, a route, a thread of the system.

Each call is made in the one thread that may make it. It never waits for ever for a lock whose holder, a hook, may wait
for the caller. Must not know what is sent.

Use: `outside = OutsideCalls(calls, callbacks, downstream.emit, counters)`; `outside.send({"x": 1})`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.relay.dependencies import CallAcross, RelayCallbacks
from bridge.relay.hook_calls import HookCalls, HookOutcome
from bridge.relay.hook_results import Done
from bridge.relay.users import Client

__all__ = ["PATIENCE", "OutsideCalls", "PatientCalls"]

PATIENCE = 5.0  # seconds that a call waits for a hook, which may itself wait for this call


class OutsideCalls:
    """`calls`: reads what a handler sends to the server; `emit`: publishes what it emits to clients."""

    def __init__(
        self, calls: HookCalls, callbacks: RelayCallbacks, emit: Callable[[Any], None], counters: Counters
    ) -> None:
        self._calls, self._callbacks, self._emit, self._counters = calls, callbacks, emit, counters
        self._first: dict[
            int, Callable[[HookOutcome], None]
        ] = {}  # thread in which a link comes up -> takes what it sends

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
                self._callbacks.call_across(self._send_now, outcome)
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
            self._callbacks.fits(outcome.payloads)
            first(outcome)  # the link is as good as up
        else:
            self._callbacks.send(outcome.payloads, outcome.told(self._counters) if outcome.dones else None)

    def emit(self, emit: Any) -> None:
        """Emit to clients. Raises Refused."""
        self._callbacks.call_across(self._emit, emit)


class PatientCalls:
    """Makes calls of a client's methods, from any thread, under the relay's lock, in the thread that may make them."""

    def __init__(self, call_across: CallAcross, lock: threading.RLock) -> None:
        self._call_across, self._lock = call_across, lock

    def __call__(self, call: Callable[[Client, Any], None], client: Client, argument: object) -> None:
        """Make a call. Raises what it raises, and RuntimeError if a hook keeps the lock for too long."""
        self._call_across(self._patiently, call, client, argument)

    def _patiently(self, call: Callable[[Client, Any], None], client: Client, argument: object) -> None:
        if not self._lock.acquire(timeout=PATIENCE):
            raise RuntimeError(
                f"a hook has kept all others from coming and going for {PATIENCE:g} s, perhaps because it waits for "
                "this very call: nothing has been done"
            )
        try:
            call(client, argument)
        finally:
            self._lock.release()
