"""One client's Engine.IO session: takes what the client sends, by whichever way, and sends what its outbox has.

It takes the place of python-engineio's Socket. What comes from a WebSocket (`received`) or a POST (`polling.py`) goes
through `take`, what is for the client through its outbox. How a session ends is in `states.py`. Must not know of
Socket.IO more than what its packets begin with, nor what is done about what it tells by its `SessionContext`.

Use: `session = Session(sid, address, shared)`; `session.outbox.put(segment)`; `session.close()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.delivery.outbox import Outbox
from bridge.engineio.flow_control import FlowControl
from bridge.engineio.packets import DISCONNECTS, PACKET, PacketType, SocketIOType, attachments_of, segment_of
from bridge.engineio.session_context import SessionContext, UnreadablePacket
from bridge.engineio.states import TRANSITIONS, Action, EndReason, SessionEvent, SessionState
from bridge.engineio.turns import FEW, take_turn
from bridge.engineio.unfinished_input import LATE, BinaryPacket
from bridge.engineio.useless_budget import FLOOD, charge
from bridge.engineio.websocket import WebSocket
from bridge.wire.segment import AnswerSegment, Segment
from bridge.wire.socketio_packets import ReceivedEvent, decode_events
from bridge.wire.websocket_frames import (
    CLOSE,
    NOT_UTF8,
    PING,
    POLICY_VIOLATION,
    PONG,
    TEXT,
    TOO_BIG,
    close_answer,
    close_frame,
    frame,
)  # fmt: skip

if TYPE_CHECKING:
    from bridge.engineio.polling import Polling

__all__ = ["Session"]

_PING, _NOOP = frame(PacketType.PING), frame(PacketType.NOOP)
_EVENT = PacketType.MESSAGE + SocketIOType.EVENT.encode()


class Session:
    """One client's connection, from its handshake to its end."""

    __slots__ = (
        "__weakref__", "_charged", "_data", "_incomplete", "_probing", "_shared", "_websocket",
        "address", "client", "flow", "joined", "left", "outbox", "polling", "sid", "state",
    )  # fmt: skip

    def __init__(self, sid: str, address: str, shared: SessionContext) -> None:
        self.sid = sid  # python-engineio's id of it
        self.address: str = address  # the browser's
        self.state = SessionState.POLLING
        self.client: str | None = None  # its Socket.IO id, once its events can be taken many at a time
        self.joined = False  # whether it has been connected to any namespace
        self.left = False  # whether it said that it leaves the default one
        self.outbox = Outbox(self, shared.limits)
        self.flow = FlowControl(self)
        self.polling: Polling | None = None  # if it began with polling
        self._shared = shared
        self._websocket: WebSocket | None = None
        self._probing: WebSocket | None = None  # one that is tried
        self._incomplete: BinaryPacket | None = None  # whose attachments are to come; what comes between is no event
        self._charged = 0.0  # until when its budget is used up, by time.monotonic()
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
    def closed(self) -> bool:
        """Whether it is over, or will be in a moment."""
        return self.state in (SessionState.CLOSING, SessionState.CLOSED)

    @property
    def upgraded(self) -> bool:
        """Whether it is reached by WebSocket."""
        return self._websocket is not None

    def send(self, packet: Any) -> None:
        """Send an engineio.Packet."""
        self.outbox.put(segment_of(packet.encode()))

    # What the client sends, by whichever way.

    def take(self, messages: Sequence[tuple[int, bytes]], at: int = 0) -> None:
        """Take messages in order for the length of a turn, and the rest, from index `at` on, as a task."""
        if at or len(messages) > FEW:
            at = take_turn(messages, at, partial(self._take_some, as_task=at > 0))
            if at < len(messages):
                self.flow.later(self.take, messages, at)
        else:
            self._take_some(messages)

    def _take_some(self, messages: Sequence[tuple[int, bytes]], as_task: bool = False) -> bool:
        """Take messages, and events that follow each other together. Return whether more may be taken."""
        packets: list[bytes] = []
        for opcode, data in messages:
            if opcode == TEXT and data.startswith(_EVENT) and self.client is not None and self._incomplete is None:
                packets.append(data)
                continue
            if packets:
                self._take_events(packets, as_task)
                packets = []
            if self.closed:
                return False
            self._take_message(opcode, data)
        if packets:
            self._take_events(packets, as_task)
        return not self.closed

    def _take_events(self, packets: list[bytes], as_task: bool) -> None:
        events: list[ReceivedEvent] = []
        for packet, event in zip(packets, decode_events(packets), strict=True):
            if event is not None:
                events.append(event)
                continue
            self._relay(events, as_task)
            events = []
            self._take_message(TEXT, packet)
        self._relay(events, as_task)

    def _relay(self, events: list[ReceivedEvent], as_task: bool) -> None:
        """Give events on: at once if no task is before them, and those that have to wait as a task."""
        client = self.client
        if client is None or not events:
            return
        tasks = self.flow.tasks
        free = tasks is None or (as_task and len(tasks) == 1)  # that task is the one that runs
        taken = self._shared.events(client, events, as_task) if free else 0
        if taken < len(events):
            self.flow.later(self._shared.events, client, events[taken:] if taken else events, True)

    def _take_message(self, opcode: int, data: bytes) -> None:
        if opcode == PING:
            if self.charge():
                self.outbox.put(AnswerSegment(frame(data, PONG)))
        elif opcode == CLOSE:
            self.outbox.put(AnswerSegment(close_answer(data)))
            self.finish(EndReason.TRANSPORT_CLOSE)
        elif opcode == TEXT:
            self._take_packet(data)
        elif opcode == PONG:
            self.charge()
        else:
            self._take_attachment(data)

    def _take_packet(self, data: bytes) -> None:
        kind = data[:1]
        try:
            text = data[1:].decode()
        except UnicodeDecodeError:
            self._reject("a text is not UTF-8", NOT_UTF8)
            return
        if not PACKET.match(data):
            self._reject(f"this is no Engine.IO packet: {data[:75]!r}")
        elif kind == PacketType.MESSAGE:
            self.left = self.left or text in DISCONNECTS
            self._take_text(text)
        elif kind == PacketType.CLOSE:
            self.finish(EndReason.CLIENT)
        elif kind != PacketType.PONG or not self._shared.queues.ponged(self):
            self.charge()

    def _take_text(self, text: str) -> None:
        self._give_incomplete()  # one whose attachments did not come, which is for socketio to say
        count, most = attachments_of(text), self._shared.unfinished.limits.attachments
        if count > most:
            self._reject(f"{count} attachments are more than {most} (--max-attachments)")
        elif count and (self.joined or self.flow.tasks is not None):
            self._incomplete = BinaryPacket(text, count)
            self._shared.unfinished.hold(self, self._incomplete.size)
        else:
            self._give_to_socketio(text)

    def _give_to_socketio(self, data: str | bytes) -> None:
        begins = not self.joined and self.flow.tasks is None
        if begins and data[:1] != SocketIOType.CONNECT:
            self._reject("a packet came before CONNECT")
            return
        if begins:
            self._shared.joined(self)  # it has done its part: whether it may connect can take a handler's time
        self.flow.later(self._shared.message, self, data)
        if begins:
            self.flow.later(self._connect_answered)

    def _connect_answered(self) -> None:
        if not self.joined and not self.closed:
            self._shared.half_open(self)

    def _take_attachment(self, data: bytes) -> None:
        packet, unfinished = self._incomplete, self._shared.unfinished
        if packet is None:
            self._give_to_socketio(data)
        elif packet.add(data) or packet.size > unfinished.limits.packet:  # socketio says what follows from that
            self._give_incomplete()
        else:
            unfinished.hold(self, packet.size)

    def _give_incomplete(self) -> None:
        packet, self._incomplete = self._incomplete, None
        if packet is not None:
            self._shared.unfinished.release(self)
            for part in packet.parts:
                self.flow.later(self._shared.message, self, part)

    def charge(self) -> bool:
        """Take one from its budget of what is of no use; end it, and return False, if there was none left."""
        self._charged, over = charge(self._charged)
        if over and not self.closed:
            self._shared.limits.counters.note("clients_flooding", "! %s is disconnected: %s", self, FLOOD)
            self._reject(FLOOD, sends_on=True)
        return not over

    def _reject(self, reason: str, status: int = POLICY_VIOLATION, sends_on: bool = False) -> None:
        """End it, as it sent what it must not; `sends_on`: what comes is left unread, or it would not read why."""
        self._shared.junk(self, reason)
        cause = EndReason.TRANSPORT_ERROR if status == POLICY_VIOLATION else EndReason.TRANSPORT_CLOSE
        websocket = self._websocket
        if self.state is SessionState.OPEN and websocket is not None:
            if (sends_on or self.outbox.size) and websocket.told:  # behind what is under way, which it would else break
                self.close(cause, close_frame(status, reason))
                websocket.pause()
                return
            websocket.refuse(status, reason)
        self.finish(cause)

    # Of what has not come as a whole; it is an unfinished_input.Holder, of a packet whose attachments are missing.

    def overdue(self) -> None:
        """End it, as they have not come in time, unless it is we who do not read them."""
        if not self.flow.held:
            self.give_up(LATE)

    def give_up(self, reason: str) -> None:
        """End it, as it holds what it must not."""
        self._reject(reason)

    def unfinished(self, websocket: WebSocket, size: int, begins: bool) -> None:
        """Count a message that has come in part."""
        unfinished = self._shared.unfinished
        if not self.joined and size > unfinished.limits.before_connect:
            websocket.give_up(f"a message before CONNECT is over {unfinished.limits.before_connect} bytes", TOO_BIG)
        else:
            unfinished.hold(websocket, size, begins)

    def whole(self, websocket: WebSocket) -> None:
        """There is no such message any more."""
        self._shared.unfinished.release(websocket)

    # The pace of the client; it is a flow_control.Reader.

    def pause(self) -> None:
        """Read the client no more."""
        if self._websocket is not None:
            self._websocket.pause()

    def resume(self) -> None:
        """Read it again."""
        if self._incomplete is not None:
            self._shared.unfinished.hold(self, self._incomplete.size, begins=True)
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
            self.close(EndReason.PING_TIMEOUT, b"")

    def join_overdue(self) -> None:
        """End it, if it has not connected to any namespace."""
        if not self.joined:
            self.close(EndReason.SERVER, b"")

    def _await_pong(self) -> None:
        self.flow.forget_pauses()
        self.outbox.moved = False
        self._shared.queues.pongs.add(self)

    def join(self) -> None:
        """It is half-open no more, as it has connected to a namespace."""
        self.joined = True
        self._shared.joined(self)

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
        """End it in order: what waits, or these frames, go first, for a second at most; for b"" no poll is awaited."""
        if last == b"" and not self.upgraded:
            self.finish(reason)
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
        self._shared.queues.follow(action, self)
        if action.ends:
            self._incomplete = None
            self._shared.unfinished.release(self)
        if action in (Action.SAY_FAREWELL, Action.TELL_GONE):
            self.flow.later(self._shared.gone, self, reason)
