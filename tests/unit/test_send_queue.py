"""send_queue.py: whatever is sent of it in whatever pieces, what was put in comes out, whole and in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.delivery.send_queue import MOST_PARTS, LatestSendQueue, SendQueue
from bridge.wire.segment import Segment
from bridge.wire.socketio_packets import encode_acks
from bridge.wire.websocket_frames import BINARY, frame
from tests.unit.amount import some


@dataclass
class Message:
    """One message of the server, or a packet of the bridge's own, as it goes over the wire."""

    data: bytes
    own: bool
    key: str = ""


@dataclass
class Made:
    """Segments with messages that are all different."""

    count: int = 0
    messages: list[Message] = field(default_factory=list)

    def segment(self, sizes: list[tuple[int, int]]) -> Segment:
        """Messages of the server; of each the length, and how many attachments it has."""
        return self.keyed([("", size, attached) for size, attached in sizes])

    def keyed(self, entries: list[tuple[str, int, int]]) -> Segment:
        """The same, each with a key."""
        made = [self._one(size, attached) for _, size, attached in entries]
        self.messages += [Message(data, False, key) for data, (key, _, _) in zip(made, entries, strict=True)]
        return Segment(b"".join(made), len(made), [("message", key, None) for key, _, _ in entries])

    def own(self, acks: int = 1) -> Segment:
        """Packets of the bridge's own."""
        self.count += 1
        made = [encode_acks([self.count * 100 + place], {"ok": True}) for place in range(acks)]
        self.messages += [Message(data, True) for data in made]
        return Segment(b"".join(made))

    def _one(self, size: int, attached: int) -> bytes:
        self.count += 1
        text = frame(b"%06d" % self.count + b"x" * size)
        return text + b"".join(frame(b"%06d" % self.count + b"y" * size, BINARY) for _ in range(attached))

    @property
    def bytes(self) -> bytes:
        """All of it."""
        return b"".join(message.data for message in self.messages)


SIZES = st.lists(st.tuples(st.sampled_from([0, 1, 119, 120, 200, 3000]), st.integers(0, 2)), min_size=1, max_size=5)


def taken(queue: SendQueue | LatestSendQueue, at_most: int) -> bytes:
    """Send as many bytes as that in one piece."""
    parts = queue.parts()
    assert len(parts) <= MOST_PARTS
    data = b"".join(parts)[:at_most]
    queue.advance(len(data))
    return data


def rest(queue: SendQueue | LatestSendQueue) -> bytes:
    """Send all there is."""
    sent = b""
    while queue.size:
        sent += taken(queue, 1 << 20)
    return sent


class Machine(RuleBasedStateMachine):
    """A queue beside a list of the messages that wait in it."""

    def __init__(self, queue: SendQueue | LatestSendQueue) -> None:
        super().__init__()
        self.queue, self.made = queue, Made()
        self.known = 0  # messages made that the list has had already
        self.waiting: list[Message] = []  # the first one without what has gone of it
        self.half = False  # whether something has

    @rule(at_most=st.integers(1, 4000))
    def sent(self, at_most: int) -> None:
        wanted = b"".join(message.data for message in self.waiting)
        data = taken(self.queue, at_most)
        assert data == wanted[: len(data)]
        assert data or not wanted
        self.gone(len(data))

    def gone(self, size: int) -> None:
        while size:
            first = self.waiting[0]
            part = min(size, len(first.data))
            size -= part
            self.half = part < len(first.data)
            if self.half:
                self.waiting[0] = Message(first.data[part:], first.own, first.key)
            else:
                self.waiting.pop(0)

    @rule(least=st.integers(1, 9000))
    def cut(self, least: int) -> None:
        kept = self.waiting[:1] if self.half else []
        dropped = freed = 0
        for message in self.waiting[len(kept) :]:
            if message.own or freed >= least:
                kept.append(message)
            else:
                dropped, freed = dropped + 1, freed + len(message.data)
        assert self.queue.cut(least) == dropped
        self.waiting = kept

    @rule()
    @precondition(lambda self: len(self.waiting) > 3)
    def clear(self) -> None:
        kept = self.waiting[:1] if self.half else []
        self.queue.clear()
        self.waiting = kept

    @invariant()
    def its_size_is_what_waits(self) -> None:
        assert self.queue.size == sum(len(message.data) for message in self.waiting)

    def teardown(self) -> None:
        assert rest(self.queue) == b"".join(message.data for message in self.waiting)


