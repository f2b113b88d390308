"""Accepts connections: serves WebSocket requests at once, and leaves the rest to eventlet's WSGI server.

A connection gets a green thread and buffers only when it sends something else than a plain request for a WebSocket; one
that says nothing costs a socket. Heads are parsed by request_head.py either way; what that refuses is left to
http_protocol.py too, which says what is wrong with it. Must not know Engine.IO.

Use: `acceptor = Acceptor(listener, poller, app, counters, stop); acceptor.open(); eventlet.wsgi.server(acceptor, app)`.
"""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Callable
from typing import Any

import eventlet
from eventlet.queue import LightQueue

from bridge.counters import Counters
from bridge.engineio.http_protocol import GuardedSocket
from bridge.engineio.poller import READ, Poller
from bridge.engineio.request_head import HeadError, read_head
from bridge.engineio.timeouts import TimeoutQueue, until_due
from bridge.engineio.websocket_handshake import PENDING, asks_for_websocket
from bridge.hub.vital_threads import VitalThread

__all__ = ["Acceptor", "websocket_request"]

LONGEST_HEAD = 8192  # bytes that are looked at
AT_ONCE = 64  # connections that are accepted in one turn
SILENCE = 30.0  # seconds that a connection may say nothing: browsers open some in advance
NO_FILES = 0.1  # seconds until the next try when there is no descriptor for a connection

_SHORTEST = 4  # bytes of a head that has an end
_WITH_BODY = frozenset(("CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT"))
_STATIC = {
    "SERVER_PROTOCOL": "HTTP/1.0",  # as eventlet has it
    "GATEWAY_INTERFACE": "CGI/1.1",
    "wsgi.errors": sys.stderr,
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.url_scheme": "http",
}


class Acceptor:
    """A listening socket to eventlet's WSGI server, which is given what is not served here."""

    def __init__(
        self,
        listener: Any,
        poller: Poller,
        app: Callable[..., Any],
        counters: Counters,
        on_failure: Callable[[], object],
    ) -> None:
        self.poller, self.app = poller, app
        self.silent: TimeoutQueue[_PendingConnection] = TimeoutQueue(SILENCE, _PendingConnection.expire)
        self._listener, self._counters, self._on_failure = listener, counters, on_failure
        self._left: LightQueue = LightQueue()  # bounded by the descriptors that a process may have
        host, port = listener.getsockname()[:2]
        self.environ = {**_STATIC, "SERVER_NAME": host, "SERVER_PORT": str(port)}

    def open(self) -> None:
        """Begin to accept connections."""
        self.poller.add(self._listener.fileno(), self, READ)
        VitalThread("clock of new connections", self._sweep, self._on_failure)

    def ready(self, events: int) -> None:
        """Accept the connections that wait, up to a limit; others then have their turn."""
        for _ in range(AT_ONCE):
            try:
                sock, address = self._listener.fd.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._out_of_files(error)
                return
            sock.setblocking(False)
            self.silent.add(_PendingConnection(self, sock, address))

    def failed(self) -> None:
        """Do nothing: there is no doing without the listening socket."""

    def failed_request(self) -> None:
        """Log that the app has raised an exception, not each time that it is asked for."""
        self._counters.say("a WebSocket request", "! a WebSocket request failed", traceback=True)

    def leave_to_eventlet(self, sock: Any, address: Any) -> None:
        """Queue a connection for eventlet that has no plain request for a WebSocket."""
        self._left.put((GuardedSocket(sock), address))

    # What eventlet.wsgi uses of a listening socket.

    def accept(self) -> tuple[Any, Any]:
        """Wait for the next connection that is left to eventlet; returns it and its address."""
        connection: tuple[Any, Any] = self._left.get()
        return connection

    @property
    def family(self) -> Any:
        """Of its address."""
        return self._listener.family

    def getsockname(self) -> Any:
        """Where it listens."""
        return self._listener.getsockname()

    def fileno(self) -> int:
        """The listening socket's."""
        return int(self._listener.fileno())

    def close(self) -> None:
        """Accept no more connections."""
        if self.fileno() >= 0:
            self.poller.remove(self.fileno())
            self._listener.close()

    def _out_of_files(self, error: OSError) -> None:
        """Accept nothing for a moment, as the listening socket stays readable."""
        if self.fileno() < 0:
            return
        self._counters.note("unaccepted", "! a connection could not be accepted: %s", error.strerror)
        fd = self.fileno()
        self.poller.change(fd, 0)
        eventlet.spawn_after(NO_FILES, self._accept_again, fd)

    def _accept_again(self, fd: int) -> None:
        if self.fileno() == fd:
            self.poller.change(fd, READ)

    def _sweep(self) -> None:
        while True:
            eventlet.sleep(until_due(self.silent))
            self.silent.run()


class _PendingConnection:
    """A connection that has not said yet what it wants."""

    __slots__ = ("__weakref__", "_acceptor", "_address", "sock")

    def __init__(self, acceptor: Acceptor, sock: Any, address: Any) -> None:
        self._acceptor, self.sock, self._address = acceptor, sock, address
        acceptor.poller.add(sock.fileno(), self, READ)

    def ready(self, events: int) -> None:
        """Serve the request that has come, or leave the connection to eventlet."""
        self._acceptor.silent.discard(self)
        self._acceptor.poller.remove(self.sock.fileno())
        try:
            head = self.sock.recv(LONGEST_HEAD, socket.MSG_PEEK)
        except OSError:
            head = b""
        request = websocket_request(head)
        if not head:
            self.sock.close()
        elif request is None:
            self._acceptor.leave_to_eventlet(self.sock, self._address)
        else:
            self._serve(*request)

    def failed(self) -> None:
        """Close the connection, unless somebody else has it by now."""
        if self.sock is not None:
            self.sock.close()

    def expire(self) -> None:
        """Close it, as it has been silent for too long."""
        self._acceptor.poller.remove(self.sock.fileno())
        self.sock.close()

    def _serve(self, size: int, environ: dict[str, Any]) -> None:
        self.sock.recv(size)
        environ.update(self._acceptor.environ)
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = self._address[0], str(self._address[1])
        environ["wsgi.input"] = io.BytesIO()
        environ[PENDING] = self
        answer = [b""]

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
            answer[0] = "\r\n".join([*lines, "", ""]).encode("latin-1")

        try:
            body = b"".join(self._acceptor.app(environ, start_response))
        except BaseException:  # of an app that may be a user's, and eventlet.Timeout is no Exception
            self._acceptor.failed_request()
            body = b""
        if self.sock is not None:  # it was not taken
            try:
                self.sock.send(answer[0] + body)
            except OSError:
                pass  # it has gone
            self.sock.close()

    def take(self) -> Any:
        """Give the socket away, which from now on is somebody else's."""
        sock, self.sock = self.sock, None
        return sock


def websocket_request(data: bytes) -> tuple[int, dict[str, Any]] | None:
    """Parse a plain request for a WebSocket: its size in bytes and its part of a WSGI environ; None for any other."""
    end = data.find(b"\r\n\r\n") + 4
    if end < _SHORTEST or not data.startswith(b"GET /socket.io/?"):
        return None
    try:
        head = read_head(data[:end])
    except HeadError:
        return None
    environ = head.environ
    plain = head.version == "HTTP/1.1" and _WITH_BODY.isdisjoint(environ) and "transport=websocket" in head.target
    return (end, environ) if plain and asks_for_websocket(environ) else None
