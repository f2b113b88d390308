"""What a socket of the link is set to, and in words why it ended.

Must not know who reads or writes.

Use: `configure(sock)`; `raise broken(error, "localhost:8000")`; `how_it_ended(sock, server)` after an EOF.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios
import threading
import time

from bridge.errors import LinkError

__all__ = [
    "KEEPALIVE", "acknowledged", "broken", "configure", "finish_sending", "how_it_ended", "is_own",
    "unanswered_for",
]  # fmt: skip

KEEPALIVE = (  # a dead peer is found within 10 + 3 × 5 s
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 25_000),  # ms; keepalive is silent while data is unacknowledged
)

LOOK = 0.02  # seconds between two looks whether the other machine has had everything
LAST_WORDS = 0.25  # seconds that one which has had everything may take to close

_BYTES_ACKED = 120  # where tcpi_bytes_acked is in Linux's struct tcp_info; RFC 4898, tcpEStatsAppHCThruOctetsAcked

_LAST_DATA = 44  # where tcpi_last_data_sent is there; tcpi_last_data_recv is two after it, both in ms


def broken(error: OSError, server: str) -> LinkError:
    """Why a call failed."""
    if isinstance(error, ConnectionResetError):
        return LinkError("reset", f"{server} reset the connection")
    if isinstance(error, TimeoutError):
        return LinkError("dead", f"{server} no longer answers (found by TCP keepalive)")
    if isinstance(error, BrokenPipeError):
        return LinkError("eof", f"{server} closed the connection")
    return LinkError("broken", f"the connection to {server} broke: {error.strerror or error}")


def how_it_ended(sock: socket.socket, server: str) -> LinkError:
    """EOF or reset. A green socket's recv() says b"" for both, but only after a reset there is no peer any more."""
    try:
        sock.getpeername()
    except OSError:
        return LinkError("reset", f"{server} reset the connection")
    return LinkError("eof", f"{server} closed the connection")


def configure(sock: socket.socket) -> None:
    """No delay, and a dead peer is found. Raises OSError."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for level, name, value in KEEPALIVE:
        if hasattr(socket, name):  # they are Linux's; elsewhere keepalive has the system's times
            sock.setsockopt(level, getattr(socket, name), value)


def finish_sending(sock: socket.socket, over: threading.Event, seconds: float) -> None:
    """Tell the other side that nothing more comes, and wait, while somebody else reads, until the connection is
    `over` or the other machine has had everything; for so many seconds at most."""
    ends = time.monotonic() + seconds
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it has gone already
    while not over.wait(LOOK) and time.monotonic() < ends:
        if _unacknowledged(sock) == 0:
            ends = min(ends, time.monotonic() + LAST_WORDS)


def _unacknowledged(sock: socket.socket) -> int | None:
    """How many bytes the other machine has not acknowledged, the end included; None if nobody knows."""
    try:
        return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except (OSError, ValueError):  # ValueError: closed
        return None


def acknowledged(sock: socket.socket) -> int | None:
    """How many bytes the other machine has acknowledged, also after the connection's end; None if nobody knows."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
    except (OSError, AttributeError):  # AttributeError: not on Linux
        return None
    if len(info) < _BYTES_ACKED + 8:  # before Linux 4.1
        return None
    acked: int = struct.unpack_from("Q", info, _BYTES_ACKED)[0]
    return acked - 1  # the SYN counts as one; so does the FIN, if it came to that


def unanswered_for(sock: socket.socket) -> float | None:
    """Seconds since something was last sent, if nothing has come since, also after the connection's end; else None."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA + 12)
    except (OSError, AttributeError):
        return None
    if len(info) < _LAST_DATA + 12:
        return None
    sent, _, received = struct.unpack_from("III", info, _LAST_DATA)
    return sent / 1000 if sent <= received else None


def is_own(sock: socket.socket, own: tuple[str, int]) -> bool:
    """Whether this connection is to where the bridge itself listens: an address, or "" or "0.0.0.0" or "::" for all of
    this machine's, and a port."""
    try:
        host, port = sock.getpeername()[:2]
        here = sock.getsockname()[0]
    except OSError:
        return False
    if port != own[1]:
        return False
    return host == own[0] or (own[0] in ("", "0.0.0.0", "::") and host == here)
