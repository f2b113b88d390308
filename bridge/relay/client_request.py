"""What a client came with, as hooks are shown it; socketio_server/request_view.py has it.

Use: `def _visits(visit: ClientRequest) -> str: return visit.headers["User-Agent"]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["ClientRequest"]


class ClientRequest(Protocol):
    """Of one client. `enter`, `leave`: around what may ask Flask for it."""

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
