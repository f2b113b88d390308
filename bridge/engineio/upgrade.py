"""Takes a session from polling to a WebSocket: `2probe`, answered by `3probe`, then `5`, and it is the session's.

Until then the session is polled, and if it comes to nothing it goes on so. Must not know what else
is in a packet.

Use: `websocket.owner = Upgrade(session)`; `session.probe(websocket)`.
"""

from __future__ import annotations

from bridge.engineio.packets import PROBE, PROBE_ANSWER, PacketType
from bridge.engineio.session import Session
from bridge.engineio.websocket import WebSocket
from bridge.wire.websocket_frames import PING, PONG, TEXT, frame

__all__ = ["Upgrade"]

_PROBED = frame(PROBE_ANSWER)


class Upgrade:
    """The owner of a WebSocket that is tried."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._probed = False

    def __str__(self) -> str:
        return str(self._session)

    def received(self, websocket: WebSocket, messages: list[tuple[int, bytes]]) -> None:
        """Answer a probe, give the WebSocket to the session after `5`, and close it at anything else."""
        for at, (opcode, data) in enumerate(messages):
            if opcode == TEXT and data == PROBE:
                websocket.send([_PROBED])
                self._probed = True
                self._session.probed()
            elif opcode == TEXT and data == PacketType.UPGRADE and self._probed:
                self._session.upgrade(websocket)
                if messages[at + 1 :]:
                    websocket.owner.received(websocket, messages[at + 1 :])
                return
            elif opcode in (PING, PONG) and self._session.charge():
                if opcode == PING:
                    websocket.send([frame(data, PONG)])
            elif not self._session.closed:
                self.lost(websocket, None)
                return

    def unfinished(self, websocket: WebSocket, size: int, begins: bool) -> None:
        """Count a message that has come in part."""
        self._session.unfinished(websocket, size, begins)

    def whole(self, websocket: WebSocket) -> None:
        """There is no such message any more."""
        self._session.whole(websocket)

    def writable(self) -> None:
        """Do nothing: what is sent here is so short that it never waits."""

    def lost(self, websocket: WebSocket, error: str | None) -> None:
        """Have polling go on. Once: what is no frame may come right after what is no probe."""
        if websocket.is_open:
            websocket.close()
            self._session.fall_back()
