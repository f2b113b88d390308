"""The half of a session that takes what its client sends, by whichever way: messages, in order.

Events go to the relay at once, if that needs no waiting, all else in the client's own order of tasks. A turn ends by
time, and what is of no use to anybody has a budget. Must not know how the client is reached, nor how a session ends.

Use: `class Session(SessionInput)`; `session.take([(TEXT, b'42["move",1]')])`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import partial

from bridge.delivery.outbox import Outbox
from bridge.engineio.flow_control import FlowControl
from bridge.engineio.packets import PacketType, SocketIOType
from bridge.engineio.session_context import SessionContext
from bridge.engineio.states import EndReason, SessionState
from bridge.engineio.turns import FEW, take_turn
from bridge.engineio.unfinished_input import LATE, BinaryPacket
from bridge.engineio.websocket import WebSocket
from bridge.wire.segment import AnswerSegment
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
    frame,
)  # fmt: skip

__all__ = ["FLOOD", "SessionInput"]

_EVENT = PacketType.MESSAGE + SocketIOType.EVENT.encode()
#: A client's DISCONNECT from the default namespace, as different clients write it.
_DISCONNECTS = tuple(SocketIOType.DISCONNECT + namespace for namespace in ("", "/,", "/"))
#: A packet with attachments, and their number.
_ATTACHED = re.compile(rf"[{SocketIOType.BINARY_EVENT}{SocketIOType.BINARY_ACK}]([0-9]{{1,10}})-")
#: What a client sends: a Socket.IO packet in a message, or one of the short ones: close, ping, pong, upgrade, noop.
_PACKET = re.compile(rb"4[0-6]|[12356](?:probe)?\Z")
#: Pings, pongs, packets that are none, refused names of events: so many a second, and so many at once.
USELESS_RATE, USELESS_BURST = 200, 400
FLOOD = f"it sends more than {USELESS_RATE} pings, bad packets or bad events a second"


class SessionInput:
    """What a Session is built on; what it has is made there."""

    __slots__ = ("_charged", "_incomplete", "_shared", "client", "flow", "joined", "left", "outbox", "state")

    _shared: SessionContext
    flow: FlowControl
    outbox: Outbox
    state: SessionState

    def __init__(self) -> None:
        self.client: str | None = None  # its Socket.IO id, once its events can be taken many at a time
        self.joined = False  # whether it has been connected to any namespace
        self.left = False  # whether it said that it leaves the default one
        self._incomplete: BinaryPacket | None = None  # whose attachments are to come; what comes between is no event
        self._charged = 0.0  # until when its budget is used up, by time.monotonic()

    def finish(self, reason: str = EndReason.SERVER) -> None:
        """End it now. May be called twice."""
        raise NotImplementedError

    def _reject(self, reason: str, status: int = POLICY_VIOLATION) -> None:
        raise NotImplementedError

    def _ponged(self) -> bool:
        raise NotImplementedError

    @property
    def closed(self) -> bool:
        """Whether it is over, or will be in a moment."""
        return self.state in (SessionState.CLOSING, SessionState.CLOSED)

    def take(self, messages: Sequence[tuple[int, bytes]], at: int = 0) -> None:
        """Take messages in order, whichever way they came, for the length of a turn, and the rest as a task. `at`: the
        index of the first; not 0 in that task."""
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
        if not _PACKET.match(data):
            self._reject(f"this is no Engine.IO packet: {data[:75]!r}")
        elif kind == PacketType.MESSAGE:
            self.left = self.left or text in _DISCONNECTS
            self._take_text(text)
        elif kind == PacketType.CLOSE:
            self.finish(EndReason.CLIENT)
        elif kind != PacketType.PONG or not self._ponged():
            self.charge()

    def _take_text(self, text: str) -> None:
        self._give_incomplete()  # one whose attachments did not come, which is for socketio to say
        attached = _ATTACHED.match(text)
        count, most = int(attached[1]) if attached else 0, self._shared.unfinished.limits.attachments
        if count > most:
            self._reject(f"{count} attachments are more than {most} (--max-attachments)")
        elif count and (self.joined or self.flow.tasks is not None):
            self._incomplete = BinaryPacket(text, count)
            self._shared.unfinished.hold(self, self._incomplete.size)
        else:
            self._give_to_socketio(text)

    def _give_to_socketio(self, data: str | bytes) -> None:
        if not self.joined and self.flow.tasks is None and data[:1] != SocketIOType.CONNECT:
            self._reject("a packet came before CONNECT")
        else:
            self.flow.later(self._shared.message, self, data)

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

    # Of what has not come as a whole; it is an unfinished_input.Holder, of a packet whose attachments are missing.

    def overdue(self) -> None:
        """End it, as they have not come in time."""
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

    def charge(self) -> bool:
        """Take one from its budget of what is of no use to anybody; end it if there is none left. Returns whether there
        was."""
        now = time.monotonic()
        self._charged = max(now, self._charged) + 1 / USELESS_RATE
        over = self._charged > now + USELESS_BURST / USELESS_RATE
        if over and not self.closed:
            self._shared.limits.counters.note("clients_flooding", "! %s is disconnected: %s", self, FLOOD)
            self._reject(FLOOD)
        return not over
