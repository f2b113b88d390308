"""Write one connection: take what waits, join it, and hand it to the socket.

The writer is a thread that lives as long as the connection, so that no frame of an old connection can reach a new one.
If it does not end in time it is given up: it notices that when it goes on, and then touches nothing any more. Must not
know what frames mean, nor what follows from how it ended.

Use: `writer = Writer(sock, outgoing, counters, pause=…, broken=…, on_end=…, on_first=…)`; `start()`, `join()`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from bridge.counters import Counters, shorten
from bridge.errors import LinkError
from bridge.link.outgoing.queue import OutgoingQueue

__all__ = ["JOIN_SIZE", "PATIENCE", "Writer"]

log = logging.getLogger("bridge.link")

JOIN_SIZE = 256 * 1024  # bytes that one sendall takes at most, so that an ack is not late by megabytes
PATIENCE = 2.0  # seconds that the thread may take to end after its connection


class Sink(Protocol):
    """A socket."""

    def sendall(self, data: bytes, /) -> object: ...


class Writer:
    """The writer of one connection.

    `pause`: waits between two sends, and returns whether there is no more time; None if messages may be sent together;
    `broken`: makes the reason of an OSError; `on_end`: gets the reason if sending failed, None if the connection ended
    otherwise; `on_first`: called when something has been sent.
    """

    def __init__(
        self,
        sock: Sink,
        outgoing: OutgoingQueue,
        counters: Counters,
        *,
        pause: Callable[[], bool] | None,
        broken: Callable[[OSError], LinkError],
        on_end: Callable[[LinkError | None], None],
        on_first: Callable[[], None],
    ) -> None:
        self._sock, self._outgoing, self._pause, self._counters = sock, outgoing, pause, counters
        self._broken, self._on_end, self._on_first = broken, on_end, on_first
        self._given_up = False
        self._thread: threading.Thread | None = None

    def start(self, say_first: Callable[[], None] = lambda: None) -> None:
        """Start the thread. `say_first` runs before anything else, may call `hand`, and may raise LinkError."""
        self._thread = threading.Thread(target=self._run, args=(say_first,), name="bridge-writer", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread's end, or give it up; then what it had taken may or may not arrive."""
        if self._thread is None:
            return
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            self._given_up = True
            log.error("! the writer of the connection that is over has been stuck for %g s; it is given up", PATIENCE)
            self._outgoing.down(in_flight=True)

    def _run(self, say_first: Callable[[], None]) -> None:
        cause: LinkError | None = None
        try:
            say_first()
            cause = self._send()
        except LinkError as error:
            cause = error
        finally:
            # Even if a bug ended it: a link that seems up and never sends would be worse.
            if not self._given_up:
                self._outgoing.down(in_flight=True)
                self._on_end(cause)

    def hand(self, frame: bytes) -> None:
        """Send one frame, from `say_first` only. Raises LinkError."""
        try:
            self._sock.sendall(frame)
        except OSError as error:
            raise self._broken(error) from None
        self._counters.count("bytes_out", len(frame))
        self._counters.count("frames_out")
        log.debug("> %s", shorten(frame))
        if self._pause is not None:
            self._pause()

    def _send(self) -> LinkError | None:
        """Send until the connection ends. Return the reason if sending failed."""
        first, size = True, JOIN_SIZE if self._pause is None else 1
        while not self._given_up and (frames := self._outgoing.take(size)):
            data = b"".join(frames)
            try:
                self._sock.sendall(data)
            except OSError as error:
                return self._broken(error)
            if self._given_up:
                break
            self._counters.count("bytes_out", len(data))
            if log.isEnabledFor(logging.DEBUG):
                for frame in frames:
                    log.debug("> %s", shorten(frame))
            self._outgoing.sent()
            if first:
                first = False
                self._on_first()
            if self._pause is not None and self._pause():
                break
        return None
