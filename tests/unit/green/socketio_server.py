"""The Socket.IO server with all its parts: who is told of clients that come, emit and go, and what these are sent."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import eventlet  # noqa: E402
import pytest  # noqa: E402
from flask import Flask  # noqa: E402

from bridge.admission.origins import Origins  # noqa: E402
from bridge.counters import Counters  # noqa: E402
from bridge.delivery.limits import Limits  # noqa: E402
from bridge.delivery.slow_policies import POLICIES  # noqa: E402
from bridge.engineio.session import Session  # noqa: E402
from bridge.engineio.states import SessionState  # noqa: E402
from bridge.errors import Refused  # noqa: E402
from bridge.recovery.greeting import Greeter, RecoveryOptions  # noqa: E402
from bridge.socketio_server import server as module  # noqa: E402
from bridge.socketio_server.server import SocketIOCallbacks, SocketIOOptions, SocketIOServer  # noqa: E402
from bridge.wire.segment import AnswerSegment, Segment  # noqa: E402
from bridge.wire.websocket_frames import TEXT, frame  # noqa: E402
from tests.unit.green.servers import Asks, Line, Log, replaced  # noqa: E402
from tests.unit.green.sessions import until  # noqa: E402
from tests.unit.green.socketios import Client  # noqa: E402


class Case(Asks):
    """`told`: its callbacks, in order; `taken`: how many events are; `then`: what a callback does besides."""

    def __init__(
        self, *, asks: bool = False, recovery: bool = True, size: int = 16_000, allowed: tuple[str, ...] = ()
    ) -> None:
        self.told: list[tuple[object, ...]] = []
        self.then: dict[str, Callable[[str], object]] = {}
        self.users: dict[str, str] = {}
        self.taken = 100
        self.answers: list[Any] = []
        self.counters = Counters()
        self.limits = Limits(size, POLICIES["disconnect"], self.counters)
        self.greeter = Greeter(RecoveryOptions(60.0, 1 << 20, b"key") if recovery else None, self.counters)
        self.app = Flask("test")
        callbacks = SocketIOCallbacks(
            on_late=self._told("late"), on_connected=self._told("connected"), on_events=self._events,
            on_disconnected=self._told("disconnected"), on_failure=lambda: self.told.append(("failure",)),
            user_of=self.users.get, on_connecting=self._told("connecting") if asks else None,
        )  # fmt: skip
        self.origins = Origins(allowed, self.counters)
        options = SocketIOOptions(25.0, 20.0, 40.0, 1000)
        self.io = SocketIOServer(
            self.app, options, callbacks,
            origins=self.origins, limits=self.limits, greeter=self.greeter, counters=self.counters,
        )  # fmt: skip
        self.server = self.io._eio

    def _told(self, name: str) -> Callable[..., None]:
        def tell(sid: str, *more: object) -> None:
            self.told.append((name, sid, *more))
            if name in self.then:
                self.then[name](sid)

        return tell

    def _events(self, sid: str, events: Sequence[Any], answer: Any, may_wait: bool) -> int:
        self.told.append(("events", sid, list(events), may_wait))
        self.answers.append(answer)
        return len(events) if may_wait else min(self.taken, len(events))

    def names(self) -> list[object]:
        return [one[0] for one in self.told]

    def client(self, connect: str = "40") -> Client:
        """One that polls and has connected; `sid`, `pid`: what it was answered."""
        client = Client(self, self.polling())
        self.answer = client.say(connect)
        return client

    def by_websocket(self, connect: bytes = b"40") -> tuple[Session, Line, str]:
        """One that has connected by WebSocket: its session, its connection and its Socket.IO id."""
        line = Line()
        session = self.websocket(line)
        line.say(connect)
        opcode, data = line.frame()
        assert (opcode, data[:2]) == (TEXT, b"40"), data
        until(lambda: session.flow.tasks is None)
        return session, line, str(json.loads(data[2:])["sid"])


def joined(answer: list[str]) -> dict[str, Any]:
    """What CONNECT was answered with."""
    (text,) = answer
    assert text.startswith("40{"), text
    found: dict[str, Any] = json.loads(text[2:])
    return found


def test_a_client_that_comes_is_told_of_after_it_has_its_answer() -> None:
    at = Case()
    at.then["connected"] = lambda sid: seen.append(client.session.outbox.size)
    seen: list[int] = []
    client = Client(at, at.polling())
    found = joined(client.say("40"))
    sid = found["sid"]
    assert list(found) == ["sid", "pid"]
    session_name = at.told[1][3]
    assert at.told == [("late", sid), ("connected", sid, "10.0.0.9", session_name, False)]
    assert isinstance(session_name, str)
    assert len(session_name) == 12
    assert seen[0] > 0
    assert client.session.client == sid
    assert at.greeter.clients.live == {sid: client.session.outbox}
    assert at.counters["sessions_new"] == 1
    now = at.io.now()
    assert now == {
        "connections": 1, "bytes_for_clients": 0, "bytes_for_slowest": 0, "bytes_unfinished": 0,
        "catching_up": 0, "sessions_away": 0, "bytes_of_history": 0,
    }  # fmt: skip


def test_what_waits_for_clients_is_told_with_the_slowest() -> None:
    at = Case()
    for size in (100, 300):
        at.client().session.outbox.put(Segment(b"x" * size))
    now = at.io.now()
    assert (now["connections"], now["bytes_for_clients"], now["bytes_for_slowest"]) == (2, 400, 300)
    assert Case().io.now()["bytes_for_slowest"] == 0


def test_without_recovery_every_client_is_plain() -> None:
    at = Case(recovery=False)
    found = joined((at.client(), at.answer)[1])
    assert list(found) == ["sid"]
    assert list(at.greeter.clients.plain) == [found["sid"]]
    assert at.told[1] == ("connected", found["sid"], "10.0.0.9", "", False)


def test_one_that_comes_back_is_who_it_was_and_has_what_it_missed() -> None:
    at = Case()
    client = at.client()
    found = joined(at.answer)
    client.session.finish()
    until(lambda: "disconnected" in at.names())
    assert at.told[-1] == ("disconnected", found["sid"], False)
    assert at.io.now()["sessions_away"] == 1
    at.told.clear()
    again = at.client("40" + json.dumps({"pid": found["pid"]}))
    assert joined(at.answer) == found
    (connected,) = at.told
    assert connected[:3] == ("connected", found["sid"], "10.0.0.9")
    assert connected[4] is True
    assert again.session.client == found["sid"]
    assert at.counters["sessions_recovered"] == 1


def test_one_whose_old_connection_is_still_open_takes_its_place() -> None:
    at = Case()
    old = at.client()
    found = joined(at.answer)
    at.client("40" + json.dumps({"pid": found["pid"]}))
    assert joined(at.answer) == found
    assert old.session.state is SessionState.CLOSING  # it has a second to hear of it
    assert '42["bridge:closing",{"code":"replaced"}]' in old.got
    assert at.counters["sessions_replaced"] == 1
    assert at.names() == ["late", "connected", "disconnected", "connected"]


def test_one_that_leaves_has_gone_for_good_and_may_come_again_on_the_same_connection() -> None:
    at = Case()
    client = at.client()
    sid = joined(at.answer)["sid"]
    client.say("41")
    assert at.told[-1] == ("disconnected", sid, True)
    assert client.session.client is None
    assert at.greeter.clients.everybody() == []
    other = joined(client.say("40"))["sid"]
    assert other != sid
    assert not client.session.left
    client.session.finish()
    until(lambda: at.names().count("disconnected") == 2)
    assert at.told[-1] == ("disconnected", other, False)


def test_one_that_leaves_and_hangs_up_has_gone_for_good_too() -> None:
    at = Case()
    client = at.client()
    at.ask(at.of(client.session), "POST", b"41\x1e1")
    until(lambda: "disconnected" in at.names())
    assert at.told[-1][2] is True


def test_who_may_not_connect_is_told_why_and_nobody_else_of_it() -> None:
    at = Case(asks=True)

    def refuses(sid: str) -> None:
        raise Refused("bad-user", "not you")

    at.then["connecting"] = refuses
    client = Client(at, at.polling())
    assert client.say("40") == ['44{"message":"not you","data":{"error":"bad-user"}}']
    assert at.names() == ["connecting"]
    del at.then["connecting"]
    sid = joined(client.say("40"))["sid"]
    asked = at.told[1]
    assert asked[:3] == ("connecting", sid, "10.0.0.9")
    assert asked[3] == at.told[3][3] != ""  # the session's name
    assert at.names() == ["connecting", "connecting", "late", "connected"]


def test_one_that_goes_while_it_is_asked_about_is_forgotten() -> None:
    at = Case(asks=True)
    at.then["connecting"] = lambda sid: at.newest.finish()
    client = Client(at, at.polling())
    at.ask(at.of(client.session), "POST", b"40")
    until(lambda: client.session.flow.tasks is None)
    assert at.names() == ["connecting", "disconnected"]
    assert at.told[1][2] is False
    assert at.greeter.clients.everybody() == []
    assert at.io.now()["sessions_away"] == 1


def test_one_that_has_gone_before_it_is_asked_about_is_refused() -> None:
    at = Case(asks=True)
    client = Client(at, at.polling())
    hold = eventlet.Event()
    client.session.joined = True
    client.session.flow.later(hold.wait)
    client.session.take([(TEXT, b"40")])
    client.session.finish()
    hold.send()
    until(lambda: client.session.flow.tasks is None)
    assert at.names() == []


def test_events_by_websocket_are_taken_together_with_their_answers() -> None:
    at = Case()
    session, line, sid = at.by_websocket()
    at.told.clear()
    line.say(b'42["a",1]', b'427["b"]')
    until(lambda: at.told)
    assert at.told == [("events", sid, [(None, ["a", 1]), (7, ["b"])], False)]
    at.answers[0]([7], {"ok": True})
    assert line.frame() == (TEXT, b'437[{"ok":true}]')
    session.finish()
    until(lambda: session.flow.tasks is None)
    at.answers[0]([8], {"ok": True})
    assert session.outbox.size == 0


def test_events_by_polling_and_with_attachments_are_taken_one_by_one() -> None:
    at = Case()
    client = at.client()
    sid = joined(at.answer)["sid"]
    at.told.clear()
    client.say('451-3["a",{"_placeholder":true,"num":0}]', "bAAE=")
    client.say('424["b"]', "42[]", '42"x"', '42["c"')
    until(lambda: len(at.told) >= 4)
    events = [one for _, _, some, _ in at.told for one in some]  # type: ignore[attr-defined]
    assert events == [(3, ["a", b"\0\1"]), (4, ["b"]), (None, [None]), (None, [None]), (None, [None])]
    assert {one[1] for one in at.told} == {sid}
    assert at.told[0][3] is True


def test_events_are_shown_to_who_looks_for_everything() -> None:
    at = Case()
    _, line, sid = at.by_websocket()
    with Log("bridge.clients") as log:
        line.say(b'42["a",1]')
        until(lambda: "events" in at.names())
    assert log.lines == [f"DEBUG < {sid} ['a', 1]"]
    logging.getLogger("bridge.clients").setLevel(logging.INFO)


def test_a_client_that_is_closed_is_told_why_and_does_not_recover() -> None:
    at = Case()
    session, line, sid = at.by_websocket()
    at.io.close("nobody", "replaced")
    at.io.close(sid, "replaced")
    assert line.frame() == (TEXT, b'42["bridge:closing",{"code":"replaced"}]')
    until(lambda: "disconnected" in at.names())
    assert at.told[-1] == ("disconnected", sid, True)
    assert session.left
    assert session.closed


def test_a_callback_may_close_the_client_that_it_is_told_of() -> None:
    at = Case()
    at.then["connected"] = lambda sid: at.io.close(sid, "replaced")
    client = Client(at, at.polling())
    found = client.say("40")
    assert found == ['42["bridge:closing",{"code":"replaced"}]', "6"]
    assert client.session.client is None or client.session.closed


def test_one_that_is_slow_is_told_so_and_counted() -> None:
    at = Case(size=4000)
    session, line, sid = at.by_websocket()
    at.users[sid] = "ada"
    with Log("bridge") as log:
        while not session.closed:
            session.outbox.put(Segment(frame(b"4" + b"x" * 100_000), 1))
    (text,) = [line for line in log.lines if "as slow" in line]
    start = f"WARNING ! client {sid} of user 'ada' at 10.0.0.9 is disconnected as slow: "
    assert text.startswith(start)
    number, _, rest = text[len(start) :].partition(" bytes wait for it, the first for ")
    assert int(number) > 4000
    assert rest.endswith(" s (--outbox 4000)")
    assert at.counters["clients_slow"] == 1
    until(lambda: "disconnected" in at.names())
    assert at.told[-1] == ("disconnected", sid, False)
    line.there.close()
    until(lambda: at.server.sockets == {})


def test_one_that_the_history_forgets_is_slow_too() -> None:
    at = Case()
    session, line, sid = at.by_websocket()
    with Log("bridge") as log:
        at.server.shared.slow(session)
    assert log.lines == [
        f"WARNING ! client {sid} at 10.0.0.9 is disconnected as slow: it takes what it has missed more slowly than "
        "the history forgets it (--outbox 16000)"
    ]
    assert line.frame() == (TEXT, b'42["bridge:closing",{"code":"slow"}]')
    stranger = at.polling()
    at.server.shared.slow(stranger)
    assert stranger.closed


def test_who_is_slow_does_not_recover() -> None:
    at = Case()
    client = at.client()
    found = joined(at.answer)
    at.server.shared.slow(client.session)
    client.session.finish()
    until(lambda: "disconnected" in at.names())
    at.told.clear()
    at.client("40" + json.dumps({"pid": found["pid"]}))
    assert at.told[-1][4] is False
    assert at.counters["sessions_lost"] == 1
    assert at.names() == ["late", "connected"]


def test_one_that_does_not_answer_pings_or_begins_to_lose_is_logged() -> None:
    at = Case()
    client = at.client()
    sid = joined(at.answer)["sid"]
    with Log("bridge") as log, Log("bridge.clients") as clients:
        at.server.shared.silent(client.session)
        client.session.outbox.put(Segment(b"x" * 10))
        at.server.shared.behind(client.session)
    assert log.lines == [f"WARNING ! client {sid} at 10.0.0.9 is disconnected: it has not answered a ping"]
    assert at.counters["clients_silent"] == 1
    waiting = 10 + at.limits.unsent
    wanted = f"begins to lose messages, the oldest first: {waiting} bytes wait for it, the first for 0.0 s"
    assert clients.lines == [f"INFO = client {sid} at 10.0.0.9 {wanted}"]


def test_a_client_is_named_by_what_is_known_of_it() -> None:
    at = Case()
    session = at.polling()
    assert str(session) == "a client at 10.0.0.9"
    session.client = "sid"
    assert str(session) == "client sid at 10.0.0.9"
    at.users["sid"] = "sid"
    assert str(session) == "client sid at 10.0.0.9"
    at.users["sid"] = "x" * 100
    assert str(session) == f"client sid of user {repr('x' * 100)[:74]}… at 10.0.0.9"


def test_a_connecting_client_s_request_and_auth_can_be_seen() -> None:
    at = Case(asks=True)
    seen: list[Any] = []
    at.then["connecting"] = lambda sid: seen.append(at.io.visit(sid))
    client = Client(at, at.polling())
    client.say('40{"token":"x","pid":"none"}')
    assert seen[0].auth == {"token": "x"}
    assert at.io.visit("nobody") is None


def test_pages_of_other_origins_are_refused_and_remembered() -> None:
    at = Case(allowed=("http://friend",))
    assert at.ask(HTTP_ORIGIN="http://friend", HTTP_HOST="here").status == "200 OK"
    assert at.ask(HTTP_ORIGIN="http://here", HTTP_HOST="here").status == "200 OK"
    assert at.origins.refused() == []
    answer = at.ask(HTTP_ORIGIN="http://foreign", HTTP_HOST="here")
    assert "--allowed-origins http://foreign" in answer.status
    assert [one["origin"] for one in at.origins.refused()] == ["http://foreign"]
    at = Case(allowed=("*",))
    assert at.server.cors_allowed_origins == "*"
    assert at.ask(HTTP_ORIGIN="http://foreign").status == "200 OK"


def test_while_it_stops_nobody_new_is_let_in() -> None:
    at = Case()
    assert at.ask().status == "200 OK"
    at.io.refuse_newcomers()
    assert at.ask().status == "503 Service Unavailable"


def test_at_the_end_every_client_is_closed_in_order_and_without_a_packet() -> None:
    at = Case()
    session, line, sid = at.by_websocket()
    client = at.client()
    other = joined(at.answer)["sid"]
    at.told.clear()
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        line.there.close()
        at.ask(at.of(client.session))
        eventlet.sleep(0)

    with replaced(module, eventlet=SimpleNamespace(sleep=sleep)):
        at.io.stop()
    assert sleeps[:1] == [0.01]
    assert len(sleeps) < 5  # nobody is waited for who has gone
    assert at.server.sockets == {}
    until(lambda: len(at.told) == 2)
    assert sorted(at.told) == sorted([("disconnected", sid, False), ("disconnected", other, False)])
    assert session.closed


def test_whose_handlers_take_their_time_leaves_all_the_same() -> None:
    assert module.GOODBYE == 1.0
    with replaced(module, GOODBYE=0.02):
        at = Case()
        client = at.client()
        sid = joined(at.answer)["sid"]
        hold = eventlet.Event()
        client.session.flow.later(hold.wait)
        at.io.stop()
    assert at.told[-1] == ("disconnected", sid, False)
    hold.send()
    until(lambda: client.session.flow.tasks is None)
    assert at.names().count("disconnected") == 1


def test_it_serves_in_a_thread_without_which_the_bridge_stops() -> None:
    began: list[Any] = []
    thread, serve = (lambda *args: began.append(args) for _ in range(2))
    with replaced(module, VitalThread=thread, serve=serve):
        at = Case()
        at.io.serve("listener", "app")  # type: ignore[arg-type]
        began[0][1]()
    name, _, failed = began[0]
    assert name == "web server"
    failed()
    assert at.told == [("failure",)]
    assert began[1] == ("listener", "app", at.counters, at.server)


def test_its_settings_are_the_servers() -> None:
    at = Case()
    server = at.server
    assert (server.ping_interval, server.ping_timeout, server.max_http_buffer_size) == (25.0, 20.0, 1000)
    assert server.shared.queues.joins.interval == 40.0
    assert server.shared.limits is at.limits
    assert server.logger.name == "bridge.clients.engineio"
    sio = at.io._server
    assert (sio.logger.name, sio.async_handlers, sio.async_mode) == ("bridge.clients.socketio", False, "eventlet")
    assert sio.packet_class.max_attached == 1000
    server.on_failure()
    assert at.told == [("failure",)]
    assert at.app.extensions["socketio"].server is sio


def test_an_old_connection_whose_handlers_are_busy_is_waited_for() -> None:
    at = Case()
    old = at.client()
    found = joined(at.answer)
    hold = eventlet.Event()
    old.session.flow.later(hold.wait)
    client = Client(at, at.polling())
    connects = eventlet.spawn(client.say, "40" + json.dumps({"pid": found["pid"]}))
    eventlet.sleep(0)
    until(lambda: old.session.closed)
    assert not connects.dead
    hold.send()
    assert joined(connects.wait()) == found


def test_who_leaves_answers_unread_is_not_over_for_that() -> None:
    at = Case()
    client = at.client()
    client.session.outbox.put(AnswerSegment(b"x" * 100_000))
    assert not client.session.closed
    with pytest.raises(KeyError):
        at.server.transport("nobody")
