"""queue.py with confirm: each frame has its number, and is sent again until the server confirms it."""

from __future__ import annotations

import re
import threading
import tracemalloc
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.link.framing.registry import framing_out
from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.link.outgoing.queue import OutgoingQueue
from bridge.messages import AsIs
from tests.unit.uplinks import By, Outcomes
from tests.waiting import PATIENCE, Log

HELLO = b'{"hello":1}'
LIMIT = 200


def confirmer(
    counters: Counters | None = None, max_frame: int = 100, holding: OfflineBuffer | None = None
) -> OutgoingQueue:
    return OutgoingQueue(
        framing_out("~", max_frame), LIMIT, lambda: None, counters or Counters(),
        holding=OfflineBuffer(1000, 10_000, 10_000) if holding is None else holding, confirming=DeliveryTracker(HELLO),
    )  # fmt: skip


def take(up: OutgoingQueue, at_most: int = 1 << 30) -> list[bytes]:
    """What is handed to the connection, frame by frame."""
    return b"".join(up.take(at_most)).split(b"~")[:-1]


def sent(up: OutgoingQueue) -> list[bytes]:
    frames = take(up)
    up.sent()
    return frames


def confirm(up: OutgoingQueue, *numbers: int) -> list[bytes]:
    return up.confirmed([b'{"confirm":%d}' % number for number in numbers])


def test_a_connection_begins_with_hello_then_who_is_there_then_numbered_frames() -> None:
    up = confirmer()
    up.send([b'{"n":1}'])
    up.up([b'{"ann":1}'])
    up.send([b'{"n":2}', b'{"n":3}'])
    up.tell([b'{"bob":1}'])
    assert sent(up) == [
        HELLO, b'{"ann":1}', b'{"n":1,"seq":1}', b'{"n":2,"seq":2}', b'{"n":3,"seq":3}', b'{"bob":1}',
    ]  # fmt: skip


def test_done_is_called_when_the_server_has_confirmed_and_not_before() -> None:
    up, done = confirmer(), Outcomes()
    up.up([])
    for name in ("1", "2", "3"):
        up.send([b"{}"], done.of(name))
    sent(up)
    assert [done[name] for name in ("1", "2", "3")] == [[], [], []]
    assert confirm(up, 2) == []
    assert [done[name] for name in ("1", "2", "3")] == [[None], [None], []]
    confirm(up, 1, 2, 3, 3)
    assert [done[name] for name in ("1", "2", "3")] == [[None]] * 3
    assert up.waiting == 0


def test_a_confirmation_may_come_before_the_writer_knows_that_it_has_sent() -> None:
    up, done = confirmer(), Outcomes()
    up.up([])
    up.send([b"{}"], done.of("1"))
    take(up)
    confirm(up, 1)
    assert done["1"] == [None]
    up.sent()
    assert done["1"] == [None]
    assert up.waiting == 0
    assert up.drained(0)


def test_other_messages_are_left_in_the_burst() -> None:
    up = confirmer()
    up.up([])
    up.send([b"{}"])
    sent(up)
    assert up.confirmed([b"a", b'{"confirm":1}', b'{"confirm":"x"}']) == [b"a", b'{"confirm":"x"}']


def test_what_was_not_confirmed_is_sent_again_first_and_in_order_then_what_came_meanwhile() -> None:
    counters = Counters()
    up, done = confirmer(counters), Outcomes()
    up.up([])
    for name in ("1", "2", "3", "4"):
        up.send([b'{"n":%b}' % name.encode()], done.of(name))
    take(up, len(HELLO) + 1 + 3 * len(b'{"n":1,"seq":1}~'))  # the fourth waits still
    up.sent()
    confirm(up, 1)
    up.down(in_flight=False)
    up.send([b'{"n":5}'], done.of("5"))
    assert [done[name] for name in ("1", "2", "3", "4", "5")] == [[None], [], [], [], []]
    assert counters["frames_unconfirmed"] == 2
    up.up([b'{"ann":1}'])
    up.send([b'{"n":6}'], done.of("6"))
    assert sent(up) == [
        HELLO, b'{"ann":1}', b'{"n":2,"seq":2}', b'{"n":3,"seq":3}',
        b'{"n":4,"seq":4}', b'{"n":5,"seq":5}', b'{"n":6,"seq":6}',
    ]  # fmt: skip
    assert counters["frames_resent"] == 2
    confirm(up, 6)
    assert [done[name] for name in "123456"] == [[None]] * 6
    assert up.waiting == 0


