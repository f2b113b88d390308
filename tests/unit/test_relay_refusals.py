"""Hooks that refuse who comes, fail, or say nothing: then nobody has come for the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.errors import Refused
from bridge.relay.handlers import Bridge
from bridge.relay.hook_results import Frame
from bridge.relay.users import Client
from tests.unit.relays import At, notice

Hook = Callable[[Client], Any]


def hooks(**functions: Hook) -> Callable[[Bridge], None]:
    def setup(bridge: Bridge) -> None:
        for name, function in functions.items():
            getattr(bridge, f"on_{name}")(function)

    return setup


def raising(error: BaseException, names: tuple[str, ...] = ()) -> Hook:
    """A hook that lets come in all but these, or nobody; in words of its own."""

    def hook(client: Client) -> str:
        if not names or client.user in names:
            raise error
        return f"+{client.user}"

    return hook


def half(client: Client) -> Iterator[str]:
    yield f"+{client.user}"
    raise Refused("bad-user", "not today")


def unwritable(client: Client) -> str:
    return f"+{client.user}~"


REFUSING = [
    (raising(Refused("bad-user", "not today")), "bad-user"),
    (raising(ZeroDivisionError()), "handler-error"),
    (raising(SystemExit("no")), "handler-error"),
    (half, "bad-user"),
    (unwritable, "delimiter-in-frame"),
    (lambda client: 5, "handler-error"),
]


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
@pytest.mark.parametrize(("hook", "code"), REFUSING)
def test_a_name_that_on_register_refuses_is_not_taken_and_nothing_reaches_the_server(
    hook: Hook, code: str, up: bool
) -> None:
    gone: list[object] = []
    at = At("register", hooks(register=hook, disconnect=gone.append))
    if up:
        at.up()
    at.come("a")
    (answer,) = at.emit("a", "register", "ann")
    assert (answer["ok"], answer["error"]) == (False, code)
    assert at.users.names == ()
    assert at.told("a", "bridge:user") == []
    assert at.emit("a", "move")[0]["error"] == "not-registered"
    at.go("a")
    if not up:
        at.up()
    assert at.raw() == []
    assert gone == []


@pytest.mark.parametrize(("hook", "code"), REFUSING)
def test_a_client_that_on_connect_refuses_has_never_been_here(hook: Hook, code: str) -> None:
    at = At("sid", hooks(connect=hook))
    at.up()
    with pytest.raises(Refused) as refused:
        at.relay.connecting("a", "127.0.0.1")
    assert refused.value.code == code
    assert at.users.clients == ()
    assert at.users.names == ()
    at.relay.disconnected("a")
    at.down()
    at.up()
    assert at.raw() == []


def test_a_client_is_announced_when_it_has_connected_and_then_gets_what_its_hook_emits() -> None:
    def came(client: Client) -> str:
        at.bridge.emit("hello", client.user, to=client)
        return f"+{client.user}"

    at = At("sid", hooks(connect=came))
    at.up()
    at.batches.clear()
    at.relay.connecting("a", "127.0.0.1")
    assert at.raw() == []
    assert at.published == []
    at.come("a")
    assert [d.event for d in at.published] == ["bridge:link", "hello", "bridge:user"]
    assert at.raw() == [b"+a"]


def test_a_name_that_on_connect_gives_is_told_once_the_client_has_connected() -> None:
    at = At("sid", hooks(connect=lambda client: client.register("ann")))
    at.up()
    at.relay.connecting("1", "127.0.0.1")
    assert at.told("1", "bridge:user") == []
    at.relay.connected("1", "127.0.0.1")
    assert at.told("1", "bridge:user") == [{"user": "ann"}]


def test_a_client_that_goes_between_its_question_and_the_answer_was_there_and_leaves() -> None:
    at = At("sid", hooks(connect=lambda c: f"+{c.user}", disconnect=lambda c: f"-{c.user}"), away=(0.0, 60.0))
    at.up()
    at.relay.connecting("a", "127.0.0.1")
    at.relay.disconnected("a", for_good=False)
    assert at.raw() == [b"+a", b"-a"]


def test_a_link_that_comes_up_meanwhile_is_told_once() -> None:
    at = At("sid", hooks(connect=lambda c: f"+{c.user}"))
    at.relay.connecting("a", "127.0.0.1")
    at.up()
    at.come("a")
    assert at.raw() == [b"+a"]


def test_another_name_that_is_refused_leaves_the_old_one_and_the_server_is_told_nothing() -> None:
    seen: list[str | None] = []
    at = At(
        "register", hooks(register=raising(Refused("bad-user"), ("eve",)), disconnect=lambda c: seen.append(c.user))
    )
    at.up()
    at.come("a")
    at.emit("a", "register", "ann")
    assert at.raw() == [b"+ann"]
    at.relay.connected("a2", "127.0.0.1", "session")
    assert at.ask("a", "register", "eve")["error"] == "bad-user"
    assert at.users.names == ("ann",)
    assert at.users.sids(["ann", "eve"]) == (("a",), 1)
    assert seen == []
    assert at.ask("a", "move") == {"ok": True}
    at.emit("a", "register", "bob")
    assert at.raw() == [b"+bob"]
    assert seen == ["ann"]


def test_another_name_is_asked_for_first_but_told_after_the_old_one_has_left() -> None:
    at = At("register", hooks(register=lambda c: f"+{c.user}", disconnect=lambda c: f"-{c.user} {len(c.clients)}"))
    at.up()
    at.come("a", "b")
    for sid, name in (("a", "ann"), ("b", "ann"), ("a", "eve"), ("b", "eve"), ("b", "ann")):
        at.emit(sid, "register", name)
    assert at.raw() == [b"+ann", b"+eve", b"-ann 0", b"+ann"]


def test_a_second_client_of_a_user_and_the_same_name_again_are_not_asked_about() -> None:
    calls: list[str] = []
    at = At("register", hooks(register=lambda c: calls.append(c.sid)))
    at.come("a", "b")
    for sid in "aab":
        assert at.emit(sid, "register", "ann")[0]["ok"]
    assert calls == ["a"]


def test_of_a_user_whose_coming_says_nothing_only_what_its_hook_says_is_told() -> None:
    at = At("register", hooks(register=lambda c: None))
    at.up()
    at.come("a")
    assert at.emit("a", "register", "ann")[0]["ok"]
    at.emit("a", "click")
    at.down()
    at.up()
    at.go("a")
    assert at.said() == []
    spoken = At("register", hooks(register=lambda c: None, disconnect=lambda c: f"-{c.user}"))
    spoken.up()
    spoken.come("a")
    spoken.emit("a", "register", "ann")
    spoken.go("a")
    assert spoken.raw() == [b"-ann"]


@pytest.mark.parametrize("known", [True, False])
def test_default_is_the_usual_notice_and_none_of_the_going_of_whom_the_server_never_knew(known: bool) -> None:
    at = At("sid", hooks(connect=lambda c: Bridge.DEFAULT if known else None, disconnect=lambda c: Bridge.DEFAULT))
    at.up()
    at.come("a")
    at.go("a")
    assert at.said() == ([notice("a", "connected"), notice("a", "disconnected")] if known else [])


def test_who_is_refused_when_the_link_is_back_is_disconnected_with_the_code() -> None:
    refused: list[str] = []

    def register(client: Client) -> str:
        if client.user in refused:
            raise Refused("bad-user", "not any more")
        return f"+{client.user}"

    at = At("register", hooks(register=register))
    at.up()
    for sid, name in (("a", "ann"), ("b", "ann"), ("c", "bob")):
        at.relay.connected(sid, "127.0.0.1", f"session {sid}")
        at.emit(sid, "register", name)
    at.relay.disconnected("b", for_good=False)
    at.raw()
    at.down()
    refused.append("ann")
    at.up()
    assert at.raw() == [b"+bob"]
    assert at.closed == [("a", "bad-user"), ("b", "bad-user")]
    assert at.users.names == ("bob",)
    assert at.remembered == {"session c": "bob"}
    at.relay.disconnected("a", for_good=False)
    assert at.raw() == []


def test_a_session_that_comes_back_and_is_refused_is_nobody() -> None:
    at = At("register", hooks(register=raising(Refused("bad-user"))))
    at.up()
    at.remembered["session"] = "ann"
    at.relay.connected("1", "127.0.0.1", "session")
    assert at.users.names == ()
    assert at.remembered == {}
    assert at.ask("1", "move")["error"] == "not-registered"
    at.go("1")
    assert at.raw() == []


def test_a_client_that_was_absent_and_is_refused_as_it_comes_back_has_not_come() -> None:
    lets: list[str] = ["a"]

    def hook(client: Client) -> str:
        if client.sid not in lets:
            raise Refused("bad-user")
        return f"+{client.sid}"

    for identity in ("sid", "register"):
        at = At(identity, hooks(connect=hook, register=hook), away=(0.0, 3600.0))
        at.up()
        at.come("a")
        if identity == "register":
            at.emit("a", "register", "ann")
        at.relay.disconnected("a", for_good=False)
        at.raw()
        lets.clear()
        if identity == "sid":
            with pytest.raises(Refused):
                at.relay.connecting("a", "127.0.0.1")
        else:
            at.come("a")
            assert at.ask("a", "move")["error"] == "not-registered"
        assert at.users.names == ()
        assert at.raw() == []
        lets.append("a")


def test_client_register_raises_what_the_hook_refuses() -> None:
    def login(client: Client) -> None:
        client.register("eve")

    at = At(
        "sid", lambda bridge: (hooks(register=raising(Refused("bad-user", "no")))(bridge), bridge.on_event("x")(login))
    )
    at.up()
    at.come("a")
    assert at.ask("a", "x")["error"] == "bad-user"
    assert at.users.names == ("a",)
    assert at.ask("a", "move") == {"ok": True}


def test_those_whom_a_hook_makes_the_user_that_it_then_refuses_are_dismissed() -> None:
    def register(client: Client) -> None:
        at.users.clients[1].register("ann")
        raise Refused("bad-user")

    at = At("register", hooks(register=register))
    at.up()
    at.come("a", "b")
    assert at.ask("a", "register", "ann")["error"] == "bad-user"
    assert at.users.names == ()
    assert at.closed == [("b", "bad-user")]
    assert at.raw() == []


def test_a_frame_in_a_notice_is_told_what_became_of_it() -> None:
    fates: list[object] = []
    at = At("sid", hooks(connect=lambda c: Frame(f"+{c.sid}", done=fates.append)))
    at.come("a")
    assert [getattr(fate, "code", fate) for fate in fates] == ["link-down"]
    at.up()
    assert len(fates) == 1
    assert at.raw() == [b"+a"]
    assert fates[1:] == [None]
    at.come("b")
    at.down()
    assert getattr(fates[2], "code", None) == "link-down"


def test_a_handler_may_disconnect_a_client_for_good() -> None:
    at = At("sid", lambda bridge: bridge.on_event("kick")(lambda c, reason: c.disconnect(reason)))
    at.up()
    at.come("a")
    at.emit("a", "kick", "afk")
    assert at.closed == [("a", "afk")]
    assert at.said() == [notice("a", "connected"), notice("a", "disconnected")]
    assert at.users.clients == ()
    at.come("b")
    bads: list[Any] = ["", "x" * 129, "a\nb", 5]
    for bad in bads:
        with pytest.raises(ValueError, match="the reason is a text"):
            at.bridge.clients[0].disconnect(bad)
    assert at.closed == [("a", "afk")]
    goods = ["x", "x" * 128]
    for good in goods:
        at.bridge.clients[0].disconnect(good)
        at.come("b")
    assert repr(at.bridge.clients[0]) == "Client(sid='b', address='127.0.0.1', state={})"
    at.bridge.clients[0].disconnect()
    assert at.closed[1:] == [("b", reason) for reason in (*goods, "disconnected")]


def test_the_usual_notice_replaces_one_of_the_going_that_can_not_be_sent_and_it_is_told() -> None:
    fates: list[Refused | None] = []
    at = At("register", hooks(disconnect=lambda c: Frame("a~b", done=fates.append)))
    at.up()
    at.come("1")
    at.ask("1", "register", "ann")
    at.go("1")
    assert at.said() == [notice("ann", "disconnected")]
    assert [fate and fate.code for fate in fates] == ["delimiter-in-frame"]


def test_a_frame_of_nothing_is_told_its_fate_when_the_link_comes_up_too() -> None:
    fates: list[Refused | None] = []
    at = At("register", hooks(register=lambda c: Frame(None, done=fates.append)))
    at.up()
    at.come("1")
    at.ask("1", "register", "ann")
    assert fates == [None]
    at.down()
    at.up()
    assert fates == [None, None]
    assert at.raw() == []


def test_a_client_that_its_own_hook_disconnects_has_not_come_and_is_not_remembered() -> None:
    at = At("register", hooks(register=lambda client: client.disconnect("not today")))
    at.up()
    at.relay.connected("1", "127.0.0.1", "session")
    (answer,) = at.emit("1", "register", "ann")
    assert answer["error"] == "gone"
    assert at.closed == [("1", "not today")]
    assert (at.remembered, at.users.names, at.raw()) == ({}, (), [])
    assert at.told("1", "bridge:user") == []


def test_a_client_that_on_connect_disconnects_may_not_connect() -> None:
    at = At("sid", hooks(connect=lambda client: client.disconnect("not today")))
    at.up()
    with pytest.raises(Refused, match="a handler has disconnected this client"):
        at.relay.connecting("1", "127.0.0.1")
    assert (at.users.clients, at.users.names, at.raw()) == ((), (), [])


def test_a_client_refused_between_question_and_answer_is_closed_when_it_has_connected() -> None:
    lets = ["1"]

    def hook(client: Client) -> str:
        if client.sid not in lets:
            raise Refused("bad-user")
        return f"+{client.sid}"

    at = At("sid", hooks(connect=hook))
    at.up()
    at.relay.connecting("1", "127.0.0.1")
    lets.clear()
    at.down()
    at.up()
    at.closed.clear()  # it has no connection yet that could be ended
    at.relay.connected("1", "127.0.0.1")
    assert at.closed == [("1", "gone")]
    assert at.told("1", "bridge:user") == []
    assert (at.users.names, at.raw()) == ((), [])
