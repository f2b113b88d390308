"""python-socketio's register of clients as ours keeps it: which id a client has, and whose rooms are where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bridge.socketio_server.manager import Manager


class Case:
    """`told`: who was connected, in order; `made`: how many ids were made anew."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.made = 0
        self.manager = Manager(lambda sid, eio_sid: self.told.append((sid, eio_sid)), self._sid)
        self.manager.server = SimpleNamespace(eio=SimpleNamespace(generate_id=self._make))
        self.old: str | None = None

    def _make(self) -> str:
        self.made += 1
        return f"made {self.made}"

    def _sid(self, eio_sid: str, new: Any) -> str:
        return self.old or f"{eio_sid} {new()}"

    def connected(self, eio_sid: str, namespace: str = "/") -> str:
        sid = self.manager.pre_connect(eio_sid, namespace)
        assert sid is not None
        assert self.manager.connect(sid, namespace) == sid
        return sid


def participants(at: Case, room: Any, namespace: str = "/") -> dict[str, str]:
    found = list(at.manager.get_participants(namespace, room))
    assert len(found) == len(dict(found))
    return dict(found)


def test_a_client_has_the_id_that_it_is_given_and_is_told_of_when_it_is_connected() -> None:
    at = Case()
    assert at.manager.pre_connect("e1", "/") == "e1 made 1"
    assert at.manager.is_pre_connected("e1 made 1", "/")
    assert at.told == []
    assert at.manager.connect("e1 made 1", "/") == "e1 made 1"
    assert at.manager.is_connected("e1 made 1", "/")
    assert at.told == [("e1 made 1", "e1")]
    at.old = "as before"
    assert at.connected("e2") == "as before"
    assert at.told[1:] == [("as before", "e2")]
    assert at.manager.pending_connect == {}


def test_two_that_connect_at_a_time_both_wait_for_it() -> None:
    at = Case()
    sids = [at.manager.pre_connect(eio_sid, "/") for eio_sid in ("e1", "e2")]
    assert at.manager.pending_connect == {"/": sids}


def test_who_is_connected_already_is_not_connected_again() -> None:
    at = Case()
    at.connected("e1")
    assert at.manager.pre_connect("e1", "/") is None
    assert at.made == 1


def test_elsewhere_ids_are_python_socketio_s_own_and_nobody_is_told() -> None:
    at = Case()
    assert at.connected("e1", "/x") == "made 1"
    assert at.manager.pre_connect("e1", "/x") is None
    assert at.told == []


def test_a_client_s_own_room_is_only_looked_up() -> None:
    at = Case()
    one, two = at.connected("e1"), at.connected("e2")
    assert set(at.manager.rooms["/"]) == {None}
    at.manager.enter_room(one, "/", one)
    assert set(at.manager.rooms["/"]) == {None}
    assert participants(at, one) == {one: "e1"}
    assert participants(at, [one, two]) == participants(at, (two, one)) == {one: "e1", two: "e2"}
    assert participants(at, None) == {one: "e1", two: "e2"}
    assert participants(at, "nobody") == participants(at, []) == participants(at, one, "/x") == {}


def test_other_rooms_are_as_they_were() -> None:
    at = Case()
    one, two, three = (at.connected(eio_sid) for eio_sid in ("e1", "e2", "e3"))
    for sid in (one, two):
        at.manager.enter_room(sid, "/", "blue")
    assert participants(at, "blue") == {one: "e1", two: "e2"}
    assert participants(at, ["blue", three, one, "red"]) == {one: "e1", two: "e2", three: "e3"}
    assert at.manager.get_rooms(one, "/") == [one, "blue"]
    assert at.manager.get_rooms(three, "/") == [three]
    assert at.manager.get_rooms("nobody", "/") == at.manager.get_rooms(one, "/x") == []
    with pytest.raises(ValueError, match="not connected"):
        at.manager.basic_enter_room("nobody", "/x", "blue")