def test_what_was_in_flight_is_sent_again_too() -> None:
    up, done = confirmer(), Outcomes()
    up.up([])
    up.send([b"{}"], done.of("1"))
    take(up)
    up.down(in_flight=True)
    assert done["1"] == []
    up.up([])
    assert sent(up) == [HELLO, b'{"seq":1}']
    confirm(up, 1)
    assert done["1"] == [None]


def test_what_the_server_confirms_as_soon_as_it_is_greeted_is_not_sent_again() -> None:
    up, done = confirmer(), Outcomes()
    up.up([])
    for name in ("1", "2", "3"):
        up.send([b"{}"], done.of(name))
    sent(up)
    up.down(in_flight=False)
    up.up([])
    assert take(up, 1) == [HELLO]
    confirm(up, 2)
    up.sent()
    assert sent(up) == [b'{"seq":3}']
    assert (done["1"], done["2"], done["3"]) == ([None], [None], [])


def test_what_is_not_confirmed_for_a_user_who_has_gone_is_refused_when_the_link_is_back() -> None:
    up, done = confirmer(), Outcomes()
    ann, bob = By("a"), By("b")
    up.up([])
    up.send([b'{"ann":1}'], done.of("ann"), by=ann)
    up.send([b'{"bob":1}'], done.of("bob"), by=bob)
    sent(up)
    ann.here = False
    assert done["ann"] == []
    up.down(in_flight=False)
    assert done["ann"] == []
    up.up([])
    assert done["ann"] == ["gone"]
    assert sent(up) == [HELLO, b'{"bob":1,"seq":2}']
    confirm(up, 2)
    assert up.waiting == 0


def test_a_number_beyond_what_was_sent_is_counted_and_confirms_nothing() -> None:
    counters = Counters()
    up, done = confirmer(counters), Outcomes()
    up.up([])
    up.send([b"{}"], done.of("1"))
    confirm(up, 1)
    sent(up)
    confirm(up, 2)
    assert done["1"] == []
    assert counters["confirms_unknown"] == 2


def test_what_can_not_carry_a_number_is_acked_when_it_was_sent_and_not_sent_again() -> None:
    up, done = confirmer(), Outcomes()
    up.up([])
    up.send([AsIs(b'{"as":"it is"}')], done.of("text"))
    up.send([b"[1]"], done.of("list"))
    up.send([b"{}"], done.of("object"))
    assert sent(up) == [HELLO, b'{"as":"it is"}', b"[1]", b'{"seq":1}']
    assert (done["text"], done["list"], done["object"]) == ([None], [None], [])
    up.send([b"[2]"], done.of("in flight"))
    take(up)
    up.down(in_flight=True)
    assert done["in flight"] == ["link-down"]
    up.up([])
    assert sent(up) == [HELLO, b'{"seq":1}']


def test_what_is_not_confirmed_takes_room() -> None:
    up = confirmer()
    up.up([])
    size = len(b'{"x":"%b","seq":1}~' % (b"x" * 80))
    up.send([b'{"x":"%b"}' % (b"x" * 80)])
    up.send([b'{"x":"%b"}' % (b"x" * 80)])
    sent(up)
    assert up.waiting == 2 * size
    with pytest.raises(Refused, match="link-busy"):
        up.send([b"{}"])
    up.send([b"{}"], has_room=True)
    sent(up)
    with pytest.raises(Refused, match="link-busy"), up.room(0.01):
        raise AssertionError("there is no room")


def test_who_waits_for_room_has_it_when_something_was_confirmed() -> None:
    up = confirmer()
    up.up([])
    for _ in range(3):
        up.send([b'{"x":"%b"}' % (b"x" * 80)], has_room=True)
    sent(up)
    said: Log[str] = Log()

    def wait() -> None:
        with up.room(PATIENCE):
            said.add("room")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    confirm(up, 2)
    assert said.wait_count(1) == ["room"]
    thread.join(PATIENCE)


def test_the_frame_limit_holds_with_the_number() -> None:
    up = confirmer(max_frame=20)
    up.up([])
    up.send([b'{"x":"1234"}'[:-2] + b'"}'])  # with ,"seq":1 it has 20 bytes
    assert sent(up)[1:] == [b'{"x":"1234","seq":1}']
    with pytest.raises(Refused, match="too-big"):
        up.send([b'{"x":"12345"}'])
    up.send([b"{}"])
    assert sent(up) == [b'{"seq":2}']


