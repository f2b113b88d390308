"""The body of a request to eventlet's WSGI server: as long as its Content-Length says, or in chunks.

What the app has not read is passed over for the next request's sake, up to a limit. Must not know what is asked for.

Use: `body = RequestBody(head, rfile, sock, wfile, on_broken)`; `environ["wsgi.input"] = body.stream()`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import eventlet.wsgi

from bridge.engineio.chunked_body import OVERDUE, BrokenBody, ChunkedBody
from bridge.engineio.request_head import RequestHead

__all__ = ["RequestBody"]

DISCARDED = 64 * 1024  # bytes of a body that nobody has read; of more, the connection goes
LINGERED = 1024 * 1024  # bytes of one in chunks that is not wanted
CONTINUE = b"HTTP/1.1 100 Continue\r\n"


class RequestBody(eventlet.wsgi.Input):  # type: ignore[misc]
    """What eventlet has of the body. `broken` is called with the reason if the connection can't be used any more."""

    content_length: int | None
    position: int  # of what has been read, if it has a length
    is_hundred_continue_response_sent: bool

    def __init__(self, head: RequestHead, rfile: Any, sock: Any, wfile: Any, broken: Callable[[str], None]) -> None:
        chunked = head.is_chunked
        length = None if chunked else head.get("Content-Length") or "0"
        asks = (head.get("Expect") or "").lower() == "100-continue"
        super().__init__(rfile, length, sock, wfile if asks else None, CONTINUE if asks else None, chunked)
        self._tell, self._overdue = broken, False
        self._chunks = ChunkedBody(rfile, self._go_on, self._broken) if chunked else None

    def stream(self) -> Any:
        """Give the app a file to read it from."""
        return self if self._chunks is None else io.BufferedReader(self._chunks)

    @property
    def coming(self) -> int:
        """Bytes that the client may still be sending; how many a body in chunks has nobody knows."""
        if self._overdue or self.should_send_hundred_continue:
            return 0
        if self._chunks is not None:
            return 0 if self._chunks.ended else LINGERED
        return (self.content_length or 0) - self.position

    def discard(self, buffer_size: int = 16 << 10) -> None:
        """Read what the app has not."""
        if self._chunks is not None:
            self._chunks.discard(DISCARDED)
        elif self.coming > DISCARDED:
            self._broken("nobody wanted it, and it is long")
        else:
            super().discard(buffer_size)

    def _do_read(self, reader: Callable[[int], bytes], length: int | None = None) -> bytes:
        """Read of a body with a length. Raises BrokenBody if it does not come, which is no failure of who reads it."""
        try:
            data: bytes = super()._do_read(reader, length)
        except OSError:
            self._broken(OVERDUE)
            raise BrokenBody(OVERDUE) from None
        return data

    def _broken(self, reason: str) -> None:
        self._overdue = reason == OVERDUE
        self._tell(reason)

    def _go_on(self) -> None:
        """Tell a client that asked whether its body is wanted that it is."""
        if self.should_send_hundred_continue:
            self.send_hundred_continue_response()
            self.is_hundred_continue_response_sent = True
