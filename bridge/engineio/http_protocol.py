"""Reads one connection's HTTP requests for eventlet's WSGI server; bad ones are answered in words, and counted.

Heads are parsed by request_head.py, so that there is one reading of them. Must not know what is asked for.

Use: `eventlet.wsgi.server(sock, app, protocol=protocol(counters))`, where each connection that `sock` accepts is a
`GuardedSocket`, as acceptor.py gives them: none takes for ever then, however it drips.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from http import HTTPStatus
from typing import Any

import eventlet
import eventlet.wsgi
from eventlet.greenio import GreenSocket

from bridge.counters import Counters, shorten
from bridge.engineio.answer_headers import ALWAYS
from bridge.engineio.http_exchange import CONNECTION
from bridge.engineio.request_body import RequestBody
from bridge.engineio.request_head import LONGEST_LINE, HeadError, RequestHead, collect, read_head

__all__ = ["GuardedSocket", "protocol"]

#: Seconds in which a client that is refused can read why: what it still sends would else reset its connection.
LINGER = 1.0
LINGERED = 1024 * 1024  # bytes of that
#: Seconds for one that sends a body which is not wanted: most read no answer before they have sent all of it.
BODY_LINGER = 30.0
PIECE = 65536  # bytes that have to come in a second of it
TURN = 256 * 1024  # bytes of a body; then others have their turn
SLOWEST = 1024  # bytes a second, over the time that was allowed to begin with

_TOO_LARGE = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG)
_ALWAYS = "".join(f"{name}: {value}\r\n" for name, value in ALWAYS)


class GuardedSocket(GreenSocket):  # type: ignore[misc]
    """`settimeout` allows so many seconds of waiting anew; what is received meanwhile takes some off again.

    A time limit on each read, as eventlet has it, lets a client that sends a byte now and then keep its connection for
    days, and so as many as are served at a time. eventlet calls `settimeout(75)` before a request, `settimeout(30)`
    after its first line. What passes while nobody reads, as during a poll, is not counted.
    """

    def __init__(self, sock: Any) -> None:
        self._waited = 0.0
        self._unshared = 0  # bytes since others had their turn
        self._allowed: float | None = None
        super().__init__(sock)

    def settimeout(self, howlong: float | None) -> None:
        """Set the time as a socket does, and begin to count it anew."""
        self._waited, self._allowed = 0.0, howlong
        super().settimeout(howlong)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive as a socket does. Raises TimeoutError if it all takes too long."""
        began = time.monotonic()
        received: int = super().recv_into(buffer, nbytes, flags)
        # Who was quick has nothing saved up: a megabyte at once would else buy a quarter of an hour.
        self._waited = max(0.0, self._waited + time.monotonic() - began - received / SLOWEST)
        if self._allowed is not None and self._waited > self._allowed:
            raise TimeoutError("too slow")
        self._unshared += received
        if self._unshared > TURN:  # who sends as fast as it is read would else never let anybody in
            self._unshared = 0
            eventlet.sleep(0)
        return received


