"""deduplication.py and --once-key: of one user's events with the same value in a field, the server gets one."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from bridge.errors import Refused
from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.relay import deduplication as module
from bridge.relay.deduplication import Deduplication
from bridge.relay.handlers import Bridge
from tests.unit.relays import At

OK: dict[str, object] = {"ok": True}
REFUSED: dict[str, object] = {"ok": False, "error": "link-down", "message": "why"}


class Clock:
    """A clock that is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


#: Of fifty bytes, as they are counted.
LONG: dict[str, object] = {"ok": True, "reply": "x" * 28}


class Taking:
    """A Deduplication with a clock; `told`: who was told what."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.once = Deduplication("key", 120, self.clock)
        self.told: list[tuple[str, dict[str, object]]] = []

    def take(self, user: str, value: object, name: str = "") -> module.OnAnswer | None:
        key = self.once.value_of([{"key": value}])
        assert key is not None
        return self.once.take(user, key, lambda answer: self.told.append((name, answer)))

    def settle(self, user: str, value: object, answer: dict[str, object]) -> None:
        """A first event, and its answer."""
        settle = self.take(user, value)
        assert settle is not None
        settle(answer)

    def knows(self, user: str, *values: object) -> list[object]:
        """Which of these values it has the answers of."""
        keys = [self.once.value_of([{"key": value}]) for value in values]
        its = self.once._users.get(user)
        return [value for value, key in zip(values, keys, strict=True) if its and key in its.events]


def test_a_value_that_is_too_deep_to_be_written_is_none() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert Deduplication("key", 1).value_of([{"key": deep}]) is None


@pytest.mark.parametrize(
    ("args", "same"),
    [
        ([{"key": "a"}], [5, {"key": "a", "x": 1}]),
        ([{"key": 5}], [{"key": 5}]),
        ([{"key": 2**80}], [{"key": 2**80}]),
        ([{"key": "x" * 100_000}], [{"key": "x" * 100_000}]),
        ([{"key": {"a": 1, "b": 2}}], [{"key": {"b": 2, "a": 1}}]),
        ([{"key": b"\x00"}], [{"key": b"\x00"}]),
    ],
)
def test_a_value_is_the_same_wherever_it_stands_and_kept_short(args: list[object], same: list[object]) -> None:
    once = Deduplication("key", 1)
    value = once.value_of(args)
    assert value is not None
    assert value == once.value_of(same)
    assert len(value) <= 32


def test_a_value_of_31_bytes_is_kept_as_it_is_and_a_longer_one_as_32() -> None:
    once = Deduplication("key", 1)
    assert once.value_of([{"key": "x" * 29}]) == b'"' + b"x" * 29 + b'"'
    for length in (30, 31, 1000):
        value = once.value_of([{"key": "x" * length}])
        assert value is not None
        assert len(value) == 32
        assert value != once.value_of([{"key": "x" * length + "y"}])
    assert once.value_of([{"key": "\ud800"}]) == b"'\\ud800'"


def test_what_has_no_value_is_like_no_other_and_text_is_not_a_number() -> None:
    once = Deduplication("key", 1)
    for args in ([], ["key"], [{"other": 1}], [{"key": None}], [[{"key": 1}]], [5]):
        assert once.value_of(args) is None
    values = [once.value_of([{"key": value}]) for value in ("5", 5, True, "x" * 99, "x" * 98 + "y", False, "")]
    assert len(set(values)) == 7


def test_the_others_are_told_what_the_first_is_told_when_it_is() -> None:
    at = Taking()
    settle = at.take("ann", 1)
    assert settle is not None
    assert at.take("ann", 1, "second") is None
    assert at.take("bob", 1) is not None
    assert at.take("ann", 2) is not None
    assert at.told == []
    settle({"ok": True, "reply": orjson.Fragment(b'{"x":1}')})
    assert at.take("ann", 1, "third") is None
    assert [name for name, _ in at.told] == ["second", "third"]
    assert [orjson.loads(orjson.dumps(answer)) for _, answer in at.told] == [{"ok": True, "reply": {"x": 1}}] * 2


def test_one_that_was_refused_is_forgotten_and_those_that_waited_are_told_so() -> None:
    at = Taking()
    settle = at.take("ann", 1)
    assert settle is not None
    at.take("ann", 1, "second")
    settle(REFUSED)
    assert at.told == [("second", REFUSED)]
    settle_again = at.take("ann", 1)
    assert settle_again is not None
    settle(OK)  # an old one changes nothing
    settle_again(OK)
    assert at.take("ann", 1, "last") is None
    assert at.told[-1] == ("last", OK)


def test_a_value_is_known_for_the_window_from_when_it_was_settled() -> None:
    at = Taking()
    settle = at.take("ann", 1)
    assert settle is not None
    at.clock.now += 1000
    assert at.take("ann", 1) is None  # it is still under way
    settle(OK)
    at.clock.now += 119
    assert at.take("ann", 1) is None
    at.clock.now += 1
    assert at.take("ann", 1) is not None
    assert len(at.once) == 1


def test_everything_that_is_kept_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_USER", 10)
    monkeypatch.setattr(module, "MOST", 25)
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    at = Taking()
    for user in "abcdef":
        for n in range(30):
            settle = at.take(user, n)
            assert settle is not None
            settle(OK)
            assert len(at.once) <= 25
    assert at.take("f", 29) is None
    assert at.take("f", 19) is not None
    assert len(at.once._settled) <= 25
    settle_waits = at.take("w", 1)
    for _ in range(3):
        assert at.take("w", 1) is None
    with pytest.raises(Refused, match="3 events of this user wait"):
        at.take("w", 1)
    assert settle_waits is not None
    settle_waits(OK)
    assert at.take("w", 1) is None
    at.clock.now += 1000
    at.take("z", 1)
    assert len(at.once) <= 2
    assert len(at.once._users) <= 2


def test_who_no_longer_waits_makes_room_for_others_that_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    monkeypatch.setattr(module, "MOST_OF_USER", 4)
    at = Taking()
    for value in range(3):
        settle = at.take("ann", value)
        assert settle is not None
        for _ in range(2):
            assert at.take("ann", value) is None
        settle(OK)
    assert at.take("bob", 1) is not None
    for _ in range(2):
        assert at.take("bob", 1) is None
    for value in range(2, 6):  # the last of them has the one forgotten that others wait for
        assert at.take("bob", value) is not None
    assert at.knows("bob", *range(1, 6)) == [2, 3, 4, 5]
    for _ in range(2):
        assert at.take("bob", 5) is None
    with pytest.raises(Refused, match="2 events of this user wait") as refused:
        at.take("bob", 5)
    assert refused.value.code == "link-busy"
    assert (len(at.once), at.once._size, at.once._users["bob"].size) == (7, 0, 0)


def test_an_answer_that_comes_when_its_event_is_forgotten_changes_nothing() -> None:
    at = Taking()
    settle = at.take("ann", 1)
    assert settle is not None
    settle(REFUSED)
    settle(LONG)
    assert (len(at.once), at.once._size, at.once._users) == (0, 0, {})
    assert at.take("ann", 1) is not None
    settle(LONG)
    assert (len(at.once), at.once._size, len(at.once._settled)) == (1, 0, 0)


def test_answers_have_a_limit_in_bytes_of_a_user_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE_OF_USER", 1000)
    monkeypatch.setattr(module, "SIZE", 2500)
    at = Taking()
    for user in "abcdef":
        for n in range(20):
            settle = at.take(user, n)
            assert settle is not None
            settle({"ok": True, "reply": "x" * 300})
            assert at.once._size <= 2500
            assert all(its.size <= 1000 for its in at.once._users.values())
            kept = sum(len(orjson.dumps(event.answer)) for _, _, event in at.once._settled if event.answer)
            assert kept == at.once._size, "an answer that does not count any more is kept"
    assert at.take("f", 19) is None
    at.settle("g", 0, LONG)
    settle_large = at.take("g", 1)
    assert settle_large is not None
    settle_large({"ok": True, "reply": "x" * 2000})
    assert at.take("g", 1) is not None  # too large to be kept, so it is not known
    assert at.knows("g", 0) == [0]


def test_the_oldest_long_answers_of_a_user_go_first_and_short_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE_OF_USER", 100)
    at = Taking()
    for value, answer in enumerate([OK, LONG, OK, LONG]):
        at.settle("ann", value, answer)
    assert at.knows("ann", 0, 1, 2, 3) == [0, 1, 2, 3]
    at.settle("ann", 4, LONG)
    assert at.knows("ann", 0, 1, 2, 3, 4) == [0, 2, 3, 4]
    assert at.once._users["ann"].size == at.once._size == 100
    at.settle("ann", 5, {"ok": True, "reply": "x" * 78})
    assert at.knows("ann", 0, 1, 2, 3, 4, 5) == [0, 2, 5]


def test_beyond_the_bytes_of_all_the_oldest_answers_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE", 100)
    at = Taking()
    for user, answer in (("ann", OK), ("bob", LONG), ("cat", LONG)):
        at.settle(user, 1, answer)
    assert [user for user in ("ann", "bob", "cat") if at.knows(user, 1)] == ["ann", "bob", "cat"]
    at.settle("dan", 1, LONG)
    assert [user for user in ("ann", "bob", "cat", "dan") if at.knows(user, 1)] == ["cat", "dan"]
    assert at.once._size == 100


def test_as_many_answers_are_kept_as_the_limit_says_also_of_those_gone_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_USER", 1)
    monkeypatch.setattr(module, "MOST", 3)
    at = Taking()
    for user in ("ann", "bob", "cat"):
        at.settle(user, 1, OK)
    assert [user for user in ("ann", "bob", "cat") if at.knows(user, 1)] == ["ann", "bob", "cat"]
    assert at.take("dan", 1) is not None
    assert [user for user in ("ann", "bob", "cat", "dan") if at.knows(user, 1)] == ["bob", "cat", "dan"]
    assert len(at.once) == 3
    for value in range(9):
        at.settle("cat", value + 2, OK)
    assert at.knows("cat", *range(2, 11)) == [10]
    assert len(at.once._settled) == 3


def test_a_first_that_is_over_a_limit_still_tells_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_USER", 2)
    at = Taking()
    settle = at.take("ann", 1)
    assert settle is not None
    at.take("ann", 1, "second")
    at.take("ann", 2)
    at.take("ann", 3)
    settle(OK)
    assert at.told == [("second", OK)]
    assert at.take("ann", 1) is not None


# In the relay.


def relay(identity: str = "sid", **rules: Any) -> At:
    made = At(identity, **{"once": Deduplication("once", 120), **rules})
    made.up()
    made.come("a", "b")
    made.raw()
    return made


def actions(said: list[Any]) -> list[object]:
    return [message.get("action") for message in said if message.get("action") not in ("connected", "disconnected")]


def test_the_server_gets_one_of_two_and_both_are_acked() -> None:
    up = relay()
    assert up.ask("a", "buy", {"once": 1}) == OK
    assert up.emit("a", "buy", {"once": 1}) == [OK]
    assert up.said() == []
    assert up.ask("a", "buy", {"once": 2}) == OK
    assert up.ask("b", "buy", {"once": 1}) == OK
    assert up.ask("a", "buy", {"item": 1}) == OK
    assert (up.counters["events_repeated"], up.counters["events_ok"], up.counters["events_in"]) == (1, 5, 5)


def test_each_of_them_is_acked_by_its_own_id_and_one_without_an_id_by_none() -> None:
    up = relay()
    answers: list[tuple[list[int], dict[str, object]]] = []
    events: list[Any] = [(number, ["buy", {"once": 1}]) for number in (7, 8, None)]
    up.relay.events("a", events, lambda ids, answer: answers.append((list(ids), answer)), True)
    up.raw()
    up.relay.events("a", [(9, ["buy", {"once": 1}])], lambda ids, answer: answers.append((list(ids), answer)), True)
    assert answers == [([7], OK), ([8], OK), ([], OK), ([9], OK)]


def test_what_is_held_is_held_once_and_all_learn_its_fate() -> None:
    up = relay(holding=OfflineBuffer(3600, 10_000, 10_000))
    up.down()
    answers = [up.emit("a", "buy", {"once": 1}) for _ in range(4)]
    assert answers == [[]] * 4
    up.up()
    assert actions(up.said()) == ["buy"]
    assert answers == [[OK]] * 4


def test_what_was_refused_is_refused_for_all_and_may_be_tried_again() -> None:
    up = relay()
    up.down()
    assert [up.emit("a", "buy", {"once": 1})[0]["error"] for _ in range(2)] == ["link-down"] * 2
    up.up()
    assert up.ask("a", "buy", {"once": 1}) == OK
    assert up.counters["refused_link_down"] == 2
    assert up.counters["events_repeated"] == 0


def test_events_without_an_ack_count_too_and_keep_their_place() -> None:
    some: list[dict[str, Any]] = [{}, {"reply_timeout": 1000.0}]
    for rules in some:
        up = relay(**rules)
        events: list[Any] = [(None, ["n", {"once": n // 2, "n": n}]) for n in range(6)]
        events[3:3] = [(None, ["n", {"n": "between"}])]
        assert up.relay.events("a", events, lambda *_: None, False) == 0  # it has to be looked at one by one
        assert up.relay.events("a", events, lambda *_: None, True) == 7
        assert [message["n"] for message in up.said()] == [0, 2, "between", 4]
        assert up.relay.events("a", events, lambda *_: None, True) == 7
        assert [message["n"] for message in up.said()] == ["between"]
        assert up.counters["events_repeated"] == 9
        assert up.emit("a", "n", {"once": 0}) == [OK]  # its fate is known, without an ack too


def test_with_replies_the_answer_is_shared_and_no_reply_is_a_refusal() -> None:
    up = relay(reply_timeout=1000.0)
    answers = [up.emit("a", "price", {"once": 1}) for _ in range(3)]
    (message,) = up.said()
    up.relay.burst([json.dumps({"reply_to": message["reply_to"], "gold": 10}).encode()])
    answers.append(up.emit("a", "price", {"once": 1}))
    assert [orjson.loads(orjson.dumps(one)) for one in answers] == [[{"ok": True, "reply": {"gold": 10}}]] * 4


def test_with_confirm_it_is_under_way_until_it_is_confirmed() -> None:
    up = relay(confirming=DeliveryTracker(b"{}"))
    answers = [up.emit("a", "buy", {"once": 1})]
    assert len(up.said()) == 1
    answers.append(up.emit("a", "buy", {"once": 1}))
    assert answers == [[], []]
    up.uplink.confirmed([b'{"confirm":1}'])
    assert answers == [[OK], [OK]]


def test_a_handler_is_called_once_and_one_that_fails_may_be_called_again() -> None:
    calls: list[object] = []

    def buy(client: object, what: dict[str, object]) -> dict[str, object]:
        calls.append(what)
        if len(calls) == 1:
            raise ValueError
        return {"bought": what["once"]}

    def setup(bridge: Bridge) -> None:
        bridge.on_event("buy")(buy)

    up = relay(setup=setup)
    assert up.ask("a", "buy", {"once": 1})["error"] == "handler-error"
    assert up.ask("a", "buy", {"once": 1}) == OK
    assert up.emit("a", "buy", {"once": 1}) == [OK]
    assert len(calls) == 2


def test_the_clients_of_one_user_share_its_values_and_none_have_their_own() -> None:
    up = relay("register")
    assert up.emit("a", "buy", {"once": 1})[0]["error"] == "not-registered"
    for sid in ("a", "b"):
        up.ask(sid, "register", "ann")
    up.raw()
    assert up.ask("a", "buy", {"once": 1}) == OK
    assert up.emit("b", "buy", {"once": 1}) == [OK]
    assert up.said() == []
    up = relay("none")
    assert up.ask("a", "buy", {"once": 1}) == OK
    assert up.emit("a", "buy", {"once": 1}) == [OK]
    assert up.ask("b", "buy", {"once": 1}) == OK


def test_a_bad_name_or_a_bad_argument_is_refused_each_time() -> None:
    up = relay()
    for _ in range(2):
        assert up.emit("a", "connect", {"once": 1})[0]["error"] == "bad-event"
        assert up.emit("a", "n", {"once": 2, "x": float("nan")})[0]["error"] == "not-json"
    assert up.counters["events_repeated"] == 0
