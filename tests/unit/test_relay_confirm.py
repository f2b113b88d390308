"""relay.py with confirm: each event has its own number and its own ack, whichever way it came."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.relay import upstream
from bridge.relay.handlers import Bridge
from bridge.relay.users import Client
from tests.unit.relays import At, notice

OK = {"ok": True}
HELLO = {"action": "hello", "epoch": "e"}


def at(**rules: Any) -> At:
    hello = b'{"action":"hello","epoch":"e"}'
    made = At(confirming=DeliveryTracker(hello), holding=OfflineBuffer(1000, 10_000, 10_000), **rules)
    made.up()
    made.come("a")
    return made


def test_events_that_came_together_are_confirmed_one_by_one() -> None:
    up = at()
    answers: list[tuple[int, object]] = []

    def answer(ids: object, value: object) -> None:
        answers.extend((n, value) for n in ids)  # type: ignore[attr-defined]

    assert up.relay.events("a", [(n, ["n", n]) for n in range(5)], answer, False) == 5
    assert up.said()[2:] == [{"username": "a", "action": "n", "data": n, "seq": n + 1} for n in range(5)]
    assert answers == []
    up.uplink.confirmed([b'{"confirm":2}'])
    assert answers == [(0, OK), (1, OK)]
    up.uplink.confirmed([b'{"confirm":5}'])
    assert answers == [(n, OK) for n in range(5)]
    assert up.counters["events_ok"] == 5


def test_of_events_that_came_together_those_that_there_is_room_for_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "PATIENCE", 0.01)
    up = at(limit=100)
    up.raw()
    answers: list[tuple[int, object]] = []

    def answer(ids: object, value: dict[str, object]) -> None:
        answers.extend((n, value.get("error", "ok")) for n in ids)  # type: ignore[attr-defined]

    many = [(n, ["n", "x" * 10]) for n in range(4)]
    assert up.relay.events("a", many, answer, False) == 1
    assert up.relay.events("a", many[1:], answer, True) == 3
    up.raw()
    up.uplink.confirmed([b'{"confirm":4}'])
    assert sorted(answers) == [(n, "ok") for n in range(4)]


def test_presence_and_hello_have_no_number_and_the_name_hello_is_taken() -> None:
    up = at()
    assert up.said() == [HELLO, notice("a", "connected")]
    assert up.ask("a", "hello")["error"] == "bad-event"
    up.go("a")
    assert up.said() == [notice("a", "disconnected")]


def test_a_key_seq_of_a_clients_object_is_taken_out_and_counted() -> None:
    up = at()
    up.raw()
    up.emit("a", "n", {"seq": 700, "x": 1})
    up.emit("a", "n", 1, {"seq": 700})
    assert up.said() == [
        {"username": "a", "action": "n", "x": 1, "seq": 1},
        {"username": "a", "action": "n", "args": [1, {"seq": 700}], "seq": 2},
    ]
    assert up.counters["keys_stripped"] == 1


def test_what_handlers_send_has_a_number_if_it_can_carry_one() -> None:
    def setup(bridge: Bridge) -> None:
        @bridge.on_event("go")
        def go(client: Client, *args: object) -> Any:
            return iter([{"a": 1}, '{"b": 2}', b"c", [4]])

    up = at(setup=setup)
    up.raw()
    answers = up.emit("a", "go")
    assert up.raw() == [b'{"a":1,"seq":1}', b'{"b": 2}', b"c", b"[4]"]
    assert answers == []
    up.uplink.confirmed([b'{"confirm":1}'])
    assert answers == [OK]


def test_an_event_whose_user_has_gone_before_it_was_confirmed_is_not_sent_again() -> None:
    up = at()
    up.come("b")
    of_a, of_b = up.emit("a", "n"), up.emit("b", "n")
    up.raw()
    up.go("a")
    up.raw()
    up.down()
    up.up()
    assert up.said() == [HELLO, notice("b", "connected"), {"username": "b", "action": "n", "seq": 2}]
    assert of_a[0]["error"] == "gone"
    up.uplink.confirmed([b'{"confirm":2}'])
    assert of_b == [OK]