def test_what_is_too_big_for_the_number_that_it_gets_at_last_is_refused_then() -> None:
    up, done = confirmer(max_frame=20, holding=OfflineBuffer(1000, 10_000, 10_000)), Outcomes()
    for n in range(10):  # all of them checked with the number 1; the last one gets 10
        up.send([b'{"x":"1234"}'], done.of(str(n)))
    up.up([])
    assert len(sent(up)) == 10
    assert [done[str(n)] for n in range(10)] == [[]] * 9 + [["too-big"]]


def test_numbers_have_no_gaps_over_what_was_refused_or_expired() -> None:
    up = confirmer(max_frame=40)
    up.up([])
    up.send([b"{}"])
    with pytest.raises(Refused, match="too-big"):
        up.send([b'{"x":"%b"}' % (b"x" * 50)])
    up.send([b"{}"])
    assert sent(up)[1:] == [b'{"seq":1}', b'{"seq":2}']
    gone = By("a")
    up.send([b'{"gone":1}'], by=gone)
    up.send([b'{"here":1}'])
    gone.here = False
    up.down(in_flight=False)
    up.up([])
    assert sent(up)[1:] == [b'{"seq":1}', b'{"seq":2}', b'{"here":1,"seq":3}']


def test_a_handlers_frames_are_sent_again_together_if_only_some_were_sent() -> None:
    up = OutgoingQueue(
        framing_out("none", 100), LIMIT, lambda: None, Counters(),
        holding=OfflineBuffer(1000, 1000, 1000), confirming=DeliveryTracker(HELLO),
    )  # fmt: skip
    done = Outcomes()
    up.up([])
    up.send([b"{}", b"{}"], done.of("both"))
    assert up.take(1) == [HELLO]
    up.sent()
    assert up.take(1) == [b'{"seq":1}']
    up.sent()
    confirm(up, 1)
    assert done["both"] == []
    up.down(in_flight=False)
    up.up([])
    for piece in (HELLO, b'{"seq":1}', b'{"seq":2}'):
        assert up.take(1) == [piece]
        up.sent()
    confirm(up, 2)
    assert done["both"] == [None]


def test_the_queue_is_drained_when_all_is_confirmed() -> None:
    up = confirmer()
    up.up([])
    up.send([b"{}"])
    sent(up)
    assert not up.drained(0)
    up.close()
    assert not up.drained(0)
    confirm(up, 1)
    assert up.drained(0)


def test_what_can_not_be_confirmed_any_more_is_refused_when_the_bridge_stops() -> None:
    up = confirmer()
    up.up([])
    said: list[str] = []
    up.send([b"{}"], lambda error: said.append(error.message if error else "ok"))
    sent(up)
    up.down(in_flight=False)
    assert said == []
    up.close()
    assert said == ["the bridge stopped before the server confirmed this; it may or may not have arrived"]
    assert up.drained(0)


