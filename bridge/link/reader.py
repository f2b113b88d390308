"""Read one connection to its end, and hand on its frames in bursts.

Must not know what frames mean, nor who gets them.

Use: `reader = Reader("localhost:8000", decoder, on_burst, silence=…, hints=…, counters=…)`; `reader.read(sock)`.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import Protocol

from bridge.counters import Counters, shorten
from bridge.errors import FramingError, LinkError, TruncatedFrame
from bridge.link.framing.interface import Decoder
from bridge.link.hint_tracker import HintTracker
from bridge.link.silence import Silence
from bridge.link.sockets import how_it_ended

__all__ = ["READ_SIZE", "Reader", "TimeSlice"]

log = logging.getLogger("bridge.link")

READ_SIZE = 256 * 1024  # bytes of one read, which is one burst; measured: 41 M deliveries/s at 16 KiB, 68 M at this
LONGEST_TURN = 0.0005  # seconds of reading without waiting; the fan-out of a burst has a limit of its own
AT_ONCE = 0.0003  # seconds; a read that takes longer has had to wait


class Readable(Protocol):
    """A socket."""

    def recv(self, size: int, /) -> bytes: ...


class TimeSlice:
    """Decides when a reader lets others run: a green thread that is flooded never waits, and would starve them."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + LONGEST_TURN

    def read(self, sock: Readable, at_most: int) -> bytes:
        """Read as `socket.recv` does, and let others run before returning if this reader's time is up.

        During a read that had to wait the others have run already, so there is no switch for each message.
        """
        began = time.monotonic()
        data = sock.recv(at_most)
        now = time.monotonic()
        if now - began > AT_ONCE:
            self._ends = now + LONGEST_TURN
        elif now > self._ends:
            time.sleep(0)
            self._ends = time.monotonic() + LONGEST_TURN
        return data


class Reader:
    """Reads the connections of one link.

    `decoder()`: makes one for each connection; `on_burst`: gets the frames that one read completed; `silence`, `hints`:
    are told what comes.
    """

    def __init__(
        self,
        server: str,
        decoder: Callable[[], Decoder],
        on_burst: Callable[[list[bytes]], None],
        *,
        silence: Silence,
        hints: HintTracker,
        counters: Counters,
    ) -> None:
        self._server, self._decoder, self._on_burst = server, decoder, on_burst
        self._silence, self._hints, self._counters = silence, hints, counters

    def read(self, sock: socket.socket) -> LinkError:
        """Read until the connection ends. Return why it did. Raises OSError."""
        decoder, turn, hints, data = self._decoder(), TimeSlice(), self._hints, b""
        try:
            while data := turn.read(sock, READ_SIZE):
                self._silence.heard()
                self._counters.count("bytes_in", len(data))
                frames = decoder.feed(data)
                if hints.awake:  # in the first seconds of a connection, or until its frames make sense
                    hints.read(data, len(frames))
                self._burst(frames)
                if decoder.skipped:
                    self._report_skipped(decoder)
                self._silence.listens()
            gone = how_it_ended(sock, self._server)
            self._burst(decoder.eof())
        except TruncatedFrame as error:
            self._burst(error.frames)
            self._counters.note("frames_truncated", "! %s", error.reason)
            return LinkError(gone.code, f"{gone.reason} inside a frame")
        except FramingError as error:
            hints.failed(data, len(error.frames))
            self._burst(error.frames)
            self._counters.note("framing_errors", "! %s: %s; the link is made anew", error.code, error.reason)
            return LinkError(error.code, f"{self._server} sent what is no frame: {error.reason}")
        return gone

    def _burst(self, frames: list[bytes]) -> None:
        if not frames:
            return
        self._counters.count("frames_in", len(frames))
        if log.isEnabledFor(logging.DEBUG):
            for frame in frames:
                log.debug("< %s", shorten(frame))
        self._on_burst(frames)

    def _report_skipped(self, decoder: Decoder) -> None:
        skipped, decoder.skipped = decoder.skipped, []
        for error in skipped:
            self._counters.note("frames_skipped", "! %s; it is skipped (--max-frame sets the limit)", error.reason)
