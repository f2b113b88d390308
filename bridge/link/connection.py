"""Hold the one TCP connection to the server: connect, run its reader and its one writer, reconnect.

Must not know what frames mean, nor who waits for them: it is given what to call. It runs on
plain threads as well as on eventlet's green ones.

The reader is the thread that calls `run()`. The writer is a thread that lives as long as one
connection, so that no frame of an old connection can reach a new one.

Use: `Connection(dialer.dial, decoder, options, counters, outgoing=queue, on_burst=…, on_state=…).run()`.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from bridge.counters import Counters
from bridge.errors import LinkError
from bridge.link import sockets
from bridge.link.backoff import LAST_DELAY, Backoff
from bridge.link.exposure import Exposure
from bridge.link.first_exchange import FirstWords, FirstWordsOptions
from bridge.link.framing.interface import Decoder
from bridge.link.hint import DEFAULT_READING, Reading
from bridge.link.hint_tracker import HintTracker
from bridge.link.outgoing.queue import OutgoingQueue
from bridge.link.peer_health import PeerHealthCheck
from bridge.link.reader import Reader
from bridge.link.silence import Silence
from bridge.link.state_machine import StateMachine
from bridge.link.states import LinkEvent, LinkState, LinkStatus, stalled_for
from bridge.link.tls_probe import probe
from bridge.link.writer import Writer
from bridge.link.writer_watch import EACH, WriterWatch
from bridge.timer import Timer

__all__ = ["Connection", "LinkOptions", "LinkState", "LinkStatus"]

T = TypeVar("T")

log = logging.getLogger("bridge.link")

BY_SERVER = ("eof", "reset")  # the codes of a connection that the server has closed
LAST_FATES = 0.5  # seconds for telling the last outcomes, when the link has ended for good
STABLE = 5.0  # seconds that a connection has to last before the delays start again from the shortest: a server
# that accepts and closes at once would otherwise be called five times a second for ever


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """The settings of the link.

    `server`: its name for the log; `separate`: one send for each message, `send_gap` seconds between (framing `none`);
    `idle_warn`, `idle_reconnect`: seconds until an idle server is shown as silent, and reconnected; 0: never;
    `reading`: the settings by which bytes are read; `own`: where the bridge itself listens; `retry_max`: the most
    seconds between two attempts to connect.
    """

    server: str
    separate: bool = False
    send_gap: float = 0.01
    idle_warn: float = 0.0
    idle_reconnect: float = 0.0
    reading: Reading = DEFAULT_READING
    own: tuple[str, int] | None = None
    retry_max: float = LAST_DELAY


class Connection:
    """One link, reconnected for ever until `close()`. Every method may be called from any thread.

    `on_burst`: gets the frames that one read completed; `on_state`: gets every change of state, CONNECTED before
    anything is read or written except what `opening` exchanges; `on_change`: called when the status has changed
    otherwise: the server is silent or not, reads or not, another hint, an earlier attempt.
    """

    def __init__(
        self,
        dial: Callable[[], socket.socket],
        decoder: Callable[[], Decoder],
        options: LinkOptions,
        counters: Counters,
        *,
        outgoing: OutgoingQueue,
        on_burst: Callable[[list[bytes]], None],
        on_state: Callable[[LinkStatus], None],
        on_change: Callable[[], None] = lambda: None,
        opening: FirstWordsOptions | None = None,
    ) -> None:
        self._dial, self._options, self._counters = dial, options, counters
        self._outgoing, self._on_change = outgoing, on_change
        self._machine = StateMachine(
            options.server, lambda: self.status, on_state=on_state, on_change=on_change, counters=counters
        )
        self._first = FirstWords(opening, on_burst)
        self._silence = Silence(
            options.idle_warn, options.idle_reconnect, on_change=self._silence_changed, on_limit=self._too_silent
        )
        self._peer = PeerHealthCheck(self._gone, self._stall_changed)
        self._telling = Timer(on_change, "bridge-telling")  # on_change may wait, and the watch must not
        self._hints = HintTracker(options.reading, counters, on_change, partial(probe, dial))
        self._writer_watch = WriterWatch(self._writer_stuck, max(EACH, options.send_gap * options.separate))
        self._reader = Reader(
            options.server, decoder, on_burst if opening is None else self._first.take,
            silence=self._silence, hints=self._hints, counters=counters,
        )  # fmt: skip
        self._exposure = Exposure()
        self._sock: socket.socket | None = None
        self._cause: LinkError | None = None
        self._closing = threading.Event()
        self._over = threading.Event()

    @property
    def status(self) -> LinkStatus:
        """The state with its reason, as for the log, the page and /bridge/status."""
        silent, hint, stalled = self._silence.silent, self._hints.hint, self._peer.stalled
        return self._machine.now.status(time.monotonic(), silent, hint, stalled)

    def run(self) -> None:
        """Connect, read, and connect again, until `close()`. Blocks."""
        delays = Backoff(self._options.retry_max)
        while not self._closing.is_set():
            self._machine.dial()
            try:
                sock = self._guarded(self._dialled)
            except LinkError as error:
                self._pause(error, delays)
                continue
            if self._closing.is_set():  # it is too late to tell the server anything
                sock.close()
                break
            started = time.monotonic()
            cause = self._connection(sock)
            if time.monotonic() - started > STABLE:
                delays.reset()
            self._pause(cause, delays)
        self._machine.end()
        self._over.set()

    def leave(self, seconds: float) -> None:
        """End `run()` so that what was handed over arrives, and then as `close()` does.

        The server is told that nothing more comes, and is read until it closes too, or its machine has acknowledged
        everything; `seconds` at most. If a connection is closed while the server sends, it is reset, and what is under
        way to the server is lost.
        """
        self._closing.set()
        sock = self._sock
        if sock is not None and not self._first.talking:
            sockets.finish_sending(sock, self._over, seconds)
        self.close()
        self._over.wait(LAST_FATES)

    def close(self) -> None:
        """End the connection and `run()`. May be called twice."""
        self._closing.set()
        self.drop(LinkError("closed", "the bridge is stopping"))

    def drop(self, cause: LinkError) -> None:
        """Break the present connection, if there is one; the link reconnects."""
        sock = self._sock
        if sock is not None:
            self._break(sock, cause)

    def _dialled(self) -> socket.socket:
        """Return a connected and configured socket. Raises LinkError."""
        sock = self._dial()
        if self._options.own is not None and sockets.is_own(sock, self._options.own):
            sock.close()
            self._hints.itself()
            raise LinkError("itself", f"{self._options.server} is this bridge itself")
        try:
            sockets.configure(sock)
        except OSError as error:  # some systems refuse options for a socket that was reset already
            sock.close()
            raise self._broken(error) from None
        self._exposure.look(sock)
        return sock

    def _connection(self, sock: socket.socket) -> LinkError:
        """Run one connection from its first byte to its end. Return why it ended."""
        self._cause = None
        self._sock = sock
        self._hints.begin()
        if not self._first.needed:
            self._connected()
        writer = Writer(
            sock,
            self._outgoing,
            self._counters,
            pause=partial(self._closing.wait, self._options.send_gap) if self._options.separate else None,
            broken=self._broken,
            on_end=partial(self._sent_all, sock),
            on_first=self._hints.first_sent,
        )
        writer.start(self._first.begin(writer.hand, self._connected))
        if self._closing.is_set():  # close() may have come before there was a socket to break
            self._break(sock, LinkError("closed", "the bridge is stopping"))
        self._silence.begin()
        self._peer.begin(partial(sockets.vitals_of, sock))
        self._writer_watch.begin(partial(self._progress_of, sock))
        self._break(sock, self._read(sock))
        assert self._cause is not None  # it was just given one
        self._silence.end()
        self._peer.end()
        self._writer_watch.end()
        by_server = not self._closing.is_set() and self._cause.code in BY_SERVER
        self._hints.ended(by_server, sockets.unanswered_for(sock, self._hints.heard))
        self._sock = None
        self._first.close()  # first, so that a connection which does not count as connected yet never will
        self._outgoing.down(in_flight=False)
        writer.join()
        acked = sockets.acknowledged(sock)
        self._outgoing.over(None if acked is None else acked - self._first.size)
        sock.close()
        if not self._closing.is_set():
            self._hints.between()
        return self._cause

    def _connected(self) -> None:
        """Enter CONNECTED: anything may be sent now."""
        self._machine.happened(LinkEvent.OPEN)

    def _break(self, sock: socket.socket, cause: LinkError) -> None:
        """Note why the connection ends, and wake both threads. The first cause counts."""
        self._cause = self._cause or cause
        sockets.shut_down(sock)

    def _read(self, sock: socket.socket) -> LinkError:
        try:
            return self._guarded(partial(self._reader.read, sock))
        except OSError as error:
            return self._broken(error)
        except LinkError as error:
            return error

    def _guarded(self, call: Callable[[], T]) -> T:
        """Call this. A time-out that a handler began in this thread and did not cancel becomes a LinkError."""
        try:
            return call()
        except Exception:
            raise  # a bug, or what the caller knows of
        except BaseException as error:
            words = f"{error!r} reached the link: a time-out that a handler began and did not cancel"
            self._counters.note("handler_errors", "! %s; the link is made anew", words)
            raise LinkError("broken", words) from None

    def _sent_all(self, sock: socket.socket, cause: LinkError | None) -> None:
        self._break(sock, cause or LinkError("broken", f"sending to {self._options.server} failed"))

    def _silence_changed(self) -> None:
        if self._silence.silent:
            self._counters.count("link_silences")
            log.warning("= %s has said nothing for %g s", self._options.server, self._options.idle_warn)
            if not self._peer.stalled:  # otherwise it is known why it does not answer
                self._hints.silent(time.monotonic() - self._options.idle_warn)
        else:
            log.info("= %s speaks again", self._options.server)
            self._hints.speaks()
        self._on_change()

    def _too_silent(self) -> None:
        seconds = self._options.idle_reconnect
        self.drop(LinkError("silent", f"{self._options.server} said nothing for {seconds:g} s"))

    def _gone(self, why: str) -> None:
        self.drop(LinkError("dead", f"{self._options.server} no longer answers: {why}"))

    def _stall_changed(self, begins: bool) -> None:
        if begins:
            self._counters.count("link_stalls")
        if self._peer.stalled:
            log.warning("= %s: %s", self._options.server, stalled_for(self._peer.stalled))
        else:
            log.info("= %s reads again", self._options.server)
        self._telling.set(time.monotonic())

    def _broken(self, error: OSError) -> LinkError:
        return sockets.broken(error, self._options.server, self._peer.given_up())

    def _progress_of(self, sock: socket.socket) -> object | None:
        """Return how far the writer is, if something waits for it and the socket takes more; else None."""
        since, taken = self._outgoing.waits_since, sockets.takes(sock)
        return None if since is None or taken is None else (since, taken)

    def _writer_stuck(self, seconds: float) -> None:
        words = f"the bridge's own writer did not run for {seconds:g} s, though {self._options.server} reads"
        self._counters.note("writer_stalls", "! %s; the link is made anew", words)
        self.drop(LinkError("stuck", words))

    def _pause(self, error: LinkError, delays: Backoff) -> None:
        """Wait for the next attempt, and tell why and how long."""
        if not self._closing.is_set():
            with suppress(LinkError):  # the attempt comes sooner then
                self._guarded(partial(self._machine.pause, error, delays, self._closing, self._waited_for))

    def _waited_for(self) -> bool:
        return bool(self._outgoing.held or self._outgoing.waiting)
