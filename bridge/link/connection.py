"""The one TCP connection to the server: its states, the reader, the one writer, reconnecting.

Must not know what frames mean, nor who waits for them: it is given what to call. It runs on
plain threads as on eventlet's green ones.

The reader is the thread that calls `run()`. The writer is a thread that lives as long as one
connection, so that no frame of an old connection can reach a new one.

Use: `Link(dialer.dial, decoder, options, tally).run(on_burst=…, on_state=…, outgoing=uplink)`.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bridge.errors import FrameTooBig, FramingError, LinkError, TruncatedFrame
from bridge.link.delays import Delays
from bridge.link.silence import Silence
from bridge.link.sockets import acknowledged, broken, configure, finish_sending, how_it_ended
from bridge.link.states import TRANSITIONS, LinkState, LinkStatus, Now, sentence
from bridge.link.turns import Turn
from bridge.tally import Tally, shorten

__all__ = ["TRANSITIONS", "Link", "LinkOptions", "LinkState", "LinkStatus", "Outgoing"]

log = logging.getLogger("bridge.link")

READ_SIZE = 256 * 1024  # one read is one burst; measured: 41 M deliveries/s at 16 KiB, 68 M at this
JOIN_SIZE = 256 * 1024  # what the writer joins into one sendall, so that an ack is not late by megabytes
STABLE = 5.0  # seconds a connection lasts before the delays start anew: a server that accepts and
# closes at once would otherwise be called five times a second for ever


class Outgoing(Protocol):
    """What the writer is fed from."""

    def take(self, at_most: int) -> Sequence[bytes]:
        """Framed messages, one or several a piece, of `at_most` bytes or one piece; waits. Empty: it is over."""

    def sent(self) -> None:
        """What was taken last was handed to the socket, whole."""

    def down(self, in_flight: bool) -> None:
        """The connection is over; with `in_flight`, what was taken last may not have arrived."""

    def over(self, acknowledged: int | None) -> None:
        """Nothing more happens on it. So many bytes of what was sent have arrived, if that is known."""


class Decoding(Protocol):
    """A decoder as framing.py makes them; see there."""

    skipped: list[FrameTooBig]

    def feed(self, data: bytes) -> list[bytes]: ...

    def eof(self) -> list[bytes]: ...


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """`server` for the log; `separate`: one send a message, `send_gap` seconds between (framing `none`);
    `idle_warn`, `idle_reconnect`: seconds until a server that says nothing is silent, and is left; 0: never."""

    server: str
    separate: bool = False
    send_gap: float = 0.01
    idle_warn: float = 0.0
    idle_reconnect: float = 0.0


class Link:
    """One link, made anew for ever until `close()`. Every method may be called from any thread."""

    def __init__(
        self,
        dial: Callable[[], socket.socket],
        decoder: Callable[[], Decoding],
        options: LinkOptions,
        tally: Tally,
    ) -> None:
        self._dial, self._decoder, self._options, self._tally = dial, decoder, options, tally
        self._now = Now(LinkState.CLOSED, "not started yet", time.time(), None)
        self._silence = Silence(options.idle_warn, options.idle_reconnect)
        self._sock: socket.socket | None = None
        self._cause: LinkError | None = None
        self._closing = threading.Event()
        self._over = threading.Event()

    @property
    def status(self) -> LinkStatus:
        """The state with its reason, the same for the log, the page and /bridge/status."""
        return self._now.status(time.monotonic(), self._silence.silent)

    def run(
        self,
        *,
        on_burst: Callable[[list[bytes]], None],
        on_state: Callable[[LinkStatus], None],
        outgoing: Outgoing,
        on_silence: Callable[[], None] = lambda: None,
    ) -> None:
        """Connect, read, and connect again, until `close()`. Blocks.

        `on_burst` gets the frames that one read completed; `on_state` every change of state, for
        CONNECTED before anything is read or written; `on_silence` is called when `status.silent` has changed.
        """
        self._on_burst, self._on_state, self._outgoing = on_burst, on_state, outgoing
        self._silence.run(partial(self._silence_changed, on_silence), self._too_silent)
        delays = Delays()
        while not self._closing.is_set():
            self._enter(LinkState.CONNECTING, self._now.reason if self._now.state is LinkState.WAITING else "")
            try:
                sock = self._dialled()
            except LinkError as error:
                self._tally.count("link_failures")
                self._pause(error, delays.next())
                continue
            if self._closing.is_set():  # it is too late to tell the server anything
                sock.close()
                break
            started = time.monotonic()
            cause = self._connection(sock)
            if time.monotonic() - started > STABLE:
                delays.reset()
            self._pause(cause, delays.next())
        if self._now.state is not LinkState.CLOSED:
            self._enter(LinkState.CLOSED, "the bridge is stopping")
        self._over.set()

    def leave(self, seconds: float) -> None:
        """End `run()` so that what was handed over arrives: the server is told that nothing more comes, and is read
        until it closes, too, or has had everything; for so many seconds at most. Then as `close()`.

        A connection that is closed while the server says something is reset, and what is under way to it is lost.
        """
        self._closing.set()
        sock = self._sock
        if sock is not None:
            self._cause = self._cause or LinkError("closed", "the bridge is stopping")
            finish_sending(sock, self._over, seconds)
        self.close()

    def close(self) -> None:
        """End the connection and `run()`. May be called twice."""
        self._closing.set()
        self.drop(LinkError("closed", "the bridge is stopping"))

    def drop(self, cause: LinkError) -> None:
        """Break the present connection, if there is one; it is made anew."""
        sock = self._sock
        if sock is not None:
            self._break(sock, cause)

    def _dialled(self) -> socket.socket:
        """A socket that is ready for use. Raises LinkError."""
        sock = self._dial()
        try:
            configure(sock)
        except OSError as error:  # some systems refuse options for a socket that was reset already
            sock.close()
            raise broken(error, self._options.server) from None
        return sock

    def _connection(self, sock: socket.socket) -> LinkError:
        """One connection from its first byte to its end; returns why it ended."""
        self._cause = None
        self._sock = sock
        self._tally.count("link_connects")
        self._enter(LinkState.CONNECTED, "")
        writer = threading.Thread(target=self._write, args=(sock,), name="bridge-writer", daemon=True)
        writer.start()
        if self._closing.is_set():  # close() may have come before there was a socket to break
            self._break(sock, LinkError("closed", "the bridge is stopping"))
        self._silence.begin()
        self._break(sock, self._read(sock))
        self._silence.end()
        self._sock = None
        self._outgoing.down(in_flight=False)
        writer.join()
        self._outgoing.over(acknowledged(sock))
        sock.close()
        self._tally.count("link_drops")
        assert self._cause is not None  # _break was given one
        return self._cause

    def _break(self, sock: socket.socket, cause: LinkError) -> None:
        """Say why and wake whoever waits on the socket. The first cause is the one that counts."""
        self._cause = self._cause or cause
        try:
            # A writer that waits for a full socket is woken by this and by nothing else.
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # already gone, which is what was wanted

    def _read(self, sock: socket.socket) -> LinkError:
        decoder, turn = self._decoder(), Turn()
        try:
            while data := turn.read(sock, READ_SIZE):
                self._silence.heard()
                self._tally.count("bytes_in", len(data))
                self._burst(decoder.feed(data))
                if decoder.skipped:
                    self._report_skipped(decoder)
                self._silence.listens()
            gone = how_it_ended(sock, self._options.server)
            self._burst(decoder.eof())
        except TruncatedFrame as error:
            self._burst(error.frames)
            self._tally.note("frames_truncated", "! %s", error.reason)
            return LinkError(gone.code, f"{gone.reason} inside a frame")
        except FramingError as error:
            self._burst(error.frames)
            self._tally.note("framing_errors", "! %s: %s; the link is made anew", error.code, error.reason)
            return LinkError(error.code, f"{self._options.server} sent what is no frame: {error.reason}")
        except OSError as error:
            return broken(error, self._options.server)
        return gone

    def _burst(self, frames: list[bytes]) -> None:
        if not frames:
            return
        self._tally.count("frames_in", len(frames))
        if log.isEnabledFor(logging.DEBUG):
            for frame in frames:
                log.debug("< %s", shorten(frame))
        self._on_burst(frames)

    def _report_skipped(self, decoder: Decoding) -> None:
        skipped, decoder.skipped = decoder.skipped, []
        for error in skipped:
            self._tally.note("frames_skipped", "! %s; it is skipped (--max-frame sets the limit)", error.reason)

    def _silence_changed(self, told: Callable[[], None]) -> None:
        if self._silence.silent:
            self._tally.count("link_silences")
            log.warning("= %s has said nothing for %g s", self._options.server, self._options.idle_warn)
        else:
            log.info("= %s speaks again", self._options.server)
        told()

    def _too_silent(self) -> None:
        seconds = self._options.idle_reconnect
        self.drop(LinkError("silent", f"{self._options.server} said nothing for {seconds:g} s"))

    def _write(self, sock: socket.socket) -> None:
        cause = LinkError("broken", f"sending to {self._options.server} failed")
        try:
            cause = self._send(sock) or cause
        finally:
            # However it ended, also by a bug: a link that seems up and never sends would be worse.
            self._outgoing.down(in_flight=True)
            self._break(sock, cause)

    def _send(self, sock: socket.socket) -> LinkError | None:
        """Send until the connection is over; why, if it was sending that failed."""
        separate = self._options.separate
        while frames := self._outgoing.take(1 if separate else JOIN_SIZE):
            data = b"".join(frames)
            try:
                sock.sendall(data)
            except OSError as error:
                return broken(error, self._options.server)
            self._tally.count("bytes_out", len(data))
            if log.isEnabledFor(logging.DEBUG):
                for frame in frames:
                    log.debug("> %s", shorten(frame))
            self._outgoing.sent()
            if separate and self._closing.wait(self._options.send_gap):
                break
        return None

    def _pause(self, error: LinkError, delay: float) -> None:
        """Wait for the next attempt, saying why and how long."""
        if self._closing.is_set():
            return
        self._enter(LinkState.WAITING, error.reason, time.monotonic() + delay)
        self._closing.wait(delay)

    def _enter(self, state: LinkState, reason: str, next_try: float | None = None) -> None:
        if state not in TRANSITIONS[self._now.state]:
            raise AssertionError(f"the link can't go from {self._now.state.value} to {state.value}")
        self._now = Now(state, reason, time.time(), next_try)
        status = self.status
        level = logging.WARNING if state is LinkState.WAITING else logging.INFO
        log.log(
            logging.DEBUG if state is LinkState.CONNECTING else level,
            "= %s",
            sentence(self._options.server, status),
        )
        self._on_state(status)
