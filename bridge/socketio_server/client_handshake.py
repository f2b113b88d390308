"""Show handlers the request and auth with which a client came, made only when they ask for it.

Only the few strings of the request are kept that python-socketio keeps anyway (environ_store.py). `flask.request` and
`flask.session` are there while a hook runs, and cost nothing until one of them is touched. Must not know users.

Use: `handshake = ClientHandshake(app, whole, auth)`; `handshake.headers["User-Agent"]`; `token = handshake.enter()`;
`handshake.leave(token)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import Token
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from flask import Flask
from flask.ctx import RequestContext
from flask.globals import _cv_request
from werkzeug.http import parse_cookie

__all__ = ["ClientHandshake", "Headers"]

_TRANSPORTS = frozenset(("EIO", "transport", "sid", "t", "b64"))  # Engine.IO's own part of a query


class Headers(Mapping[str, str]):
    """The headers of a request, by names in any case. Iteration gives names as browsers write them: `User-Agent`."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._values = {_name(key): str(value) for key, value in environ.items() if key.startswith("HTTP_")}

    def __getitem__(self, name: str) -> str:
        return self._values[name.title()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class ClientHandshake:
    """What one client came with: the request of its connection, and the auth of its CONNECT.

    `whole`: makes the WSGI environ of its first request; `auth`: the object in its CONNECT, without keys of recovery.
    """

    __slots__ = ("_app", "_whole", "auth")

    def __init__(self, app: Flask, whole: Callable[[], dict[str, Any]], auth: Mapping[str, Any]) -> None:
        self._app, self._whole, self.auth = app, whole, auth

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's."""
        return Headers(self._whole())

    @property
    def cookies(self) -> Mapping[str, str]:
        """The request's."""
        return dict(parse_cookie(self._whole()).items())

    @property
    def query(self) -> Mapping[str, str]:
        """The page's `query`; of a name with several values the first."""
        values = parse_qs(self._whole().get("QUERY_STRING", ""), keep_blank_values=True)
        return {name: value[0] for name, value in values.items() if name not in _TRANSPORTS}

    def enter(self) -> Token[RequestContext]:
        """Make flask.request and flask.session this client's, in this thread."""
        return _cv_request.set(_Context(self._app, self._whole))  # type: ignore[arg-type]

    def leave(self, token: Token[RequestContext]) -> None:
        """End what `enter` began."""
        _cv_request.reset(token)


class _Context:
    """Stands in for Flask's RequestContext, which it makes when it is needed."""

    def __init__(self, app: Flask, whole: Callable[[], dict[str, Any]]) -> None:
        self._app, self._whole = app, whole

    @cached_property
    def _made(self) -> RequestContext:
        return self._app.request_context(self._whole())

    @cached_property
    def session(self) -> Any:
        """The session as a route would see it. Nothing that is written there gets into a cookie."""
        interface = self._app.session_interface
        session = interface.open_session(self._app, self._made.request)
        return interface.make_null_session(self._app) if session is None else session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def _name(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").title()
