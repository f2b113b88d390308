"""relay.py: events of clients and their acks; messages of the server. Presence is in test_relay_presence.py."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.messages import Delivery, Payload
from bridge.relay import upstream
from bridge.relay.hook_results import Emit
from bridge.relay.relay import Identity, RelayOptions
from tests.unit.clocks import Clock
from tests.unit.relays import At, notice

OK = {"ok": True}


def code(answer: dict[str, object]) -> object:
    assert answer["ok"] is False
    assert isinstance(answer["message"], str)
    assert answer["message"]
    assert set(answer) == {"ok", "error", "message"}
    return answer["error"]


def ready(identity: str = "sid", **rules: object) -> At:
    """A relay with the link up and one client `a`, whose notice is already sent."""
    at = At(identity, **rules)  # type: ignore[arg-type]
    at.up()
    at.come("a")
    if identity == "register":
        assert at.ask("a", "register", "ann")["ok"]
    at.raw()
    return at


def test_an_event_is_one_message_and_acked_when_it_was_sent_not_before() -> None:
    at = ready()
    answers = at.emit("a", "move", {"x": 1})
    assert answers == []
    assert at.raw() == [b'{"username":"a","action":"move","x":1}']
    assert answers == [OK]
    assert at.counters["events_in"] == at.counters["events_ok"] == 1


@pytest.mark.parametrize(
    ("identity", "confirm", "names"),
    [
        (Identity.SID, False, {"in", "out"}),
        (Identity.REGISTER, True, {"in", "out", "hello"}),
        (Identity.NONE, False, set()),
        (Identity.NONE, True, {"hello"}),
    ],
)
def test_what_no_client_may_emit_is_presence_and_with_confirm_hello(
    identity: Identity, confirm: bool, names: set[str]
) -> None:
    assert RelayOptions(identity, "username", ("in", "out"), 1, confirm=confirm).reserved_events == names


def test_what_a_relay_does_only_if_it_is_told_to() -> None:
    options = RelayOptions(Identity.SID, "username", ("in", "out"), 1)
    assert (options.drop_unhandled, options.confirm, options.grace, options.window) == (False, False, 0.0, 0.0)


def test_the_user_key_names_who_registers_and_username_does_too() -> None:
    at = ready("register")
    upstream_of = at.relay._upstream
    upstream_of._options = replace(upstream_of._options, user_key="player")
    for names, user in (
        ({"player": "bob"}, "bob"),
        ({"username": "cat"}, "cat"),
        ({"player": "d", "username": "e"}, "d"),
    ):
        assert at.ask("a", "register", names) == {"ok": True, "user": user}


def test_what_the_server_says_waits_for_slow_clients_and_what_a_handler_emits_does_not() -> None:
    at = ready()
    before = len(at.paced)
    at.relay.burst([b"x"])
    at.relay.emit(Emit("e", 1))
    assert at.paced[before:] == [True, False]


def test_events_of_a_client_keep_their_order() -> None:
    at = ready()
    for n in range(100):
        at.emit("a", "n", n)
    assert [message["data"] for message in at.said()] == list(range(100))


@pytest.mark.parametrize(
    "name",
    [
        "", "x" * 129, "x" * 10_000, "a\nb", "*", "connect", "disconnect", "connect_error", "newListener",
        "removeListener", "bridge:link", "connected", "disconnected", None, 5, ["move"], {"a": 1}, b"move",
    ],
)  # fmt: skip
def test_a_bad_name_is_refused_before_anything_else_sees_it(name: object) -> None:
    seen: list[object] = []
    at = ready()
    at.hooks.events[name if isinstance(name, str) else "x"] = lambda client, *args: seen.append(args)
    assert code(at.ask("a", name, 1)) == "bad-event"
    assert seen == []
    assert at.raw() == []
    assert at.counters["refused_bad_event"] == 1
    assert at.ask("a", "next") == OK


def test_a_name_that_can_not_be_shown_is_refused_all_the_same() -> None:
    name: list[object] = []
    for _ in range(100_000):
        name = [name]
    assert code(ready().ask("a", name)) == "bad-event"


def test_the_presence_actions_are_names_like_others_under_identity_none() -> None:
    at = ready("none")
    assert at.ask("a", "connected") == at.ask("a", "disconnected") == OK
    assert code(at.ask("a", "connect")) == "bad-event"


def test_renamed_presence_actions_are_the_ones_that_are_reserved() -> None:
    at = ready(presence=("join", "leave"))
    assert code(at.ask("a", "join")) == code(at.ask("a", "leave")) == "bad-event"
    assert at.ask("a", "connected") == OK


def test_register_is_an_ordinary_event_under_sid_and_none() -> None:
    for identity, user in (("sid", {"username": "a"}), ("none", {})):
        at = ready(identity)
        at.emit("a", "register", "ann")
        assert at.said() == [{**user, "action": "register", "data": "ann"}]
        assert at.told("a", "bridge:user") == ([{"user": "a"}] if identity == "sid" else [])


@pytest.mark.parametrize(("identity", "name"), [("register", "move"), ("sid", "move"), ("sid", "register")])
def test_an_event_that_is_simply_relayed_need_not_wait(identity: str, name: str) -> None:
    at = ready(identity)
    assert at.relay.events("a", [(1, [name]), (2, [name])], lambda *_: None, False) == 2
    assert at.relay.events("a", [(3, ["bad\n"])], lambda *_: None, False) == 0


def test_a_register_counts_as_one_event_that_went_well() -> None:
    at = At("register")
    at.up()
    at.come("a")
    assert at.ask("a", "register", "ann") == {"ok": True, "user": "ann"}
    assert at.counters["events_ok"] == at.counters["events_in"] == 1


def test_before_register_every_other_event_is_refused() -> None:
    at = At("register")
    at.up()
    at.come("a")
    assert code(at.ask("a", "move")) == "not-registered"
    assert code(at.ask("a", "connect")) == "bad-event"
    assert at.raw() == []


def test_while_the_link_is_down_an_event_is_refused_at_once() -> None:
    at = At()
    at.come("a")
    assert code(at.ask("a", "move")) == "link-down"
    at.up()
    assert at.ask("a", "move") == OK
    at.down()
    assert code(at.ask("a", "move")) == "link-down"


def test_what_waited_when_the_link_broke_is_answered_then() -> None:
    at = ready()
    answers = [at.emit("a", "n", n) for n in range(3)]
    at.down()
    assert [code(answer) for (answer,) in answers] == ["link-down"] * 3
    assert at.counters["refused_link_down"] == 3


def test_a_full_queue_refuses_after_a_while_and_takes_more_when_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "PATIENCE", 0.01)
    at = ready(limit=50)
    answers = [at.emit("a", "n", "x" * 30) for _ in range(3)]
    assert [code(answer[0]) if answer else None for answer in answers] == [None, "link-busy", "link-busy"]
    at.raw()
    assert at.ask("a", "n") == OK


@pytest.mark.parametrize(("args", "why"), [([math.nan], "not-json"), ([{"x": [math.inf]}], "not-json")])
def test_what_json_can_not_say_is_refused(args: list[object], why: str) -> None:
    at = ready()
    assert code(at.ask("a", "move", *args)) == why
    assert at.raw() == []


def test_what_is_over_the_frame_limit_is_refused() -> None:
    at = ready(limit=1 << 30)
    assert code(at.ask("a", "move", "x" * (1 << 20))) == "too-big"
    assert at.raw() == []


def test_arguments_that_are_nested_too_deeply_are_refused() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert code(ready().ask("a", "move", value)) == "not-json"


def test_a_delimiter_in_a_string_can_not_forge_a_frame() -> None:
    at = ready()
    at.emit("a", "m~n", {"~": "~{}~"})
    assert at.said() == [{"username": "a", "action": "m~n", "~": "~{}~"}]


def test_binary_arguments_leave_as_base64() -> None:
    at = ready()
    at.emit("a", "photo", b"\x00\xff")
    assert at.said() == [{"username": "a", "action": "photo", "data": {"_binary": "AP8="}}]


def test_an_event_of_a_client_that_is_not_there_is_refused_as_gone() -> None:
    at = ready()
    at.go("a")
    assert code(at.ask("a", "move")) == "gone"
    assert code(at.ask("never there", "move")) == "gone"


@pytest.mark.parametrize(("sid", "code"), [("a", "link-down"), ("never there", "gone"), ("a", "link-busy")])
def test_what_refuses_one_event_refuses_those_that_came_with_it_at_once(
    sid: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "PATIENCE", 0.01)
    at = ready(limit=20)
    if code == "link-down":
        at.down()
    elif code == "link-busy":
        at.emit("a", "full", "x" * 20)
    answers: list[tuple[list[int], object]] = []
    events = [(number, ["n"]) for number in (1, 2, 3)]
    assert at.relay.events(sid, events, lambda ids, told: answers.append((list(ids), told["error"])), True) == 3
    assert answers == [([1, 2, 3], code)]


def test_who_sends_events_one_by_one_lets_others_run_every_2_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    at, clock, slept = ready(), Clock(monkeypatch), list[float]()
    monkeypatch.setattr(time, "sleep", slept.append)
    for later, yields in ((0.0, 1), (0.0019, 0), (0.0002, 1), (0.0021, 1)):
        clock.now += later
        slept.clear()
        at.relay.events("a", [(None, [""])] * 3, lambda *_: None, True)
        assert slept == [0] * yields
    clock.now = at.relay._upstream._turn_ends
    at.relay.events("a", [(None, [""])] * 3, lambda *_: None, True)
    assert slept == [0]


def test_events_that_are_relayed_one_by_one_let_others_run_between(monkeypatch: pytest.MonkeyPatch) -> None:
    at, slept = ready(), list[float]()
    monkeypatch.setattr(upstream, "LONGEST_TURN", -1.0)
    monkeypatch.setattr(time, "sleep", slept.append)
    events = [(n, ["n", value]) for n, value in enumerate((1.0, math.nan, 2.0))]
    assert at.relay.events("a", events, lambda *_: None, True) == 3
    assert slept == [0] * 4


def test_what_is_dropped_because_no_handler_takes_it_is_refused_as_bad_event() -> None:
    at = ready(unhandled="drop")
    assert code(at.ask("a", "move")) == "bad-event"
    assert at.raw() == []
    at = ready("register", unhandled="drop")
    assert at.ask("a", "register", "bob")["ok"]


_NAMES = st.text(max_size=12) | st.sampled_from(["register", "connect", "bridge:x"]) | st.none() | st.integers()
_ARGS = st.lists(st.none() | st.floats() | st.text(max_size=9) | st.binary(max_size=9), max_size=3)


@given(st.sampled_from(["sid", "register", "none"]), st.lists(st.tuples(_NAMES, _ARGS), max_size=5), st.booleans())
def test_every_event_is_answered_exactly_once(
    identity: str, events: list[tuple[object, list[object]]], breaks: bool
) -> None:
    at = ready(identity)
    for name, args in events:
        at.emit("a", name, *args)
    at.down() if breaks else at.raw()
    assert all(len(answers) == 1 for answers in at.acks)
    refused = sum(count for name, count in at.counters.snapshot().items() if name.startswith("refused_"))
    assert at.counters["events_in"] == at.counters["events_ok"] + refused


# What the server sends.


def test_a_burst_is_published_at_once_and_in_order() -> None:
    at = At("register")
    at.up()
    at.come("a", "b")
    at.emit("a", "register", "ann")
    at.relay.burst([b"one", b'{"username":"ann"}', b'{"username":"zoe"}', b"two"])
    assert [(d.to, json.loads(d.payload.json)) for d in at.batches[-1]] == [
        (None, "one"),
        (("a",), '{"username":"ann"}'),
        (None, "two"),
    ]
    assert at.counters["unknown_users"] == 1


def test_a_burst_of_which_nothing_is_for_anybody_is_nothing_to_publish() -> None:
    at = ready()
    before = len(at.batches)
    at.relay.burst([b'{"username":"zoe"}', b'{"username":[]}', b'{"username":5}'])
    at.relay.burst([])
    assert len(at.batches) == before


def test_under_sid_a_message_to_a_sid_goes_to_that_client() -> None:
    at = ready()
    at.come("b")
    at.relay.burst([b'{"username":"b"}'])
    assert at.published[-1] == Delivery("message", Payload.text('{"username":"b"}'), ("b",))


def test_a_client_is_told_of_the_link_when_it_connects_and_everybody_at_each_change() -> None:
    at = At()
    at.come("a")
    assert at.told("a", "bridge:link") == [{"state": "connecting"}]
    at.up()
    at.down()
    assert at.told(None, "bridge:link") == [{"state": "connected"}, {"state": "waiting"}]
    at.come("b")
    assert at.told("b", "bridge:link") == [{"state": "waiting"}]


def test_what_the_server_says_never_comes_as_one_of_the_bridges_own_events() -> None:
    at = ready()
    at.relay.burst([b'{"event":"bridge:link"}', b"bridge:link", b'["bridge:user",{"user":"eve"}]'])
    assert {d.event for d in at.published[-3:]} == {"message"}


def test_none_of_the_bridges_own_events_ends_in_a_string() -> None:
    at = ready("register")
    at.down()
    own = [d for d in at.published if d.event.startswith("bridge:")]
    assert own
    assert all(isinstance(json.loads(d.payload.json), dict) for d in own)


def test_the_notice_of_nobody_is_sent_for_a_client_that_never_registered() -> None:
    at = At("register")
    at.up()
    at.come("a")
    at.go("a")
    assert at.raw() == []
    at.come("b")
    at.emit("b", "register", "bob")
    assert at.said() == [notice("bob", "connected")]