class InOrder(Machine):
    """A queue: all that was added and not cut."""

    def __init__(self) -> None:
        super().__init__(SendQueue())

    def add(self, segment: Segment) -> None:
        self.queue.add(segment)
        self.waiting += self.made.messages[self.known :]
        self.known = len(self.made.messages)

    @initialize(sizes=SIZES, sent=st.integers(0, 6000))
    def begins_with_what_the_socket_did_not_take(self, sizes: list[tuple[int, int]], sent: int) -> None:
        segment = self.made.segment(sizes)
        sent = min(sent, len(segment.data) - 1)
        self.queue.add(segment, sent)
        self.waiting += self.made.messages
        self.known = len(self.made.messages)
        self.gone(sent)

    @rule(sizes=SIZES)
    def messages(self, sizes: list[tuple[int, int]]) -> None:
        self.add(self.made.segment(sizes))

    @rule(acks=st.integers(1, 3))
    def packets_of_its_own(self, acks: int) -> None:
        self.add(self.made.own(acks))


class Newest(Machine):
    """A LatestBacklog: of what has not begun to go out, the newest of each key."""

    def __init__(self) -> None:
        super().__init__(LatestSendQueue())

    def supersede(self, messages: list[Message]) -> int:
        """Each in place of the one before with its key, unless that one has begun to go out; how many gave way."""
        given_way = 0
        for message in messages:
            start = int(self.half)
            for old in [old for old in self.waiting[start:] if not old.own and old.key == message.key]:
                self.waiting.remove(old)
                given_way += not message.own
            self.waiting.append(message)
        return given_way

    @initialize(entries=st.lists(st.tuples(st.sampled_from("abc"), *[st.integers(0, 2)] * 2), min_size=1, max_size=6))
    def begins_with_what_the_socket_did_not_take(self, entries: list[tuple[str, int, int]]) -> None:
        segment = self.made.keyed(entries)
        sent = len(segment.data) // 2
        given_way = self.queue.add(segment, sent)
        self.waiting = list(self.made.messages)
        self.gone(sent)
        first, others = self.waiting[: int(self.half)], self.waiting[int(self.half) :]
        self.waiting = first
        assert given_way == self.supersede(others)

    @rule(entries=st.lists(st.tuples(st.sampled_from("abcdef"), *[st.integers(0, 2)] * 2), min_size=1, max_size=6))
    def messages(self, entries: list[tuple[str, int, int]]) -> None:
        before = len(self.made.messages)
        given_way = self.queue.add(self.made.keyed(entries))
        assert given_way == self.supersede(self.made.messages[before:])

    @rule()
    def packets_of_its_own(self) -> None:
        assert self.queue.add(self.made.own()) == 0
        self.waiting.append(self.made.messages[-1])


TestInOrder = InOrder.TestCase
TestInOrder.settings = settings(max_examples=some(150), stateful_step_count=30, deadline=None)
TestNewest = Newest.TestCase
TestNewest.settings = settings(max_examples=some(150), stateful_step_count=30, deadline=None)


@settings(deadline=None)
@given(st.lists(SIZES, max_size=200), st.lists(st.integers(1, 20_000)))
def test_what_is_added_is_sent_in_order_in_any_pieces(added: list[list[tuple[int, int]]], pieces: list[int]) -> None:
    queue, made = SendQueue(), Made()
    for sizes in added:
        queue.add(made.segment(sizes))
    sent = b"".join(taken(queue, piece) for piece in pieces) + rest(queue)
    assert sent == made.bytes
    assert queue.size == 0
    assert queue.parts() == []


def test_what_is_left_of_a_half_sent_message_stays_whole_however_often_others_are_cut() -> None:
    queue, made = SendQueue(), Made()
    queue.add(made.segment([(100, 0), (100, 1)]), 150)  # in the second one's text
    queue.add(made.segment([(100, 0)] * 3))
    assert queue.cut(1) == 1
    assert taken(queue, 10) == made.bytes[150:160]
    assert queue.cut(1) == 1
    queue.clear()
    assert taken(queue, 10) == made.bytes[160:170]
    queue.clear()
    assert rest(queue) == b"".join(message.data for message in made.messages[:2])[170:]


def test_what_waits_is_given_to_the_system_64_parts_at_a_time() -> None:
    queue, made = SendQueue(), Made()
    for _ in range(100):
        queue.add(made.segment([(10, 0)]))
    assert len(queue.parts()) == 64


def test_messages_without_a_key_for_each_are_a_bug() -> None:
    with pytest.raises(ValueError, match="shorter"):
        LatestSendQueue().add(Segment(frame(b"1") + frame(b"2"), 2, ["one"]))
