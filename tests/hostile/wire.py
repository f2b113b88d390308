"""Send a hostile input over a socket, and see what comes of it.

Use: `perform(attempt, port, "h7")` -> an Outcome.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import struct
from collections.abc import Iterator

from tests.hostile.attempts import POLLED, Attempt, Outcome, Sender
from tests.viewer import masked

__all__ = ["NotLetIn", "perform"]

PATIENT = 10.0  # seconds until something is a wait for ever
LAST = 999_999  # the number of the event by which a client shows that it goes on
UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class NotLetIn(ConnectionError):
    """The sender has not become what it was to be, before it could send anything hostile."""


def perform(attempt: Attempt, port: int, name: str) -> Outcome:
    """Do it. `name`: what the sender registers as, if it does. Raises OSError if the bridge is not there."""
    if attempt.polls:
        return _polls(attempt, port, name)
    with socket.create_connection(("127.0.0.1", port), PATIENT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if attempt.sender is Sender.TCP:
            return _request(sock, attempt)
        return _frames(sock, attempt, name)


def _request(sock: socket.socket, attempt: Attempt) -> Outcome:
    outcome, heard = Outcome(), b""
    try:
        for piece in attempt.data:
            sock.sendall(piece)
        if attempt.leaves:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return outcome
        sock.shutdown(socket.SHUT_WR)
        while data := sock.recv(1 << 16):
            heard += data
        outcome.closed = True
    except TimeoutError:
        pass
    except OSError:
        outcome.closed = True  # without reading the rest
    outcome.statuses = [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", heard)]
    outcome.body = heard
    return outcome


def _frames(sock: socket.socket, attempt: Attempt, name: str) -> Outcome:
    sock.sendall(UPGRADE.format(port=sock.getpeername()[1]).encode())
    heard = _head(sock)
    frames = _read(sock, heard)
    if attempt.sender is not Sender.SOCKET:
        sock.sendall(masked(b"40"))
        _until(frames, b"40")
    if attempt.sender is Sender.CLIENT:
        sock.sendall(masked(b'421["register",' + json.dumps(name).encode() + b"]"))
        assert b'"ok":true' in _until(frames, b"431["), name
    outcome = Outcome()
    with contextlib.suppress(OSError):
        for piece in attempt.data:
            sock.sendall(piece)
        if attempt.leaves:
            return outcome
        if attempt.sender is not Sender.SOCKET:
            sock.sendall(masked(b'42%d["after"]' % LAST))
    _see(frames, outcome)
    return outcome


def _polls(attempt: Attempt, port: int, name: str) -> Outcome:
    """Do it in bodies of POSTs."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENT)
    outcome, path = Outcome(), "/socket.io/?EIO=4&transport=polling"

    def asked(method: str, body: bytes | None = None) -> bytes:
        connection.request(method, path, body)
        answer = connection.getresponse()
        outcome.statuses.append(answer.status)
        data = answer.read()
        outcome.body += b"x-content-type-options: nosniff " + data if answer.headers["X-Content-Type-Options"] else data
        return data

    try:
        path += "&sid=" + json.loads(asked("GET")[1:])["sid"]
        asked("POST", b"40")
        if attempt.sender is Sender.CLIENT:
            asked("POST", b'421["register",' + json.dumps(name).encode() + b"]")
        for body in (*attempt.data, b'42%d["after"]' % LAST):
            asked("POST", body)
        while {*outcome.statuses} == {200} and not outcome.alive:
            packets = asked("GET").split(b"\x1e")
            _see(((1, packet) for packet in packets), outcome)
    except (http.client.HTTPException, ConnectionError):
        outcome.closed = True
    finally:
        connection.close()
    outcome.closed = not outcome.alive
    outcome.code = POLLED if outcome.closed else None
    return outcome


def _see(frames: Iterator[tuple[int, bytes]], outcome: Outcome) -> None:
    """Take what comes until the last event was acked, or the connection has ended."""
    for opcode, data in frames:
        if opcode == 8:
            outcome.code = int.from_bytes(data[:2], "big") if len(data) > 1 else None
        elif found := re.match(rb"43(\d+)(?=\[)", data):
            outcome.acks[int(found[1])] = json.loads(data[found.end() :])[0]
        if LAST in outcome.acks:
            outcome.alive = True
            return
    outcome.closed = True


def _head(sock: socket.socket) -> bytes:
    """Read the answer to the handshake; what came behind it."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        data = sock.recv(1 << 16)
        if not data:
            raise NotLetIn(f"the bridge refused a WebSocket: {heard!r}")
        heard += data
    head, _, rest = heard.partition(b"\r\n\r\n")
    if b" 101 " not in head:
        raise NotLetIn(f"the bridge refused a WebSocket: {head!r}")
    return rest


def _until(frames: Iterator[tuple[int, bytes]], start: bytes) -> bytes:
    for _, data in frames:
        if data.startswith(start):
            return data
    raise NotLetIn(f"the bridge closed before {start!r}")


def _read(sock: socket.socket, heard: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the bridge's frames until it has closed. Raises TimeoutError if it does neither."""
    while True:
        while len(heard) > 1 and len(heard) >= (end := _end(heard)):
            size = heard[1] & 0x7F
            start = 2 + {126: 2, 127: 8}.get(size, 0)
            yield heard[0] & 0x0F, heard[start:end]
            heard = heard[end:]
        try:
            data = sock.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError:
            return
        if not data:
            return
        heard += data


def _end(heard: bytes) -> int:
    size = heard[1] & 0x7F
    if size < 126:
        return 2 + size
    width = 2 if size == 126 else 8
    return 2 + width + int.from_bytes(heard[2 : 2 + width], "big") if len(heard) >= 2 + width else 1 << 62
