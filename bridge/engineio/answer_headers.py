"""Adds the headers that every answer has, whatever part of the bridge or of a user's files gives it.

What an answer says itself is kept. Must not know what is asked for.

Use: `app = with_headers(app)`, around the outermost WSGI app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["ALWAYS", "with_headers"]

#: A file is what its Content-Type says, and other sites are not told addresses of pages.
ALWAYS = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin")]
#: A year, for who has come by TLS (RFC 6797); not for sub-domains, which may be others'.
_TLS = [("Strict-Transport-Security", "max-age=31536000")]

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_headers(app: _Wsgi) -> _Wsgi:
    """Wrap a WSGI app. What tells TLS is `wsgi.url_scheme`, when the answer begins."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            said = {name.lower() for name, _ in headers}
            wanted = ALWAYS + _TLS if environ["wsgi.url_scheme"] == "https" else ALWAYS
            more = [each for each in wanted if each[0].lower() not in said]
            return start_response(status, [*headers, *more], *exc_info)

        return app(environ, start)

    return wrapped
