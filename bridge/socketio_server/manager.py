"""Tell when a client is connected: after its CONNECT has been answered, not before.

python-socketio runs its `connect` handler before it answers, and what the handler emits would
reach the client ahead of the answer. Its manager is told right after. It also makes a room for
every client, with two dictionaries for one entry; here a client's own room is only looked up. A client
that comes back has the Socket.IO id that it had.

Use: `SocketIO(client_manager=Manager(on_connected, sid))`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from socketio import Manager as SocketIOManager

__all__ = ["Manager"]


class Manager(SocketIOManager):  # type: ignore[misc]
    """Calls `on_connected(sid, eio_sid)` for each client of the default namespace.

    `sid`: returns a client's Socket.IO id; it gets the session's id and a function that makes new ids.
    """

    def __init__(self, on_connected: Callable[[str, str], None], sid: Callable[[str, Callable[[], str]], str]) -> None:
        super().__init__()
        self._on_connected, self._sid = on_connected, sid

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Return the client's id, before it is connected."""
        if namespace != "/":
            made: str | None = super().pre_connect(eio_sid, namespace)
            return made
        if self.sid_from_eio_sid(eio_sid, namespace) is not None:
            return None
        sid = self._sid(eio_sid, self.server.eio.generate_id)
        self.basic_enter_room(sid, namespace, None, eio_sid=eio_sid)
        self.pending_connect.setdefault(namespace, []).append(sid)
        return sid

    def connect(self, sid: str, namespace: str) -> str:
        """Connect the client, whose CONNECT has been answered."""
        connected: str = super().connect(sid, namespace)
        if namespace == "/":
            self._on_connected(connected, self.eio_sid_from_sid(connected, namespace))
        return connected

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        """Enter a room, except the room of the client's own, which would cost memory for each client."""
        if room != sid:
            super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """Yield (sid, eio_sid) of the clients in a room, or in one of several."""
        several = isinstance(room, (list, tuple))
        found: dict[str, str] = {}
        for one in room if several else [room]:
            eio_sid = self.eio_sid_from_sid(one, namespace) if isinstance(one, str) else None
            found.update({one: eio_sid} if eio_sid else super().get_participants(namespace, one))
        yield from found.items()

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """Return the rooms of a client, its own first."""
        is_there = namespace in self.rooms and self.eio_sid_from_sid(sid, namespace)
        return [sid, *super().get_rooms(sid, namespace)] if is_there else []
