"""Keeps a connection to eventlet's WSGI server from taking for ever over one request, however it drips.

A time limit on each read, as eventlet has it, lets a client that sends a byte now and then keep its
connection for days, and so as many as are served at a time. Must not know HTTP.

Use: `sock = GuardedSocket(accepted)`; eventlet calls `sock.settimeout(75)` before a request, `settimeout(30)` after
its first line.
"""

from __future__ import annotations

import time
from typing import Any

from eventlet.greenio import GreenSocket

__all__ = ["GuardedSocket"]

SLOWEST = 1024  # bytes a second, over the time that was allowed to begin with


class GuardedSocket(GreenSocket):  # type: ignore[misc]
    """`settimeout` allows so many seconds of waiting anew; what is received meanwhile takes some off again.

    What passes while nobody reads, as during a poll, is not counted.
    """

    def __init__(self, sock: Any) -> None:
        self._waited = 0.0
        self._allowed: float | None = None
        super().__init__(sock)

    def settimeout(self, howlong: float | None) -> None:
        """Set the time as a socket does, and begin to count it anew."""
        self._waited, self._allowed = 0.0, howlong
        super().settimeout(howlong)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive as a socket does. Raises TimeoutError if it all takes too long."""
        began = time.monotonic()
        received: int = super().recv_into(buffer, nbytes, flags)
        # Who was quick has nothing saved up: a megabyte at once would else buy a quarter of an hour.
        self._waited = max(0.0, self._waited + time.monotonic() - began - received / SLOWEST)
        if self._allowed is not None and self._waited > self._allowed:
            raise TimeoutError("too slow")
        return received
