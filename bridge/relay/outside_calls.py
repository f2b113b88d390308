"""What handlers may call from anywhere: a hook, a route, a thread of the system.

It is done in the one thread that may do it, and waits for no lock that a hook may have which waits for the caller.
Must not know what is sent.

Use: `anywhere = OutsideCalls(calls, lock, comings, counters); anywhere.run(wires, emit)`; `anywhere.send({"x": 1})`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.relay.client_lifecycle import ClientLifecycle
from bridge.relay.dependencies import RelayCallbacks
from bridge.relay.hook_calls import HookCalls, Made
from bridge.relay.hook_results import Done
from bridge.relay.users import Client

__all__ = ["PATIENCE", "OutsideCalls"]

PATIENCE = 5.0  # seconds that a handler's register waits for a hook: one that waits for it in turn would for ever


class OutsideCalls:
    """`calls`: reads what a handler sends; `comings`: who registers and is disconnected, under this lock."""

    def __init__(self, calls: HookCalls, lock: threading.RLock, comings: ClientLifecycle, counters: Counters) -> None:
        self._calls, self._lock, self._comings, self._counters = calls, lock, comings, counters
        self._first: dict[int, Callable[[Made], None]] = {}  # thread -> takes what it sends: a link comes up in it

    def run(self, wires: RelayCallbacks, emit: Callable[[Any], None]) -> None:
        """From now on everything may be called."""
        self._send, self._fits, self._emit, self._across = wires.send, wires.fits, emit, wires.across

    @contextmanager
    def announcing(self, first: Callable[[Made], None]) -> Iterator[None]:
        """The link is coming up: what this thread sends inside goes to `first`."""
        announcer = threading.get_ident()
        self._first[announcer] = first
        try:
            yield
        finally:
            del self._first[announcer]

    def send(self, message: object, done: Done | None = None) -> None:
        """Raises TypeError, and Refused if there is nobody else to be told."""
        made = Made(dones=[] if done is None else [done])
        try:
            self._calls.read(message, made)  # here: an iterator may take its time
            if made.payloads:
                self._across(self._send_now, made)
            else:
                made.told(self._counters)(None)
        except Refused as error:
            if not made.dones:
                raise
            made.refused(error, self._counters)

    def _send_now(self, made: Made) -> None:
        """Without the lock: a hook, which has it, may wait for another thread that sends."""
        first = self._first.get(threading.get_ident())
        if first is not None:
            self._fits(made.payloads)
            first(made)  # the link is as good as up
        else:
            self._send(made.payloads, made.told(self._counters) if made.dones else None)

    def emit(self, emit: Any) -> None:
        """Raises Refused."""
        self._across(self._emit, emit)

    def register(self, client: Client, name: object) -> None:
        """Raises Refused, and RuntimeError if a hook keeps the lock for too long."""
        self._across(self._patiently, self._comings.register, client, name)

    def disconnect(self, client: Client, reason: str) -> None:
        """Raises ValueError, and RuntimeError if a hook keeps the lock for too long."""
        self._across(self._patiently, self._comings.disconnect, client, reason)

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
