"""relay.py with handlers: what they return, raise, emit, and change while they run."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.errors import Refused
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.relay.handlers import Bridge
from bridge.relay.hook_results import Emit, Frame
from bridge.relay.users import Client
from tests.unit.relays import At, notice
from tests.waiting import PATIENCE

OK = {"ok": True}


def with_event(handler: Callable[..., Any], identity: str = "sid", **rules: Any) -> At:
    """A relay whose event `go` has this handler, the link up, the client `a` there and announced."""
    at = At(identity, lambda bridge: bridge.on_event("go")(handler), **rules)
    at.up()
    at.come("a")
    at.raw()
    return at


def with_message(handler: Callable[[Any], Any], **rules: Any) -> At:
    """A relay with this on_message, the link up, the users `a` and `b` there."""
    at = At("sid", lambda bridge: bridge.on_message(handler), **rules)
    at.up()
    at.come("a", "b")
    at.raw()
    at.batches.clear()
    return at


# Events.


def test_what_a_handler_returns_goes_out_instead_of_the_event() -> None:
    at = with_event(lambda client, *args: {"who": client.user, "args": list(args)})
    assert at.emit("a", "go", 1, "x") == []
    assert at.raw() == [b'{"who":"a","args":[1,"x"]}']
    assert at.acks[-1] == [OK]


def test_nothing_returned_is_nothing_sent_and_acked_ok_link_up_or_down() -> None:
    at = with_event(lambda client: None)
    at.down()
    assert at.emit("a", "go") == [OK]
    assert at.counters["events_ok"] == 1


def test_several_frames_of_one_event_have_nothing_between_them_and_one_ack() -> None:
    at = with_event(lambda client, tag: iter([f"{tag}1", f"{tag}2"]))
    first, second = at.emit("a", "go", "x"), at.emit("a", "go", "y")
    assert at.raw() == [b"x1", b"x2", b"y1", b"y2"]
    assert first == second == [OK]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyError, RecursionError, SystemExit])
def test_whatever_a_handler_raises_is_logged_counted_and_acked(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(client: Client) -> None:
        raise error("on purpose")

    at = with_event(fail)
    (answer,) = at.emit("a", "go")
    assert (answer["ok"], answer["error"]) == (False, "handler-error")
    assert error.__name__ in str(answer["message"])
    assert at.counters["handler_errors"] == 1
    assert any(record.exc_info for record in caplog.records)
    assert at.ask("a", "other") == OK


def test_an_iterator_that_fails_halfway_sends_nothing() -> None:
    def fail(client: Client) -> Iterator[str]:
        yield "first"
        raise ZeroDivisionError

    at = with_event(fail)
    assert at.emit("a", "go")[0]["error"] == "handler-error"
    assert at.raw() == []


@pytest.mark.parametrize("item", [{"n": 1}, None, b""])
def test_an_iterator_that_never_ends_is_ended(item: object) -> None:
    def endless(client: Client) -> Iterator[object]:
        while True:
            yield item

    at = with_event(endless, limit=10_000)
    assert at.emit("a", "go")[0]["error"] == "too-big"
    assert at.raw() == []


def test_what_a_handler_refuses_is_acked_with_its_code_and_its_words() -> None:
    def refuse(client: Client) -> None:
        raise Refused("not-registered", "log in first")

    at = with_event(refuse)
    assert at.emit("a", "go") == [{"ok": False, "error": "not-registered", "message": "log in first"}]
    assert at.counters["handler_errors"] == 0


def test_a_client_that_goes_while_its_handler_runs_is_told_and_its_message_is_not_sent() -> None:
    def go(client: Client) -> object:
        at.go("a")
        return {"late": True}

    at = with_event(go)
    assert at.emit("a", "go")[0]["error"] == "gone"
    assert at.said() == [notice("a", "disconnected")]


def test_a_handler_may_send_before_what_it_returns() -> None:
    def go(client: Client) -> object:
        at.bridge.send({"n": 1})
        at.bridge.send(Frame(part) for part in ("two", b"three"))
        at.bridge.send(None)
        return {"n": 4}

    at = with_event(go)
    at.emit("a", "go")
    assert at.raw() == [b'{"n":1}', b"two", b"three", b'{"n":4}']
    assert at.acks[-1] == [OK]


def test_what_can_not_be_sent_anywhere_is_raised_where_it_was_sent() -> None:
    at = with_event(lambda client: at.bridge.send("a~b"))
    assert at.emit("a", "go")[0]["error"] == "delimiter-in-frame"
    at.down()
    with pytest.raises(Refused, match="link-down"):
        at.bridge.send({"n": 1})
    with pytest.raises(TypeError):
        at.bridge.send(5)  # type: ignore[arg-type]


def test_a_handler_that_registers_its_client_sends_as_the_new_user() -> None:
    def go(client: Client, name: str) -> object:
        client.register(name)
        return {"now": client.user, "with": [one.sid for one in client.clients]}

    at = with_event(go)
    at.come("b")
    at.emit("a", "go", "ann")
    at.emit("b", "go", " ann ")
    assert at.said() == [
        notice("b", "connected"),
        notice("a", "disconnected"),
        notice("ann", "connected"),
        {"now": "ann", "with": ["a"]},
        notice("b", "disconnected"),
        {"now": "ann", "with": ["a", "b"]},
    ]


def test_another_thread_that_registers_a_client_comes_between_no_event_and_its_user() -> None:
    """An event that is relayed as it is names the user who is there when it is queued."""
    at = At("register")
    at.up()
    at.come("a")
    at.emit("a", "register", "ann")
    encode = at.relay._dependencies.event_messages.message

    def late(user: str | None, name: str, args: Any = ()) -> dict[str, object]:
        message = encode(user, name, args)
        if name == "move":
            other = threading.Thread(target=lambda: at.users.clients[0].register("eve"))
            other.start()
            other.join(0.05)  # it has to wait until the event is queued
            at.threads.append(other)
        return message

    at.relay._dependencies.event_messages.message = late  # type: ignore[method-assign]
    at.emit("a", "move")
    for thread in at.threads:
        thread.join(PATIENCE)
    assert at.said() == [
        notice("ann", "connected"), notice("ann", "move"), notice("ann", "disconnected"), notice("eve", "connected"),
    ]  # fmt: skip


# Presence.


def presence(**hooks: Callable[[Client], Any]) -> Callable[[Bridge], None]:
    def setup(bridge: Bridge) -> None:
        for name, hook in hooks.items():
            getattr(bridge, f"on_{name}")(hook)

    return setup


def test_hooks_replace_the_notices_once_a_user_and_again_after_each_reconnect() -> None:
    at = At("register", presence(register=lambda c: f"+{c.user} {c.sid}", disconnect=lambda c: f"-{c.user}"))
    at.up()
    at.come("a", "b")
    at.emit("a", "register", "ann")
    at.emit("b", "register", "ann")
    at.go("a")
    assert at.raw() == [b"+ann a"]
    at.down()
    at.up()
    at.go("b")
    assert at.raw() == [b"+ann b", b"-ann"]


def test_on_connect_is_for_sid_and_on_register_for_register() -> None:
    for identity, said in (("sid", [b"+c"]), ("register", [])):
        at = At(identity, presence(connect=lambda c: "+c", register=lambda c: "+r"))
        at.up()
        at.come("a")
        assert at.raw() == said


def test_a_hook_for_the_going_that_fails_leaves_the_usual_notice_to_who_had_the_usual_one() -> None:
    def fail(client: Client) -> None:
        raise SystemExit("on purpose")

    at = At("sid", presence(disconnect=fail))
    at.up()
    at.come("a")
    at.emit("a", "move")
    at.go("a")
    at.come("b")
    assert at.said() == [notice("a", "connected"), notice("a", "move"), notice("a", "disconnected"),
                         notice("b", "connected")]  # fmt: skip
    assert at.counters["handler_errors"] == at.counters["refused_handler_error"] == 1


def test_on_disconnect_that_fails_costs_its_notice_where_the_coming_had_words_of_its_own() -> None:
    at = At("sid", presence(connect=lambda c: f"+{c.sid}", disconnect=lambda c: 1 / 0))
    at.up()
    at.come("a")
    at.go("a")
    assert at.raw() == [b"+a"]


def test_a_client_that_on_connect_registers_is_announced_under_that_name_alone() -> None:
    at = At("sid", presence(connect=lambda client: client.register(f"player {client.sid}")))
    at.up()
    at.come("a")
    at.emit("a", "move")
    at.go("a")
    assert at.said() == [notice("player a", action) for action in ("connected", "move", "disconnected")]
    assert at.told("a", "bridge:user")[-1] == {"user": "player a"}
    assert at.users.names == ()


def test_what_on_connect_returns_after_registering_comes_after_the_notice() -> None:
    def connect(client: Client) -> object:
        client.register("ann")
        return notice(client.user or "", "hello")

    at = At("sid", presence(connect=connect))
    at.up()
    at.come("a")
    assert at.said() == [notice("ann", "connected"), notice("ann", "hello")]


def test_registering_while_the_link_comes_up_is_announced_as_well() -> None:
    at = At("sid", presence(connect=lambda c: c.register("late") if at.link["state"] == "up" else f"+{c.sid}"))
    at.come("a", "b")
    at.link = {"state": "up"}
    at.relay.link_up()
    assert at.said() == [notice("late", "connected")]
    at.go("a", "b")
    assert at.said() == [notice("late", "disconnected")]
    assert at.users.names == ()


def test_a_hook_that_registers_others_on_link_up_mentions_nobody_whom_it_made_go() -> None:
    def connect(client: Client) -> object:
        if at.link["state"] == "up":
            for one in at.users.clients:
                one.register("all")
        return f"+{client.sid}"

    at = At("sid", presence(connect=connect))
    at.come("a", "b", "c")
    at.link = {"state": "up"}
    at.relay.link_up()
    assert at.raw() == [b'{"username":"all","action":"connected"}', b"+a"]


def test_a_hook_may_send_besides_also_while_the_link_comes_up() -> None:
    def connect(client: Client) -> str:
        at.bridge.send(f"first {client.sid}")
        return f"+{client.sid}"

    at = At("sid", presence(connect=connect))
    at.up()
    at.come("a", "b")
    assert at.raw() == [b"first a", b"+a", b"first b", b"+b"]
    at.down()
    at.up()
    assert at.raw() == [b"first a", b"+a", b"first b", b"+b"]
    assert at.counters["handler_errors"] == 0


def test_registering_on_the_way_out_leaves_no_ghost() -> None:
    at = At("register", presence(disconnect=lambda client: client.register("ghost")))
    at.up()
    at.come("a")
    at.emit("a", "register", "ann")
    at.emit("a", "register", "eve")
    at.go("a")
    assert at.users.names == ()
    assert at.users.clients == ()
    said = at.said()
    for user in ("ann", "eve", "ghost"):
        actions = [message["action"] for message in said if message["username"] == user]
        assert actions in ([], ["connected"])  # the hook returns nothing in place of `disconnected`


def test_registering_whoever_is_registered_ends_in_an_error_not_in_a_hang() -> None:
    at = At("register", presence(register=lambda client: client.register(f"{client.user}!")))
    at.up()
    at.come("a")
    limit = sys.getrecursionlimit()
    at.emit("a", "register", "ann")
    assert sys.getrecursionlimit() == limit
    at.go("a")
    assert at.users.clients == ()


# Messages.


def test_what_on_message_returns_is_published_in_the_place_of_the_message() -> None:
    answers: dict[str, object] = {
        "drop": None,
        "all": Emit("e", 1),
        "one": Emit("e", 2, "a"),
        "both": [Emit("e", 3), Emit("e", 4, ["a", "b", "a"])],
        "default": Bridge.DEFAULT,
        "mixed": [Bridge.DEFAULT, Emit("e", 5), None],
        "nobody": Emit("e", 6, "zoe"),
        "empty": Emit("e", 7, []),
    }
    at = with_message(lambda message: answers[message])
    at.relay.burst([name.encode() for name in answers])
    assert len(at.batches) == 1
    assert [(d.event, json.loads(d.payload.json), d.to) for d in at.published] == [
        ("e", 1, None), ("e", 2, ("a",)), ("e", 3, None), ("e", 4, ("a", "b")),
        ("message", "default", None), ("message", "mixed", None), ("e", 5, None),
    ]  # fmt: skip
    assert at.counters["unknown_users"] == 1


@pytest.mark.parametrize("result", [5, "text", {"a": 1}, object(), [5], Emit("e", {1, 2}), Emit("e", 1, 5)])  # type: ignore[arg-type]
def test_what_on_message_can_not_return_is_an_error_and_the_next_message_goes_on(result: object) -> None:
    at = with_message(lambda message: result if message == "bad" else Bridge.DEFAULT)
    at.relay.burst([b"bad", b"good"])
    assert [json.loads(d.payload.json) for d in at.published] == ["good"]
    assert at.counters["handler_errors"] == 1


class Late(BaseException):
    """As eventlet.Timeout, which is no Exception."""


@pytest.mark.parametrize("error", [ValueError, SystemExit, Late])
def test_an_on_message_that_raises_stops_nothing(error: type[BaseException]) -> None:
    def fail(message: str) -> object:
        if message == "bad":
            raise error("on purpose")
        return Bridge.DEFAULT

    at = with_message(fail)
    at.relay.burst([b"one", b"bad", b"two"])
    assert [json.loads(d.payload.json) for d in at.published] == ["one", "two"]
    assert at.counters["handler_errors"] == 1


def test_default_routes_what_the_server_wrote_whatever_was_made_of_it() -> None:
    def take(message: Any) -> object:
        message.pop("username")
        return Bridge.DEFAULT

    at = with_message(take, payload="json")
    at.relay.burst([b'{"username":"b","x":1}'])
    assert [(d.to, d.payload.json) for d in at.published] == [(("b",), b'{"username":"b","x":1}')]


def test_what_on_message_emits_keeps_its_place_in_the_burst() -> None:
    def take(message: str) -> object:
        at.bridge.emit("before", message)
        return Bridge.DEFAULT

    at = with_message(take)
    at.relay.burst([b"1", b"2"])
    assert [d.event for d in at.published] == ["before", "message", "before", "message"]
    assert len(at.batches) == 1
    at.bridge.emit("alone", 1)
    assert len(at.batches) == 2


def test_what_another_thread_emits_meanwhile_is_published_at_once() -> None:
    """It may otherwise be put into a burst that has just been published, and be lost."""

    def take(message: str) -> object:
        other = threading.Thread(target=at.bridge.emit, args=("other", message))
        other.start()
        other.join(PATIENCE)
        return Bridge.DEFAULT

    at = with_message(take)
    at.relay.burst([b"1", b"2"])
    assert [[d.event for d in batch] for batch in at.batches] == [["other"], ["other"], ["message", "message"]]


def test_on_message_may_send_to_the_server() -> None:
    at = with_message(lambda message: at.bridge.send({"echo": message}))
    at.relay.burst([b"hi"])
    assert at.said() == [{"echo": "hi"}]
    at.down()
    at.relay.burst([b"hi"])  # refused as link-down, in the handler
    assert at.counters["handler_errors"] == 1


def test_an_emit_to_a_client_that_has_gone_is_nothing_special() -> None:
    at = with_message(lambda message: None)
    gone = at.users.clients[0]
    at.go("a")
    at.bridge.emit("e", 1, gone)
    at.bridge.emit("e", 1, "a")
    assert at.counters["unknown_users"] == 1


def framed(content: Any, error: BaseException | None = None, **rules: Any) -> tuple[At, list[str | None]]:
    """A relay whose event `go` returns this in a Frame, after one of text, and the fates of the two."""
    fates: list[str | None] = []

    def tell(which: str) -> Callable[[Refused | None], None]:
        return lambda fate: fates.append(f"{which} {fate.code if fate else 'sent'}")

    def handler(client: Client) -> Iterator[Frame]:
        yield Frame("first", done=tell("1"))
        if content is None:
            client.disconnect("gone")
        yield Frame(content, done=tell("2"))
        if error is not None:
            raise error

    return with_event(handler, **rules), fates


@pytest.mark.parametrize(
    ("content", "error", "code"),
    [
        ("second", None, None),
        ("a~b", None, "delimiter-in-frame"),
        ("x" * (2 << 20), None, "too-big"),
        ({"x": float}, None, "not-json"),
        (5, None, "handler-error"),
        ("second", Refused("bad-user"), "bad-user"),
        ("second", ZeroDivisionError(), "handler-error"),
        ("second", SystemExit(), "handler-error"),
        (None, None, "gone"),
    ],
)
def test_each_frame_of_an_event_is_told_once_and_in_order_what_became_of_it(
    content: Any, error: BaseException | None, code: str | None
) -> None:
    at, fates = framed(content, error)
    answers = at.emit("a", "go")
    assert fates == ([] if code is None else [f"1 {code}", f"2 {code}"])
    at.raw()
    assert fates == [f"1 {code or 'sent'}", f"2 {code or 'sent'}"]
    assert [answer.get("error") for answer in answers] == [code]


def test_the_frames_of_an_event_are_told_when_the_link_is_down_and_when_it_is_back() -> None:
    at, fates = framed("second")
    at.down()
    assert at.emit("a", "go")[0]["error"] == "link-down"
    assert fates == ["1 link-down", "2 link-down"]
    at, fates = framed("second", holding=OfflineBuffer(3600, 10_000, 10_000))
    at.down()
    assert (at.emit("a", "go"), fates) == ([], [])
    at.up()
    assert b"second" in at.raw()
    assert fates == ["1 sent", "2 sent"]
    at.down()
    at.emit("a", "go")
    at.uplink.close()
    assert fates[2:] == ["1 link-down", "2 link-down"]
