"""One Engine.IO session, in place of python-engineio's: by polling, by WebSocket, or on its way from one to the other.

Whatever is for the client goes through its outbox, so there is one order; what comes from it, see
intake.py. Must not know Socket.IO.

Use: `session = Session(sid, shared)`; `session.outbox.put(segment)`; `session.close(reason)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eventlet.event import Event

from bridge.clients.backlog import Segment
from bridge.clients.engine.deadlines import Queues
from bridge.clients.engine.intake import REASONS, Intake, IntakeWires
from bridge.clients.engine.states import TRANSITIONS, SessionState
from bridge.clients.engine.upgrade import Upgrade
from bridge.clients.engine.websocket import WebSocket
from bridge.clients.frames import BINARY, CLOSE, close_frame, frame
from bridge.clients.outbox import Limits, Outbox
from bridge.clients.packets import polled

__all__ = ["Session", "Shared"]

_SERVER, _, _PING, _CLOSE, _ERROR = REASONS

_PINGED, _CLOSED, _NOOP = frame(b"2"), frame(b"1"), "6"
_BY_WEBSOCKET = frozenset((SessionState.OPEN, SessionState.CLOSING))
_NORMAL = 1000  # close code
RESPONSE = 256 * 1024  # bytes of one polling response, about


@dataclass(slots=True)
class Shared:
    """What all sessions of a server have in common. `gone`: a handler is to be told; `ended`: it can be forgotten."""

    limits: Limits
    intake: IntakeWires
    queues: Queues[Session]
    gone: Callable[[Session, str], None]
    ended: Callable[[Session], None]
    slow: Callable[[Session], None]


class Session(Intake):
    """One client's connection, as python-engineio's Socket: `sid` is its id there, `address` the browser's."""

    __slots__ = ("__weakref__", "_data", "_poll", "_shared", "_upgrade", "_websocket", "address", "sid", "state")

    def __init__(self, sid: str, address: str, shared: Shared) -> None:
        super().__init__(shared.intake)
        self.sid, self.address, self._shared = sid, address, shared
        self.state = SessionState.POLLING
        self.outbox = Outbox(self, shared.limits)
        self._websocket: WebSocket | None = None
        self._upgrade: Upgrade | None = None
        self._poll: Event | None = None  # what a GET that waits, waits for
        self._data: dict[str, Any] | None = None
        shared.queues.pings.add(self)
        shared.queues.joins.add(self)

    # What python-engineio and python-socketio use of a session.

    @property
    def session(self) -> dict[str, Any]:
        """A user's own, by `save_session`."""
        self._data = self._data or {}
        return self._data

    @session.setter
    def session(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def upgraded(self) -> bool:
        """Whether it is reached by WebSocket."""
        return self.state is SessionState.OPEN

    @property
    def closed(self) -> bool:
        """Whether it is over, or will be in a moment."""
        return self.state in (SessionState.CLOSING, SessionState.CLOSED)

    def send(self, packet: Any) -> None:
        """Send an engineio.Packet."""
        encoded = packet.encode()
        self.outbox.put(Segment(frame(encoded, BINARY) if isinstance(encoded, bytes) else frame(encoded.encode())))

    # By WebSocket. It is an Owner.

    def open(self, websocket: WebSocket) -> None:
        """A session that begins with a WebSocket."""
        self._websocket = websocket
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
            self._wires.junk(error)
        self.finish(_CLOSE)

    # On its way from polling to a WebSocket. It is Upgradable.

    def probe(self, upgrade: Upgrade) -> None:
        """A WebSocket is to take the place of polling, if it works."""
        self._upgrade = upgrade
        self._enter(SessionState.PROBING)
        self._shared.queues.upgrades.add(self)

    def probed(self) -> None:
        """Implements Upgradable."""
        self._wake()

    def upgrade(self, websocket: WebSocket) -> None:
        """Implements Upgradable."""
        self._end_upgrade(SessionState.OPEN)
        self._websocket = websocket
        websocket.owner = self
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

    # By polling.

    def poll(self) -> list[str] | None:
        """What waits for the client, or once something does; None: there is a poll already, and that ends both."""
        if self._poll is not None:
            self.finish(_ERROR)
            return None
        # While a WebSocket is tried no poll waits: the client goes on only when its last one has ended.
        if not self.outbox.size and self.state is SessionState.POLLING:
            self._poll = Event()
            self._poll.wait()
            self._poll = None
        packets = list(polled(self.outbox.take(RESPONSE)))
        if self.state is SessionState.CLOSING and not self.outbox.size:
            self.finish(_SERVER)
        return packets or [_NOOP]

    def posted(self, packets: Sequence[tuple[int, bytes]]) -> None:
        """Packets that came by POST; returns when all are done with, so that the client sends no more meanwhile."""
        self.take(packets)
        done = Event()
        if self.when_done(done.send):
            done.wait()

    def _wake(self) -> None:
        if self._poll and not self._poll.ready():
            self._poll.send()

    # For the intake.

    def pause(self) -> None:
        """Implements Intake."""
        if self._websocket is not None:
            self._websocket.pause()

    def resume(self) -> None:
        """Implements Intake."""
        if self._websocket is not None:
            self._websocket.resume()

    def ponged(self) -> None:
        """Implements Intake."""
        if self in self._shared.queues.pongs:
            self._shared.queues.pongs.discard(self)
            self._shared.queues.pings.add(self)

    def reject(self, status: int, reason: str) -> None:
        """Implements Intake."""
        if self.state is SessionState.OPEN and self._websocket is not None and not self.outbox.size:
            self._websocket.send([close_frame(status, reason)])
        self.finish(_ERROR)

    # Pings.

    def ping(self) -> None:
        """It is time."""
        self._shared.queues.pongs.add(self)
        self.outbox.put(Segment(_PINGED))

    def pong_overdue(self) -> None:
        """No answer came; unless it may be among what is not read yet."""
        if self.busy:
            self._shared.queues.pongs.add(self)
        else:
            self.outbox.clear()
            self.close(reason=_PING)

    def join_overdue(self) -> None:
        """It has been silent since the handshake."""
        if not self.joined:
            self.close()

    # The outbox's Port.

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        """Implements outbox.Port."""
        if self._websocket is None or self.state not in _BY_WEBSOCKET:
            return 0
        return self._websocket.send(parts)

    def blocked(self) -> None:
        """Implements outbox.Port."""
        if self._websocket is not None and self.state in _BY_WEBSOCKET:
            self._websocket.want_write(True)
        else:
            self._wake()

    def too_slow(self) -> None:
        """Implements outbox.Port."""
        if not self.closed:
            self._shared.slow(self)

    # The end.

    def part(self, last: bytes) -> None:
        """End it, with these frames in place of all that waits."""
        self.outbox.clear()
        self.outbox.put(Segment(last))
        self.close()

    def close(self, wait: bool = False, abort: bool = False, reason: str = _SERVER) -> None:
        """End it in order: what waits goes out first, for a second at most."""
        if self.closed:
            return
        if abort:
            self.finish(reason)
            return
        self.upgrade_overdue()
        by_websocket = self.state is SessionState.OPEN
        self._over(SessionState.CLOSING, reason)
        # A browser needs the close frame; python-engineio's client lets its socket lie without the packet.
        self.outbox.seal(Segment(_CLOSED + close_frame(_NORMAL) if by_websocket else _CLOSED))
        self._wake()
        if by_websocket:
            self.writable()
        self._shared.queues.farewells.add(self)

    def finish(self, reason: str = _SERVER) -> None:
        """End it now."""
        if self.state is SessionState.CLOSED:
            return
        self.upgrade_overdue()
        stalled = self.outbox.size > 0
        if self.closed:
            self._enter(SessionState.CLOSED)
        else:
            self._over(SessionState.CLOSED, reason)
        self._shared.queues.farewells.discard(self)
        self._shared.ended(self)
        self.outbox.close()
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
