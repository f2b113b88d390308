"""When a client is there: after its CONNECT has been answered, not before.

python-socketio runs its `connect` handler before it answers, and what the handler emits would
reach the client ahead of the answer. Its manager is told right after.

Use: `SocketIO(client_manager=Manager(on_connected))`.
"""

from __future__ import annotations

from collections.abc import Callable

from socketio import Manager as SocketIOManager

__all__ = ["Manager"]


class Manager(SocketIOManager):  # type: ignore[misc]
    """Calls `on_connected(sid, eio_sid)` for each client of the default namespace."""

    def __init__(self, on_connected: Callable[[str, str], None]) -> None:
        super().__init__()
        self._on_connected = on_connected

    def connect(self, sid: str, namespace: str) -> str:
        """The client has been sent its CONNECT."""
        connected: str = super().connect(sid, namespace)
        if namespace == "/":
            self._on_connected(connected, self.eio_sid_from_sid(connected, namespace))
        return connected
