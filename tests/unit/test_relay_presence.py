"""relay.py: who is there, told to the server in an order that it can believe."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.messages import Delivery
from bridge.relay import client_lifecycle
from tests.unit.amount import some
from tests.unit.relays import At, notice
from tests.viewer import until


def registered(*pairs: tuple[str, str], away: tuple[float, float] = (3600.0, 3600.0)) -> At:
    """A relay under identity `register`, its link up, with these clients and their names."""
    at = At("register", away=away)
    at.up()
    for sid, name in pairs:
        at.come(sid)
        assert at.ask(sid, "register", name)["ok"]
    at.raw()
    return at


def test_under_sid_a_client_is_announced_before_its_first_event_and_gone_after_its_last() -> None:
    at = At()
    at.up()
    at.come("a")
    at.emit("a", "one")
    at.emit("a", "two")
    at.go("a")
    assert at.said() == [notice("a", action) for action in ("connected", "one", "two", "disconnected")]
    assert at.told("a", "bridge:user") == [{"user": "a"}]


def test_registering_announces_the_user_and_is_answered_at_once_link_up_or_down() -> None:
    at = At("register")
    at.come("a")
    assert at.emit("a", "register", "  Ame\u0301lie ") == [{"ok": True, "user": "Am\u00e9lie"}]
    at.up()
    assert at.said() == [notice("Am\u00e9lie", "connected")]
    assert at.told("a", "bridge:user") == [{"user": "Am\u00e9lie"}]
    at.come("b")
    assert at.emit("b", "register", {"username": "bob"}) == [{"ok": True, "user": "bob"}]
    assert at.said() == [notice("bob", "connected")]


@pytest.mark.parametrize(
    "args",
    [
        (), ("",), (" ",), ("x" * 129,), ("x" * 1_000_000,), ("a\x00",), (5,), (None,), (["ann"],), ({},),
        ({"username": 7},), ({"name": "ann"},), (b"ann",),
    ],
)  # fmt: skip
def test_a_name_that_can_not_be_one_is_refused_and_nobody_is_announced(args: tuple[Any, ...]) -> None:
    at = At("register")
    at.up()
    at.come("a")
    answer = at.ask("a", "register", *args)
    assert (answer["ok"], answer["error"]) == (False, "bad-user")
    assert at.ask("a", "move")["error"] == "not-registered"
    assert at.raw() == []
    assert at.told("a", "bridge:user") == []


def test_a_bad_name_leaves_the_user_as_it_was() -> None:
    at = registered(("a", "ann"))
    assert at.ask("a", "register", "")["error"] == "bad-user"
    assert at.emit("a", "move") == []
    assert at.said() == [notice("ann", "move")]


def test_the_same_name_again_is_acked_and_nothing_else_happens() -> None:
    at = registered(("a", "ann"))
    before = len(at.published)
    assert at.emit("a", "register", " ann ") == [{"ok": True, "user": "ann"}]
    assert at.raw() == []
    assert len(at.published) == before


def test_another_name_is_another_user_the_old_one_leaves_first() -> None:
    at = registered(("a", "ann"))
    at.emit("a", "register", "eve")
    at.emit("a", "move")
    assert at.said() == [notice("ann", "disconnected"), notice("eve", "connected"), notice("eve", "move")]
    assert at.told("a", "bridge:user") == [{"user": "ann"}, {"user": "eve"}]


def test_a_user_of_several_clients_is_announced_once_and_gone_once() -> None:
    at = registered(("a", "ann"), ("b", "ann"))
    at.go("a")
    at.emit("b", "still")
    at.go("b")
    assert at.said() == [notice("ann", "still"), notice("ann", "disconnected")]


def test_every_client_of_a_user_is_told_who_it_is() -> None:
    at = registered(("a", "ann"), ("b", "ann"))
    at.remembered["session"] = "ann"
    at.relay.connected("c", "127.0.0.1", "session")
    for sid in "abc":
        assert at.told(sid, "bridge:user") == [{"user": "ann"}], sid
    cut(at, "b")
    at.come("b")
    assert at.told("b", "bridge:user") == [{"user": "ann"}] * 2
    at.emit("a", "register", "eve")
    at.emit("b", "register", "eve")
    assert at.told("b", "bridge:user")[2:] == [{"user": "eve"}]


def test_a_client_that_changes_its_user_leaves_the_others_of_the_old_one() -> None:
    at = registered(("a", "ann"), ("b", "ann"))
    at.emit("a", "register", "eve")
    assert at.said() == [notice("eve", "connected")]
    at.relay.burst([b'{"username":"ann"}', b'{"username":"eve"}'])
    assert [d.to for d in at.published[-2:]] == [("b",), ("a",)]


def test_after_the_link_came_back_everybody_is_announced_before_anything_else() -> None:
    at = registered(("a", "ann"), ("b", "bob"), ("c", "ann"))
    at.down()
    at.go("b")
    at.come("d")
    at.emit("d", "register", "dan")
    at.up()
    at.emit("a", "move")
    assert at.said() == [notice("ann", "connected"), notice("dan", "connected"), notice("ann", "move")]


def test_who_came_and_went_while_the_link_was_down_is_never_mentioned() -> None:
    at = registered()
    at.down()
    at.come("a")
    at.emit("a", "register", "ann")
    at.go("a")
    at.up()
    assert at.raw() == []


def test_presence_that_was_not_sent_before_the_link_broke_is_not_sent_twice() -> None:
    at = At()
    at.up()
    at.come("a")
    at.down()
    at.up()
    assert at.said() == [notice("a", "connected")]


def test_a_client_that_goes_twice_is_gone_once() -> None:
    at = registered(("a", "ann"))
    at.go("a", "a")
    assert at.said() == [notice("ann", "disconnected")]


def test_under_none_there_is_no_presence() -> None:
    at = At("none")
    at.up()
    at.come("a")
    at.emit("a", "move", 1)
    at.go("a")
    at.down()
    at.come("b")
    at.up()
    assert at.said() == []
    assert at.counters["refused_link_down"] == 1
    assert at.told("a", "bridge:user") == []


def test_a_client_that_has_gone_before_it_could_be_announced_is_nobody() -> None:
    """It can go while it is told of the link, as sending may let other threads have their turn."""
    at = At()
    at.up()

    def publish(deliveries: list[Delivery]) -> None:
        if deliveries[0].event == "bridge:link":
            at.go("a")

    at.on_publish = publish
    at.come("a")
    assert at.raw() == []
    assert at.users.clients == ()


def cut(at: At, *sids: str) -> None:
    """Their networks are lost."""
    for sid in sids:
        at.relay.disconnected(sid, for_good=False)


def test_of_a_client_that_is_back_within_the_grace_time_the_server_is_told_nothing() -> None:
    at = registered(("1", "ann"))
    at.raw()
    cut(at, "1")
    at.come("1")
    assert at.said() == []
    assert at.told("1", "bridge:user")[-1] == {"user": "ann"}
    assert at.ask("1", "move") == {"ok": True}


def test_after_the_grace_time_the_user_has_gone_and_comes_again() -> None:
    at = registered(("1", "ann"), away=(0.01, 3600.0))
    cut(at, "1")
    until_said(at, {"username": "ann", "action": "disconnected"})
    assert at.users.sids(["ann"]) == (("1",), 0)
    at.come("1")
    assert at.said() == [{"username": "ann", "action": "connected"}]
    assert at.ask("1", "move") == {"ok": True}


def test_of_those_whose_users_have_gone_no_more_than_the_limit_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_lifecycle, "MOST_AWAY", 3)
    names = [f"user {n}" for n in range(10)]
    at = registered(*zip("0123456789", names, strict=True), away=(0.01, 3600.0))
    for n, name in enumerate(names):
        cut(at, str(n))
        until_said(at, {"username": name, "action": "disconnected"})
    until(lambda: at.users.sids(names) == (("7", "8", "9"), 7))


def test_after_the_window_nothing_is_kept_of_it() -> None:
    at = registered(("1", "ann"), away=(0.01, 0.01))
    cut(at, "1")
    until(lambda: at.users.sids(["ann"]) == ((), 1))
    at.come("1")
    assert at.ask("1", "move")["error"] == "not-registered"


def test_without_a_grace_time_the_user_has_gone_at_once() -> None:
    at = At("sid", away=(0.0, 3600.0))
    at.up()
    at.come("1")
    cut(at, "1")
    assert [m["action"] for m in at.said()] == ["connected", "disconnected"]


def test_a_user_that_is_away_is_announced_after_the_link_came_back_and_leaves_in_time() -> None:
    at = At("sid", away=(0.2, 3600.0))
    at.up()
    at.come("1")
    at.raw()
    cut(at, "1")
    at.down()
    at.up()
    assert at.said() == [{"username": "1", "action": "connected"}]
    until_said(at, {"username": "1", "action": "disconnected"})


def test_a_second_client_of_a_user_keeps_it_there() -> None:
    at = registered(("1", "ann"), ("2", "ann"))
    at.raw()
    cut(at, "1")
    at.relay._lifecycle._grace_over("1")  # not over: it waits still
    at.go("2")
    assert at.said() == []
    at.relay._lifecycle._grace.discard("1")
    at.relay._lifecycle._grace_over("1")
    assert at.said() == [{"username": "ann", "action": "disconnected"}]


def test_when_the_bridge_stops_everybody_leaves_whoever_is_away_too() -> None:
    at = registered(("1", "ann"), ("2", "bob"), ("3", "cat"))
    cut(at, "1")
    cut(at, "3")
    at.relay._lifecycle._grace.discard("3")
    at.relay._lifecycle._grace_over("3")
    at.raw()
    at.relay.stop()
    assert len(at.relay._lifecycle._grace) == len(at.relay._lifecycle._window) == 0
    assert sorted((m["username"], m["action"]) for m in at.said()) == [("ann", "disconnected"), ("bob", "disconnected")]
    cut(at, "2")
    assert at.said() == []


def test_a_session_that_registered_before_a_restart_is_still_that_user() -> None:
    at = At("register")
    at.up()
    at.remembered["session"] = "ann"
    at.relay.connected("1", "127.0.0.1", "session")
    assert at.said() == [{"username": "ann", "action": "connected"}]
    assert at.told("1", "bridge:user") == [{"user": "ann"}]
    at.ask("1", "register", "bob")
    assert at.remembered == {"session": "bob"}
    at.go("1")
    assert at.remembered == {}


def test_a_session_counts_as_there_until_its_connection_was_cut() -> None:
    at = At("register")
    at.up()
    at.relay.connected("1", "127.0.0.1", "one")
    at.relay.connected("2", "127.0.0.1", "two")
    at.ask("1", "register", "ann")
    assert list(at.remembered) == ["one"]
    at.remembered.clear()
    cut(at, "1")
    cut(at, "2")
    assert at.remembered == {"one": "ann"}


def test_a_late_client_is_told_what_was_last_for_its_user_but_not_one_that_recovered() -> None:
    at = registered(("1", "ann"))
    assert at.late == [("1", "ann")]
    cut(at, "1")
    at.relay.connected("1", "127.0.0.1", "", recovered=True)
    assert at.late == [("1", "ann")]
    cut(at, "1")
    at.relay.connected("1", "127.0.0.1", "", recovered=False)
    assert at.late == [("1", "ann")] * 2


def until_said(at: At, message: dict[str, object]) -> None:
    said: list[object] = []

    def now() -> bool:
        said.extend(at.said())
        return message in said

    until(now)


class AnyOrder(RuleBasedStateMachine):
    """What S has been told on its present connection is a history that it can believe."""

    @initialize(identity=st.sampled_from(["sid", "register"]))
    def begin(self, identity: str) -> None:
        self.at, self.identity = At(identity), identity
        self.names: dict[str, str | None] = {}
        self.there: list[str] = []
        self.up = False
        self.count = 0

    @rule()
    def come(self) -> None:
        self.count += 1
        sid = f"s{self.count}"
        self.names[sid] = sid if self.identity == "sid" else None
        self.at.come(sid)

    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        if self.names:
            sid = data.draw(st.sampled_from(sorted(self.names)))
            del self.names[sid]
            self.at.go(sid)

    @rule(data=st.data(), name=st.sampled_from(["ann", "bob", " ann ", "", "s1"]))
    def register(self, data: st.DataObject, name: str) -> None:
        if self.names and self.identity == "register":
            sid = data.draw(st.sampled_from(sorted(self.names)))
            if self.at.emit(sid, "register", name)[0]["ok"]:
                self.names[sid] = name.strip()

    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        if self.names:
            self.at.emit(data.draw(st.sampled_from(sorted(self.names))), "move")

    @rule()
    def toggle(self) -> None:
        self.listen()
        (self.at.down if self.up else self.at.up)()
        self.up, self.there = not self.up, []

    @rule()
    def listen(self) -> None:
        for message in self.at.said():
            user, action = message["username"], message["action"]
            if action == "connected":
                assert user not in self.there
                self.there.append(user)
            else:
                assert user in self.there, message
                if action == "disconnected":
                    self.there.remove(user)

    @invariant()
    def server_and_bridge_agree(self) -> None:
        if hasattr(self, "at") and self.up:
            self.listen()
            assert set(self.there) == {name for name in self.names.values() if name}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=some(60))


@pytest.mark.parametrize("recovered", [True, False])
def test_who_comes_back_late_has_its_name_though_a_look_alike_has_come_meanwhile(recovered: bool) -> None:
    at = registered(("a", "ann"), ("b", "bob"), away=(0.0, 3600.0))
    at.relay.disconnected("a", for_good=False)
    assert at.ask("b", "register", "аnn") == {"ok": True, "user": "аnn"}
    at.raw()
    told = len(at.told("a", "bridge:user"))
    at.relay.connected("a", "127.0.0.1", "", recovered)
    assert at.said() == [notice("ann", "connected")]
    assert at.told("a", "bridge:user")[told:] == [{"user": "ann"}]
    assert at.ask("a", "move") == {"ok": True}
    assert at.counters["refused_bad_user"] == 0


def test_two_who_look_alike_since_one_came_back_stay_when_the_link_does() -> None:
    at = registered(("a", "ann"), ("b", "bob"), away=(0.0, 3600.0))
    at.relay.disconnected("a", for_good=False)
    assert at.ask("b", "register", "аnn")["ok"]
    at.come("a", "c")
    assert at.ask("c", "register", "ａｎｎ")["error"] == "bad-user"
    at.raw()
    at.down()
    at.up()
    assert at.said() == [notice("аnn", "connected"), notice("ann", "connected")]
    assert at.closed == []


def test_a_name_kept_by_an_earlier_version_that_nobody_may_have_now_is_forgotten() -> None:
    at = At("register")
    at.up()
    at.remembered["s"] = "an\u200bn"
    at.relay.connected("a", "127.0.0.1", "s")
    assert at.said() == []
    assert at.remembered == {}
    assert at.ask("a", "move")["error"] == "not-registered"