def test_of_what_was_in_flight_what_is_sent_again_and_what_is_not_are_counted_together(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counters, done = Counters(), Outcomes()
    up = confirmer(counters=counters)
    up.up([])
    sent(up)
    for payload in (b"{}", b"one", b"two", b"three"):  # only an object can carry a number
        up.send([payload], done.of(payload.decode()))
    take(up, 1000)
    up.down(in_flight=True)
    assert counters["frames_unconfirmed"] == 4
    assert caplog.messages == [
        "! 3 frames were in flight when the link broke",
        "! 1 frames are not confirmed; they are sent again when the link is back",
    ]
    assert (done["{}"], done["one"], done["three"]) == ([], ["link-down"], ["link-down"])


def test_a_frame_is_counted_as_unconfirmed_once_for_each_connection_that_had_it() -> None:
    counters = Counters()
    up = confirmer(counters=counters)
    up.up([])
    up.send([b"{}"])
    sent(up)
    up.down(in_flight=False)
    assert counters["frames_unconfirmed"] == 1
    for _ in range(3):  # that took nothing
        up.up([])
        up.down(in_flight=False)
    assert counters["frames_unconfirmed"] == 1
    up.up([])
    sent(up)
    up.down(in_flight=False)
    assert counters["frames_unconfirmed"] == 2
    up.close()


def test_what_is_kept_until_it_is_confirmed_costs_little_more_than_itself() -> None:
    up = confirmer(max_frame=1_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(100):
            up.send([orjson.dumps({"n": number})])
        assert (tracemalloc.get_traced_memory()[0] - before) / 100 < 1_000
    finally:
        tracemalloc.stop()
    up.close()


class AtLeastOnce(RuleBasedStateMachine):
    """Whatever breaks when, a server that remembers the last number sees each event once, in order, and what is
    acked ok it has seen."""

    @initialize()
    def begin(self) -> None:
        self.up = OutgoingQueue(
            framing_out("~", 1000), 1 << 20, lambda: None, Counters(),
            holding=OfflineBuffer(1000, 1 << 20, 1 << 20), confirming=DeliveryTracker(HELLO),
        )  # fmt: skip
        self.open = self.busy = False
        self.wire: list[bytes] = []  # what the connection has and the server has not read
        self.seen: list[Any] = []
        self.last = 0
        self.done = Outcomes()
        self.emitted = 0

    @rule()
    def emit(self) -> None:
        name = str(self.emitted)
        self.up.send([b'{"n":%d}' % self.emitted], self.done.of(name))
        self.emitted += 1

    @precondition(lambda self: not self.open and not self.busy)
    @rule()
    def comes_up(self) -> None:
        self.up.up([])
        self.open, self.wire = True, []

    @precondition(lambda self: self.open and not self.busy and not self.up.drained(0))
    @rule(at_most=st.integers(1, 60))
    def write(self, at_most: int) -> None:
        # `drained` is also False while something is only unconfirmed: then there is nothing to take.
        if self.up._queue:
            self.wire += take(self.up, at_most)
            self.busy = True

    @precondition(lambda self: self.busy)
    @rule()
    def written(self) -> None:
        self.up.sent()
        self.busy = False

    @precondition(lambda self: self.open and self.wire)
    @rule(count=st.integers(1, 3), answers=st.booleans())
    def server_reads(self, count: int, answers: bool) -> None:
        read, self.wire = self.wire[:count], self.wire[count:]
        for frame in read:
            found = re.fullmatch(rb'\{"n":(\d+),"seq":(\d+)\}', frame)
            if found and int(found[2]) > self.last:
                assert int(found[2]) == self.last + 1
                self.last = int(found[2])
                self.seen.append(int(found[1]))
        if answers:
            confirm(self.up, self.last)

    @precondition(lambda self: self.open)
    @rule()
    def breaks(self) -> None:
        self.up.down(in_flight=False)
        if self.busy:
            self.up.down(in_flight=True)
        self.open = self.busy = False

    @invariant()
    def each_is_seen_once_in_order_and_acked_only_then(self) -> None:
        if hasattr(self, "done"):
            assert self.seen == list(range(len(self.seen)))
            for name, fates in self.done.calls.items():
                assert fates in ([], [None])
                assert not fates or int(name) in self.seen


TestAtLeastOnce = AtLeastOnce.TestCase


def test_a_server_that_confirms_nothing_does_not_have_more_kept_with_each_connection() -> None:
    up = confirmer(holding=OfflineBuffer(1000, 300, 300))
    kept = []
    for _ in range(5):
        for _ in range(50):
            with suppress(Refused):
                up.send([b'{"n":1}'])
        up.up([])
        sent(up)
        up.down(in_flight=False)
        kept.append(up.waiting)
    # A little more than the limits: a frame gets its number when it is sent.
    assert kept[-1] == kept[2]
    assert kept[-1] <= 2 * (LIMIT + 300)
    with pytest.raises(Refused, match="has to confirm what it was sent before"):
        up.send([b'{"n":1}'])
    up.up([])
    last = len(sent(up)) - 1  # but for HELLO, each has a number
    confirm(up, last)
    up.down(in_flight=False)
    up.send([b'{"n":1}'])


def test_what_is_not_confirmed_when_the_link_ends_after_the_bridge_stops_is_refused() -> None:
    up, done = confirmer(), Outcomes()
    up.up([])
    up.send([b'{"n":1}'], done.of("had"))
    sent(up)
    up.send([b'{"n":2}'], done.of("waits"))
    up.close()
    assert done.calls == {"had": [], "waits": []}
    up.down(in_flight=False)
    up.down(in_flight=False)
    assert done.calls == {"had": ["link-down"], "waits": ["link-down"]}
