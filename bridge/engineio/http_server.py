"""Listens, and runs eventlet's own WSGI server on the listening socket.

Must not know the app. gunicorn no longer has an eventlet worker, so this is how it is served.

Use: `listener = listen("127.0.0.1", 8080); serve(listener, app, counters)`.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import ipaddress
import logging
import os
import resource
import socket
from typing import Any

import eventlet
import eventlet.wsgi

from bridge.counters import Counters
from bridge.engineio.acceptor import Acceptor
from bridge.engineio.answer_headers import with_headers
from bridge.engineio.http_protocol import protocol
from bridge.engineio.server import EngineIOServer
from bridge.engineio.session_quota import USUAL
from bridge.errors import ServeError

__all__ = ["addresses", "is_open", "listen", "make_room", "serve"]

log = logging.getLogger("bridge.web")

BACKLOG = 1024  # eventlet's 50 is full when a few hundred pages come back after a restart
OTHER_FILES = 5_000  # besides those of clients: requests for pages, connections that say nothing yet, databases
COLLECT = (20_000, 20, 20)  # where many objects live, Python's own thresholds cost a quarter of all connects
SOCKET_TIMEOUT = 30.0  # seconds for the next bytes of a request or an answer; a poll that waits is not meant
# Eventlet's own is 1,024. More than there may be clients: if all of them poll, each holds one, and what they post and
# pages need some besides.
MAX_CONNECTIONS = 18_000


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 takes a free one. Raises ServeError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # reuse_port=False: else a port that another bridge has is bound without a word
        listener: socket.socket = eventlet.listen(address, family, backlog=BACKLOG, reuse_port=False)
    except OSError as error:
        raise ServeError(_why(error, host, port)) from None
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
    return listener


def make_room(clients: int = USUAL.clients) -> None:
    """Prepare the process for so many clients: with open files for them, if it may have as many, and a collector of
    garbage that does not look through what stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = clients + OTHER_FILES
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    _widen_table(wanted)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def _widen_table(files: int) -> None:
    """Give the kernel's table of open files its size now, 8 bytes for each. It doubles when it is full, and where there
    are several threads each time stops who opens a file for some 15 ms (synchronize_rcu in its expand_fdtable)."""
    lowest = os.open(os.devnull, os.O_RDONLY)
    try:
        os.close(fcntl.fcntl(lowest, fcntl.F_DUPFD_CLOEXEC, files - 1))
    except OSError:  # it may have fewer than it was told; then the table grows by and by
        log.debug("= the table of open files could not be widened", exc_info=True)
    finally:
        os.close(lowest)


def serve(listener: Any, app: Any, counters: Counters, server: EngineIOServer | None = None) -> None:
    """Serve until the calling green thread is killed. `server`: what is in the app, if it is ours; WebSocket requests
    then are served without eventlet's WSGI server, see acceptor.py."""
    app = with_headers(app)
    if server is not None:
        server.run()
        listener = Acceptor(listener, server.poller, app, counters, server.on_failure)
        listener.open()
    eventlet.wsgi.server(
        listener, app, protocol=protocol(counters), max_size=MAX_CONNECTIONS,
        log=log, log_output=False, debug=False, keepalive=75, socket_timeout=SOCKET_TIMEOUT,
    )  # fmt: skip


def addresses(host: str, port: int) -> list[str]:
    """The addresses to open in a browser, the nearest first."""
    if host in ("0.0.0.0", "::", ""):
        lan = _lan_address()
        return [f"http://localhost:{port}"] + ([f"http://{lan}:{port}"] if lan else [])
    if host in ("127.0.0.1", "::1", "localhost"):
        return [f"http://localhost:{port}"]
    return [f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"]


def is_open(listener: socket.socket) -> bool:
    """Tell whether other machines than this one can reach it, as far as no firewall stands in between."""
    host = ipaddress.ip_address(listener.getsockname()[0].partition("%")[0])
    return not (getattr(host, "ipv4_mapped", None) or host).is_loopback


def _lan_address() -> str | None:
    """This machine's address in its network. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737: any address outside will do
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another process; choose another with --port (0 takes a free one)"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights than this process has; choose one from 1024 up with --port"
    return f"can't listen on {host} port {port}: {error.strerror or error}; --host takes an address of this machine"
