"""outbox.py: nothing is lost or out of order whatever the socket takes; over the limit each policy does as it says."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.counters import COUNTERS, Counters
from bridge.delivery.backpressure import Backpressure
from bridge.delivery.limits import Limits
from bridge.delivery.outbox import Outbox
from bridge.delivery.slow_policies import BEHIND, POLICIES
from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import BINARY, frame
from tests.unit.amount import some
from tests.unit.outboxes import ACK, LIMIT, NOTICE, FakeClient, Wire, message, numbers, reads, stalled

ROOM = st.integers(0, 3000)


@settings(deadline=None)
@given(st.lists(st.tuples(ROOM, st.lists(st.integers(0, 300), max_size=4), st.booleans())), st.booleans())
def test_whatever_the_socket_takes_all_goes_out_in_order(turns: list[tuple[int, list[int], bool]], polls: bool) -> None:
    client, wanted, fetched = FakeClient(room=0), b"", b""
    for room, sizes, flushed in turns:
        client.room = 0 if polls else room
        for number, size in enumerate(sizes):
            segment = message(number, size)
            wanted += segment.data
            client.outbox.put(segment)
        if polls:
            fetched += b"".join(client.outbox.take(room))
        elif flushed:
            client.outbox.flush()
        assert wanted.startswith(client.sent + fetched)
        assert client.outbox.size == len(wanted) - len(client.sent + fetched)
    reads(client)
    assert fetched + client.sent == wanted
    assert not client.slow


def test_a_client_that_is_not_behind_is_written_to_at_once_and_nothing_is_kept() -> None:
    client = FakeClient()
    for number in range(3):
        client.outbox.put(message(number))
    assert len(client.writes) == 3
    assert client.outbox.size == 0
    assert not client.blocks


def test_it_asks_to_be_flushed_once_and_again_when_it_has_been() -> None:
    client = FakeClient(room=10)
    client.outbox.put(message(1))
    client.outbox.put(message(2))
    assert client.blocks == 1
    assert client.outbox.flush() is False
    reads(client)
    assert client.blocks == 1
    client.room = 10
    client.outbox.put(message(3))
    assert client.blocks == 2


def test_flushing_an_empty_outbox_is_nothing_to_do() -> None:
    client = FakeClient()
    assert client.outbox.flush()
    assert client.outbox.take(100) == []
    client.outbox.clear()
    assert client.sent == b""


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("room", [0, 1, 5000])
def test_an_empty_outbox_takes_any_one_segment(policy: str, room: int) -> None:
    client, counters = stalled(policy, room=room)
    client.outbox.put(message(1, 10 * LIMIT))
    assert client.outbox.size > 9 * LIMIT
    assert not client.slow
    reads(client)
    assert numbers(client.sent) == [1]
    assert not counters["dropped_oldest"]


# Over the limit.


def over(client: FakeClient, start: int = 0) -> int:
    """Put one message after another until that has an effect; how many it took."""
    for number in range(start, start + 1000):
        before = client.outbox.size
        client.outbox.put(message(number))
        if client.slow or client.outbox.size <= before:
            return number - start + 1
    raise AssertionError("there is no limit")


def test_a_client_over_its_limit_is_too_slow_and_one_at_the_limit_is_not() -> None:
    client, _ = stalled("disconnect")
    put = over(client)
    assert client.slow == 1
    assert client.outbox.size > client.limits.waiting >= client.outbox.size - len(message(0).data)
    assert put > 50


def test_under_disconnect_nothing_is_dropped_before() -> None:
    client, counters = stalled("disconnect", room=50)
    put = over(client)
    reads(client)
    assert numbers(client.sent) == list(range(put))
    assert not counters["dropped_oldest"]


def test_under_drop_oldest_the_newest_stay_in_order_and_within_the_limit() -> None:
    client, counters = stalled("drop-oldest")
    for number in range(1000):
        client.outbox.put(message(number))
        assert client.outbox.size <= client.limits.waiting
    reads(client)
    got = numbers(client.sent)
    assert got == list(range(1000 - len(got), 1000))
    assert len(got) == client.limits.waiting // len(message(0).data)
    assert counters["dropped_oldest"] == 1000 - len(got)
    assert not client.slow


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 1), st.integers(1, 40), st.integers(0, 400))))
def test_under_drop_oldest_what_is_missing_is_counted_and_frames_and_acks_stay_whole(
    turns: list[tuple[int, int, int, int]],
) -> None:
    client, counters = stalled("drop-oldest", 8000)
    put = acks = 0
    for room, acked, count, size in turns:
        client.room = room
        client.outbox.flush()
        data = b"".join(message(put + place, size).data for place in range(count))
        client.outbox.put(Segment(data, count))
        put += count
        for _ in range(acked):
            client.outbox.put(ACK)
        acks += acked
    reads(client)
    got = numbers(client.sent)
    assert got.count(-1) == acks
    arrived = [number for number in got if number >= 0]
    assert arrived == sorted(set(arrived))
    assert len(arrived) + counters["dropped_oldest"] == put
    assert not client.slow


def test_under_drop_oldest_a_half_sent_message_stays_whole_and_its_client_connected() -> None:
    client, counters = stalled("drop-oldest", room=50)
    client.outbox.put(message(1, 2 * LIMIT))
    for number in range(2, 10):
        client.outbox.put(message(number))
        client.outbox.put(ACK)
    assert not client.slow
    reads(client)
    got = numbers(client.sent)
    assert got[0] == 1
    assert got.count(-1) == 8
    assert len(got) - 8 + counters["dropped_oldest"] == 9


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - {"disconnect"}))
def test_the_bridges_own_packets_have_a_limit_too(policy: str) -> None:
    client, _ = stalled(policy)
    client.outbox.put(message(1))
    for _ in range(LIMIT // len(NOTICE.data) + 2):
        client.outbox.put(NOTICE)
    assert client.slow == 1


def test_under_latest_the_newest_of_each_key_arrives_in_the_order_of_the_news() -> None:
    client, counters = stalled("latest", room=10)  # which is in the first one
    for number in range(100):
        client.outbox.put(message(number, key="abcde"[number % 5]))
    assert client.outbox.size < 6 * len(message(0).data)
    reads(client)
    assert numbers(client.sent) == [0, *range(95, 100)]
    assert counters["dropped_superseded"] == 94
    assert not counters["dropped_oldest"]


def test_under_latest_too_many_keys_are_cut_from_the_one_without_news_for_longest() -> None:
    client, counters = stalled("latest")
    for number in range(1000):
        client.outbox.put(message(number))
        assert client.outbox.size <= client.limits.waiting
    client.outbox.put(ACK)
    reads(client)
    got = numbers(client.sent)
    assert got == [*range(1001 - len(got), 1000), -1]
    assert counters["dropped_oldest"] == 1000 - (len(got) - 1)
    assert not client.slow


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - {"disconnect"}))
@pytest.mark.parametrize("acks", [False, True])
def test_a_client_that_stays_over_its_limit_costs_no_more_for_what_waits(policy: str, acks: bool) -> None:
    client, counters = stalled(policy, 1 << 20, room=50)
    segments = [message(number) for number in range(30_000)]
    began = time.process_time()
    for number, segment in enumerate(segments):
        client.outbox.put(segment)
        if acks and number % 2:
            client.outbox.put(ACK)
    assert time.process_time() - began < 1.5  # of 0.1 to 0.3; where each looks at all that waits it is 20
    assert sum(counters[each] for each in COUNTERS if each.startswith("dropped_")) > 10_000


# The end.


def test_what_waits_is_dropped_but_for_a_message_that_is_half_sent() -> None:
    client, _ = stalled("disconnect", room=50)
    for number in range(5):
        client.outbox.put(message(number))
    client.outbox.clear()
    client.outbox.put(message(9))
    reads(client)
    assert numbers(client.sent) == [0, 9]


def test_what_comes_when_all_was_dropped_is_sent_at_once() -> None:
    client, _ = stalled("disconnect")
    client.outbox.put(message(1))
    client.outbox.clear()
    client.room = 1 << 60
    client.outbox.put(message(2))
    assert numbers(client.sent) == [2]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_last_word_of_a_client_that_was_cut_follows_a_whole_message(policy: str) -> None:
    client, _ = stalled(policy, room=50)
    for number in range(500):
        client.outbox.put(message(number))
        client.room = 1 if number % 3 == 0 else 0
        client.outbox.flush()
    client.outbox.clear()
    client.outbox.seal(Segment(bytes(ACK.data) + frame(b"\x03\xe8", 8)))
    client.outbox.put(message(501))
    reads(client)
    assert numbers(client.sent)[-1] == -1
    assert client.sent.endswith(bytes(ACK.data) + frame(b"\x03\xe8", 8))


def test_a_closed_outbox_takes_and_sends_nothing_and_may_be_closed_twice() -> None:
    client, _ = stalled("disconnect")
    client.outbox.press()
    client.outbox.put(message(1))
    for _ in range(2):
        client.outbox.close()
    client.room = 1 << 20
    client.outbox.put(message(2))
    assert client.outbox.flush()
    assert client.outbox.take(10) == []
    assert client.outbox.size == 0
    assert client.sent == b""


def test_what_waits_for_a_poll_goes_out_by_the_websocket_before_anything_new() -> None:
    client = FakeClient()
    outbox = Outbox(client, client.limits)
    outbox.put(message(1))
    assert client.sent == b""
    outbox.connect(Wire(lambda data: client.send_parts([data])))
    outbox.put(message(2))
    assert client.sent == b""
    assert outbox.flush()
    outbox.put(message(3))
    assert numbers(client.sent) == [1, 2, 3]
    assert [numbers(data) for data in client.writes] == [[1, 2], [3]]


def test_a_socket_that_is_broken_is_full() -> None:
    def broken(data: bytes | memoryview) -> int:
        raise BrokenPipeError

    client, _ = stalled("disconnect")
    client.outbox.connect(Wire(broken))
    client.outbox.put(message(1))
    assert client.outbox.size == len(message(1).data)
    assert client.blocks == 1


@pytest.mark.parametrize("size", [4_000, 100_000, 400_000, 1 << 20])
def test_a_client_is_behind_before_it_is_over_its_limit(size: int) -> None:
    limits = Limits(size, POLICIES["disconnect"], Counters())
    assert 0 < limits.behind < limits.waiting < size
    assert limits.behind == min(BEHIND, limits.waiting // 2)


def test_a_socket_that_turns_out_to_be_closed_while_it_is_written_to_is_no_error() -> None:
    client, _ = stalled("disconnect")

    class Closing(FakeClient):
        def send_parts(self, parts: list[bytes | memoryview]) -> int:
            self.outbox.close()
            return 0

    closing = Closing(client.limits)
    closing.outbox.put(message(1))
    assert closing.outbox.size == 0
    client.outbox.put(message(1))
    client.outbox._port = closing
    closing.outbox = client.outbox
    assert client.outbox.flush()
    assert client.outbox.size == 0


def test_a_client_that_is_too_slow_may_be_closed_there_and_then() -> None:
    class Parting(FakeClient):
        def too_slow(self) -> None:
            super().too_slow()
            self.outbox.clear()
            self.outbox.put(ACK)
            self.outbox.seal(ACK)
            self.outbox.close()

    client = Parting(Limits(LIMIT, POLICIES["disconnect"], Counters()), 0)
    client.outbox.press()
    over(client)
    assert client.outbox.size == 0
    assert client.slow == 1
    assert not client.limits.pressure.high


# Who counts as behind.


class Watched(Backpressure):
    """Says who is there and who is behind, and fails if it is told so twice."""

    def __init__(self) -> None:
        super().__init__()
        self.here: list[object] = []
        self.late: list[object] = []
        self.moves = 0

    def joined(self, client: object) -> None:
        assert client not in self.here
        self.here.append(client)

    def left(self, client: object) -> None:
        self.here.remove(client)
        if client in self.late:
            self.late.remove(client)

    def fell_behind(self, client: object) -> None:
        assert client in self.here
        assert client not in self.late
        self.late.append(client)

    def caught_up(self, client: object) -> None:
        self.late.remove(client)

    def over_limit(self, client: object) -> None:
        pass

    def progress(self) -> None:
        self.moves += 1


class Crowd(RuleBasedStateMachine):
    """Clients that come, read, stall and go, beside what their pressure was told."""

    @initialize(policy=st.sampled_from(sorted(POLICIES)))
    def begins(self, policy: str) -> None:
        self.pressure, self.policy = Watched(), policy
        self.limits = Limits(2 << 20, POLICIES[policy], Counters(), self.pressure)
        self.clients: list[FakeClient] = []
        self.pressed: set[Outbox] = set()
        self.number = 0

    def one(self, which: int) -> FakeClient:
        if not self.clients:
            self.clients.append(FakeClient(self.limits, 0))
        return self.clients[which % len(self.clients)]

    @rule(room=st.sampled_from([0, 1000, 1 << 60]))
    def comes(self, room: int) -> None:
        self.clients.append(FakeClient(self.limits, room))

    @rule(which=st.integers(0, 9))
    def counts_from_now_on(self, which: int) -> None:
        client = self.one(which)
        client.outbox.press()
        self.pressed.add(client.outbox)

    @rule(which=st.integers(0, 9), size=st.sampled_from([10, BEHIND - 1000, BEHIND + 1]))
    def is_sent(self, which: int, size: int) -> None:
        self.number += 1
        self.one(which).outbox.put(message(self.number, size))

    @rule(which=st.integers(0, 9), room=st.sampled_from([0, 10, BEHIND, 1 << 60]))
    def reads(self, which: int, room: int) -> None:
        client = self.one(which)
        was, moves = client.outbox in self.pressure.late, self.pressure.moves
        client.room = room
        client.outbox.flush()
        assert was or self.pressure.moves == moves

    @rule(which=st.integers(0, 9), at_most=st.sampled_from([1, BEHIND]))
    def fetches(self, which: int, at_most: int) -> None:
        client = self.one(which)
        was, moves = client.outbox in self.pressure.late, self.pressure.moves
        if not client.sent:  # a client that fetches has no socket
            client.outbox.take(at_most)
        assert was or self.pressure.moves == moves

    @rule(which=st.integers(0, 9))
    def is_told_no_more(self, which: int) -> None:
        self.one(which).outbox.clear()

    @rule(which=st.integers(0, 9))
    def goes(self, which: int) -> None:
        client = self.one(which)
        client.outbox.close()
        self.clients.remove(client)
        self.pressed.discard(client.outbox)
        client.outbox.press()

    @invariant()
    def pressure_knows_who_is_there_and_behind(self) -> None:
        here = self.pressed if POLICIES[self.policy].counts_for_backpressure else set()
        assert set(self.pressure.here) == here
        assert set(self.pressure.late) == {outbox for outbox in here if outbox.size > self.limits.behind}


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=some(80), stateful_step_count=30, deadline=None)


def test_attachments_of_a_message_go_with_it() -> None:
    client, _ = stalled("drop-oldest", 2000)
    pair = frame(b"000001") + frame(b"y" * 700, BINARY)
    client.outbox.put(Segment(pair * 2, 2))
    client.outbox.put(Segment(pair, 1))
    reads(client)
    assert client.sent in (pair, pair * 2)
