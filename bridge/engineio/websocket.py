"""Reads and writes one WebSocket whose socket was taken over from eventlet.

Nothing of eventlet's is left of it: no green thread, no buffers. Must not know what is in a
message, nor what a session is.

Use: `websocket = WebSocket(sock, poller, limit, unsent); websocket.owner = owner`; then `owner.received(…)` is called.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios
from typing import Any, Protocol

from bridge.delivery.client_port import NO_SOCKET, DirectWrite
from bridge.engineio.poller import READ, WRITE, Poller
from bridge.engineio.unfinished_input import LATE
from bridge.wire.websocket_frames import CLOSE, POLICY_VIOLATION, FrameReader, WebSocketError, close_frame

__all__ = ["Owner", "WebSocket"]

READ_SIZE = 64 * 1024  # bytes of one turn of one client; then others have theirs
FIRST_READ = 16 * 1024  # the first of them; it is all if there are many messages in it, each of which takes its time
MANY = 32
# The kernel takes 4 MiB for a peer that does not read, if it is let. Where it has no such option, the whole
# buffer is as small.
_UNSENT = (
    (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
    if hasattr(socket, "TCP_NOTSENT_LOWAT")
    else (socket.SOL_SOCKET, socket.SO_SNDBUF)
)
_RESET = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # what a peer left unread is not kept for it


class Owner(Protocol):
    """What reads and ends a WebSocket: a session, or an upgrade."""

    def received(self, websocket: WebSocket, messages: list[tuple[int, bytes]]) -> None:
        """Take messages that came, in order."""

    def unfinished(self, websocket: WebSocket, size: int, begins: bool) -> None:
        """So many bytes of a message are there whose rest has not come; `begins`: there was none of it before."""

    def whole(self, websocket: WebSocket) -> None:
        """There is no such message any more."""

    def writable(self) -> None:
        """Write, as it can be done again, after `want_write`."""

    def lost(self, websocket: WebSocket, error: str | None) -> None:
        """Give it up: the peer has gone, or sent what is no WebSocket's, which `error` says."""


class WebSocket:
    """One WebSocket. Set `owner` at once."""

    __slots__ = ("_events", "_kept", "_limit", "_paused", "_poller", "_reader", "_sock", "owner", "told")

    owner: Owner

    def __init__(self, sock: Any, poller: Poller, limit: int, unsent: int, told: bool = True) -> None:
        """`unsent`: bytes that the kernel may keep for the peer before they are on their way."""
        self._sock = sock  # a plain one that does not block; None once it is closed
        self._poller = poller
        self._limit = limit  # bytes of one message
        self.told = told  # whether the peer is told why it is refused
        self._reader: FrameReader | None = None  # while a frame has come in part
        self._events = READ  # what the poller waits for
        self._paused = False
        self._kept = 0  # bytes that the peer had not fetched at the end
        try:
            sock.setsockopt(*_UNSENT, unsent)
        except OSError:
            pass  # reset already, which reading tells
        poller.add(sock.fileno(), self, READ)

    def __str__(self) -> str:
        return str(self.owner)

    @property
    def is_open(self) -> bool:
        """Whether it has a socket still."""
        return self._sock is not None

    @property
    def direct_write(self) -> DirectWrite:
        """How an outbox writes to it directly, as long as it is open."""
        return NO_SOCKET if self._sock is None else (self._sock.send, self._sock.fileno())

    def send(self, parts: list[bytes | memoryview]) -> int:
        """Send; returns how many bytes the socket took."""
        try:
            sent: int = self._sock.send(parts[0]) if len(parts) == 1 else self._sock.sendmsg(parts)
        except (OSError, AttributeError):  # full; or broken or closed, which reading tells
            return 0
        return sent

    def refuse(self, status: int, reason: str) -> None:
        """Tell the peer why it is closed in a moment, by a close code of RFC 6455."""
        if self.told:
            self.send([close_frame(status, reason)])

    def ready(self, events: int) -> None:
        """Read, and have the owner write, as the poller says that it can be done."""
        if events & WRITE:
            self.owner.writable()
        if self._paused and events & READ:  # only now is it worth a system call
            self._change(self._events & ~READ)
        elif events & ~WRITE and self._sock is not None:
            self._read()

    def failed(self) -> None:
        """Close it and throw away what waits, as its owner has a bug."""
        if self._sock is not None:
            _throw_away(self._sock)
        try:
            self.owner.lost(self, None)
        finally:
            self.close()

    def pause(self) -> None:
        """Read no more, so that the peer has to wait."""
        self._paused = True

    def resume(self) -> None:
        """Read again. The rest of a message that is there in part has its full time anew, as it was we who waited."""
        self._paused = False
        if self._reader is not None:
            self.owner.unfinished(self, self._reader.size, True)
        self._change(self._events | READ)

    def want_write(self, wanted: bool) -> None:
        """Set whether the owner waits for it to be writable."""
        self._change(self._events | WRITE if wanted else self._events & ~WRITE)

    def feed(self, data: bytes) -> int:
        """Take bytes as if they had been read just now. Return how many messages were in them."""
        reader = self._reader or FrameReader(self._limit)
        try:
            messages = reader.feed(data)
        except WebSocketError as error:
            self.owner.received(self, error.messages)
            self.refuse(error.status, error.reason)
            self.owner.lost(self, error.reason)
            return MANY
        before, self._reader = self._reader, None if reader.idle else reader
        self.owner.received(self, messages)
        if self._reader is None:
            if before is not None:
                self.owner.whole(self)
        elif self._sock is not None:
            begins = any(opcode < CLOSE for opcode, _ in messages)  # only behind a whole one, or at first
            self.owner.unfinished(self, reader.size, begins)
        return len(messages)

    def overdue(self) -> None:
        """Give it up, as the rest of a message has not come in time; it is an unfinished_input.Holder."""
        if not self._paused:
            self.give_up(LATE)

    def give_up(self, reason: str, status: int = POLICY_VIOLATION) -> None:
        """Close it with this status, as it holds what it must not."""
        self.refuse(status, reason)
        self.owner.lost(self, reason)

    def end(self) -> None:
        """Say that nothing more comes; what the peer has still to say is read."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
            self._kept = _kept(self._sock)
        except (OSError, AttributeError):
            pass  # it has gone already

    def close(self, reset: bool = False) -> None:
        """Close it at once. May be called twice. What the peer has not fetched is thrown away with `reset`, and if
        it has fetched nothing since `end`: the kernel would keep it for minutes."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        if self._reader is not None:
            self.owner.whole(self)
        self._poller.remove(sock.fileno())
        if reset or 0 < self._kept <= _kept(sock):
            _throw_away(sock)
        sock.close()

    def _change(self, events: int) -> None:
        if events != self._events and self._sock is not None:
            self._events = events
            self._poller.change(self._sock.fileno(), events)

    def _read(self, size: int = FIRST_READ) -> None:
        try:
            data = self._sock.recv(size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.owner.lost(self, None)
        elif self.feed(data) < MANY and len(data) == FIRST_READ and self._sock is not None and not self._paused:
            self._read(READ_SIZE - FIRST_READ)


def _throw_away(sock: Any) -> None:
    """Have the kernel throw away what the peer has not fetched, as soon as it is closed."""
    try:
        sock.setsockopt(*_RESET)
    except OSError:
        pass  # it has gone already


def _kept(sock: Any) -> int:
    """Bytes that the kernel has for the peer; 0 where it does not tell."""
    try:
        return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0
