"""What handlers may call from anywhere: a hook, a route, a thread of the system.

It is done in the one thread that may do it, and waits for no lock that a hook may have which waits for the caller.
Must not know what is sent, nor who comes and goes.

Use: `anywhere = Anywhere(parts, lock, register); anywhere.run(send, emit, across)`; `anywhere.send({"x": 1})`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bridge.relay.users import Client

__all__ = ["PATIENCE", "Across", "Anywhere", "directly"]

#: Makes a call, from whatever thread, in the one that may make it; returns and raises what that does.
Across = Callable[..., Any]

PATIENCE = 5.0  # seconds that a handler's register waits for a hook: one that waits for it in turn would for ever


def directly(function: Callable[..., Any], *args: Any) -> Any:
    """Call it: where every thread may call everything."""
    return function(*args)


class Anywhere:
    """`frames`: payloads of what a handler sends; `lock`: the one that `register` is called under."""

    def __init__(
        self,
        frames: Callable[[object], list[bytes]],
        lock: threading.RLock,
        register: Callable[[Client, object], None],
    ) -> None:
        self._frames, self._lock, self._register = frames, lock, register
        self._first: list[bytes] | None = None  # what a link that is coming up begins with
        self._announcer = 0  # the thread that makes it

    def run(self, send: Callable[[Sequence[bytes]], None], emit: Callable[[Any], None], across: Across) -> None:
        """From now on everything may be called."""
        self._send, self._emit, self._across = send, emit, across

    @contextmanager
    def announcing(self) -> Iterator[list[bytes]]:
        """The link is coming up: what this thread sends inside is put in this list."""
        self._announcer, self._first = threading.get_ident(), []
        try:
            yield self._first
        finally:
            self._first = None

    def send(self, message: object) -> None:
        """Raises Refused, TypeError."""
        payloads = self._frames(message)  # here: an iterator may take its time
        if payloads:
            self._across(self._send_now, payloads)

    def _send_now(self, payloads: list[bytes]) -> None:
        """Without the lock: a hook, which has it, may wait for another thread that sends."""
        if self._first is not None and self._announcer == threading.get_ident():
            self._first += payloads  # the link is as good as up
        else:
            self._send(payloads)

    def emit(self, emit: Any) -> None:
        """Raises Refused."""
        self._across(self._emit, emit)

    def register(self, client: Client, name: object) -> None:
        """Raises Refused, and RuntimeError if a hook keeps the lock for too long."""
        self._across(self._register_patiently, client, name)

    def _register_patiently(self, client: Client, name: object) -> None:
        if not self._lock.acquire(timeout=PATIENCE):
            raise RuntimeError(
                f"a hook has kept all others from coming and going for {PATIENCE:g} s, perhaps because it waits for "
                "this very call: the client is not registered"
            )
        try:
            self._register(client, name)
        finally:
            self._lock.release()
