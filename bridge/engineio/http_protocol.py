"""Reads one connection's HTTP requests for eventlet's WSGI server; bad ones are answered in words, and counted.

Where a body ends is said by one Content-Length or one `Transfer-Encoding: chunked`, and by nothing else, so that a
server in front can't take a different part of it for the next request. Must not know what is asked for.

Use: `eventlet.wsgi.server(sock, app, protocol=protocol(counters))`, where each connection that `sock` accepts is a
`GuardedSocket`, as acceptor.py gives them: none takes for ever then, however it drips.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from http import HTTPStatus
from typing import Any

import eventlet
import eventlet.wsgi
from eventlet.greenio import GreenSocket

from bridge.counters import Counters, shorten
from bridge.engineio.chunked_body import ChunkedInput

__all__ = ["GuardedSocket", "protocol"]

LONGEST_HEADER = 8192  # bytes of one header's line
LONGEST_HEAD = 64 * 1024  # of all of them
MOST_LINES = 100  # the empty one included, as Python's http.client has it
#: Seconds in which a client that is refused can read why: what it still sends would else reset its connection.
LINGER = 1.0
LINGERED = 1024 * 1024  # bytes of that
SLOWEST = 1024  # bytes a second, over the time that was allowed to begin with

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_ODD = re.compile(rb"\r(?!\n)|\0")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


class GuardedSocket(GreenSocket):  # type: ignore[misc]
    """`settimeout` allows so many seconds of waiting anew; what is received meanwhile takes some off again.

    A time limit on each read, as eventlet has it, lets a client that sends a byte now and then keep its connection for
    days, and so as many as are served at a time. eventlet calls `settimeout(75)` before a request, `settimeout(30)`
    after its first line. What passes while nobody reads, as during a poll, is not counted.
    """

    def __init__(self, sock: Any) -> None:
        self._waited = 0.0
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
        return received


class _TooLarge(Exception):
    """A part of the head is over its limit."""


class _Head:
    """What the headers are read from. `odd`: whether there is in one of them what others take for the end of its line,
    as Python's parser of headers does, or for that of a text."""

    def __init__(self, file: Any) -> None:
        self._file, self._size, self._count = file, 0, 0
        self.odd = False

    def readline(self, size: int = -1) -> bytes:
        """Read a line. Raises _TooLarge."""
        line: bytes = self._file.readline(LONGEST_HEADER)
        name = line.partition(b":")[0]
        self.odd = self.odd or _ODD.search(line) is not None
        self._size += len(line)
        self._count += 1
        if len(line) >= LONGEST_HEADER:
            many = "; delete the cookies of this site in the browser" if name.lower() == b"cookie" else ""
            raise _TooLarge(f"the header {shorten(name.decode('latin-1'))} is over {LONGEST_HEADER} bytes{many}")
        if self._size > LONGEST_HEAD:
            raise _TooLarge(f"the headers are over {LONGEST_HEAD // 1024} KiB together")
        if self._count > MOST_LINES:
            raise _TooLarge(f"there are {MOST_LINES} headers or more")
        return line


class _Protocol(eventlet.wsgi.HttpProtocol):  # type: ignore[misc]
    counters: Counters
    rfile: Any
    close_connection: int

    def log_error(self, text: str, *args: object) -> None:
        """Count and log what Python's http.server has to say of junk."""
        self._bad(text % args)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Log nothing: eventlet's own log has the requests that could be read."""

    def _read_request_line(self) -> Any:
        line = super()._read_request_line()
        limit = self.server.url_length_limit
        if len(line) < limit:
            return line
        self._too_large(HTTPStatus.REQUEST_URI_TOO_LONG, f"the request's first line is over {limit} bytes")
        return ""

    def parse_request(self) -> bool:
        """Read the head; returns whether it could be read, else it has been answered."""
        self.rfile = head = _Head(self.rfile.fp)
        try:
            if not super().parse_request():
                return False
        except _TooLarge as error:
            self._too_large(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, str(error))
            return False
        problem = "a line of its head has a bare CR or a NUL in it" if head.odd else self._problem()
        if problem:
            self._bad(problem)
            self._refuse(HTTPStatus.BAD_REQUEST, problem)
        return not problem

    def get_environ(self) -> dict[str, Any]:
        """Make the environ, with a body that ends where it says so, also if it is in chunks."""
        environ: dict[str, Any] = super().get_environ()
        if environ["eventlet.input"].chunked_input:
            body = ChunkedInput(environ["eventlet.input"], self._broken)
            environ["eventlet.input"], environ["wsgi.input"] = body, body.stream()
            environ["wsgi.input_terminated"] = True  # so that Flask reads it without a length
        return environ

    def _problem(self) -> str:
        """Why it can't be told for sure what the headers are, or where the body ends."""
        fields = self.headers.items()
        if self.headers.defects or any(not _TOKEN.fullmatch(name) for name, _ in fields):
            return "a line of its head is no header"
        if any("\n" in value or "\r" in value for _, value in fields):
            return "a header goes on in a second line"
        lengths = self.headers.get_all("content-length", [])
        codings = self.headers.get_all("transfer-encoding", [])
        if lengths and codings:
            return "it has Content-Length and Transfer-Encoding"
        if len(lengths) > 1 or not all(_LENGTH.fullmatch(length.strip(" \t")) for length in lengths):
            return "its Content-Length is not one number"
        if codings and (
            self.request_version != "HTTP/1.1" or [one.strip(" \t").lower() for one in codings] != ["chunked"]
        ):
            return "its Transfer-Encoding is not chunked, by HTTP/1.1"
        return ""

    def _broken(self, reason: str) -> None:
        self.close_connection = 1
        self._bad(f"the body: {reason}")

    def _bad(self, reason: str) -> None:
        client = self.client_address[0]
        self.counters.note("bad_requests", "! a request from %s could not be read: %s", client, shorten(reason, 200))

    def _too_large(self, status: HTTPStatus, reason: str) -> None:
        client = self.client_address[0]
        self.counters.note("requests_too_large", "! a request from %s was answered %d: %s", client, status, reason)
        self._refuse(status, reason)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        body = f"{reason[0].upper()}{reason[1:]}.\n".encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.close_connection = 1
        with contextlib.suppress(OSError):
            self.wfile.write(head.encode() + body)
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            with eventlet.Timeout(LINGER, False):
                left = LINGERED
                while left > 0 and (data := self.connection.recv(65536)):
                    left -= len(data)


def protocol(counters: Counters) -> type:
    """Make the class of requests that one server reads."""
    return type("Protocol", (_Protocol,), {"counters": counters})
