"""Clients with a history: who comes back gets what it missed, all of it, once, before what is new."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.counters import Counters
from bridge.delivery import client_registry, fanout
from bridge.delivery.backpressure import Backpressure
from bridge.delivery.client_registry import ClientRegistry
from bridge.delivery.conflation_key import ConflationKeys
from bridge.delivery.fanout import Fanout, Recording
from bridge.delivery.history import History
from bridge.delivery.limits import Limits
from bridge.delivery.slow_policies import POLICIES
from bridge.delivery.snapshots import Snapshots
from bridge.messages import SEPARATOR, Delivery, Payload, Texts
from bridge.wire.offsets import Offsets
from bridge.wire.socketio_packets import polled
from tests.unit.amount import some
from tests.unit.outboxes import FakeClient, Wire


class Fan:
    """A fan-out that stores what it sends, and clients on sockets that are none."""

    def __init__(
        self, limit: int = 1 << 20, policy: str = "disconnect", outbox: int = 1 << 20, kept: str | None = None
    ) -> None:
        self.counters = Counters()
        self.limits = Limits(outbox, POLICIES[policy], self.counters)
        self.history, self.offsets = History(3600, limit), Offsets()
        self.audience = ClientRegistry(self.history, self.counters)
        recording = Recording(self.offsets, self.history, lambda: True)
        snapshots = None if kept is None else Snapshots([kept], ConflationKeys(None), 1 << 20, self.counters)
        self.out = Fanout(self.audience, Backpressure(), self.counters, recording=recording, snapshots=snapshots)

    def come(self, sid: str, after: int | None = None, room: int = 1 << 60) -> FakeClient:
        client = FakeClient(self.limits, room)
        if after is None:
            self.audience.live[sid] = client.outbox
        else:
            self.audience.catch_up(sid, client.outbox, after)
        return client

    def say(self, *to: tuple[str, ...] | None) -> None:
        """Messages to these, each of which is its number."""
        first = self.offsets.next
        self.out.publish([Delivery("m", Payload.of(first + n), whom) for n, whom in enumerate(to)])


def numbers(client: FakeClient) -> list[int]:
    """What it was sent of the server's: its arguments end with the offset of the same number."""
    events = [json.loads(text[2:]) for text in polled([client.sent])]
    return [int(event[1]) for event in events if not event[0].startswith("bridge:")]


def test_each_event_ends_with_its_offset_and_the_bridge_s_own_with_none() -> None:
    fan = Fan()
    client = fan.come("a")
    frames = [b"one", "zwölf~".encode(), b'"quoted"', b""]
    fan.out.publish([Texts("message", frames, SEPARATOR.join(frame.decode() for frame in frames))])
    fan.out.publish([Delivery("json", Payload.of({"x": "1"})), Delivery("bytes", Payload.binary(b"\0"))])
    fan.out.tell(Delivery("bridge:link", Payload.of("up")))
    packets = list(polled([client.sent]))
    events = [json.loads(packet[packet.index("[") :]) for packet in packets if "[" in packet]
    offsets = [fan.offsets.text(n).decode() for n in range(1, 7)]
    assert [event[1:] for event in events[:4]] == [
        [f.decode(), offset] for f, offset in zip(frames, offsets, strict=False)
    ]
    assert events[4:] == [
        ["json", {"x": "1"}, offsets[4]],
        ["bytes", {"_placeholder": True, "num": 0}, offsets[5]],
        ["bridge:link", "up"],
    ]


def test_who_can_t_have_offsets_is_sent_the_same_without_them() -> None:
    fan = Fan()
    with_offsets, plain = fan.come("a"), FakeClient(fan.limits)
    fan.audience.plain["p"] = plain.outbox
    fan.out.publish([Texts("message", [b"x", b"y"], "x\x7fy", [None, ("p", "a")])])
    assert [json.loads(text[2:]) for text in polled([plain.sent])] == [["message", "x"], ["message", "y"]]
    assert numbers_of_args(with_offsets) == [3, 3]
    assert fan.counters["deliveries"] == 4


_USERS: list[tuple[str, ...]] = [("a",), ("b", "c"), ("d",), ()]


