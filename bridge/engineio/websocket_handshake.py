"""Answers a WebSocket's opening handshake (RFC 6455, section 4), and takes its socket away from eventlet.

Extensions are declined, permessage-deflate among them: frames so are the same bytes for every
client. Must not know Engine.IO.

Use: `reason = problem(environ)`; `sock, early = take_socket(environ)`; `sock.send(answer(environ))`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from eventlet import wsgi
from eventlet.patcher import original

__all__ = ["PENDING", "VERSION", "answer", "asks_for_websocket", "hears_close_frames", "problem", "take_socket"]

#: In the environ of a request that eventlet has not seen: the connection that has its socket, see acceptor.py.
PENDING = "bridge.pending_connection"

_socket: Any = original("socket")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
VERSION = "13"  # the one that is spoken here
_KEY_SIZE = 16


def asks_for_websocket(environ: Mapping[str, Any]) -> bool:
    """Whether the request is for an upgrade to WebSocket."""
    connection = environ.get("HTTP_CONNECTION", "").lower()
    asked = "upgrade" in (part.strip() for part in connection.split(","))
    return asked and environ.get("HTTP_UPGRADE", "").lower() == "websocket"


def problem(environ: Mapping[str, Any]) -> str:
    """Why this handshake can't be answered, or nothing."""
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != VERSION:
        return "Sec-WebSocket-Version is missing"
    try:
        key = base64.b64decode(environ.get("HTTP_SEC_WEBSOCKET_KEY", ""), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_SIZE:
        return "Sec-WebSocket-Key is missing or is not 16 bytes in base64"
    if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
        return "a WebSocket's request has no body"
    if PENDING not in environ and type(environ["eventlet.input"].get_socket().fd) is not _socket.socket:
        return "a WebSocket needs a plain TCP connection here; put TLS in front of the bridge"
    return ""


def hears_close_frames(environ: Mapping[str, Any]) -> bool:
    """Whether a close frame ends the connection for this client, as RFC 6455 has it.

    OkHttp, on which Java's Socket.IO client is, reads nothing more after one, the end of the stream neither, and waits
    for its program to answer it, which that client does not: it would come back only when its ping is overdue.
    """
    return not environ.get("HTTP_USER_AGENT", "").startswith("okhttp/")


def answer(environ: Mapping[str, Any]) -> bytes:
    """Make the head of 101 Switching Protocols."""
    digest = hashlib.sha1(environ["HTTP_SEC_WEBSOCKET_KEY"].encode() + _GUID, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def take_socket(environ: Mapping[str, Any]) -> tuple[Any, bytes]:
    """Take the request's socket away from eventlet; returns it and what was read beyond the request.

    eventlet is told that the request has been answered; the WSGI app returns [].
    """
    if PENDING in environ:
        return environ[PENDING].take(), b""
    request = environ["eventlet.input"]
    green = request.get_socket()
    family, kind, protocol = green.family, green.type, green.proto
    sock = _socket.socket(family, kind, protocol, fileno=green.fd.detach())
    sock.setblocking(False)
    wsgi.WSGI_LOCAL.already_handled = True
    try:
        early = request.rfile.peek()  # what is in its buffer; for more it would have to read, from a closed socket
    except (OSError, ValueError):
        early = b""
    return sock, early
