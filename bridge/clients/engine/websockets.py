"""WebSockets that give Engine.IO nothing but its own packets.

python-engineio reads a packet outside of its `try`: what is none ends its handler with an HTTP 500
in the middle of the WebSocket, and the client stays connected until its ping is overdue. Here such
a WebSocket is at its end instead, as if the client had closed it. Must not know what packets mean.

Use: `eio._async = {**eio._async, "websocket": watched(eio._async["websocket"], note)}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["is_packet", "watched"]

# What a client sends: a Socket.IO packet in a message, or one of the short ones: close, ping, pong,
# upgrade, noop. Of anything else python-engineio parses as JSON what it then has no use for.
_PACKET = re.compile(r"4[0-6]|[12356](?:probe)?\Z")


def is_packet(data: object) -> bool:
    """Whether a WebSocket's message is one of Engine.IO 4. Binary ones are attachments."""
    return isinstance(data, bytes) or (isinstance(data, str) and _PACKET.match(data) is not None)


def watched(websocket: Callable[..., Any], note: Callable[[str], None]) -> Callable[..., Any]:
    """The class `websocket` (a handler and the server give a WSGI app), watched. `note` is told why one ends."""

    def build(handler: Callable[[Any], Any], server: Any) -> Any:
        return websocket(lambda socket: handler(_Watched(socket, note)), server)

    return build


class _Watched:
    """One WebSocket, as eventlet has them."""

    def __init__(self, socket: Any, note: Callable[[str], None]) -> None:
        self._inner, self._note = socket, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def wait(self) -> str | bytes | None:
        """The next message; None at the end."""
        try:
            data: str | bytes | None = self._inner.wait()
        except UnicodeDecodeError:  # eventlet has closed it, with 1011
            self._note("a WebSocket's text is not UTF-8")
            return None
        if data is None or is_packet(data):
            return data
        self._note(f"this is no Engine.IO packet: {data[:75]!r}")
        return None
