"""outbox.py: who leaves answers unread is not read; who can't keep up is told once; the table of its states."""

from __future__ import annotations

import re

import pytest

from bridge.counters import Counters
from bridge.delivery.backpressure import NO_PROGRESS, Backpressure
from bridge.delivery.limits import Limits
from bridge.delivery.outbox import TRANSITIONS, OutboxState
from bridge.delivery.send_queue import LatestSendQueue, SendQueue
from bridge.delivery.slow_policies import POLICIES
from bridge.wire.segment import AnswerSegment, Segment
from bridge.wire.websocket_frames import frame
from tests.process import ROOT
from tests.unit.outboxes import ACK, LIMIT, NOTICE, FakeClient, message, numbers, reads, stalled


@pytest.mark.parametrize("policy", POLICIES)
def test_answers_never_make_a_client_slow_but_who_leaves_them_unread_is_not_read(policy: str) -> None:
    client, counters = stalled(policy)
    client.outbox.press()
    client.outbox.put(message(1))
    unread = client.limits.unread // len(ACK.data)
    for _ in range(unread):
        client.outbox.put(ACK)
    assert client.is_read
    for _ in range(2 * LIMIT // len(ACK.data)):
        client.outbox.put(ACK)
    client.outbox.put(message(2))
    assert not client.is_read
    assert not client.limits.pressure.high  # nor does the server wait for it
    assert client.outbox.size - client.outbox.answers == 2 * len(message(1).data)
    client.room = client.outbox.size - client.limits.unread // 2 - len(message(2).data) - 1
    client.outbox.flush()
    assert not client.is_read
    client.room = len(ACK.data) + 1
    client.outbox.flush()
    assert client.is_read
    reads(client)
    assert [number for number in numbers(client.sent) if number >= 0] == [1, 2]
    assert client.sent.count(bytes(ACK.data)) == unread + 2 * LIMIT // len(ACK.data)
    assert not client.slow
    assert not counters["dropped_oldest"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_ping_or_an_ack_behind_a_frame_that_is_larger_than_the_limit_does_no_harm(policy: str) -> None:
    client, _ = stalled(policy, room=50)
    client.outbox.put(message(1, 10 * LIMIT))
    client.outbox.put(ACK)
    reads(client)
    assert numbers(client.sent) == [1, -1]
    assert not client.slow


def test_who_is_said_to_be_too_slow_is_so_once_and_nothing_more_is_kept_for_it() -> None:
    client, _ = stalled("disconnect", room=50)
    client.outbox.put(message(1, 10 * LIMIT))
    for _ in range(3):
        client.outbox.put(message(2))
        client.outbox.put(ACK)
        client.outbox.give_up()
    assert client.slow == 1
    assert client.outbox.state is OutboxState.OVER
    client.outbox.clear()
    client.outbox.seal(NOTICE)
    client.room = 1 << 60
    assert client.outbox.flush()
    assert client.sent == bytes(message(1, 10 * LIMIT).data) + bytes(NOTICE.data)


def test_a_client_that_loses_messages_is_said_to_once_until_it_has_caught_up() -> None:
    client, _ = stalled("drop-oldest")
    for number in range(500):
        client.outbox.put(message(number))
    assert client.behinds == 1
    reads(client)
    client.room = 0
    for number in range(500):
        client.outbox.put(message(number))
    assert client.behinds == 2


def test_it_is_known_how_long_something_has_been_waiting() -> None:
    client, _ = stalled("disconnect")
    assert client.outbox.age == 0.0
    client.outbox.put(message(1))
    first = client.outbox.age
    client.outbox.put(message(2))
    assert client.outbox.age > first
    reads(client)
    assert client.outbox.age == 0.0


# The states.


def test_every_state_can_be_reached_but_the_first_and_only_the_last_is_not_left() -> None:
    assert set(TRANSITIONS) == set(OutboxState)
    assert [state for state in OutboxState if not TRANSITIONS[state]] == [OutboxState.SHUT]
    for state, following in TRANSITIONS.items():
        assert not {state, OutboxState.TAKING} & following
        assert state is OutboxState.SHUT or OutboxState.SHUT in following


def test_the_table_in_the_documents_is_the_table_in_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text[text.index("## An outbox's states") :]
    section = section[: section.index("\n## ")]
    names = {state.value: state for state in OutboxState}
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \|$", section, re.MULTILINE)
    table = {names[left]: {names[one] for one in right.split(", ")} for left, right in rows if left in names}
    assert {state: following for state, following in TRANSITIONS.items() if following} == table


def test_a_client_is_read_again_once_exactly_half_of_its_answers_are_left() -> None:
    client, _ = stalled("disconnect")
    while client.is_read:
        client.outbox.put(ACK)
    client.room = client.outbox.size - client.limits.unread // 2 - 1
    client.outbox.flush()
    assert not client.is_read
    client.room = 1
    client.outbox.flush()
    assert client.is_read


def test_the_link_waits_on_while_a_client_that_is_behind_takes_something() -> None:
    now = [1000.0]
    pressure = Backpressure(lambda: now[0])
    client = FakeClient(Limits(LIMIT, POLICIES["disconnect"], Counters(), pressure), room=0)
    client.outbox.press()
    client.outbox.put(message(1, client.limits.behind + 100))
    for _ in range(3):
        assert pressure.high
        now[0] += NO_PROGRESS * 0.9
        client.room = 10
        client.outbox.flush()
    now[0] += NO_PROGRESS
    assert not pressure.high


def test_an_outbox_that_is_shut_can_not_be_sealed() -> None:
    client, _ = stalled("disconnect")
    client.outbox.close()
    with pytest.raises(AssertionError, match="from shut to sealed"):
        client.outbox.seal()


@pytest.mark.parametrize("kind", [SendQueue, LatestSendQueue])
def test_what_of_the_bytes_is_answers_is_known_whatever_is_sent_or_dropped(
    kind: type[SendQueue | LatestSendQueue],
) -> None:
    queue, size = kind(), len(ACK.data)
    for segment in (ACK, ACK, NOTICE, message(1)):
        queue.add(segment)
    assert (queue.answers, queue.own) == (2 * size, len(NOTICE.data))
    for sent in (3, 4):
        queue.parts()
        queue.advance(sent)
    assert queue.answers == 2 * size - 7
    queue.clear()
    assert queue.answers == queue.size == size - 7
    queue.advance(size - 7)
    assert queue.answers == queue.size == 0


def test_a_cut_of_the_newest_counts_what_it_drops_and_not_what_it_keeps() -> None:
    queue = LatestSendQueue()
    for segment in (NOTICE, message(1), message(2), message(3)):
        queue.add(segment)
    assert queue.cut(len(message(1).data) + 1) == 2
    assert queue.size == len(NOTICE.data) + len(message(3).data)


# To the byte.


def of(size: int) -> bytes:
    """One frame of so many bytes."""
    data = frame(b"000009" + b"x" * (size - 10))
    assert len(data) == size
    return data


def test_a_client_is_over_its_limit_from_the_next_byte_on() -> None:
    client, _ = stalled("disconnect")
    client.outbox.put(message(1))
    client.outbox.put(Segment(of(client.limits.waiting - client.outbox.size), 1))
    assert client.outbox.size == client.limits.waiting
    assert not client.slow
    client.outbox.put(message(2))
    assert client.slow


def test_a_client_is_behind_from_the_next_byte_on() -> None:
    client, _ = stalled("disconnect")
    client.outbox.press()
    client.outbox.put(Segment(of(client.limits.behind), 1))
    assert not client.limits.pressure.high
    client.outbox.put(NOTICE)
    assert client.limits.pressure.high


def test_answers_are_too_many_from_the_next_byte_on() -> None:
    client, _ = stalled("disconnect")
    client.outbox.put(AnswerSegment(of(client.limits.unread)))
    assert client.is_read
    client.outbox.put(ACK)
    assert not client.is_read


def test_the_bridges_own_packets_are_too_many_from_the_next_byte_on() -> None:
    client, counters = stalled("drop-oldest", room=50)
    client.outbox.put(message(1))
    client.outbox.put(Segment(of(client.limits.waiting)))
    assert client.outbox.size > client.limits.waiting
    assert not client.slow
    client.outbox.put(NOTICE)
    assert client.slow
    assert not counters["dropped_oldest"]


def test_what_has_gone_of_a_packet_of_the_bridges_own_does_not_count_any_more() -> None:
    client, counters = stalled("drop-oldest", room=50)
    client.outbox.put(Segment(of(client.limits.waiting + 50)))
    assert client.outbox.size == client.limits.waiting
    client.outbox.put(message(1))
    assert client.outbox.size == client.limits.waiting
    assert not client.slow
    assert counters["dropped_oldest"] == 1


def test_who_polls_is_given_no_more_once_there_is_as_much_as_was_asked_for() -> None:
    client, _ = stalled("disconnect")
    for number in range(3):
        client.outbox.put(message(number))
    assert len(client.outbox.take(2 * len(message(0).data))) == 2
    assert len(client.outbox.take(1)) == 1
    assert client.outbox.take(1) == []


def test_a_client_is_stuck_while_it_takes_none_of_too_many_answers_until_it_is_gone() -> None:
    client, _ = stalled("disconnect")
    client.outbox.put(AnswerSegment(of(client.limits.unread)))
    assert not client.outbox.stuck
    client.outbox.put(ACK)
    assert client.outbox.stuck
    client.room = 1
    client.outbox.flush()
    assert not client.outbox.stuck
    client.outbox.moved = False
    assert client.outbox.stuck
    client.outbox.close()
    assert not client.outbox.stuck
