"""Serves a session that is polled: one GET at a time that waits, one POST at a time.

Must not know HTTP beyond the socket of a GET, which tells when its client has hung up.

Use: `session.polling = Polling(session, poller)`; `polling.get(sock)` -> packets; `polling.wake()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import eventlet
from eventlet.event import Event

from bridge.engineio.packets import PacketType
from bridge.engineio.poller import HANG_UP, Poller
from bridge.engineio.session import Session
from bridge.wire.socketio_packets import polled

__all__ = ["Polling"]

NOOP, CLOSE = PacketType.NOOP.decode(), PacketType.CLOSE.decode()
AT_ONCE = 1000  # packets of a POST; then others have their turn
RESPONSE = 256 * 1024  # bytes of one response, about


class Polling:
    """One session's polls and POSTs."""

    __slots__ = ("_goes_on", "_poller", "_posting", "_session", "_waits")

    def __init__(self, session: Session, poller: Poller) -> None:
        self._session, self._poller = session, poller
        self._waits: Event | None = None
        self._goes_on: Event | None = None  # what a POST waits for whose answers are to be fetched first
        self._posting = False

    def __str__(self) -> str:
        return str(self._session)

    def get(self, sock: Any) -> list[str] | None:
        """Fetch what waits for the client, or once something does; None: there is a poll already, which ends both."""
        if self._waits is not None:
            self.wake(CLOSE)
            self._session.misused()
            return None
        while self._session.outbox.fill():  # it is looked for what the client has missed
            eventlet.sleep(0)
        last = NOOP
        if not self._session.outbox.size and self._session.may_wait:
            last = self._wait(sock)
        packets = list(polled(self._session.outbox.take(RESPONSE)))
        self._session.fetched()
        return packets or [last]

    def post(self, read: Callable[[], Sequence[tuple[int, bytes]]]) -> Sequence[tuple[int, bytes]]:
        """Take the packets that are read; they are returned when all are done with, so that the client sends no
        more meanwhile. Nothing: there is a POST already, which ends the session."""
        if self._posting:
            self._session.misused()
            return ()
        self._posting = True
        try:
            # A poll does not wait while a WebSocket is tried, nor does a POST then; but no client needs many.
            self._wait_while(lambda: self._session.crammed)
            packets = read()
            for at in range(0, len(packets), AT_ONCE):  # a POST can have a million
                self._session.take(packets[at : at + AT_ONCE])
                eventlet.sleep(0)
                self._wait_while(lambda: self._session.unread)
            done = Event()
            if self._session.flow.when_done(done.send):
                done.wait()
            self._wait_while(lambda: self._session.unread)
        finally:
            self._posting = False
        return packets

    def go_on(self) -> None:
        """Have a POST look again whether it may go on."""
        if self._goes_on is not None and not self._goes_on.ready():
            self._goes_on.send()

    def _wait_while(self, unread: Callable[[], bool]) -> None:
        while unread():
            self._goes_on = Event()
            self._goes_on.wait()
            self._goes_on = None

    def wake(self, last: str = NOOP) -> None:
        """End a poll that waits, with what there is for it, else with this packet."""
        if self._waits is not None and not self._waits.ready():
            self._waits.send(last)

    def ready(self, events: int) -> None:
        """End the session, as the client of a poll that waits has hung up."""
        self._session.misused()

    def failed(self) -> None:
        """End the poll that waits, as `ready` has raised."""
        self.wake()

    def _wait(self, sock: Any) -> str:
        self._waits = Event()
        fd = sock.fileno()
        self._poller.add(fd, self, HANG_UP)
        try:
            last: str = self._waits.wait()
        finally:
            self._poller.remove(fd)
            self._waits = None
        return last
