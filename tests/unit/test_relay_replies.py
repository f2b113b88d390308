"""relay.py with replies: the server's answer is the ack, whatever else goes on."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.relay import replies
from bridge.relay.handlers import Bridge
from tests.unit.relays import At
from tests.waiting import Log

OK = {"ok": True}


def at(**rules: Any) -> At:
    made = At(**{"reply_timeout": 1000, **rules})
    made.up()
    made.come("a")
    made.raw()
    return made


def hear(up: At, *values: object) -> None:
    up.relay.burst([json.dumps(value).encode() for value in values])


def plain(answers: list[dict[str, object]]) -> list[Any]:
    return [orjson.loads(orjson.dumps(answer)) for answer in answers]


def test_an_event_that_asks_for_an_ack_is_answered_by_the_server() -> None:
    up = at()
    answers = up.emit("a", "price", {"reply_to": "forged", "of": "shovel"})
    (message,) = up.said()
    assert answers == []
    assert list(message) == ["username", "action", "of", "reply_to"]
    assert message["reply_to"] != "forged"
    hear(up, "before", {"reply_to": message["reply_to"], "gold": 10}, "after")
    assert plain(answers) == [{"ok": True, "reply": {"gold": 10}}]
    assert [json.loads(json.loads(d.payload.json)) for d in up.published if d.event == "message"] == ["before", "after"]
    assert up.counters["keys_stripped"] == 1


def test_an_event_that_asks_for_none_leaves_without_an_id() -> None:
    up = at()
    assert up.relay.events("a", [(None, ["n", 1]), (5, ["n", 2])], lambda *_: None, False) == 2
    first, second = up.said()
    assert "reply_to" not in first
    assert "reply_to" in second
    assert up.counters["events_ok"] == 1


def test_without_room_or_a_link_the_ack_says_so() -> None:
    up = at()
    up.down()
    assert plain(up.emit("a", "n"))[0]["error"] == "link-down"
    up = at(holding=OfflineBuffer(0.01, 1000, 1000))
    up.down()
    told: Log[dict[str, object]] = Log()
    up.relay.events("a", [(1, ["n"])], lambda _, answer: told.add(answer), True)
    assert told.wait_count(1)[0]["message"] == "the server was not connected within 0.01 s"


def test_what_a_handler_sends_is_acked_when_it_was_sent_and_has_no_id() -> None:
    def setup(bridge: Bridge) -> None:
        bridge.on_event("go")(lambda client, *args: {"a": 1})

    up = at(setup=setup)
    answers = up.emit("a", "go")
    assert up.said() == [{"a": 1}]
    assert answers == [OK]


def test_too_many_at_once_are_taken_as_far_as_they_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "MOST_OF_CLIENT", 3)
    up = at()
    answers: list[tuple[int, object]] = []

    def answer(ids: Any, value: dict[str, object]) -> None:
        answers.extend((n, value.get("error")) for n in ids)

    assert up.relay.events("a", [(n, ["n", n]) for n in range(5)], answer, False) == 3
    assert up.relay.events("a", [(n, ["n", n]) for n in range(3, 5)], answer, True) == 2
    assert answers == [(3, "link-busy"), (4, "link-busy")]
    assert [message["data"] for message in up.said()] == [0, 1, 2]


def test_an_event_that_can_not_be_encoded_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "MOST_OF_CLIENT", 1)
    up = at()
    assert plain(up.emit("a", "n", float("nan")))[0]["error"] == "not-json"
    assert up.emit("a", "n") == []


def test_with_confirm_the_answer_is_the_ack_and_a_confirmation_is_none() -> None:
    up = at(confirming=DeliveryTracker(b"{}"))
    answers = up.emit("a", "n")
    (message,) = up.said()
    assert list(message) == ["username", "action", "reply_to", "seq"]
    up.uplink.confirmed([b'{"confirm":1}'])
    assert answers == []
    hear(up, {"reply_to": message["reply_to"]})
    assert plain(answers) == [{"ok": True, "reply": {}}]


def test_with_confirm_an_event_that_is_sent_again_has_the_same_id_and_one_answer() -> None:
    up = at(confirming=DeliveryTracker(b"{}"))
    answers = up.emit("a", "n")
    (first,) = up.said()
    up.down()
    up.up()
    assert up.said()[-1] == first
    for _ in range(2):
        hear(up, {"reply_to": first["reply_to"]})
    assert plain(answers) == [{"ok": True, "reply": {}}]
    up.uplink.confirmed([b'{"confirm":1}'])
    assert len(answers) == 1
