"""A CONNECT to the default namespace: whose id the client has, and what its old connection has to do with it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import eventlet  # noqa: E402
import pytest  # noqa: E402

from bridge.recovery.session_registry import Greeting  # noqa: E402
from bridge.socketio_server import connect_handler as module  # noqa: E402
from bridge.socketio_server.connect_handler import ConnectHandler  # noqa: E402
from tests.unit.green.servers import replaced  # noqa: E402


class Greeter:
    """`auths`: what was greeted; who shows a pid is given it as its sid."""

    def __init__(self) -> None:
        self.auths: list[object] = []

    def sid_of(self, auth: Any) -> str | None:
        return auth.get("pid") if auth else None

    def greet(self, auth: Any) -> Greeting:
        self.auths.append(auth)
        return Greeting("its session", sid=self.sid_of(auth))

    def pid(self, greeting: Greeting, sid: str) -> str | None:
        return None if sid == "plain" else f"pid of {sid}"


class Session:
    """`busy`: how long its tasks take, in seconds; None: it has none. `sid`: its Socket.IO id, which it gives up."""

    def __init__(self, at: Case, sid: str = "", busy: float | None = None, stays: bool = False) -> None:
        self.at, self.sid, self.busy, self.stays = at, sid, busy, stays
        self.finished = 0
        self.flow = self
        if sid:
            at.connections[sid] = self

    def finish(self) -> None:
        self.finished += 1
        if self.busy is None:
            self._gone()

    def _gone(self) -> None:
        if not self.stays:
            self.at.connections.pop(self.sid, None)

    def when_done(self, call: Callable[[], object]) -> bool:
        if self.busy is None:
            return False

        def done() -> None:
            self.busy = None
            self._gone()
            call()

        eventlet.spawn_after(self.busy, done)
        return True


class Case:
    """`sessions`: by their own ids; `connections`: by Socket.IO ids."""

    def __init__(self) -> None:
        self.greeter = Greeter()
        self.sessions: dict[str, Any] = {}
        self.connections: dict[str, Any] = {}
        ends = lambda old, _: old.finish()  # noqa: E731
        self.handler = ConnectHandler(self.greeter, self.connections.get, self.sessions.get, ends)  # type: ignore[arg-type]
        self.sessions["new"] = Session(self)

    def sid(self, packet: str, eio_sid: str = "new") -> str:
        """What a client gets that connects with this."""
        with self.handler.arrives(eio_sid, packet):
            return self.handler.sid(eio_sid, lambda: "fresh")


def test_who_shows_no_pid_is_new_and_its_auth_is_known_while_it_arrives() -> None:
    for packet, auth in (("0", None), ('0{"a":1,"offset":"x","pid":""}', {"a": 1}), ('0{"a"', None), ("0[1]", None),
                         ("0/,{}", {}), ("0" + '{"a":' * 100_000, None)):  # fmt: skip
        at = Case()
        with at.handler.arrives("new", packet):
            assert at.handler.auth("new") == (auth or {})
            assert at.handler.auth("other") == {}
            assert at.handler.sid("new", lambda: "fresh") == "fresh"
            assert at.handler.session("fresh") == "its session"
            assert at.handler.session("other") == ""
            assert at.handler.connect_data({"sid": "fresh"}) == {"sid": "fresh", "pid": "pid of fresh"}
            assert at.handler.sid("new", lambda: "second") == "second"  # a greeting is good for one
        assert at.handler.auth("new") == {}
        assert at.handler.session("fresh") == ""  # it was refused
        assert len(at.greeter.auths) == 1
        assert (at.greeter.auths[0] is None) is (auth is None)


def test_an_auth_is_kept_for_handlers_up_to_a_limit() -> None:
    for size, kept in ((16 * 1024, True), (16 * 1024 + 1, False)):
        at = Case()
        packet = '0{"a":"' + "x" * (size - 9) + '"}'
        assert len(packet) == size
        with at.handler.arrives("new", packet):
            assert bool(at.handler.auth("new")) is kept
        assert at.greeter.auths[0]


def test_a_greeting_is_given_out_once_when_connect_has_been_answered() -> None:
    at = Case()
    with at.handler.arrives("new", "0"):
        sid = at.handler.sid("new", lambda: "plain")
        assert at.handler.connect_data({"sid": sid, "a": 1}) == {"sid": sid, "a": 1}
        assert at.handler.greeting(sid) == Greeting("its session")
        assert at.handler.greeting(sid) == Greeting("", plain=True)
        assert at.handler.connect_data({"sid": sid}) == {"sid": sid}
    assert at.handler.sid("nobody", lambda: "fresh") == "fresh"
    assert at.handler.session("fresh") == ""


def test_who_was_refused_leaves_the_greetings_of_others() -> None:
    at = Case()
    at.sessions["b"] = Session(at)
    with at.handler.arrives("b", "0"):
        at.handler.sid("b", lambda: "of b")
        with at.handler.arrives("new", "0"):
            at.handler.sid("new", lambda: "of new")
        assert at.handler.session("of b") == "its session"
        assert at.handler.session("of new") == ""


def test_who_comes_back_has_its_old_id_when_its_old_connection_has_ended() -> None:
    at = Case()
    old = Session(at, "s1")
    assert at.sid('0{"pid":"s1"}') == "s1"
    assert old.finished == 1
    assert at.greeter.auths == [{"pid": "s1"}]
    at.connections["s1"] = at.sessions["new"]
    at.sessions["next"] = Session(at)
    at.sessions["new"].sid = "s1"
    assert at.sid('0{"pid":"s1"}', "next") == "s1"


def test_what_its_old_connection_s_handlers_do_is_waited_for() -> None:
    at = Case()
    old = Session(at, "s1", busy=0.005)
    assert at.sid('0{"pid":"s1"}') == "s1"
    assert (old.finished, old.busy) == (1, None)


def test_who_has_no_session_any_more_or_has_that_id_itself_is_new() -> None:
    at = Case()
    assert at.sid('0{"pid":"s1"}', "gone") == "fresh"
    at.connections["s1"] = at.sessions["new"]
    assert at.sid('0{"pid":"s1"}') == "fresh"
    assert at.sessions["new"].finished == 0
    assert at.greeter.auths == [None, None]


def test_an_old_connection_that_does_not_go_keeps_its_id() -> None:
    at = Case()
    old = Session(at, "s1", stays=True)
    assert at.sid('0{"pid":"s1"}') == "fresh"
    assert old.finished == 1
    assert at.greeter.auths == [None]


def test_one_that_takes_too_long_keeps_its_id_too() -> None:
    assert module.PATIENCE == 15.0
    with replaced(module, PATIENCE=0.005):
        at = Case()
        old = Session(at, "s1", busy=5.0)
        assert at.sid('0{"pid":"s1"}') == "fresh"
        assert old.finished == 1


def test_two_that_arrive_with_the_same_pid_are_not_the_same() -> None:
    at = Case()
    at.sessions["other"] = other = Session(at, busy=0.005)
    with at.handler.arrives("other", '0{"pid":"s1"}'):
        assert at.handler.sid("other", lambda: "fresh") == "s1"
        with replaced(module, PATIENCE=0.02):
            assert at.sid('0{"pid":"s1"}') == "fresh"
        assert other.finished > 0
    assert at.sid('0{"pid":"s1"}') == "s1"
    assert at.sid('0{"pid":"s1"}') == "s1"


def test_what_fails_inside_leaves_nothing_behind() -> None:
    at = Case()

    def fails() -> None:
        with at.handler.arrives("new", '0{"pid":"s1"}'):
            at.handler.sid("new", lambda: "fresh")
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fails()
    assert (at.handler.auth("new"), at.handler.session("s1")) == ({}, "")
    assert at.handler.sid("new", lambda: "fresh") == "fresh"
    at.sessions["next"] = Session(at)
    assert at.sid('0{"pid":"s1"}', "next") == "s1"
