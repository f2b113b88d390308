"""relay.py while the link is down: events are held for their client, and refused if its user goes."""

from __future__ import annotations

import pytest

from bridge.errors import Refused
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.relay.handlers import Bridge
from bridge.relay.users import Client
from tests.unit.relays import At, notice

OK = {"ok": True}


def at(identity: str = "sid", **rules: object) -> At:
    """A relay that holds; the link is down."""
    return At(identity, **{"holding": OfflineBuffer(1000, 1000, 400), **rules})  # type: ignore[arg-type]


def codes(answers: list[dict[str, object]]) -> list[object]:
    return [answer.get("error", "ok") for answer in answers]


def test_an_event_is_held_and_acked_when_it_was_sent_after_who_is_there() -> None:
    down = at()
    down.come("a", "b")
    first, second = down.emit("a", "n", 1), down.emit("b", "n", 2)
    assert first == second == []
    down.up()
    assert down.said() == [
        notice("a", "connected"), notice("b", "connected"),
        {"username": "a", "action": "n", "data": 1}, {"username": "b", "action": "n", "data": 2},
    ]  # fmt: skip
    assert first == second == [OK]


def test_what_is_held_for_somebody_who_goes_is_refused_as_gone_and_never_sent() -> None:
    down = at()
    down.come("a", "b")
    gone, kept = down.emit("a", "n"), down.emit("b", "n")
    down.go("a")
    assert gone == []
    down.up()
    assert codes(gone) == ["gone"]
    assert [message["username"] for message in down.said()] == ["b", "b"]
    assert kept == [OK]
    assert down.counters["refused_gone"] == 1


def test_an_event_under_a_name_that_its_client_no_longer_has_is_refused_as_gone() -> None:
    down = at("register")
    down.come("a")
    down.emit("a", "register", "ann")
    as_ann = down.emit("a", "n", 1)
    down.emit("a", "register", "bob")
    as_bob = down.emit("a", "n", 2)
    down.up()
    assert down.said() == [notice("bob", "connected"), {"username": "bob", "action": "n", "data": 2}]
    assert (codes(as_ann), as_bob) == (["gone"], [OK])


def test_an_event_of_a_user_who_has_another_tab_is_sent_when_its_own_has_gone() -> None:
    down = at("register")
    down.come("a", "b")
    for sid in ("a", "b"):
        down.emit(sid, "register", "ann")
    down.emit("a", "n")
    down.go("a")
    down.up()
    assert down.said() == [notice("ann", "connected"), {"username": "ann", "action": "n"}]


def test_under_identity_none_there_is_nobody_to_be_gone() -> None:
    down = at("none")
    down.come("a")
    down.emit("a", "n")
    down.go("a")
    down.up()
    assert down.said() == [{"action": "n"}]


def test_of_many_events_at_once_those_that_there_is_room_for_are_held() -> None:
    down = at()
    down.come("a")
    answers: list[tuple[int, object]] = []
    events = [(n, ["n", "x" * 50]) for n in range(10)]
    size = len(b'{"username":"a","action":"n","data":"' + b"x" * 50 + b'"}~')
    fit = 400 // size

    def answer(ids: object, value: dict[str, object]) -> None:
        answers.extend((n, value.get("error", "ok")) for n in ids)  # type: ignore[attr-defined]

    assert down.relay.events("a", events, answer, False) == fit
    assert down.relay.events("a", events[fit:], answer, False) == 0
    assert down.relay.events("a", events[fit:], answer, True) == 10 - fit
    assert answers == [(n, "link-down") for n in range(fit, 10)]
    down.up()
    assert len(down.said()) == 1 + fit
    assert answers[10 - fit :] == [(n, "ok") for n in range(fit)]


def test_one_client_does_not_take_the_room_of_another() -> None:
    down = at()
    down.come("a", "b")
    many = [down.emit("a", "n", "x" * 50) for _ in range(10)]
    one = down.emit("b", "n")
    assert codes([answer for answers in many for answer in answers]) == ["link-down"] * 6
    down.up()
    down.raw()
    assert one == [OK]


def test_what_a_handler_returns_is_held_and_what_it_sends_counts_for_nobody() -> None:
    def setup(bridge: Bridge) -> None:
        @bridge.on_event("go")
        def go(client: Client, *args: object) -> dict[str, object]:
            bridge.send({"from": "anywhere"})
            return {"from": client.user}

    down = at(setup=setup)
    down.come("a")
    answers = down.emit("a", "go")
    down.go("a")
    down.up()
    assert down.said() == [{"from": "anywhere"}]
    assert codes(answers) == ["gone"]


def test_what_hooks_of_presence_return_is_not_held() -> None:
    down = at(setup=lambda bridge: bridge.on_connect(lambda client: {"hello": client.sid}))
    down.come("a")
    down.up()
    assert down.said() == [{"hello": "a"}]


@pytest.mark.parametrize("size", [10, 1000])
def test_what_a_handler_sends_is_refused_to_it_when_it_can_not_be_held(size: int) -> None:
    down = at(holding=OfflineBuffer(1000, size, size))
    if size > 100:
        down.bridge.send({"a": "x" * 900})
    with pytest.raises(Refused, match="link-down"):
        down.bridge.send({"a": "x" * 100})
