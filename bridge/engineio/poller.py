"""Waits for all WebSockets in one green thread.

It has an epoll of its own, and waits for *its* descriptor with the hub: callbacks so run in an
ordinary green thread, where eventlet's locks work, and an idle client costs neither a thread nor a
listener of the hub. Must not know what is read or written.

Use: `poller.add(fd, websocket)`; `websocket.ready(events)` is called; `poller.run()` for ever.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Protocol

import eventlet
from eventlet.patcher import original

from bridge.hub.steady_wait import SteadyWait

__all__ = ["HANG_UP", "READ", "WRITE", "Poller", "Watched"]

_select: Any = original("select")  # eventlet's own has no epoll
READ: int = _select.EPOLLIN
WRITE: int = _select.EPOLLOUT
HANG_UP: int = _select.EPOLLRDHUP

log = logging.getLogger("bridge.clients")

AT_ONCE = 512  # that are asked for in one system call
LONGEST_TURN = 0.002  # seconds; then others have theirs
IN_VAIN = 100  # pauses in a turn; the system looks through all that is watched when the epoll is added to the hub again


class Watched(Protocol):
    """What has a descriptor that is waited for."""

    def ready(self, events: int) -> None:
        """Do what there is to do, by the mask of epoll. It must not yield for long."""

    def failed(self) -> None:
        """Give up what is watched, if it can be done without, as `ready` has raised."""


class Poller:
    """Calls `ready` of what is watched, by descriptor."""

    def __init__(self) -> None:
        self._epoll = _select.epoll()
        self._watched: dict[int, Watched] = {}
        self._added: set[int] = set()  # since the last look: what that saw was of another one with the same number

    def add(self, fd: int, watched: Watched, events: int) -> None:
        """Call `watched.ready` when one of these events, an error or a hang-up is there."""
        self._watched[fd] = watched
        self._added.add(fd)
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Wait for these events from now on."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Wait for it no more; to be called before it is closed."""
        del self._watched[fd]
        self._epoll.unregister(fd)

    def run(self) -> None:
        """Wait and call, for ever."""
        steady = SteadyWait(self._epoll.fileno(), IN_VAIN)
        while True:
            steady.wait()
            self._turn()

    def _call(self, watched: Watched, events: int) -> None:
        try:
            watched.ready(events)
        except Exception:
            # A bug, but of one connection: this green thread is everybody's.
            log.exception("! the connection of %s is closed because of a bug", watched)
            try:
                watched.failed()
            except Exception:
                log.exception("! closing it failed too")

    def _turn(self) -> None:
        turn_ends = time.monotonic() + LONGEST_TURN
        self._added.clear()
        for fd, events in self._epoll.poll(0, AT_ONCE):
            watched = self._watched.get(fd)
            if watched is not None and fd not in self._added:
                self._call(watched, events)
            if time.monotonic() > turn_ends:
                eventlet.sleep(0)
                turn_ends = time.monotonic() + LONGEST_TURN
