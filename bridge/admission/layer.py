"""Turns away, before anything else sees them, requests that are for another host, and changes from foreign pages.

It is around the whole app, so it is asked on every way to it: pages, static files, handlers' routes, polling, and
WebSockets whether eventlet has read their request or acceptor.py. Must not know what is behind it.

Use: `application = AdmissionLayer(inside, hosts=hosts, origins=origins, proxies=proxies, counters=counters)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bridge.admission.hosts import Hosts
from bridge.admission.origins import NOT_ACCEPTED, Origins, readable_by
from bridge.admission.proxies import IGNORED, Proxies
from bridge.counters import Counters

__all__ = ["AdmissionLayer", "Wsgi"]

_Environ = dict[str, Any]
_Start = Callable[..., Any]
_Headers = Iterable[tuple[str, str]]
Wsgi = Callable[[_Environ, _Start], Iterable[bytes]]

_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))  # RFC 9110, section 9.2.1
_CROSS_SITE = "another site's page has sent it, and its browser does not say which"


class AdmissionLayer:
    """The layer. `inside`: the app."""

    def __init__(self, inside: Wsgi, *, hosts: Hosts, origins: Origins, proxies: Proxies, counters: Counters) -> None:
        self._inside, self._hosts, self._origins, self._proxies = inside, hosts, origins, proxies
        self._counters = counters

    def __call__(self, environ: _Environ, start_response: _Start) -> Iterable[bytes]:
        """Answer a request (WSGI, PEP 3333)."""
        self._proxies.settle(environ)
        host = environ.get("HTTP_HOST")
        if host is not None and not self._hosts.allows(host):
            return _answer(start_response, "421 Misdirected Request", self._misdirected(host, environ))
        if environ["REQUEST_METHOD"] not in _SAFE and self._is_foreign(environ):
            return _answer(start_response, "403 Forbidden", *self._forbidden(environ))
        return self._inside(environ, start_response)

    def _misdirected(self, host: str, environ: _Environ) -> str:
        advice = self._hosts.refuse(host, environ.get(IGNORED))
        return "This bridge has no such name" + (f": if it should have, start it with {advice}." if advice else ".")

    def _is_foreign(self, environ: _Environ) -> bool:
        """Whether a page of another site has sent it, as far as browsers say so. Programs do not."""
        if origin := environ.get("HTTP_ORIGIN"):
            return not self._origins.allows(origin, environ)
        return environ.get("HTTP_SEC_FETCH_SITE", "").lower() == "cross-site" and not self._origins.everybody

    def _forbidden(self, environ: _Environ) -> tuple[str, _Headers]:
        origin = environ.get("HTTP_ORIGIN")
        if not origin:
            self._counters.note("origins_refused", "! a page may change nothing here: %s", _CROSS_SITE)
            return f"{NOT_ACCEPTED}: {_CROSS_SITE}", []
        advice = self._origins.refuse(origin, environ)
        return (f"{NOT_ACCEPTED}: {advice}", readable_by(origin)) if advice else (NOT_ACCEPTED, [])


def _answer(start_response: _Start, status: str, text: str, headers: _Headers = ()) -> list[bytes]:
    body = f"{text}\n".encode()
    start_response(
        status,
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), *headers],
    )
    return [body]
