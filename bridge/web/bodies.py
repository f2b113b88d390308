"""Bound what a route reads of a request, and say so in words.

A route that takes uploads sets a limit of its own: `request.max_content_length = 200 << 20`. Files of a form over
500 KiB are then on disk while it runs, and not in memory. Must not know the routes.

Use: `limit_bodies(app, 1 << 20)`.
"""

from __future__ import annotations

from typing import IO

from flask import Flask, Request, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

__all__ = ["limit_bodies"]


def limit_bodies(app: Flask, most: int) -> None:
    """Have the app's routes read so many bytes of a body at most; more is answered 413."""
    app.request_class = _Request
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = most
    app.register_error_handler(RequestEntityTooLarge, _too_large)


class _Request(Request):
    """One whose body in chunks is refused when it is over the limit. Werkzeug would give out its beginning as all."""

    @cached_property
    def stream(self) -> IO[bytes]:
        limit = self.max_content_length
        if limit is None or not self.environ.get("wsgi.input_terminated"):
            stream: IO[bytes] = super().stream
            return stream
        return _Bounded(self.environ["wsgi.input"], limit + 1, is_max=True)  # type: ignore[return-value]


class _Bounded(LimitedStream):
    """A stream of which nobody may come to the limit."""

    def readall(self) -> bytes:
        """Read to the end. Raises RequestEntityTooLarge."""
        data = super().readall()
        if self.is_exhausted:
            self.on_exhausted()
        return data


def _too_large(error: RequestEntityTooLarge) -> tuple[str, int, dict[str, str]]:
    many = f"The body of this request is over {request.max_content_length} bytes, or is a form of too many parts."
    text = f"{many} --max-body, or the route for itself, allows more.\n"
    return text, 413, {"Content-Type": "text/plain; charset=utf-8"}
