"""fanout.py: each message encoded once, and each client sent its share in one piece and in order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.counters import Counters
from bridge.delivery import burst_encoder, fanout
from bridge.delivery.backpressure import Backpressure
from bridge.delivery.batch import LARGEST_SEGMENT
from bridge.delivery.burst_encoder import BurstEncoder
from bridge.delivery.client_registry import ClientRegistry
from bridge.delivery.conflation_key import ConflationKeys
from bridge.delivery.fanout import Fanout
from bridge.delivery.history import History
from bridge.delivery.limits import Limits
from bridge.delivery.slow_policies import POLICIES
from bridge.delivery.snapshots import Snapshots
from bridge.messages import SEPARATOR, Delivery, Payload, Texts
from bridge.wire.offsets import Offsets
from bridge.wire.segment import Segment
from bridge.wire.socketio_packets import encode_event, polled
from tests.unit.outboxes import FakeClient, send_many


@pytest.fixture(autouse=True, scope="module", params=["each by itself", "all at once"])
def how_they_are_sent_to(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything here holds for both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanout, "SEVERAL", 1 if request.param == "all at once" else 1 << 30)
        yield


class Fan:
    """A fan-out to clients of these names."""

    def __init__(self, *sids: str, keys_of: ConflationKeys | None = None, largest: int = LARGEST_SEGMENT) -> None:
        self.counters = Counters()
        self.clients = {sid: FakeClient(Limits(1 << 30, POLICIES["disconnect"], self.counters)) for sid in sids}
        audience = ClientRegistry(History(0, 0), self.counters)
        self.outboxes = audience.plain
        self.outboxes.update((sid, client.outbox) for sid, client in self.clients.items())
        self.out = Fanout(
            audience, Backpressure(), self.counters, keys_of=keys_of, largest=largest, send_many=send_many
        )

    def got(self, sid: str) -> list[object]:
        """The arguments of the events that a client was sent."""
        return [json.loads(text[2:])[1] for text in polled([self.clients[sid].sent])]

    def writes(self, sid: str) -> int:
        """In how many pieces."""
        return len(self.clients[sid].writes)


def texts(items: Sequence[str], to: Sequence[tuple[str, ...] | None] | None = None) -> Texts:
    apart = to is not None and None not in to
    return Texts("message", [item.encode() for item in items], SEPARATOR.join(items), to, apart)


def test_messages_that_are_all_for_nobody_go_to_nobody_and_those_after_them_go_on() -> None:
    fan = Fan("a")
    fan.out.publish([texts(["1", "2"], [(), ()])])
    fan.out.publish([texts(["3", "4"], [("a",), ()])])
    assert fan.got("a") == ["3"]
    assert fan.counters["deliveries"] == 1


def test_what_is_for_all_comes_after_what_was_for_users_before_it() -> None:
    fan = Fan("a", "b", "c")
    fan.out.publish([texts(["1", "2"], [("a",), ("b",)]), texts(["3"])])
    assert [fan.got(sid) for sid in "abc"] == [["1", "3"], ["2", "3"], ["3"]]


def test_a_message_to_all_goes_to_every_client_once() -> None:
    fan = Fan("a", "b", "c")
    fan.out.publish([Delivery("message", Payload.text("hi"))])
    for sid in ("a", "b", "c"):
        assert fan.got(sid) == ["hi"]
    assert fan.counters["deliveries"] == 3


def test_a_message_to_some_goes_to_these_alone() -> None:
    fan = Fan("a", "b", "c")
    fan.out.publish([Delivery("message", Payload.of(1), ("c", "a", "gone"))])
    assert [fan.got(sid) for sid in "abc"] == [[1], [], [1]]
    assert fan.counters["deliveries"] == 2


def test_messages_keep_their_order_for_each_client_and_each_gets_one_piece() -> None:
    fan = Fan("a", "b")
    fan.out.publish([Delivery("n", Payload.of(n), ("a",) if n % 3 == 0 else None) for n in range(50)])
    assert fan.got("a") == list(range(50))
    assert fan.got("b") == [n for n in range(50) if n % 3]
    assert fan.writes("a") == fan.writes("b") == 1
    assert fan.counters["deliveries"] == 50 + 33


_TO = st.none() | st.lists(st.sampled_from("abcx"), unique=True).map(tuple)
_BURST = st.lists(
    st.builds(lambda to: ("one", [to]), _TO) | st.builds(lambda many: ("texts", many), st.lists(_TO, min_size=1))
)


@given(_BURST, st.booleans(), st.sampled_from(["", "x" * 9, '"' * 60]), st.sampled_from([150, LARGEST_SEGMENT]))
def test_whatever_is_mixed_each_client_gets_its_own_in_order(
    burst: list[tuple[str, list[tuple[str, ...] | None]]], keyed: bool, tail: str, largest: int
) -> None:
    fan = Fan("a", "b", "c", keys_of=ConflationKeys(None) if keyed else None, largest=largest)
    wanted: Mapping[str, list[str]] = {sid: [] for sid in "abc"}
    deliveries: list[Delivery | Texts] = []
    number = 0
    for kind, addressees in burst:
        words = [str(number + place) + tail for place in range(len(addressees))]
        number += len(words)
        one = Delivery("message", Payload.text(words[0]), addressees[0])
        deliveries.append(texts(words, addressees) if kind == "texts" else one)
        for word, to in zip(words, addressees, strict=True):
            for sid in "abc" if to is None else [each for each in to if each != "x"]:
                wanted[sid].append(word)
    fan.out.publish(deliveries)
    for sid in "abc":
        assert fan.got(sid) == wanted[sid]
        assert fan.writes(sid) <= 1 or largest < LARGEST_SEGMENT
    assert fan.counters["deliveries"] == sum(map(len, wanted.values()))


def test_texts_for_all_are_the_same_bytes_for_all() -> None:
    fan = Fan("a", "b")
    fan.out.publish([texts(["one", 'two "2"', "drei ß"])])
    assert fan.got("a") == ["one", 'two "2"', "drei ß"]
    assert fan.clients["a"].sent == fan.clients["b"].sent


@pytest.mark.parametrize("alone", [False, True])
def test_a_large_burst_goes_out_in_pieces_that_are_cut_between_messages(alone: bool) -> None:
    fan = Fan("a", "b")
    words = [f"{n:06}" + "x" * (n % 50) for n in range(20_000)]
    fan.out.publish([texts(words, [("a",) if alone and n == 7 else None for n in range(20_000)] if alone else None)])
    assert fan.got("a") == words
    assert max(map(len, fan.clients["a"].writes)) <= LARGEST_SEGMENT
    assert fan.writes("a") <= 2 + len(fan.clients["a"].sent) // LARGEST_SEGMENT
    for data in fan.clients["a"].writes:
        assert list(polled([data]))


@pytest.mark.parametrize(
    ("number", "text"),
    [(240, '{"a":"b"},' * 79), (12, '"' * 20_000), (85, "语" * 1_020), (3_300, '"' * 40), (1_000, "\x01" * 100)],
)
@pytest.mark.parametrize("recorded", [False, True])
def test_a_burst_that_only_escapes_make_large_arrives_whole(number: int, text: str, recorded: bool) -> None:
    burst = burst_encoder.BurstEncoder(None, Offsets() if recorded else None)
    burst.add(texts([text] * number))
    sent = [bytes(segment.data) for segment in burst.common()]
    assert [json.loads(each[2:])[1] for each in polled(sent)] == [text] * number
    assert max(map(len, sent)) <= LARGEST_SEGMENT
    assert sum(stored.count for stored in burst.stored) == (number if recorded else 0)


@pytest.mark.parametrize("outbox", [64 * 1024, 1 << 20])
def test_who_is_not_behind_is_not_cut_off_by_one_burst_of_any_size_while_the_link_waits(outbox: int) -> None:
    counters = Counters()
    limits = Limits(outbox, POLICIES["disconnect"], counters)
    audience, client = ClientRegistry(History(0, 0), counters), FakeClient(limits, room=0)
    audience.plain["a"] = client.outbox
    client.outbox.press()
    client.outbox.put(Segment(b"x" * (limits.behind - 1)))

    class Waiting(Backpressure):
        def wait(self) -> bool:  # as a client that is read, if the link gives it time
            if client.outbox.size <= limits.behind:
                return False
            client.room = 1 << 60
            client.outbox.flush()
            client.room = 0
            return True

    fan = Fanout(audience, Waiting(), counters, largest=limits.behind)
    fan.publish([texts(["x" * 1000] * 250)], paced=True)
    assert client.slow == 0
    assert counters["link_pauses"] >= 1


@pytest.mark.parametrize("apart", [True, False])
def test_who_is_among_the_addressees_of_several_gets_them_in_order(apart: bool) -> None:
    fan = Fan("a", "b", "c")
    to = [("a",), ("a", "b"), ("b",), ("c",), ("a",), ("b", "a")]
    fan.out.publish([Texts("message", [b"%d" % n for n in range(6)], SEPARATOR.join("012345"), to, apart)])
    assert [fan.got(sid) for sid in "abc"] == [["0", "1", "4", "5"], ["1", "2", "5"], ["3"]]


def test_what_is_for_a_user_of_many_clients_costs_the_history_its_addressees_once() -> None:
    many = tuple(f"s{n}" for n in range(1_000))
    burst = burst_encoder.BurstEncoder(None, Offsets())
    for number in range(100):
        burst.add(Delivery("m", Payload.of(number), many))
    assert sum(stored.size for stored in burst.stored) < 2 * 8 * 1_000 + 100 * 300


def test_a_message_over_the_largest_piece_is_not_cut() -> None:
    fan = Fan("a")
    fan.out.publish([texts(["a", "b" * 2 * LARGEST_SEGMENT, "c"])])
    assert [len(str(text)) for text in fan.got("a")] == [1, 2 * LARGEST_SEGMENT, 1]


def test_binary_goes_with_its_attachments_in_one_piece() -> None:
    fan = Fan("a")
    fan.out.publish([Delivery("raw", Payload.of([b"x", b"y"]))])
    assert fan.writes("a") == 1
    assert len(list(polled([fan.clients["a"].sent]))) == 3


def test_nobody_there_and_nobody_meant_is_nothing_to_do() -> None:
    nobody, one = Fan(), Fan("a")
    nobody.out.publish([Delivery("message", Payload.text("hi"))])
    one.out.publish([])
    one.out.publish([Delivery("message", Payload.text("hi"), ())])
    assert one.clients["a"].sent == b""
    assert nobody.counters["deliveries"] == one.counters["deliveries"] == 0


def test_each_message_is_encoded_once_however_many_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []

    def counted(event: str, payload: Payload, offset: bytes) -> bytes:
        encoded.append(event)
        return encode_event(event, payload, offset)

    monkeypatch.setattr(burst_encoder, "encode_event", counted)
    fan = Fan(*(str(n) for n in range(100)))
    fan.out.publish([Delivery("one", Payload.of(1)), Delivery("two", Payload.of(2))])
    assert encoded == ["one", "two"]
    assert all(fan.got(sid) == [1, 2] for sid in fan.clients)


@pytest.mark.parametrize(("size", "seconds"), [(fanout.LITTLE, 0.0005), (10, 0.000005)])
def test_a_long_burst_lets_others_have_their_turn(size: int, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[float] = []
    fan = Fan(*(str(n) for n in range(1000)))

    def now() -> float:
        return seconds * sum(len(client.writes) for client in fan.clients.values())

    def sleep(nothing: float) -> None:
        assert nothing == 0
        turns.append(now())

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", now)
    fan.out.publish([Delivery("n", Payload.of("x" * size))])
    lasted = [after - before for before, after in pairwise([0.0, *turns, now()])]
    assert turns
    assert max(lasted) <= max(0.002, seconds * fanout.AT_ONCE + 1e-9)


def test_clients_may_come_and_go_while_a_message_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    fan = Fan("a", "b")

    def others(_: float) -> None:
        fan.outboxes.pop("b").close()
        fan.outboxes["c"] = FakeClient().outbox

    monkeypatch.setattr(fanout, "AT_ONCE_LITTLE", 1)
    monkeypatch.setattr(fanout, "LONGEST_TURN", -1.0)
    monkeypatch.setattr(time, "sleep", others)
    with pytest.raises(KeyError):  # the second turn finds b gone already: it is the test's, not the fan-out's
        fan.out.publish([Delivery("m", Payload.of(1))])
    assert fan.got("a") == [1]
    assert fan.got("b") == []


def test_only_what_the_link_brings_waits_for_clients() -> None:
    class NeverAsked(Backpressure):
        def wait(self) -> bool:
            raise AssertionError("a notice of the bridge's own waits for nobody")

    counters = Counters()
    registry, client = ClientRegistry(History(0, 0), counters), FakeClient()
    registry.plain["a"] = client.outbox
    Fanout(registry, NeverAsked(), counters).publish([texts(["1"])])
    assert len(client.writes) == 1
    assert "a" in registry
    assert "b" not in registry


def test_last_values_are_sent_and_counted_where_nothing_is_recorded() -> None:
    counters = Counters()
    registry, client = ClientRegistry(History(0, 0), counters), FakeClient()
    snapshots = Snapshots(["message"], ConflationKeys("id"), 1 << 20, counters)
    snapshots.note([texts(['{"id":1}', '{"id":2}'])])
    registry.live["a"] = client.outbox
    Fanout(registry, Backpressure(), counters, snapshots=snapshots).catch_up("a", None)
    assert counters["deliveries"] == len(client.writes) == 2


def test_each_message_for_some_clients_has_its_own_key() -> None:
    encoder = BurstEncoder(ConflationKeys("id"))
    encoder.add(texts(['{"id":1}', '{"id":2}', '{"id":3}'], [("a",), ("a",), None]))
    [(sids, segments)] = encoder.alone()
    assert list(sids) == ["a"]
    assert [key for segment in segments for key in segment.keys] == [
        ("message", 1, ("a",)), ("message", 2, ("a",)), ("message", 3, None),
    ]  # fmt: skip
