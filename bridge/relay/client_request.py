"""Define how hooks see the request with which a client came; socketio_server/request_view.py makes it.

Use: `def _visits(visit: ClientRequest) -> str: return visit.headers["User-Agent"]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["ClientRequest"]


class ClientRequest(Protocol):
    """The request of one client. `enter` and `leave` are called around a hook, which may ask Flask for the request."""

    @property
    def auth(self) -> Mapping[str, Any]: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def cookies(self) -> Mapping[str, str]: ...

    @property
    def query(self) -> Mapping[str, str]: ...

    def enter(self) -> Any: ...

    def leave(self, token: Any, /) -> None: ...