class _Protocol(eventlet.wsgi.HttpProtocol):  # type: ignore[misc]
    counters: Counters
    head: RequestHead
    environ: dict[str, Any]
    command: str
    path: str
    request_version: str
    headers: Any
    rfile: Any
    close_connection: int
    log: Any
    sessions = 0  # that were begun on it, see http_exchange.CONNECTION

    def setup(self) -> None:
        """Begin with a connection."""
        super().setup()
        self.server.log = self.log

    def _read_request_line(self) -> Any:
        line = super()._read_request_line()
        if line == b"\r\n":  # one before a request is nothing (RFC 9112, section 2.2)
            line = super()._read_request_line()
        if len(line) < LONGEST_LINE:
            return line
        reason = f"the request's first line is over {LONGEST_LINE} bytes"
        self._refuse(HeadError(HTTPStatus.REQUEST_URI_TOO_LONG, reason))
        return ""

    def parse_request(self) -> bool:
        """Read the head; returns whether it could be read, else it has been answered."""
        try:
            self.head = head = read_head(collect(self.raw_requestline, self.rfile.fp.readline))
        except HeadError as error:
            self._refuse(error)
            return False
        self.command, self.path, self.request_version = head.method, head.target, head.version
        self.headers = head
        self.close_connection = not head.keeps_open
        return True

    def get_environ(self) -> dict[str, Any]:
        """Make the environ of PEP 3333, and of what eventlet has in it."""
        environ: dict[str, Any] = {**self.server.get_environ(), **self.head.environ}
        name, port = eventlet.wsgi.addr_to_host_port(self.request.getsockname())
        client, client_port = eventlet.wsgi.addr_to_host_port(self.client_address)
        environ |= {
            "RAW_PATH_INFO": self.path.partition("?")[0], "SERVER_PROTOCOL": "HTTP/1.0", "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_NAME": name, "SERVER_PORT": str(port), "REMOTE_ADDR": client, "REMOTE_PORT": str(client_port),
        }  # fmt: skip
        body = RequestBody(self.head, self.rfile, self.connection, self.wfile, self._broken)
        environ |= {"eventlet.input": body, "wsgi.input": body.stream(), "eventlet.posthooks": [], CONNECTION: self}
        if self.head.is_chunked:
            environ["wsgi.input_terminated"] = True  # so that Flask reads it without a length
        return environ

    def handle_one_response(self) -> None:
        """Answer, and let a client that is still sending a body that is not wanted read why."""
        super().handle_one_response()
        body: RequestBody = self.environ["eventlet.input"]
        if self.close_connection and body.coming and not eventlet.wsgi.WSGI_LOCAL.already_handled:
            with contextlib.suppress(OSError):
                self._linger(body.coming, BODY_LINGER)

    def _broken(self, reason: str) -> None:
        self.close_connection = 1
        self._bad(f"the body: {reason}")

    def _bad(self, reason: str) -> None:
        client = self.client_address[0]
        self.counters.note("bad_requests", "! a request from %s could not be read: %s", client, shorten(reason, 200))

    def _refuse(self, error: HeadError) -> None:
        """Answer in words, and close the connection: where the next request begins is not known."""
        status, reason, client = error.status, error.reason, self.client_address[0]
        if status in _TOO_LARGE:
            self.counters.note("requests_too_large", "! a request from %s was answered %d: %s", client, status, reason)
        else:
            self._bad(reason)
        body = f"{reason[0].upper()}{reason[1:]}.\n".encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n{_ALWAYS}\r\n"
        )
        self.close_connection = 1
        with contextlib.suppress(OSError):
            self.wfile.write(head.encode() + body)
            self._linger(LINGERED, LINGER)

    def _linger(self, most: int, seconds: float) -> None:
        """Read on and throw away: what still comes would reset the connection, and the answer could not be read. A
        client that needs more than a second for a piece is not waited for."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        ends = time.monotonic() + seconds
        while most > 0 and time.monotonic() < ends and self._passes_over(PIECE):
            most -= PIECE
            eventlet.sleep(0)

    def _passes_over(self, size: int) -> bool:
        """Whether so many bytes came within a second."""
        with eventlet.Timeout(LINGER, False):
            while size and (data := self.connection.recv(size)):
                size -= len(data)
        return not size


class _FailedAnswers(eventlet.wsgi.LoggerNull):  # type: ignore[misc]
    """Of all that eventlet's server would log, the exceptions of an app, as of a route that yields its answer."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def info(self, text: str, *args: object) -> None:
        """Log the exception that is being handled, unless it is that a client has gone or does not read."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            self._counters.fail("route_errors", "! an answer broke off")


def protocol(counters: Counters) -> type:
    """Make the class of requests that one server reads."""
    return type("Protocol", (_Protocol,), {"counters": counters, "log": _FailedAnswers(counters)})
