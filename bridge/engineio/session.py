"""One Engine.IO session, in place of python-engineio's: by polling, by WebSocket, or on its way from one to the other.

What is for the client goes through its outbox, in one order; for what comes from it see intake.py.
Must not know Socket.IO.

Use: `session = Session(sid, shared)`; `session.outbox.put(segment)`; `session.close(reason)`.
"""

from __future__ import annotations

from typing import Any

from bridge.delivery.outbox import Outbox
from bridge.delivery.write_buffer import AnswerSegment, Segment
from bridge.engineio.heartbeat import HeartbeatMixin
from bridge.engineio.intake import REASONS
from bridge.engineio.poller import Poller
from bridge.engineio.polling import NOOP, Polling
from bridge.engineio.session_context import SessionContext
from bridge.engineio.states import TRANSITIONS, SessionState
from bridge.engineio.upgrade import Upgrade
from bridge.engineio.websocket import WebSocket
from bridge.wire.websocket_frames import BINARY, CLOSE, POLICY_VIOLATION, frame

__all__ = ["Session"]

_SERVER, _CLIENT, _PING, _CLOSE, _ERROR = REASONS

_NOTHING = frame(NOOP.encode())
_EVENTS = ("42", "45")  # which nobody has asked for


class Session(HeartbeatMixin):
    """One client's connection, as python-engineio's Socket: `sid` is its id there, `address` the browser's."""

    __slots__ = ("__weakref__", "_data", "_upgrade", "_websocket", "address", "polling", "sid", "state")

    def __init__(self, sid: str, address: str, shared: SessionContext) -> None:
        super().__init__(shared)
        self.sid, self.address = sid, address
        self.state = SessionState.POLLING
        self.outbox = Outbox(self, shared.limits)
        self._websocket: WebSocket | None = None
        self._upgrade: Upgrade | None = None
        self.polling: Polling | None = None
        self._data: dict[str, Any] | None = None
        shared.queues.pings.add(self)
        shared.queues.joins.add(self)

    def __str__(self) -> str:
        return self._shared.who(self)

    # What python-engineio and python-socketio use of a session.

    @property
    def session(self) -> dict[str, Any]:
        """A user's own, by `save_session`."""
        self._data = {} if self._data is None else self._data
        return self._data

    @session.setter
    def session(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def upgraded(self) -> bool:
        """Whether it is reached by WebSocket."""
        return self._websocket is not None

    @property
    def closed(self) -> bool:
        """Whether it is over, or will be in a moment."""
        return self.state in (SessionState.CLOSING, SessionState.CLOSED)

    def send(self, packet: Any) -> None:
        """Send an engineio.Packet."""
        encoded = packet.encode()
        if isinstance(encoded, bytes):
            self.outbox.put(Segment(frame(encoded, BINARY)))
        else:
            kind = Segment if encoded.startswith(_EVENTS) else AnswerSegment
            self.outbox.put(kind(frame(encoded.encode())))

    # By WebSocket. It is an Owner.

    def open(self, websocket: WebSocket) -> None:
        """A session that begins with a WebSocket."""
        self._websocket = websocket
        self.outbox.connect(websocket)
        self._enter(SessionState.OPEN)

    def received(self, websocket: WebSocket, messages: list[tuple[int, bytes]]) -> None:
        """Implements websocket.Owner."""
        if self.state is SessionState.OPEN:
            self.take(messages)
        elif any(opcode == CLOSE for opcode, _ in messages):  # the answer to ours
            self.lost(websocket, None)

    def writable(self) -> None:
        """Implements websocket.Owner."""
        if self.outbox.flush() and self._websocket is not None:
            self._websocket.want_write(False)
            if self.state is SessionState.CLOSING:
                self._websocket.end()

    def lost(self, websocket: WebSocket, error: str | None) -> None:
        """Implements websocket.Owner."""
        if error is not None:
            self._wires.junk(self, error)
        self.finish(_CLOSE)

    # On its way from polling to a WebSocket. It is Upgradable.

    def probe(self, upgrade: Upgrade) -> None:
        """A WebSocket is to take the place of polling, if it works."""
        self._upgrade = upgrade
        self._enter(SessionState.PROBING)
        self._shared.queues.upgrades.add(self)
        if self.polling is not None:
            self.polling.go_on()

    def probed(self) -> None:
        """Implements Upgradable."""
        self._wake()

    def upgrade(self, websocket: WebSocket) -> None:
        """Implements Upgradable."""
        self._end_upgrade(SessionState.OPEN)
        self._websocket = websocket
        self.outbox.connect(websocket)
        websocket.owner = self
        self.keep_pace()
        self._wake()
        websocket.want_write(not self.outbox.flush())

    def fall_back(self) -> None:
        """Implements Upgradable."""
        self._end_upgrade(SessionState.POLLING)

    def upgrade_overdue(self) -> None:
        """The probe took too long."""
        if self._upgrade is not None:
            self._upgrade.end()
            self.fall_back()

    def _end_upgrade(self, state: SessionState) -> None:
        self._upgrade = None
        self._shared.queues.upgrades.discard(self)
        self._enter(state)

    # By polling. It is Polled.

    def poll(self, poller: Poller) -> None:
        """A session that begins with polling."""
        self.polling = Polling(self, poller)

    @property
    def may_wait(self) -> bool:
        """Implements Polled."""
        # While a WebSocket is tried no poll waits: the client goes on only when its last one has ended.
        return self.state is SessionState.POLLING

    @property
    def unread(self) -> bool:
        """Implements Polled."""
        # Nor does a POST wait: without a poll nothing is fetched.
        return self._unread > 0.0 and self.may_wait

    @property
    def crammed(self) -> bool:
        """Implements Polled."""
        over = self._unread > 0.0 and self.outbox.answers > self._shared.limits.size
        return over and not self.upgraded and not self.closed

    def fetched(self) -> None:
        """Implements Polled."""
        if self.state is SessionState.CLOSING and not self.outbox.size:
            self.finish()

    def misused(self) -> None:
        """Implements Polled."""
        self.finish(_ERROR)

    def _wake(self, last: str = NOOP) -> None:
        if self.polling is not None:
            self.polling.wake(last)
            self.polling.go_on()

    # For the intake.

    def pause(self) -> None:
        """Implements Intake."""
        if self._websocket is not None:
            self._websocket.pause()

    def resume(self) -> None:
        """Implements Intake."""
        if self._websocket is not None:
            self._websocket.resume()
        elif self.polling is not None:
            self.polling.go_on()

    def reject(self, status: int, reason: str) -> None:
        """Implements Intake."""
        if self.state is SessionState.OPEN and self._websocket is not None and not self.outbox.size:
            self._websocket.refuse(status, reason)
        self.finish(_ERROR if status == POLICY_VIOLATION else _CLOSE)

    def expire(self, reason: str) -> None:
        """Its time is over, and it need not be waited for."""
        if self.upgraded:
            self._close(reason, b"", at_once=True)
        else:
            self.finish(reason)

    # The outbox's Port.

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        """Implements outbox.Port."""
        return 0 if self._websocket is None else self._websocket.send(parts)

    def blocked(self) -> None:
        """Implements outbox.Port."""
        if self._websocket is not None:
            self._websocket.want_write(True)
        else:
            self._wake()

    def too_slow(self) -> None:
        """Implements outbox.Port."""
        self._shared.slow(self)

    def behind(self) -> None:
        """Implements outbox.Port."""
        self._shared.behind(self)

    # The end.

    def part(self, last: bytes) -> None:
        """End it, with these frames in place of all that waits."""
        self._close(_SERVER, last, at_once=True)

    def close(self, reason: str = _SERVER) -> None:
        """End it in order: what waits goes out first, for a second at most."""
        self._close(reason, b"", at_once=False)

    def _close(self, reason: str, last: bytes, at_once: bool) -> None:
        if self.closed:
            return
        self.upgrade_overdue()
        by_websocket = self.upgraded
        self._over(SessionState.CLOSING, reason)
        if at_once:
            self.outbox.clear()
        # Not Engine.IO's `1`, after which Python's and Rust's clients stay away; nor a close frame, see handshake.py.
        last += b"" if by_websocket else _NOTHING
        self.outbox.seal(Segment(last) if last else None)
        if self._websocket is not None:
            self._websocket.want_write(True)  # also if nothing waits: it is ended when it is known that nothing does
        self._wake()
        self._shared.queues.farewells.add(self)

    def finish(self, reason: str = _SERVER) -> None:
        """End it now."""
        if self.state is SessionState.CLOSED:
            return
        stalled = self.outbox.size > 0
        self.outbox.close()  # before anything that could go wrong: its descriptor may soon be another one's
        self.upgrade_overdue()
        if self.closed:
            self._enter(SessionState.CLOSED)
        else:
            self._over(SessionState.CLOSED, reason)
        self._shared.queues.farewells.discard(self)
        self._shared.ended(self)
        websocket, self._websocket = self._websocket, None
        if websocket is not None:
            websocket.close(reset=stalled)
        self._wake()

    def _over(self, state: SessionState, reason: str) -> None:
        """It is no longer one of those that are there."""
        self._enter(state)
        shared = self._shared
        shared.queues.discard(self)
        self.later(shared.gone, self, reason)

    def _enter(self, state: SessionState) -> None:
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"a session can't go from {self.state.value} to {state.value}")
        self.state = state
