"""One client's Engine.IO session: takes what the client sends, by whichever way, and sends what its outbox has.

It takes the place of python-engineio's Socket. What comes from a WebSocket (`received`) or a POST (`polling.py`) goes
through `take` (`session_input.py`). What is for the client goes through its outbox. How a session ends is in
`states.py`. Must not know of Socket.IO more than what its packets begin with, nor what is done about what it tells by
its `SessionContext`.

Use: `session = Session(sid, address, shared)`; `session.outbox.put(segment)`; `session.close()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.delivery.outbox import Outbox
from bridge.engineio.flow_control import FlowControl
from bridge.engineio.packets import PacketType
from bridge.engineio.session_context import SessionContext, UnreadablePacket
from bridge.engineio.session_input import SessionInput
from bridge.engineio.states import TRANSITIONS, Action, EndReason, SessionEvent, SessionState
from bridge.engineio.websocket import WebSocket
from bridge.wire.segment import AnswerSegment, Segment
from bridge.wire.websocket_frames import (
    BINARY,
    CLOSE,
    POLICY_VIOLATION,
    close_frame,
    frame,
)

if TYPE_CHECKING:
    from bridge.engineio.polling import Polling

__all__ = ["Session"]

_PING, _NOOP = frame(PacketType.PING), frame(PacketType.NOOP)
_UNASKED = ("42", "45")  # events, which the client has not asked for as it has for acks


class Session(SessionInput):
    """One client's connection, from its handshake to its end."""

    __slots__ = (
        "__weakref__", "_data", "_probing", "_websocket", "address", "polling", "sid",
    )  # fmt: skip

    def __init__(self, sid: str, address: str, shared: SessionContext) -> None:
        super().__init__()
        self.sid = sid  # python-engineio's id of it
        self.address: str = address  # the browser's
        self.state = SessionState.POLLING
        self.outbox = Outbox(self, shared.limits)
        self.flow = FlowControl(self)
        self.polling: Polling | None = None  # if it began with polling
        self._shared = shared
        self._websocket: WebSocket | None = None
        self._probing: WebSocket | None = None  # one that is tried
        self._data: dict[str, Any] | None = None  # what a user's program keeps in it
        shared.queues.pings.add(self)
        shared.queues.joins.add(self)

    def __str__(self) -> str:
        return self._shared.who(self)

    # What python-engineio and python-socketio use of a session.

    @property
    def session(self) -> dict[str, Any]:
        """What a user's program keeps here by `save_session`."""
        self._data = {} if self._data is None else self._data
        return self._data

    @session.setter
    def session(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def upgraded(self) -> bool:
        """Whether it is reached by WebSocket."""
        return self._websocket is not None

    def send(self, packet: Any) -> None:
        """Send an engineio.Packet."""
        encoded = packet.encode()
        if isinstance(encoded, bytes):
            self.outbox.put(Segment(frame(encoded, BINARY)))
        else:
            kind = Segment if encoded.startswith(_UNASKED) else AnswerSegment
            self.outbox.put(kind(frame(encoded.encode())))

    def _reject(self, reason: str, status: int = POLICY_VIOLATION) -> None:
        """End it now, as it has sent what it must not. `status`: a WebSocket's close code."""
        self._shared.junk(self, reason)
        cause = EndReason.TRANSPORT_ERROR if status == POLICY_VIOLATION else EndReason.TRANSPORT_CLOSE
        websocket = self._websocket
        if self.state is SessionState.OPEN and websocket is not None:
            if self.outbox.size and websocket.told:  # behind what is under way, which it would else break
                self.close(cause, close_frame(status, reason))
                websocket.pause()
                return
            websocket.refuse(status, reason)
        self.finish(cause)

    # The pace of the client; it is a flow_control.Reader.

    def pause(self) -> None:
        """Read the client no more."""
        if self._websocket is not None:
            self._websocket.pause()

    def resume(self) -> None:
        """Read it again."""
        if self._websocket is not None:
            self._websocket.resume()
        elif self.polling is not None:
            self.polling.go_on()

    def task_failed(self, error: BaseException) -> None:
        """End it if a task found what it has sent unreadable; tell of any other error."""
        if isinstance(error, UnreadablePacket):
            self._reject(str(error))
        else:
            self._shared.failed(self, error)

    # By WebSocket; it is a websocket.Owner.

    def open(self, websocket: WebSocket) -> None:
        """Begin with a WebSocket."""
        self._websocket = websocket
        self.outbox.connect(websocket)
        self._step(SessionEvent.OPENED)

    def received(self, websocket: WebSocket, messages: list[tuple[int, bytes]]) -> None:
        """Take messages, or the answer to the close frame."""
        if self.state is SessionState.OPEN:
            self.take(messages)
        elif any(opcode == CLOSE for opcode, _ in messages):
            self.lost(websocket, None)

    def writable(self) -> None:
        """Send what waits; when all is sent, end the WebSocket if the session ends."""
        if self.outbox.flush() and self._websocket is not None:
            self._websocket.want_write(False)
            if self.state is SessionState.CLOSING:
                self._websocket.end()

    def lost(self, websocket: WebSocket, error: str | None) -> None:
        """End it, as its client has gone, or has sent what is no WebSocket's."""
        if error is not None:
            self._shared.junk(self, error)
        self.finish(EndReason.TRANSPORT_CLOSE)

    # On its way from polling to a WebSocket, see upgrade.py.

    def probe(self, websocket: WebSocket) -> None:
        """Try a WebSocket, which is to take the place of polling if it works."""
        self._probing = websocket
        self._step(SessionEvent.PROBE)
        if self.polling is not None:
            self.polling.go_on()

    def probed(self) -> None:
        """Have a poll that waits end, as the client has been told that its WebSocket works, and goes on only then."""
        if self.state is SessionState.PROBING:
            self._step(SessionEvent.PROBED)
        self.wake()

    def upgrade(self, websocket: WebSocket) -> None:
        """Go on by this WebSocket, or end by it."""
        self._probing = None
        if self.state is not SessionState.CLOSING:
            self._step(SessionEvent.UPGRADED)
        self._websocket = websocket
        self.outbox.connect(websocket)
        websocket.owner = self
        if self.flow.held:
            websocket.pause()
        self.wake()
        websocket.want_write(self.closed or not self.outbox.flush())

    def fall_back(self) -> None:
        """Go on by polling; one that is closing has no more to wait for than that its last packets are fetched."""
        self._probing = None
        if self.state is SessionState.CLOSING:
            self.fetched()
        else:
            self._step(SessionEvent.PROBE_FAILED)

    def upgrade_overdue(self) -> None:
        """Give up a WebSocket that is tried, if there is one."""
        if self._probing is not None:
            self._probing.close()
            self.fall_back()

    # By polling, see polling.py.

    @property
    def may_wait(self) -> bool:
        """Whether a poll may wait; while a WebSocket is tried it ends, for the client goes on only then."""
        return self.state is SessionState.POLLING

    @property
    def unread(self) -> bool:
        """Whether a POST waits until answers are fetched; where no poll waits, nothing is fetched."""
        return self.flow.unread and self.may_wait

    @property
    def crammed(self) -> bool:
        """Whether the client can't post before it has fetched, as its answers alone are over the limit."""
        over = self.flow.unread and self.outbox.answers > self._shared.limits.size
        return over and not self.upgraded and not self.closed

    def fetched(self) -> None:
        """End it, if these were its last packets."""
        if self.state is SessionState.CLOSING and not self.outbox.size and self._probing is None:
            self.finish()

    def misused(self) -> None:
        """End it, as its client polls as it must not."""
        self.finish(EndReason.TRANSPORT_ERROR)

    def wake(self) -> None:
        """End a poll that waits, with what there is for it, and have a POST look again whether it may go on."""
        if self.polling is not None:
            self.polling.wake()
            self.polling.go_on()

    # What is due in time; by timeouts.py.

    def ping(self) -> None:
        """Ask whether the client is still there."""
        self._await_pong()
        self.outbox.put(AnswerSegment(_PING))

    def pong_overdue(self) -> None:
        """End it, unless it could not answer: a client that was not read has its time anew, if it reads itself."""
        if self.flow.paused_for() > self._shared.queues.pongs.interval / 2 and not self.outbox.stuck:
            self._await_pong()
        else:
            self._shared.silent(self)
            self._expire(EndReason.PING_TIMEOUT)

    def join_overdue(self) -> None:
        """End it, if it has not connected to any namespace."""
        if not self.joined:
            self._expire(EndReason.SERVER)

    def _await_pong(self) -> None:
        self.flow.forget_pauses()
        self.outbox.moved = False
        self._shared.queues.pongs.add(self)

    def _ponged(self) -> bool:
        awaited = self in self._shared.queues.pongs
        if awaited:
            self._shared.queues.pongs.discard(self)
            self._shared.queues.pings.add(self)
        return awaited

    def _expire(self, reason: EndReason) -> None:
        """End it without waiting for the client."""
        if self.upgraded:
            self.close(reason, b"")
        else:
            self.finish(reason)

    # For those who count it; it is a session_quota.Candidate.

    def join(self) -> None:
        """It is half-open no more, as it has connected to a namespace."""
        self.joined = True
        self._shared.joined(self)

    def make_way(self) -> None:
        """End it for a newer one."""
        self.finish()

    # What its outbox asks for; it is a client_port.ClientPort.

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        """Send; returns how many bytes were sent, none to a client that polls."""
        return 0 if self._websocket is None else self._websocket.send(parts)

    def blocked(self) -> None:
        """Have `writable` called, or what waits fetched."""
        if self._websocket is not None:
            self._websocket.want_write(True)
        else:
            self.wake()

    def too_slow(self) -> None:
        """Have it ended."""
        self._shared.slow(self)

    def behind(self) -> None:
        """Tell that it loses messages."""
        self._shared.behind(self)

    def stop_reading(self) -> None:
        """Read the client no more, as it leaves its answers unread."""
        self.flow.stop()

    def start_reading(self) -> None:
        """Read it again, as it has read them."""
        self.flow.start()

    # The end.

    def close(self, reason: str = EndReason.SERVER, last: bytes | None = None) -> None:
        """End it in order: what waits goes out first, for a second at most, or these frames in place of it."""
        if self.closed:
            return
        if self.state is SessionState.PROBING:  # once its client polls no more, that WebSocket is all it has
            self.upgrade_overdue()
        by_websocket = self.upgraded
        self._step(SessionEvent.CLOSE, reason)
        if last is not None:
            self.outbox.clear()
        # Not Engine.IO's `1`, after which Python's and Rust's clients stay away; nor a close frame, for OkHttp hangs.
        last = (last or b"") + (b"" if by_websocket else _NOOP)
        self.outbox.seal(Segment(last) if last else None)
        if self._websocket is not None:
            self._websocket.want_write(True)  # also if nothing waits: it is ended when it is known that nothing does
        self.wake()

    def finish(self, reason: str = EndReason.SERVER) -> None:
        """End it now. May be called twice."""
        if self.state is SessionState.CLOSED:
            return
        stalled = self.outbox.size > 0
        self.outbox.close()  # before anything that could go wrong: its descriptor may soon be another one's
        self._step(SessionEvent.FINISH, reason)
        self._shared.ended(self)
        probing, self._probing = self._probing, None
        if probing is not None:
            probing.close()
        websocket, self._websocket = self._websocket, None
        if websocket is not None:
            websocket.close(reset=stalled)
        self.wake()

    def _step(self, event: SessionEvent, reason: str = "") -> None:
        """Go where the table has this event lead to, by its action. `reason`: of an end."""
        if (self.state, event) not in TRANSITIONS:
            raise AssertionError(f"no {event.value} leads on from {self.state.value}")
        self.state, action = TRANSITIONS[self.state, event]
        queues = self._shared.queues
        if action is Action.LIMIT_PROBE:
            queues.upgrades.add(self)
        elif action is Action.END_PROBE:
            queues.upgrades.discard(self)
        elif action is not Action.NONE:
            queues.discard(self)
            self._shared.unfinished.release(self)
        if action is Action.SAY_FAREWELL:
            queues.farewells.add(self)
        if action in (Action.SAY_FAREWELL, Action.TELL_GONE):
            self.flow.later(self._shared.gone, self, reason)
