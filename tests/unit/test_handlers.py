"""handlers.py: what a handlers file is given, what it may emit, and what its functions may return."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.errors import REFUSALS, Refused
from bridge.link.codec import JsonEncoder
from bridge.messages import Delivery, Payload
from bridge.names import RESERVED_EVENTS
from bridge.relay.handlers import Bridge, Hooks
from bridge.relay.hook_results import Emit, frames_of
from bridge.relay.users import Client, Users
from tests.unit.relays import At

encode = JsonEncoder([(b"~", b"\\u007e")]).encode


def made() -> tuple[Bridge, Hooks, Users]:
    hooks, users = Hooks(), Users()
    return Bridge("the app", hooks, users), hooks, users


def two_users() -> tuple[Users, Client, Client]:
    users = Users()
    ann, bob = Client("a", "127.0.0.1"), Client("b", "127.0.0.1")
    for client, name in ((ann, "ann"), (bob, "bob")):
        users.add(client)
        users.join(client, name, registered=True)
    return users, ann, bob


def frames(result: object, limit: int = 1000) -> list[bytes]:
    return frames_of(result, encode, limit, [])


# Registering.


def test_a_function_that_is_registered_stays_what_it_was() -> None:
    bridge, hooks, _ = made()

    def function(client: Client) -> None: ...

    assert bridge.on_event("go")(function) is function
    assert bridge.on_message(function) is bridge.on_connect(function) is bridge.on_register(function) is function
    assert bridge.on_disconnect(function) is function
    assert hooks.events == {"go": function}
    assert hooks.message is hooks.connect is hooks.register is hooks.disconnect is function


def test_a_second_handler_for_the_same_is_an_error_that_names_it() -> None:
    bridge, hooks, _ = made()
    bridge.on_event("go")(print)
    with pytest.raises(ValueError, match="'go' has a handler already"):
        bridge.on_event("go")
    for name in ("message", "connect", "register", "disconnect"):
        register: Callable[[Any], Any] = getattr(bridge, f"on_{name}")
        register(len)
        with pytest.raises(ValueError, match=f"on_{name} has a handler already"):
            register(max)
    assert hooks.message is len


@pytest.mark.parametrize("name", [*sorted(RESERVED_EVENTS), "", "bridge:x", "x" * 129, "a\nb", None, 5])
def test_an_event_that_can_never_come_can_have_no_handler(name: Any) -> None:
    with pytest.raises(ValueError, match="event"):
        made()[0].on_event(name)


def test_before_the_bridge_runs_sending_and_emitting_are_refused_in_words() -> None:
    bridge, _, _ = made()
    with pytest.raises(RuntimeError, match="not running yet"):
        bridge.send({"a": 1})
    with pytest.raises(RuntimeError, match="not running yet"):
        bridge.emit("e", 1)


def test_once_it_runs_they_go_where_they_are_to_go() -> None:
    bridge, _, _ = made()
    sent: list[object] = []
    emitted: list[Emit] = []
    bridge.run(send=lambda message, done: sent.append(message), emit=emitted.append)
    bridge.send("x")
    bridge.emit("e", 1, ["ann"])
    bridge.emit("f")
    assert sent == ["x"]
    assert emitted == [Emit("e", 1, ["ann"]), Emit("f", None, None)]


def test_it_knows_the_app_the_clients_and_the_users() -> None:
    users, ann, bob = two_users()
    app = object()
    bridge = Bridge(app, Hooks(), users)
    assert bridge.app is app
    assert bridge.clients == (ann, bob)
    assert bridge.users == ("ann", "bob")
    assert repr(bridge.DEFAULT) == "bridge.DEFAULT"
    assert bridge.Emit is Emit
    assert bridge.Refused is Refused


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_refusal_says_its_code_and_something_to_the_author_of_the_page(code: str) -> None:
    assert (Refused(code).code, Refused(code).message) == (code, REFUSALS[code])
    assert Refused(code, "in other words").message == "in other words"


# Emitting.


def test_an_emit_without_anybody_is_to_all() -> None:
    at = At("sid")
    at.relay.emit(Emit("e", {"x": 1}))
    assert at.published == [Delivery("e", Payload.of({"x": 1}), None)]
    assert at.undelivered.rows() == []


def test_an_emit_goes_to_users_and_clients_each_once() -> None:
    at = At("register")
    at.come("a", "b", "a2")
    for sid, name in (("a", "ann"), ("b", "bob"), ("a2", "ann")):
        at.ask(sid, "register", name)
    ann, bob, _ = at.users.clients
    cases: list[tuple[Any, tuple[str, ...], int]] = [
        ("ann", ("a", "a2"), 0),
        (bob, ("b",), 0),
        (["ann", bob, "bob", ann], ("a", "a2", "b"), 0),
        (("bob", "ann"), ("b", "a", "a2"), 0),
        ((one for one in ("bob", "zoe")), ("b",), 1),
        (["zoe", "yan", "ann"], ("a", "a2"), 2),
        ("zoe", (), 1),
        ([], (), 0),
    ]
    for to, sids, missing in cases:
        at.batches.clear()
        before = at.counters["unknown_users"]
        at.relay.emit(Emit("e", 1, to))
        assert [delivery.to for delivery in at.published] == ([sids] if sids else [])
        assert at.counters["unknown_users"] - before == missing


@pytest.mark.parametrize("to", [5, [5], [None], b"ann", [["ann"]], {"ann": 1, 5: 2}])
def test_an_emit_to_what_is_neither_user_nor_client_is_a_type_error(to: Any) -> None:
    with pytest.raises(TypeError):
        At("sid").relay.emit(Emit("e", 1, to))


@pytest.mark.parametrize("event", ["", "connect", "disconnect", "bridge:link", "*", "x" * 129, None])
def test_an_emit_of_an_event_that_can_not_be_one_is_an_error_where_it_is_made(event: Any) -> None:
    with pytest.raises(ValueError, match="event"):
        Emit(event, 1)


def test_an_emit_of_what_can_not_be_sent_is_refused() -> None:
    with pytest.raises(Refused, match="not-json"):
        At("sid").relay.emit(Emit("e", {1, 2}))


# Returning.


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, []),
        ({}, [b"{}"]),
        ({"b": 1, "a": "~"}, [b'{"b":1,"a":"\\u007e"}']),
        ([], [b"[]"]),
        ([1, {"a": None}], [b'[1,{"a":null}]']),
        ("", [b""]),
        ("täxt", ["täxt".encode()]),
        ("a~b", [b"a~b"]),
        (b"\x00\xff", [b"\x00\xff"]),
        (bytearray(b"x"), [b"x"]),
        (memoryview(b"x"), [b"x"]),
        (iter([]), []),
        (iter([{"a": 1}, None, "x", b"y", [2]]), [b'{"a":1}', b"x", b"y", b"[2]"]),
        (map(str, [1, 2]), [b"1", b"2"]),
    ],
)
def test_what_a_handler_returns_becomes_frames(result: object, expected: list[bytes]) -> None:
    assert frames(result) == expected


@pytest.mark.parametrize(
    "result", [5, 1.5, True, (1, 2), {1, 2}, object(), range(3), len, iter([5]), iter([iter("a")])]
)
def test_what_can_not_be_sent_is_a_type_error_that_says_what_could(result: object) -> None:
    with pytest.raises(TypeError, match="handler"):
        frames(result)


@pytest.mark.parametrize("result", [{"a": {1}}, [float("nan")], {"a": object()}, "\ud83d", {1: 2}])
def test_what_json_or_utf8_can_not_say_is_refused(result: object) -> None:
    with pytest.raises(Refused, match="not-json"):
        frames(result)


def test_an_iterator_may_make_as_much_as_the_limit_and_no_more() -> None:
    assert frames(iter(["x" * 500, "y" * 500])) == [b"x" * 500, b"y" * 500]
    with pytest.raises(Refused, match="too-big"):
        frames(iter(["x" * 500, "y" * 501]))
    assert frames(iter([""] * 1000)) == [b""] * 1000
    with pytest.raises(Refused, match="too-big"):
        frames(iter([""] * 1002))


@pytest.mark.parametrize("item", ["x", "", None, {"a": 1}])
def test_an_iterator_without_end_is_refused(item: object) -> None:
    with pytest.raises(Refused, match="too-big"):
        frames(itertools.repeat(item))


def test_an_iterator_is_taken_item_by_item_and_closed_by_its_error() -> None:
    ended: list[str] = []

    def several() -> Iterator[object]:
        try:
            yield "a"
            yield 5
        finally:
            ended.append("closed")

    with pytest.raises(TypeError):
        frames(several())
    assert ended == ["closed"]
