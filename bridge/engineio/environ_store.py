"""Keeps each client's request, its headers and where it came from, in little room.

python-socketio keeps the WSGI environ of every session for `request.headers`, cookies and the
session of Flask. Whole, it is three to six kilobytes and holds the connection's buffers alive.
Here it is two tuples, of which the first, and most of the second's items, are shared.

Use: `server.environ = EnvironStore()`; `server.environ[sid]["HTTP_USER_AGENT"]`.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from typing import Any

__all__ = ["EnvironStore"]

_Kept = tuple[tuple[str, ...], tuple[Any, ...]]

#: Not text, and the same for every request of a server.
_CONSTANT = ("flask.app", "wsgi.errors", "wsgi.version", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")
#: Of no use once the connection stands.
_GONE = frozenset((
    "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_CONNECTION", "HTTP_UPGRADE", "HTTP_SEC_WEBSOCKET_KEY",
    "HTTP_SEC_WEBSOCKET_VERSION", "HTTP_SEC_WEBSOCKET_EXTENSIONS", "REMOTE_PORT", "RAW_PATH_INFO",
))  # fmt: skip
_SHARED_LENGTH = 256  # longer values are seldom the same
_MOST_KEYS = 1024  # sets of headers that are remembered


class EnvironStore(MutableMapping[str, Any]):
    """Environs by sid. One that is asked for is made anew, and then kept, as it may be written to,
    until `pack` is called."""

    def __init__(self) -> None:
        self._constant: dict[str, Any] = {}
        self._kept: dict[str, _Kept] = {}
        self._asked_for: dict[str, dict[str, Any]] = {}  # the same, whole
        self._keys: dict[tuple[str, ...], tuple[str, ...]] = {}

    def of(self, sid: str) -> Callable[[], dict[str, Any]] | None:
        """What makes the environ of this session, also when that is over; None if it is not known."""
        kept = self._kept.get(sid)
        return None if kept is None else partial(self._whole, kept)

    def _whole(self, kept: _Kept) -> dict[str, Any]:
        return {**dict(zip(*kept, strict=True)), **self._constant, "wsgi.input": io.BytesIO()}

    def pack(self, sid: str) -> None:
        """Keep one that was asked for small again, unless something was added to it."""
        environ = self._asked_for.get(sid)
        if environ is None:
            return
        keys, values = self._kept[sid]
        if tuple(environ) == (*keys, *self._made()) and tuple(map(environ.get, keys)) == values:
            del self._asked_for[sid]
        elif all(isinstance(environ[key], str) for key in environ.keys() - {*self._made()}):
            self[sid] = environ

    def __setitem__(self, sid: str, environ: dict[str, Any]) -> None:
        self._constant = self._constant or {key: environ[key] for key in _CONSTANT if key in environ}
        kept = [(key, value) for key, value in environ.items() if isinstance(value, str) and key not in _GONE]
        keys = tuple(key for key, _ in kept)
        if len(self._keys) >= _MOST_KEYS:
            self._keys.clear()
        keys = self._keys.setdefault(keys, keys)
        values = tuple(sys.intern(value) if len(value) < _SHARED_LENGTH else value for _, value in kept)
        self._kept[sid] = (keys, values)
        self._asked_for.pop(sid, None)

    def __getitem__(self, sid: str) -> dict[str, Any]:
        environ = self._asked_for.get(sid)
        if environ is None:
            self._asked_for[sid] = environ = self._whole(self._kept[sid])
        return environ

    def __delitem__(self, sid: str) -> None:
        self._asked_for.pop(sid, None)
        del self._kept[sid]

    def __contains__(self, sid: object) -> bool:
        return sid in self._kept  # without making it whole

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def _made(self) -> tuple[str, ...]:
        return *self._constant, "wsgi.input"