@given(st.lists(st.tuples(st.sampled_from(_USERS), st.text(max_size=3) | st.just("same"))), st.booleans())
def test_of_a_burst_that_is_all_for_users_each_gets_its_own_and_also_when_it_is_back(
    burst: list[tuple[tuple[str, ...], str]], twice: bool
) -> None:
    fan, plain = Fan(), Fan()
    clients = {sid: fan.come(sid) for sid in "abcd"}
    without = {sid: FakeClient(plain.limits) for sid in "abcd"}
    plain.audience.plain.update((sid, client.outbox) for sid, client in without.items())
    for out in (fan.out, plain.out) * (2 if twice else 1):
        to, said = [whom for whom, _ in burst], [text for _, text in burst]
        if burst:
            out.publish([Texts("m", [text.encode() for text in said], SEPARATOR.join(said), to, True)])
    offsets = []
    for sid in "abcd":
        own = [text for whom, text in burst if sid in whom] * (2 if twice else 1)
        events = [json.loads(text[2:]) for text in polled([clients[sid].sent])]
        assert [event[:2] for event in events] == [["m", text] for text in own]
        assert [json.loads(text[2:]) for text in polled([without[sid].sent])] == [["m", text] for text in own]
        numbers = [fan.offsets.number(offset) for _, _, offset in events]
        offsets += numbers if sid != "c" else []  # who has those of "b"
        for had, number in enumerate([0, *numbers]):
            assert number is not None
            data, count, _ = fan.history.read(number, sid, 1 << 20)
            assert [json.loads(text[2:]) for text in polled([data])] == events[had:]
            assert count == len(events) - had
    assert len(set(offsets)) == len(offsets)


def numbers_of_args(client: FakeClient) -> list[int]:
    return [len(json.loads(text[2:])) for text in polled([client.sent])]


def test_who_comes_back_gets_what_was_for_it_and_is_live_then() -> None:
    fan = Fan()
    fan.say(None, ("a",), ("b",), None)
    client = fan.come("a", after=1)
    assert numbers(client) == [2, 4]
    assert fan.audience.catching_up == 0
    fan.say(None, ("b",), ("a",))
    assert numbers(client) == [2, 4, 5, 7]
    assert fan.counters["replayed"] == 2


def test_one_that_missed_nothing_is_live_at_once() -> None:
    fan = Fan()
    fan.say(None)
    client = fan.come("a", after=1)
    assert client.sent == b""
    assert "a" in fan.audience.live


def test_what_is_new_waits_for_what_was_missed_and_is_not_counted_against_the_limit() -> None:
    fan = Fan(outbox=200_000)
    fan.out.publish([Delivery("m", Payload.of([n, "x" * 10_000])) for n in range(60)])
    client = fan.come("a", after=0, room=0)
    fan.out.publish([Delivery("m", Payload.of([60, "x"]))])
    assert client.outbox.size < client_registry.PIECE + 20_000
    assert client.slow == 0
    for _ in range(1_000):
        client.room = 15_000
        client.outbox.flush()
    assert [json.loads(text[2:])[1][0] for text in polled([client.sent])] == list(range(61))
    assert "a" in fan.audience.live


def test_one_whose_socket_is_full_is_not_asked_again_before_it_has_room() -> None:
    fan = Fan()
    fan.say(None)
    client = fan.come("a", after=0, room=0)
    assert client.blocks == 1
    assert fan.audience.pop("a") is client.outbox
    assert client.outbox.refill is None
    assert fan.audience.pop("a") is None
    assert len(fan.audience) == 0


def test_whoever_refills_says_whether_there_is_more_for_another_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_registry, "PIECE", 1)
    fan = Fan()
    fan.say(*[None] * 9)
    history, client, full = fan.history, FakeClient(fan.limits), FakeClient(fan.limits, room=0)
    late = client_registry.CatchingUp(fan.audience, history, "a", client.outbox, 0)
    assert [late.refill() for _ in range(3)] == [True, True, False]
    assert late.after == 9
    assert client_registry.CatchingUp(fan.audience, history, "b", full.outbox, 0).refill() is False
    history.clear()
    assert client_registry.CatchingUp(fan.audience, history, "c", client.outbox, 5).refill() is False
    assert client.slow == 1


def test_who_is_catching_up_is_there_like_any_other() -> None:
    fan = Fan()
    fan.say(None)
    live, late, plain = fan.come("live"), fan.come("late", after=0, room=0), FakeClient(fan.limits)
    fan.audience.plain["plain"] = plain.outbox
    outboxes = {"live": live.outbox, "plain": plain.outbox, "late": late.outbox}
    assert fan.audience.everybody() == list(outboxes.values())
    assert list(fan.audience.sids()) == list(outboxes)
    assert {sid: fan.audience.get(sid) for sid in outboxes} == outboxes
    assert all(sid in fan.audience for sid in outboxes)
    assert [fan.audience.reached(sid) for sid in outboxes] == [None, None, 1]
    assert (len(fan.audience), fan.audience.catching_up) == (3, 1)
    assert (fan.audience.get("gone"), fan.audience.reached("gone")) == (None, None)
    assert {sid: fan.audience.pop(sid) for sid in outboxes} == outboxes
    assert fan.audience.everybody() == []


