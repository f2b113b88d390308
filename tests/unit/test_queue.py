"""queue.py: what waits for the link, in order, and what became of it, told once."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.queue import JOINED, PRESENCE_LIMIT, OutgoingQueue
from tests.unit.clocks import Clock
from tests.unit.uplinks import LIMIT, Outcomes, Tilde, uplink
from tests.waiting import PATIENCE, Log


def opened(*announce: bytes) -> OutgoingQueue:
    up = uplink()
    up.up(announce)
    return up


def test_before_the_link_is_there_an_event_is_refused_and_done_is_not_called() -> None:
    up, done = uplink(), Outcomes()
    with pytest.raises(Refused) as refused:
        up.send([b"a"], done.of("a"))
    assert refused.value.code == "link-down"
    assert done["a"] == []
    assert up.waiting == 0


def test_what_is_announced_goes_out_first_then_what_came_in_its_order() -> None:
    up = opened(b"ann", b"bob")
    up.send([b"1"])
    up.tell([b"carl"])
    up.send([b"2", b"3"])
    assert up.take(1000) == [b"ann~", b"bob~", b"1~", b"carl~", b"2~3~"]


def test_done_is_called_when_the_frame_was_handed_over_and_not_before() -> None:
    up, done = opened(), Outcomes()
    up.send([b"a"], done.of("a"))
    up.take(1000)
    assert done["a"] == []
    up.sent()
    assert done["a"] == [None]
    up.down(in_flight=False)
    up.down(in_flight=True)
    assert done["a"] == [None]


def test_several_payloads_of_one_event_are_acked_after_the_last() -> None:
    up, done = opened(), Outcomes()
    up.send([b"a", b"b"], done.of("ab"))
    assert up.take(1) == [b"a~b~"]
    assert done["ab"] == []
    up.sent()
    assert done["ab"] == [None]


@pytest.mark.parametrize("separate", [True, False])
def test_what_is_large_or_apart_is_taken_piece_by_piece_and_acked_after_the_last(separate: bool) -> None:
    framing = Tilde()
    framing.separate = separate
    payload = b"P" if separate else b"P" * JOINED
    up, done = OutgoingQueue(framing, LIMIT, lambda: None, Counters()), Outcomes()
    up.up([])
    up.send([payload, payload], done.of("both"))
    assert up.take(1) == [payload + b"~"]
    up.sent()
    assert done["both"] == []
    assert up.take(1) == [payload + b"~"]
    up.sent()
    assert done["both"] == [None]


@pytest.mark.parametrize(("more", "pieces"), [(0, 1), (1, 2)])
def test_up_to_128_kib_of_one_event_are_one_piece(more: int, pieces: int) -> None:
    up = opened()
    up.send([b"P" * 64 * 1024, b"P" * (64 * 1024 + more)])
    assert len(up.take(1 << 20)) == pieces


def test_an_event_that_is_refused_for_one_payload_sends_none_of_them() -> None:
    up, done = opened(), Outcomes()
    for bad, code in ((b"x" * 51, "too-big"), (b"~", "delimiter-in-frame")):
        with pytest.raises(Refused, match=code):
            up.send([b"good", bad], done.of(code))
        assert done[code] == []
    up.send([b"next"])
    assert up.take(1000) == [b"next~"]


def test_take_gives_what_fits_and_at_least_one() -> None:
    up = opened()
    for payload in (b"aaaa", b"bbbb", b"c" * 40, b"d"):
        up.send([payload])
    assert up.take(10) == [b"aaaa~", b"bbbb~"]
    up.sent()
    assert up.take(10) == [b"c" * 40 + b"~"]
    up.sent()
    assert up.take(10) == [b"d~"]


def test_over_the_limit_an_event_is_refused_as_link_busy() -> None:
    up, done = opened(), Outcomes()
    up.send([b"a" * 49])
    up.send([b"b" * 49])
    assert up.waiting == LIMIT
    with pytest.raises(Refused) as refused:
        up.send([b""], done.of("c"))
    assert refused.value.code == "link-busy"
    assert done["c"] == []
    up.take(1)
    with pytest.raises(Refused, match="link-busy"):  # what is being sent counts until it was sent
        up.send([b""])
    up.sent()
    up.send([b"c" * 49])
    assert up.waiting == LIMIT


def test_an_empty_queue_takes_one_event_of_any_size() -> None:
    up = opened()
    up.send([b"x" * 50] * 10)
    with pytest.raises(Refused, match="link-busy"):
        up.send([b""])


def waiting(up: OutgoingQueue, patience: float = PATIENCE) -> tuple[threading.Thread, Log[str]]:
    """A thread that sends "w" as soon as there is room; what became of it."""
    said: Log[str] = Log()

    def wait() -> None:
        try:
            with up.room(patience):
                said.add("room")
                up.send([b"w"], has_room=True)
        except Refused as error:
            said.add(error.code)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread, said


def test_who_waits_for_room_has_it_when_something_was_sent_and_nobody_overtakes() -> None:
    up = opened()
    up.send([b"x" * 50] * 2)
    thread, said = waiting(up)
    up.take(1)
    up.sent()
    assert said.wait_count(1) == ["room"]
    thread.join(PATIENCE)
    assert up.take(1) == [b"w~"]


def test_while_somebody_waits_an_event_that_can_not_wait_is_refused() -> None:
    up = opened()
    up.send([b"x" * 48])
    with up.room(PATIENCE), pytest.raises(Refused, match="link-busy"):
        up.send([b"y"])
    up.send([b"y"])


def test_who_waits_in_vain_is_refused_and_the_next_one_at_once() -> None:
    up = opened()
    up.send([b"x" * 50] * 2)
    thread, said = waiting(up, patience=0.05)
    assert said.wait_count(1) == ["link-busy"]
    thread.join(PATIENCE)
    with pytest.raises(Refused, match="link-busy"), up.room(0.05):
        raise AssertionError("there is no room")


def test_there_is_room_while_a_byte_less_than_the_limit_waits() -> None:
    up = opened()
    up.send([b"a" * 49])
    up.send([b"b" * 48])
    with up.room(0.0):
        up.send([b"c" * 49], has_room=True)
    up.take(1)
    up.sent()
    assert up.waiting == 99
    up.take(1)
    up.sent()
    up.send([b"d" * 49], has_room=True)
    assert up.waiting == LIMIT
    with pytest.raises(Refused, match="link-busy"), up.room(0.0):
        raise AssertionError("there is no room")


def test_a_link_that_has_taken_nothing_for_as_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, up = Clock(monkeypatch), opened()
    up.send([b"x" * 50] * 2)
    clock.later(2 * PATIENCE)
    began = time.perf_counter()
    with pytest.raises(Refused, match="link-busy"), up.room(2 * PATIENCE):
        raise AssertionError("there is no room")
    assert time.perf_counter() - began < PATIENCE


def test_it_is_known_since_when_something_waits_that_the_link_has_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    up = uplink(confirming=DeliveryTracker(b"{}"))
    up.up([])
    up.take(1)
    up.sent()
    assert up.waits_since is None
    clock.later(10)
    up.send([b"{}"])
    clock.later(10)
    up.send([b"{}"])
    assert up.waits_since == 1010
    up.take(1)
    assert up.waits_since == 1020
    clock.later(10)
    up.sent()
    assert up.waits_since == 1030
    clock.later(10)
    up.confirmed([b'{"confirm":1}'])
    assert up.waits_since == 1040
    up.take(1)
    up.sent()
    assert up.waits_since is None
    clock.later(10)
    up.down(in_flight=False)
    assert up.waits_since is None
    up.up([])
    assert up.waits_since == 1050


def test_who_waits_is_let_in_when_the_link_breaks_to_be_told_so() -> None:
    up = opened()
    up.send([b"x" * 50] * 2)
    thread, said = waiting(up)
    up.down(in_flight=True)
    assert said.wait_count(2) == ["room", "link-down"]
    thread.join(PATIENCE)


def test_presence_is_not_refused_for_want_of_room_and_takes_none() -> None:
    up = opened(b"P" * 500)
    up.send([b"x" * 50] * 3)
    up.tell([b"P" * 500])
    assert up.waiting == 153
    assert b"".join(up.take(10_000)) == b"P" * 500 + b"~" + (b"x" * 50 + b"~") * 3 + b"P" * 500 + b"~"


def test_presence_is_not_kept_while_the_link_is_down() -> None:
    up = uplink()
    up.tell([b"ann"])
    up.up([b"bob"])
    assert up.take(1000) == [b"bob~"]


def test_presence_of_an_old_connection_is_not_sent_on_the_next() -> None:
    up = opened(b"ann")
    up.tell([b"bob"])
    up.down(in_flight=False)
    up.up([b"carl"])
    assert up.take(1000) == [b"carl~"]


def test_of_several_announcements_the_last_one_tells_what_became_of_them() -> None:
    up, done = uplink(), Outcomes()
    up.up([b"ann", b"bob", b"carl"], done.of("all"))
    up.take(9)
    up.sent()
    assert done["all"] == []
    assert up.take(1) == [b"carl~"]
    up.sent()
    assert done["all"] == [None]


def test_presence_that_piles_up_says_so_and_is_not_kept() -> None:
    overflows: list[int] = []
    up = uplink(overflows)
    up.up([])
    half = b"P" * (PRESENCE_LIMIT // 2)
    up.tell([half])
    assert overflows == []
    up.tell([half])
    assert overflows == [1]
    assert up.take(1 << 30) == [half + b"~"]


def test_what_is_announced_at_the_start_is_no_pile() -> None:
    overflows: list[int] = []
    up = uplink(overflows)
    up.up([b"P" * PRESENCE_LIMIT, b"P" * PRESENCE_LIMIT])
    up.tell([b"ann"])
    assert overflows == []
    up.take(1 << 30)
    up.sent()
    up.tell([b"P" * (PRESENCE_LIMIT - 10)])
    assert overflows == []


def test_a_notice_that_can_not_be_framed_is_counted_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    up = uplink(counters=counters)
    up.up([b"ann", b"b~b"])
    up.tell([b"c~c", b"dan"])
    assert up.take(1000) == [b"ann~", b"dan~"]
    assert "! refused delimiter-in-frame from presence: " in caplog.text
    assert counters["refused_delimiter_in_frame"] == 2


def test_what_waited_when_the_link_broke_is_refused_as_link_down() -> None:
    up, done = opened(), Outcomes()
    for name in ("a", "b", "c"):
        up.send([name.encode()], done.of(name))
    up.take(1)
    up.down(in_flight=True)
    assert [done[name] for name in ("a", "b", "c")] == [["link-down"]] * 3
    assert up.waiting == 0
    assert up.take(1000) == []


def test_what_was_in_flight_is_told_from_what_waited() -> None:
    up = opened()
    said: list[str] = []
    for name in (b"a", b"b"):
        up.send([name], lambda error: said.append(error.message if error else "sent"))
    up.take(1)
    up.down(in_flight=True)
    assert "may or may not have arrived" in said[0]
    assert "before this was sent" in said[1]


def test_what_was_handed_over_while_the_reader_saw_the_end_is_acked_ok() -> None:
    up, done = opened(), Outcomes()
    up.send([b"a"], done.of("a"))
    up.send([b"b"], done.of("b"))
    up.take(1)
    up.down(in_flight=False)
    assert (done["a"], done["b"]) == ([], ["link-down"])
    up.sent()
    assert (done["a"], done["b"]) == ([None], ["link-down"])
    assert up.waiting == 0


def test_done_may_send_again() -> None:
    up, done = opened(), Outcomes()
    up.send([b"a"], lambda _: up.send([b"b"], done.of("b")))
    up.take(1000)
    up.sent()
    assert up.take(1000) == [b"b~"]


def test_done_is_not_called_under_the_lock() -> None:
    up = opened()
    answered: list[bool] = []

    def done(_: Refused | None) -> None:
        other = threading.Thread(target=up.tell, args=([b"x"],))
        other.start()
        other.join(PATIENCE)
        answered.append(not other.is_alive())

    up.send([b"a"], done)
    up.take(1000)
    up.sent()
    assert answered == [True]


@pytest.mark.parametrize("wake", ["send", "tell", "down"])
def test_a_writer_that_waits_is_woken(wake: str) -> None:
    up = opened()
    taken: Log[list[bytes]] = Log()
    writer = threading.Thread(target=lambda: taken.add(list(up.take(1000))), daemon=True)
    writer.start()
    if wake == "send":
        up.send([b"a"])
    elif wake == "tell":
        up.tell([b"a"])
    else:
        up.down(in_flight=False)
    assert taken.wait_count(1) == [[] if wake == "down" else [b"a~"]]
    writer.join()


def test_drained_waits_for_what_waits_and_what_is_in_flight() -> None:
    up = opened()
    assert up.drained(0)
    up.send([b"a"])
    assert not up.drained(0)
    up.take(1000)
    assert not up.drained(0)
    waited: Log[bool] = Log()
    waiter = threading.Thread(target=lambda: waited.add(up.drained(PATIENCE)))
    waiter.start()
    up.sent()
    assert waited.wait_count(1) == [True]
    waiter.join()


def test_drained_does_not_wait_for_a_link_that_is_down() -> None:
    assert uplink().drained(0)
    up = opened()
    up.send([b"a"])
    up.down(in_flight=False)
    assert up.drained(0)


class Interleavings(RuleBasedStateMachine):
    """Any order of what the browsers, the writer and the reader do, as far as the link allows it:
    a new connection begins only after the writer of the old one has ended."""

    @initialize()
    def begin(self) -> None:
        self.up, self.done = uplink(), Outcomes()
        self.open = self.ended = False
        self.queue: list[str] = []
        self.taken: list[str] = []
        self.expected: dict[str, list[str | None]] = {}
        self.bytes: dict[str, int] = {}

    @precondition(lambda self: not self.open and not self.taken)
    @rule(announce=st.integers(0, 2))
    def link_up(self, announce: int) -> None:
        self.up.up([b"P"] * announce)
        self.open, self.queue = True, [""] * announce

    @rule(size=st.integers(0, 49))
    def send(self, size: int) -> None:
        name = str(len(self.bytes))
        self.bytes[name], self.expected[name] = size + 1, []
        waiting = sum(self.bytes.get(entry, 0) for entry in self.queue + self.taken)
        refusal = "link-down" if not self.open else "link-busy" if waiting and waiting + size + 1 > LIMIT else ""
        if refusal:
            with pytest.raises(Refused, match=refusal):
                self.up.send([b"x" * size], self.done.of(name))
        else:
            self.up.send([b"x" * size], self.done.of(name))
            self.queue.append(name)

    @rule()
    def tell(self) -> None:
        self.up.tell([b"P"])
        if self.open:
            self.queue.append("")

    @precondition(lambda self: self.open and self.queue and not self.taken)
    @rule(at_most=st.integers(1, 150))
    def take(self, at_most: int) -> None:
        count = len(self.up.take(at_most))
        assert count
        self.taken, self.queue = self.queue[:count], self.queue[count:]

    @precondition(lambda self: self.taken)
    @rule()
    def sent(self) -> None:
        self.up.sent()
        self.end(self.taken, None)
        self.taken = []

    @precondition(lambda self: self.taken)
    @rule()
    def writer_fails(self) -> None:
        self.up.down(in_flight=True)
        self.end(self.taken + self.queue, "link-down")
        self.open, self.taken, self.queue = False, [], []

    @rule()
    def reader_ends(self) -> None:
        self.up.down(in_flight=False)
        self.end(self.queue, "link-down")
        self.open, self.queue = False, []

    def end(self, names: list[str], outcome: str | None) -> None:
        for name in names:
            if name:
                self.expected[name].append(outcome)

    @invariant()
    def each_fate_is_told_once(self) -> None:
        if hasattr(self, "done"):
            assert self.done.calls == self.expected
            assert self.up.waiting == sum(self.bytes.get(entry, 0) for entry in self.queue + self.taken)


TestInterleavings = Interleavings.TestCase
