"""Takes a session from polling to a WebSocket: `2probe`, answered by `3probe`, then `5`, and it is the session's.

Until then the session is polled, and if it comes to nothing it goes on so. Must not know what else
is in a packet.

Use: `websocket.owner = Upgrade(session, websocket)`.
"""

from __future__ import annotations

from typing import Protocol

from bridge.engineio.packet_types import PROBE, PROBE_ANSWER, PacketType
from bridge.engineio.websocket import WebSocket
from bridge.wire.websocket_frames import PING, PONG, TEXT, frame

__all__ = ["UpgradableSession", "Upgrade"]

_PROBED = frame(PROBE_ANSWER)


class UpgradableSession(Protocol):
    """What a session is told."""

    def probed(self) -> None:
        """The WebSocket works: a poll that waits is to end, for the client goes on only then."""

    def upgrade(self, websocket: WebSocket) -> None:
        """From now on the WebSocket is the session's."""

    def fall_back(self) -> None:
        """It came to nothing."""


class Upgrade:
    """The owner of a WebSocket that is tried."""

    def __init__(self, session: UpgradableSession, websocket: WebSocket) -> None:
        self._session, self._websocket = session, websocket
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
            elif opcode == PING:
                websocket.send([frame(data, PONG)])
            elif opcode != PONG:
                self.lost(websocket, None)
                return

    def writable(self) -> None:
        """Do nothing: what is sent here is so short that it never waits."""

    def lost(self, websocket: WebSocket, error: str | None) -> None:
        """Have polling go on. Once: what is no frame may come right after what is no probe."""
        if self._websocket.is_open:
            self.end()
            self._session.fall_back()

    def end(self) -> None:
        """Close the WebSocket."""
        self._websocket.close()
