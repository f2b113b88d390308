"""Whether a client is still there: it is pinged, and has its time to answer.

Must not know how a session ends.

Use: a session is Pinged; `session.ping()`, `session.pong_overdue()` by timeouts.py.
"""

from __future__ import annotations

from bridge.delivery.write_buffer import AnswerSegment
from bridge.engineio.intake import REASONS, Intake
from bridge.engineio.session_context import SessionContext
from bridge.wire.websocket_frames import frame

__all__ = ["HeartbeatMixin"]

_SERVER, _, _PING, _, _ = REASONS


class HeartbeatMixin(Intake):
    """What a session does about time."""

    __slots__ = ("_shared",)

    def __init__(self, shared: SessionContext) -> None:
        super().__init__(shared.intake)
        self._shared = shared

    def expire(self, reason: str) -> None:
        """Its time is over; one of REASONS."""
        raise NotImplementedError

    def ping(self) -> None:
        """It is time."""
        self._await_pong()
        self.outbox.put(AnswerSegment(frame(b"2")))

    def pong_overdue(self) -> None:
        """No answer came; but a client that was not read has its time anew, if it reads itself."""
        if self.paused_for() > self._shared.queues.pongs.interval / 2 and not self.outbox.stuck:
            self._await_pong()
        else:
            self._shared.silent(self)
            self.expire(_PING)

    def _await_pong(self) -> None:
        self.paused = 0.0
        self.outbox.moved = False
        self._shared.queues.pongs.add(self)

    def join_overdue(self) -> None:
        """It has been silent since the handshake."""
        if not self.joined:
            self.expire(_SERVER)

    def ponged(self) -> None:
        """Implements Intake."""
        if self in self._shared.queues.pongs:
            self._shared.queues.pongs.discard(self)
            self._shared.queues.pings.add(self)