def test_one_that_polls_is_given_piece_by_piece_what_it_missed() -> None:
    fan = Fan()
    fan.out.publish([Delivery("m", Payload.of([n, "x" * 1_000])) for n in range(500)])
    client = fan.come("a", after=0, room=0)
    found: list[int] = []
    while packets := list(polled(client.outbox.take(256 * 1024))):
        found += [json.loads(text[2:])[1][0] for text in packets]
    assert found == list(range(500))
    assert "a" in fan.audience.live


def test_who_is_told_a_last_value_amid_a_burst_is_not_told_that_it_has_had_all_of_it() -> None:
    fan = Fan(kept="score")
    client, meddler = fan.come("a"), fan.come("b")
    fan.out.publish([Delivery("score", Payload.of("last"))])

    def ask(data: bytes | memoryview) -> int:  # as a client that registers while others are written to
        fan.out.catch_up("a", None)
        return len(data)

    meddler.outbox.connect(Wire(ask))
    fan.say(("b",), None, None)
    events = [json.loads(text[2:]) for text in polled([client.sent])]
    assert [event[:2] for event in events] == [["score", "last"], ["m", 3], ["m", 4], ["score", "last"]]
    numbers = [fan.offsets.number(event[-1]) for event in events]
    assert numbers == [1, 3, 4, 4]


def test_what_is_last_for_all_comes_before_what_is_last_for_the_user_also_after_a_burst() -> None:
    fan = Fan(kept="score")
    client, meddler = fan.come("a"), fan.come("b")
    fan.out.publish([Delivery("score", Payload.of("all")), Delivery("score", Payload.of("ann"), ("x",), ("ann",))])

    def ask(data: bytes | memoryview) -> int:
        fan.out.catch_up("a", None)
        fan.out.catch_up("a", "ann")
        return len(data)

    meddler.outbox.connect(Wire(ask))
    fan.say(("b",))
    assert [json.loads(text[2:])[1] for text in polled([client.sent])] == ["all", "all", "ann"]


def test_a_last_value_for_who_is_catching_up_says_how_far_it_is() -> None:
    fan = Fan(kept="score")
    fan.out.publish(
        [Delivery("score", Payload.of("last")), *(Delivery("m", Payload.of("x" * 9_000)) for _ in range(20))]
    )
    client = fan.come("a", after=0, room=0)
    fan.out.catch_up("a", None)
    client.room = 1 << 60
    while fan.audience.catching_up:
        client.outbox.flush()
    events = [json.loads(text[2:]) for text in polled([client.sent])]
    offsets = [fan.offsets.number(event[-1]) for event in events]
    assert offsets == sorted(offsets, key=lambda number: number or 0)
    assert [event[0] for event in events].count("score") == 2
    assert offsets[-1] == 21
    assert 0 < (offsets[[event[0] for event in events].index("score", 1)] or 0) < 21


def test_what_is_for_others_is_passed_over_turn_by_turn() -> None:
    fan = Fan(limit=1 << 30)
    for _ in range(300):
        fan.out.publish([Texts("m", [b"x"] * 100, SEPARATOR.join(["x"] * 100), [("b",), None, *[("b",)] * 98])])
    client = fan.come("a", after=0)
    assert client.blocks == 1
    assert "a" not in fan.audience.live
    turns = 0
    while not client.outbox.flush():
        turns += 1
    assert turns >= 2
    assert "a" in fan.audience.live
    assert len(list(polled([client.sent]))) == 300


def test_one_that_polls_is_asked_again_while_there_may_be_more() -> None:
    fan = Fan(limit=1 << 30)
    fan.out.publish(
        [Texts("m", [b"x"] * 30_000, SEPARATOR.join(["x"] * 30_000), [("b",), None] + [("b",)] * 29_997 + [None])]
    )
    client = fan.come("a", after=0, room=0)
    found = 0
    while fan.audience.catching_up or client.outbox.size:
        client.outbox.fill()
        found += len(list(polled(client.outbox.take(1 << 20))))
    assert found == 2


def test_a_turn_is_not_without_end() -> None:
    fan = Fan(limit=1 << 30)
    fan.out.publish([Delivery("m", Payload.of("x" * 60_000)) for _ in range(100)])
    client = fan.come("a", after=0)
    assert len(client.sent) <= (client_registry.TURN + 1) * (client_registry.PIECE + 60_100)
    assert client.blocks == 1  # it asks to be called again
    while not client.outbox.flush():
        pass
    assert len(list(polled([client.sent]))) == 100


