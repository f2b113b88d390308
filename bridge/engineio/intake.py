"""What comes from one client: taken at once where that needs no waiting, else in its lane.

While there is something in the lane the client is not read, so it is no faster than its handlers and
the link; nor while it leaves its answers unread. Must not know how its packets come, nor Socket.IO
beyond where an event begins.

Use: a session is an Intake; `session.take([(TEXT, b'42["move",{"x":1}]')])`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.delivery.outbox import Outbox
from bridge.delivery.write_buffer import AnswerSegment
from bridge.engineio.client_task_queue import ClientTaskQueue
from bridge.wire.socketio_packets import ReceivedEvent, decode_events
from bridge.wire.websocket_frames import CLOSE, NOT_UTF8, PING, POLICY_VIOLATION, PONG, TEXT, close_answer, frame

__all__ = ["REASONS", "Intake", "IntakeCallbacks", "UnreadablePacket"]

#: Why a session ended, in python-engineio's words, which handlers are given.
REASONS = ("server disconnect", "client disconnect", "ping timeout", "transport close", "transport error")
_, _CLIENT, _, _CLOSE, _ERROR = REASONS

# What a client sends: a Socket.IO packet in a message, or one of the short ones: close, ping, pong, upgrade, noop.
_LEAVES = ("1", "1/,", "1/")
_PACKET = re.compile(rb"4[0-6]|[12356](?:probe)?\Z")


class UnreadablePacket(Exception):
    """A message that is no packet of Socket.IO's."""


@dataclass(slots=True)
class IntakeCallbacks:
    """Where to, for all clients. `events`: takes events of the default namespace, and returns how many it took,
    all of them if it may wait; `message`: takes any other message of a session, or raises Unreadable; `failed`: is told
    what else one of them raised."""

    message: Callable[[Any, str | bytes], None]
    events: Callable[[str, Sequence[ReceivedEvent], bool], int]
    junk: Callable[[Any, str], None]
    failed: Callable[[Any, BaseException], None]


class Intake:
    """`client`: its Socket.IO id on the default namespace, once it is connected there and its events can be
    taken in bulk. `joined`: whether it has been connected to any namespace; `left`: whether it said that it leaves
    the default one.
    """

    __slots__ = ("_attachments", "_lane", "_unread", "_wires", "client", "joined", "left", "outbox", "paused")

    outbox: Outbox

    def __init__(self, wires: IntakeCallbacks) -> None:
        self._wires = wires
        self.client: str | None = None
        self.joined = self.left = self._attachments = False
        self._lane: ClientTaskQueue | None = None
        self._unread = 0.0  # since when it leaves its answers unread, by time.monotonic(); 0: it does not
        self.paused = 0.0

    # What a session has of its own.

    @property
    def closed(self) -> bool:
        """Whether it is over, or will be in a moment."""
        raise NotImplementedError

    def pause(self) -> None:
        """Read the client no more."""
        raise NotImplementedError

    def resume(self) -> None:
        """Read it again."""
        raise NotImplementedError

    def ponged(self) -> None:
        """It has answered a ping."""
        raise NotImplementedError

    def reject(self, status: int, reason: str) -> None:
        """It has sent what it must not: end it now. `status`: a WebSocket's close code."""
        raise NotImplementedError

    def finish(self, reason: str) -> None:
        """End it now; one of REASONS."""
        raise NotImplementedError

    def take(self, messages: Sequence[tuple[int, bytes]]) -> None:
        """Messages, in order, whichever way they came."""
        packets: list[bytes] = []
        for opcode, data in messages:
            if opcode == TEXT and data.startswith(b"42") and self.client is not None and not self._attachments:
                packets.append(data)
                continue
            if packets:
                self._take_events(packets)
                packets = []
            if self.closed:
                return
            self._take_other(opcode, data)
        if packets:
            self._take_events(packets)

    def _take_events(self, packets: list[bytes]) -> None:
        events: list[ReceivedEvent] = []
        for packet, event in zip(packets, decode_events(packets), strict=True):
            if event is not None:
                events.append(event)
                continue
            self._take_run(events)
            events = []
            self._take_other(TEXT, packet)
        self._take_run(events)

    def _take_run(self, events: list[ReceivedEvent]) -> None:
        client = self.client
        if client is None or not events:
            return
        taken = self._wires.events(client, events, False) if self._lane is None else 0
        if taken < len(events):
            self.later(self._wires.events, client, events[taken:] if taken else events, True)

    def _take_other(self, opcode: int, data: bytes) -> None:
        if opcode == PING:
            self.outbox.put(AnswerSegment(frame(data, PONG)))
        elif opcode == CLOSE:
            self.outbox.put(AnswerSegment(close_answer(data)))
            self.finish(_CLOSE)
        elif opcode == TEXT:
            self._take_packet(data)
        elif opcode != PONG:
            self._message(data)

    def _take_packet(self, data: bytes) -> None:
        kind = data[:1]
        try:
            text = data[1:].decode()
        except UnicodeDecodeError:
            self._junk("a text is not UTF-8", NOT_UTF8)
            return
        if not _PACKET.match(data):
            self._junk(f"this is no Engine.IO packet: {data[:75]!r}")
        elif kind == b"3":
            self.ponged()
        elif kind == b"1":
            self.finish(_CLIENT)
        elif kind == b"4":
            self.left = self.left or text in _LEAVES
            self._attachments = text[0] in "56"  # until the next text: what follows is python-socketio's
            self._message(text)

    def _message(self, data: str | bytes) -> None:
        if not self.joined and self._lane is None and data[:1] != "0":
            self._junk("a packet came before CONNECT")
        else:
            self.later(self._wires.message, self, data)

    def _junk(self, reason: str, status: int = POLICY_VIOLATION) -> None:
        self._wires.junk(self, reason)
        self.reject(status, reason)

    def keep_pace(self) -> None:
        """It comes another way from now on, and is not read there either until the lane is empty."""
        if self.held:
            self.pause()

    @property
    def held(self) -> bool:
        """Whether it is not read: there is something in its lane, or it leaves its answers unread."""
        return self._lane is not None or self._unread > 0.0

    def paused_for(self) -> float:
        """Seconds that it was not read, because of a handler, the link or its answers, since `paused` was set to 0.
        What was so for two of these reasons may be counted twice."""
        unread = time.monotonic() - self._unread if self._unread else 0.0
        return self.paused + max(unread, self._lane.age if self._lane is not None else 0.0)

    def when_done(self, call: Callable[[], object]) -> bool:
        """Call this when the lane is empty; False if it is already."""
        if self._lane is None:
            return False
        self._lane.add(call)
        return True

    def stop_reading(self) -> None:
        """Implements outbox.Port."""
        self._unread = time.monotonic()
        self.pause()

    def start_reading(self) -> None:
        """Implements outbox.Port."""
        self.paused += time.monotonic() - self._unread
        self._unread = 0.0
        if not self.held:
            self.resume()

    def later(self, job: Callable[..., object], *args: object) -> None:
        """In the lane; until it is empty the client is not read."""
        if self._lane is None:
            self._lane = ClientTaskQueue(self._failed, self._lane_empty)
            self.pause()
        self._lane.add(job, *args)

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, UnreadablePacket):
            self._junk(str(error))
        else:
            self._wires.failed(self, error)

    def _lane_empty(self) -> None:
        self.paused = self.paused_for()
        self._lane = None
        if not self.held:
            self.resume()
