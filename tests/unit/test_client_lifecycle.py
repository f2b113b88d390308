"""client_lifecycle.py: who comes, comes back and is refused; a handler's call waits for hooks, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bridge.errors import Refused
from bridge.relay import client_lifecycle
from bridge.relay.handlers import Bridge
from bridge.relay.hook_results import Default, Frame
from bridge.relay.users import Client
from tests.unit.relays import At, notice
from tests.waiting import PATIENCE


def hooks(**functions: Any) -> Callable[[Bridge], None]:
    def setup(bridge: Bridge) -> None:
        for name, function in functions.items():
            getattr(bridge, f"on_{name}")(function)

    return setup


def free(lock: threading.RLock) -> bool:
    """Whether another thread can have it."""
    taken: list[bool] = []

    def take() -> None:
        taken.append(lock.acquire(blocking=False))
        if taken[0]:
            lock.release()

    other = threading.Thread(target=take)
    other.start()
    other.join(PATIENCE)
    return taken == [True]


def test_a_call_is_made_under_the_lock_which_is_free_again_whatever_it_does() -> None:
    free_meanwhile: list[bool] = []

    def setup(bridge: Bridge) -> None:
        @bridge.on_register
        def refuse(client: Client) -> None:
            free_meanwhile.append(free(at.relay._lock))
            raise Refused("bad-user", "no")

    at = At("register", setup)
    at.come("a")
    with pytest.raises(Refused, match="no"):
        at.users.clients[0].register("ann")
    assert free_meanwhile == [False]
    assert free(at.relay._lock)


def test_a_hook_of_presence_that_refuses_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    refusing: list[bool] = []

    def refuse(client: Client) -> Default:
        if refusing:
            raise Refused("bad-user", "not now")
        return Bridge.DEFAULT

    for goes in (True, False):
        refusing.clear()
        at = At("sid", hooks(connect=refuse, disconnect=refuse))
        at.up()
        at.come("a")
        refusing.append(True)
        if goes:
            at.go("a")
        else:
            at.up()
        assert at.counters["refused_bad_user"] == 1
    assert [record.getMessage() for record in caplog.records] == [
        "! refused bad-user from on_disconnect: 'not now'", "! refused bad-user from presence: 'a: not now'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("identity", "registered", "asks"),
    [
        ("sid", {"connect": repr}, True), ("sid", {}, False), ("sid", {"register": repr}, False),
        ("register", {"connect": repr}, False), ("none", {"connect": repr}, False),
    ],
)  # fmt: skip
def test_a_hook_is_asked_before_a_connect_is_answered_under_sid_alone(
    identity: str, registered: dict[str, Any], asks: bool
) -> None:
    assert At(identity, hooks(**registered)).relay.asks_who_connects is asks


def test_the_bridges_own_notice_is_nothing_that_an_event_can_return() -> None:
    at = At("sid")
    at.hooks.events["go"] = lambda client: Bridge.DEFAULT
    at.up()
    at.come("a")
    assert at.ask("a", "go")["error"] == "handler-error"


@pytest.mark.parametrize("asked", [False, True])
def test_who_has_come_back_is_waited_for_no_more(asked: bool) -> None:
    setup = (lambda bridge: bridge.on_connect(lambda client: None)) if asked else None
    for away in ((3600.0, 3600.0), (0.0, 3600.0)):
        at = At("sid", setup, away=away)
        at.come("a")
        at.relay.disconnected("a", for_good=False)
        lifecycle = at.relay._lifecycle
        assert len(lifecycle._grace) + len(lifecycle._window) == 1
        if asked:
            at.relay.connecting("a", "127.0.0.1")
        at.come("a")
        assert len(lifecycle._grace) + len(lifecycle._window) == 0


def test_what_a_hook_wants_told_of_who_was_announced_meanwhile_is_refused_as_gone() -> None:
    fates: list[str | None] = []

    def comes(client: Client) -> Frame:
        if not fates:
            fates.append("asked")
            at.up()  # which announces who is there, and asks again
        return Frame("+", done=lambda fate: fates.append(fate.code if fate else None))

    at = At("register", hooks(register=comes))
    at.come("a")
    assert at.ask("a", "register", "ann")["ok"]
    assert sorted(map(str, fates)) == ["None", "asked", "gone"]


def test_who_is_refused_while_it_is_away_is_waited_for_no_more() -> None:
    def refuse(client: Client) -> None:
        raise Refused("bad-user", "not now")

    at = At("sid")
    at.relay.connected("a", "127.0.0.1", "session")
    at.remembered["session"] = "somebody"
    at.relay.disconnected("a", for_good=False)
    at.hooks.connect = refuse
    at.up()
    assert len(at.relay._lifecycle._grace) == 0
    assert (at.closed, at.remembered, at.users.names) == ([("a", "bad-user")], {}, ())


def test_a_client_that_is_refused_once_it_has_connected_is_counted_and_closed() -> None:
    def refuse(client: Client) -> None:
        raise Refused("bad-user", "not now")

    at = At("sid", hooks(connect=refuse))
    at.remembered["session"] = "somebody"
    at.relay.connected("a", "127.0.0.1", "session")
    assert at.counters["refused_bad_user"] == 1
    assert (at.closed, at.remembered, at.users.clients) == ([("a", "bad-user")], {}, ())


class Request:
    """What a client came with, by its number."""

    def __init__(self, number: int) -> None:
        self.auth = self.headers = self.cookies = self.query = {"number": str(number)}

    def enter(self) -> None:
        """See users.ClientRequest."""

    def leave(self, token: object, /) -> None:
        """See users.ClientRequest."""


@pytest.mark.parametrize("asked", [False, True])
def test_a_client_comes_each_time_with_its_own_request_and_address(asked: bool) -> None:
    at = At("sid", hooks(connect=lambda client: None) if asked else None)
    visits: list[str] = []

    def visit(sid: str) -> Request:
        visits.append(sid)
        return Request(len(visits))

    at.relay._lifecycle._ports = replace(at.ports(), visit=visit)

    def comes(address: str) -> Client:
        if asked and not at.users.is_away("a"):
            at.relay.connecting("a", address)
        at.relay.connected("a", address)
        return at.users.clients[0]

    for number, address in enumerate(("10.0.0.1", "10.0.0.2", "10.0.0.3"), 1):
        client = comes(address)
        assert (client.auth, client.address) == ({"number": str(number)}, address)
        at.relay.disconnected("a", for_good=False)
        if number == 2:
            at.relay._lifecycle._give_up("a")
    assert visits == ["a"] * 3


def test_a_client_without_a_session_is_remembered_as_nobody() -> None:
    at = At("register")
    at.up()
    at.come("a")
    at.ask("a", "register", "ann")
    at.relay.disconnected("a", for_good=False)
    at.come("a")
    at.go("a")
    assert at.remembered == {}
    at = At("sid", lambda bridge: bridge.on_connect(lambda client: None))
    at.relay.connecting("a", "127.0.0.1")
    at.come("a")
    assert at.users.clients[0]._session == ""


def test_who_comes_late_is_sent_the_last_values_unless_it_has_recovered() -> None:
    for recovered, late in ((False, [("a", "a")]), (True, [])):
        at = At("sid")
        at.come("a")
        at.relay.disconnected("a", for_good=False)
        at.late.clear()
        at.batches.clear()
        at.relay.connected("a", "127.0.0.1", "", recovered)
        assert at.late == late
        assert at.told("a", "bridge:link") == [at.link]
        assert at.told("a", "bridge:user") == [{"user": "a"}]
    at.relay.disconnected("a", for_good=False)
    at.come("a")
    assert at.late == [("a", "a")]


def test_a_hook_that_keeps_the_lock_for_too_long_is_told_and_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_lifecycle, "PATIENCE", 0.01)
    at = At("register")
    at.come("a")
    kept, over = threading.Event(), threading.Event()

    def keep() -> None:
        with at.relay._lock:
            kept.set()
            over.wait(PATIENCE)

    hook = threading.Thread(target=keep)
    hook.start()
    assert kept.wait(PATIENCE)
    (client,) = at.users.clients
    with pytest.raises(RuntimeError, match=r"a hook has kept all others .* for 0\.01 s.*: nothing has been done"):
        client.register("ann")
    over.set()
    hook.join(PATIENCE)
    assert client.user is None
    assert free(at.relay._lock)


@pytest.mark.parametrize("away", [(3600.0, 3600.0), (0.0, 3600.0)])
def test_a_client_that_a_handler_ends_while_it_is_away_or_absent_does_not_come_back(away: tuple[float, float]) -> None:
    at = At("register", away=away)
    at.up()
    at.relay.connected("a", "127.0.0.1", "session")
    at.ask("a", "register", "ann")
    client = at.users.clients[0]
    at.relay.disconnected("a", for_good=False)
    client.disconnect("banned")
    assert at.said() == [notice("ann", "disconnected")]
    assert at.closed == [("a", "banned")]
    assert at.remembered == {}
    assert not at.users.known("a")
    assert ("a" in at.relay._lifecycle._grace, "a" in at.relay._lifecycle._window) == (False, False)


def test_who_is_back_and_gone_again_when_its_window_is_over_is_not_forgotten() -> None:
    at = At("sid", away=(0.0, 3600.0))
    at.up()
    at.come("a")
    lifecycle = at.relay._lifecycle
    at.relay.disconnected("a", for_good=False)
    lifecycle._forgotten("a")  # whose time was over before it came back and went again
    assert at.users.known("a")
    lifecycle._window.discard("a")
    lifecycle._forgotten("a")
    assert not at.users.known("a")


def test_a_hook_may_refuse_by_the_code_of_one_that_is_gone() -> None:
    def refuse(client: Client) -> None:
        raise Refused("gone", "no")

    at = At("sid", hooks(connect=refuse))
    at.up()
    at.come("a")
    assert at.counters["refused_gone"] == 1
    assert at.closed == [("a", "gone")]
    assert not at.users.known("a")