def test_one_for_which_what_it_missed_has_gone_meanwhile_is_cut_off_and_has_no_gap() -> None:
    fan = Fan(limit=300_000)
    fan.out.publish([Delivery("m", Payload.of([n, "x" * 1_000])) for n in range(200)])
    client = fan.come("a", after=0, room=0)
    fan.out.publish([Delivery("m", Payload.of([n, "x" * 1_000])) for n in range(200, 500)])
    client.room = 1 << 60
    assert client.outbox.flush()
    assert client.slow == 1
    got = [json.loads(text[2:])[1][0] for text in polled([client.sent])]
    assert got == list(range(len(got)))


def test_the_bridge_s_own_events_reach_one_that_is_late_too() -> None:
    fan = Fan()
    fan.say(*[None] * 3)
    client = fan.come("a", after=0, room=0)
    fan.out.tell(Delivery("bridge:link", Payload.of("down")))
    fan.out.tell(Delivery("bridge:user", Payload.of("ann"), ("a", "gone")))
    client.room = 1 << 60
    client.outbox.flush()
    assert [text.split('"')[1] for text in polled([client.sent])][-2:] == ["bridge:link", "bridge:user"]
    assert numbers(client) == [1, 2, 3]


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_takes_a_part_of_what_was_missed(policy: str) -> None:
    fan = Fan(policy=policy, outbox=50_000)
    fan.out.publish([Delivery("m", Payload.of([n, "x" * 1_000])) for n in range(300)])
    client = fan.come("a", after=0, room=0)
    for _ in range(1_000):
        client.room = 10_000
        client.outbox.flush()
    assert [json.loads(text[2:])[1][0] for text in polled([client.sent])] == list(range(300))


def test_one_that_comes_back_while_a_burst_goes_out_has_each_message_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fan = Fan()
    first, late = fan.come("a"), list[FakeClient]()

    def comes_back(_: float) -> None:
        if not late:
            late.append(fan.come("b", after=0))

    monkeypatch.setattr(fanout, "AT_ONCE", 1)
    monkeypatch.setattr(fanout, "LONGEST_TURN", -1.0)
    monkeypatch.setattr(time, "sleep", comes_back)
    fan.say(None, ("b",), None, ("a", "b"))
    assert numbers(first) == [1, 3, 4]
    assert numbers(late[0]) == [1, 2, 3, 4]


class Cuts(RuleBasedStateMachine):
    """Clients whose sockets take what they like, that are cut and come back with the last offset that they have."""

    @initialize()
    def begin(self) -> None:
        self.fan = Fan(limit=1 << 30)
        self.clients = {sid: self.fan.come(sid) for sid in "abc"}
        self.had: dict[str, list[int]] = {sid: [] for sid in "abc"}
        self.wanted: dict[str, list[int]] = {sid: [] for sid in "abc"}

    @rule(
        to=st.lists(
            st.none() | st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(tuple), min_size=1, max_size=6
        )
    )
    def says(self, to: list[tuple[str, ...] | None]) -> None:
        first = self.fan.offsets.next
        self.fan.say(*to)
        for number, whom in enumerate(to, first):
            for sid in "abc":
                if whom is None or sid in whom:
                    self.wanted[sid].append(number)

    @rule(sid=st.sampled_from("abc"), room=st.sampled_from([0, 1, 10, 50, 1 << 60]))
    def reads(self, sid: str, room: int) -> None:
        self.clients[sid].room = room
        self.clients[sid].outbox.flush()

    @rule(sid=st.sampled_from("abc"), room=st.sampled_from([0, 7, 40, 1 << 60]))
    def is_cut_and_comes_back(self, sid: str, room: int) -> None:
        client = self.clients[sid]
        self.had[sid] += whole(client)
        self.fan.audience.pop(sid)
        client.outbox.close()
        self.clients[sid] = self.fan.come(sid, max(self.had[sid], default=0), room)

    @invariant()
    def nobody_has_a_gap_or_anything_twice(self) -> None:
        if hasattr(self, "clients"):
            for sid, client in self.clients.items():
                got = self.had[sid] + whole(client)
                assert got == self.wanted[sid][: len(got)]

    def teardown(self) -> None:
        for sid, client in getattr(self, "clients", {}).items():
            client.room = 1 << 60
            while not client.outbox.flush():
                pass
            assert self.had[sid] + whole(client) == self.wanted[sid]


def whole(client: FakeClient) -> list[int]:
    """The numbers of the messages that it has all of."""
    data, found = client.sent, list[int]()
    while len(data) > 2 and len(data) >= 2 + data[1]:
        found.append(json.loads(data[4 : 2 + data[1]])[1])
        data = data[2 + data[1] :]
    return found


TestCuts = Cuts.TestCase
TestCuts.settings = settings(max_examples=some(60), stateful_step_count=40, deadline=None)
