"""Configure the link's sockets, ask the kernel about them, and say in words why one ended.

Must not know who reads or writes.

Use: `configure(sock)`; `raise broken(error, "localhost:8000")`; `how_it_ended(sock, server)` after an EOF.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
import sys
import termios
import threading
import time

from bridge.errors import LinkError
from bridge.link.peer_health import Vitals

__all__ = [
    "KEEPALIVE", "acknowledged", "broken", "configure", "finish_sending", "how_it_ended", "is_own",
    "shut_down", "takes", "unanswered_for", "vitals_of",
]  # fmt: skip

KEEPALIVE = (  # a dead peer is found within 10 + 3 × 5 s; peer_health.py looks for it where keepalive is silent
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
)
_RTO_MAX_MS = 44  # TCP_RTO_MAX_MS, Linux 6.15; without it the kernel's probes come two minutes apart in the end
_LONGEST_RTO = 5_000  # ms; so four probes are unanswered within 25 s

LOOK = 0.02  # seconds between two looks at what the other machine has acknowledged
LAST_WORDS = 0.25  # seconds that the server may take to close once everything is acknowledged

# Offsets in Linux's struct tcp_info (include/uapi/linux/tcp.h).
_RETRANSMITS, _PROBES, _UNACKED = 2, 3, 24
_LAST_DATA_SENT, _LAST_DATA_RECV, _LAST_ACK_RECV = 44, 52, 56  # milliseconds since
_BYTES_ACKED = 120  # RFC 4898, tcpEStatsAppHCThruOctetsAcked
_NOTSENT_BYTES = 144
# Linux's SO_MEMINFO, since 4.12, and indices in it (include/uapi/linux/sock_diag.h).
_SO_MEMINFO = 55
_SNDBUF, _WMEM_QUEUED = 3, 5


def broken(error: OSError, server: str, given_up: str = "TCP gave up") -> LinkError:
    """Say why a call failed. `given_up`: why the kernel took the other machine for gone, if it did."""
    if isinstance(error, ConnectionResetError):
        return LinkError("reset", f"{server} reset the connection")
    if isinstance(error, TimeoutError):
        return LinkError("dead", f"{server} no longer answers: {given_up}")
    if isinstance(error, BrokenPipeError):
        return LinkError("eof", f"{server} closed the connection")
    return LinkError("broken", f"the connection to {server} broke: {error.strerror or error}")


def how_it_ended(sock: socket.socket, server: str) -> LinkError:
    """Say whether b"" from a green socket's recv() was an EOF or a reset: after a reset there is no peer any more."""
    try:
        sock.getpeername()
    except OSError:
        return LinkError("reset", f"{server} reset the connection")
    return LinkError("eof", f"{server} closed the connection")


def configure(sock: socket.socket) -> None:
    """Turn delays off, and keepalive on, so that a dead peer is found. Raises OSError."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for level, name, value in KEEPALIVE:
        if hasattr(socket, name):  # Linux has them; elsewhere keepalive has the system's times
            sock.setsockopt(level, getattr(socket, name), value)
    if sys.platform == "linux":
        _limit_backoff(sock)


def _limit_backoff(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.IPPROTO_TCP, _RTO_MAX_MS, _LONGEST_RTO)
    except OSError as error:
        if error.errno not in (errno.ENOPROTOOPT, errno.EINVAL):  # an older kernel
            raise


def finish_sending(sock: socket.socket, over: threading.Event, seconds: float) -> None:
    """Tell the other side that nothing more comes, and wait until the other machine has acknowledged everything.

    Another thread has to read meanwhile, and sets `over` when the connection ends. `seconds`: the longest wait.
    """
    ends = time.monotonic() + seconds
    shut_down(sock, socket.SHUT_WR)
    while not over.wait(LOOK) and time.monotonic() < ends:
        if _unacknowledged(sock) == 0:
            ends = min(ends, time.monotonic() + LAST_WORDS)


def shut_down(sock: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    """End the connection, if it has not ended already. In both directions, that wakes every thread that waits for it:
    nothing else wakes a writer that waits for a full socket."""
    try:
        sock.shutdown(how)
    except OSError:
        pass  # it has ended already


def _unacknowledged(sock: socket.socket) -> int | None:
    """Return how many bytes the other machine has not acknowledged, including the FIN; None if that is not known."""
    try:
        (left,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
    except (OSError, ValueError):  # ValueError: closed
        return None
    return int(left)


def acknowledged(sock: socket.socket) -> int | None:
    """Return how many bytes the other machine has acknowledged, also after the connection's end; None if not known."""
    info = _info(sock, _BYTES_ACKED + 8)
    if info is None:
        return None
    acked: int = struct.unpack_from("Q", info, _BYTES_ACKED)[0]
    return acked - 1  # the SYN counts as one byte; so does a FIN


def unanswered_for(sock: socket.socket, heard: bool) -> float | None:
    """Return the seconds since the last send if nothing has come since; else None. Works after the connection's end.

    `heard`: whether anything has come at all.
    """
    info = _info(sock, _LAST_DATA_RECV + 4)
    if info is None:
        return None
    sent, _, received = struct.unpack_from("III", info, _LAST_DATA_SENT)
    # A quick answer comes in the same tick of the kernel's clock; connecting counts as something received.
    return sent / 1000 if sent < received or not heard else None


def is_own(sock: socket.socket, own: tuple[str, int]) -> bool:
    """Tell whether this connection leads to the bridge itself.

    `own`: the host and port on which the bridge listens; "", "0.0.0.0" and "::" are all addresses of this machine.
    """
    try:
        host, port = sock.getpeername()[:2]
        here = sock.getsockname()[0]
    except OSError:
        return False
    if port != own[1]:
        return False
    everywhere = own[0] == "::" or (own[0] in ("", "0.0.0.0") and ":" not in host)
    return host == own[0] or (everywhere and host == here)


def vitals_of(sock: socket.socket) -> Vitals | None:
    """Ask the kernel what it knows of the other machine; None if it does not tell, or the socket is closed."""
    info = _info(sock, _NOTSENT_BYTES + 4)
    if info is None:
        return None
    (unacked,) = struct.unpack_from("I", info, _UNACKED)
    quiet = min(struct.unpack_from("I", info, where)[0] for where in (_LAST_DATA_RECV, _LAST_ACK_RECV))
    (acked,) = struct.unpack_from("Q", info, _BYTES_ACKED)
    (waiting,) = struct.unpack_from("I", info, _NOTSENT_BYTES)
    return Vitals(time.monotonic(), quiet / 1000, unacked, waiting, acked, info[_PROBES], info[_RETRANSMITS])


def takes(sock: socket.socket) -> int | None:
    """Return how many bytes the socket has taken so far; None if it is full or closed, or if that is not known."""
    try:
        memory = struct.unpack("9I", sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))
    except (OSError, struct.error):
        return None
    room = memory[_SNDBUF] - memory[_WMEM_QUEUED]
    acked, unacked = acknowledged(sock), _unacknowledged(sock)
    # The rule of the kernel's sk_stream_is_writeable(), and so of poll().
    return acked + unacked if room >= memory[_WMEM_QUEUED] // 2 and acked is not None and unacked is not None else None


def _info(sock: socket.socket, size: int) -> bytes | None:
    """Return the first `size` bytes of Linux's struct tcp_info; None if the kernel has fewer, and elsewhere."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    except (OSError, AttributeError):  # AttributeError: not on Linux
        return None
    return info if len(info) == size else None
