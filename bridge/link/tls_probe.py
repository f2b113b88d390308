"""Ask a server that closes every connection without a word whether it speaks TLS.

OpenSSL closes a connection that does not begin as TLS does without an alert, which might not be understood. Any answer
to a ClientHello, even a refusal, says that it is TLS. Must not know what follows from that.

Use: `answer = probe(dialer.dial)`, the first bytes of the answer, or b"".
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

from bridge.errors import LinkError
from bridge.link.sockets import shut_down
from bridge.timer import Timer

__all__ = ["probe"]

PATIENCE = 1.0  # seconds for an answer
_CIPHERS = (0xC02F, 0xC030, 0xC02B, 0x009C, 0x002F)
_ENOUGH = 64  # bytes of an answer


def probe(dial: Callable[[], socket.socket]) -> bytes:
    """Connect, send a ClientHello and return the first bytes of the answer. Takes as long as `dial`, and a second."""
    try:
        sock = dial()
    except LinkError:
        return b""
    timer = Timer(partial(shut_down, sock), "bridge-probe-ends")  # the link's sockets wait without a timeout
    timer.set(time.monotonic() + PATIENCE)
    try:
        sock.sendall(_client_hello())
        return sock.recv(_ENOUGH)
    except OSError:
        return b""
    finally:
        timer.off()
        sock.close()


def _client_hello() -> bytes:
    """Make a ClientHello of TLS 1.2 without extensions (RFC 5246, section 7.4.1.2)."""
    ciphers = struct.pack(f">{len(_CIPHERS)}H", *_CIPHERS)
    body = b"\x03\x03" + os.urandom(32) + b"\0" + struct.pack(">H", len(ciphers)) + ciphers + b"\1\0"
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message
