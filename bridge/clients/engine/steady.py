"""What one green thread waits for again and again, without being registered with the hub for each wait.

eventlet adds a listener before each wait and removes it after: two system calls and a good deal of Python, which
is a fifth of what it costs that a message comes alone. Must not know what is read.

Use: `steady = Steady(fd)`; `steady.wait()`; or `Link(steadily(dialer.dial), …)`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, cast

import eventlet
from eventlet.hubs import get_hub

__all__ = ["Steady", "SteadySocket", "steadily"]


class Steady:
    """A descriptor that one green thread at a time waits for."""

    def __init__(self, fd: int) -> None:
        self._fd, self._hub = fd, get_hub()
        self._listener: Any = None
        self._waits: Any = None  # the green thread

    def wait(self) -> None:
        """Until it can be read, or so it seems."""
        if self._listener is None:
            self._listener = self._hub.add(self._hub.READ, self._fd, self._ready, self._ready, None)
        self._waits = eventlet.getcurrent()
        try:
            self._hub.switch()
        finally:
            self._waits = None

    def forget(self) -> None:
        """Before it is closed."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._hub.remove(listener)

    def _ready(self, *_: object) -> None:
        if self._waits is not None:
            self._waits.switch()
        else:
            self.forget()  # else the hub would be woken for nothing, again and again


class SteadySocket:
    """`sock`: a connected GreenSocket without a time-out, which it is in all but how it waits to receive."""

    def __init__(self, sock: Any) -> None:
        self._sock, self._receive = sock, sock.fd.recv
        self._steady = Steady(sock.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def recv(self, size: int) -> bytes:
        """As a GreenSocket's: after a reset, too, nothing."""
        while True:
            try:
                data: bytes = self._receive(size)
            except BlockingIOError:
                self._steady.wait()
            except ConnectionError:
                return b""
            else:
                return data

    def close(self) -> None:
        """As a socket's."""
        self._steady.forget()
        self._sock.close()


def steadily(dial: Callable[[], socket.socket]) -> Callable[[], socket.socket]:
    """The same, but what it gives is waited for in this way."""
    return lambda: cast("socket.socket", SteadySocket(dial()))
