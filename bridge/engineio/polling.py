"""Serves a session that is polled: one GET at a time that waits, one POST at a time.

Must not know HTTP beyond the socket of a GET, which tells when its client has hung up.

Use: `session.polling = Polling(session, poller)`; `polling.get(sock)` -> packets; `polling.wake()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import eventlet
from eventlet.event import Event

from bridge.engineio.packets import PacketType
from bridge.engineio.poller import HANG_UP, Poller
from bridge.engineio.session import Session
from bridge.engineio.states import EndReason, SessionState
from bridge.wire.socketio_packets import polled
from bridge.wire.websocket_frames import TEXT

__all__ = ["Polling"]

NOOP, CLOSE = PacketType.NOOP.decode(), PacketType.CLOSE.decode()
AT_ONCE = 1000  # packets of a POST, which can have a million; then others have their turn
PART = 16 * 1024  # bytes of these, about
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
            self._session.finish(EndReason.TRANSPORT_ERROR)
            return None
        while self._session.outbox.fill():  # it is looked for what the client has missed
            eventlet.sleep(0)
        last = NOOP
        if not self._session.outbox.size and self._session.may_wait:
            last = self._wait(sock)
        packets = list(polled(self._session.outbox.take(RESPONSE)))
        self._session.fetched()
        return packets or [last]

    def post(self, read: Callable[[], Iterable[tuple[int, bytes]]]) -> bool:
        """Take the packets that are read; it returns when all are done with, so that the client sends no more
        meanwhile. False: there is a POST already, or something in this one ended the session."""
        if self._posting:
            self._session.finish(EndReason.TRANSPORT_ERROR)
            return False
        said_close = False
        self._posting = True
        try:
            # A poll does not wait while a WebSocket is tried, nor does a POST then; but no client needs many.
            self._wait_while(lambda: self._session.crammed)
            packets = iter(read())
            while not self._session.closed and (some := _some(packets)):
                said_close = said_close or (TEXT, PacketType.CLOSE) in some
                self._session.take(some)
                eventlet.sleep(0)
                self._tasks_done()
                self._wait_while(lambda: self._session.unread)
        finally:
            self._posting = False
        return said_close or self._session.state is not SessionState.CLOSED

    def _tasks_done(self) -> None:
        done = Event()
        while self._session.flow.when_done(done.send):
            done.wait()
            done = Event()

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
        self._session.finish(EndReason.TRANSPORT_ERROR)

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


def _some(packets: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return the next packets: as many as one turn should have at most."""
    some: list[tuple[int, bytes]] = []
    size = 0
    for packet in packets:
        some.append(packet)
        size += len(packet[1])
        if size >= PART or len(some) == AT_ONCE:
            break
    return some
