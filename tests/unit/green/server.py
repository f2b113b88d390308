"""Each request to the Engine.IO server: its status, headers and body, and what handlers and the log are told.

What sessions do is in session.py.
"""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import eventlet
import pytest
from werkzeug.exceptions import BadRequest

from bridge.engineio.session_quota import SessionLimits
from bridge.engineio.states import SessionState
from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import CLOSE, TEXT, close_frame, frame
from tests.unit.green.servers import ACCEPTED, HANDSHAKE, POLL, WEBSOCKET, Line, Log, Served, masked, module, replaced
from tests.unit.green.sessions import until

UNKNOWN_TRANSPORT = ("400 Bad Request", {"code": 0, "message": "Transport unknown"})
UNKNOWN_SID = ("400 Bad Request", {"code": 1, "message": "Session ID unknown"})
BAD_METHOD = ("400 Bad Request", {"code": 2, "message": "Bad handshake method"})
BAD_REQUEST = ("400 Bad Request", {"code": 3, "message": "Bad request"})
BAD_VERSION = ("400 Bad Request", {"code": 5, "message": "Unsupported protocol version"})
TEXT_TYPE = "text/plain; charset=UTF-8"
HTTP: dict[str, Any] = {"wsgi.url_scheme": "http"}
CHUNKED: dict[str, Any] = {"wsgi.input_terminated": True}
#: A handshake by either transport.
WAYS: tuple[tuple[str, dict[str, Any]], ...] = ((POLL, {}), (WEBSOCKET, HANDSHAKE))


def test_a_handshake_by_polling_is_answered_with_the_session_s_id_and_the_settings() -> None:
    at = Served()
    answer = at.ask(HTTP_X_FORWARDED_FOR="10.1.1.1")
    sid = at.newest.sid
    hello = {"sid": sid, "upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20500, "maxPayload": 1000}
    assert answer.body == b"0" + json.dumps(hello, separators=(",", ":")).encode()
    assert answer.status == "200 OK"
    assert answer.headers["Content-Type"] == TEXT_TYPE
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert at.told == [("connect", sid)]
    assert at.environ["REMOTE_ADDR"] == at.newest.address == "10.0.0.9"
    assert at.server.transport(sid) == "polling"
    assert str(at.newest) == "a client at 10.0.0.9"


def test_no_upgrade_is_offered_where_none_is_to_be_had() -> None:
    for settings in ({"allow_upgrades": False}, {"transports": ["polling"]}):
        answer = Served(**settings).ask()
        assert json.loads(answer.body[1:])["upgrades"] == []


def test_a_handshake_by_websocket_is_answered_in_one_piece() -> None:
    at, line = Served(), Line()
    assert at.ask(WEBSOCKET, line=line, **HANDSHAKE).body == b""
    session = at.newest
    hello = {"sid": session.sid, "upgrades": [], "pingInterval": 25000, "pingTimeout": 20500, "maxPayload": 1000}
    sent = ACCEPTED + frame(b"0" + json.dumps(hello, separators=(",", ":")).encode())
    assert line.there.recv(1000) == sent
    assert session.state is SessionState.OPEN
    assert at.server.transport(session.sid) == "websocket"
    line.say(b"40")
    until(lambda: ("message", session.sid, "0") in at.told)
    line.there.close()
    until(lambda: at.told[-1] == ("disconnect", session.sid, "transport close"))
    assert at.server.sockets == {}


def test_what_came_right_behind_the_handshake_is_taken_first() -> None:
    at = Served()
    frames = masked(b"40") + masked(b"40/x,")
    line = Line(early=frames[:-4])
    session = at.websocket(line)
    line.there.send(frames[-4:])
    until(lambda: len(at.told) == 3)
    assert at.told[1:] == [("message", session.sid, "0"), ("message", session.sid, "0/x,")]


def test_a_handshake_that_can_t_be_answered_is_refused_in_words() -> None:
    at = Served()
    for version in ("8", "14"):
        answer = at.ask(WEBSOCKET, **{**HANDSHAKE, "HTTP_SEC_WEBSOCKET_VERSION": version})
        assert answer.status == "426 Upgrade Required"
        assert answer.headers["Content-Type"] == TEXT_TYPE
        assert answer.headers["Sec-WebSocket-Version"] == "13"
        assert answer.body == b"Only version 13 of the WebSocket protocol is spoken here."
    answer = at.ask(WEBSOCKET, **{**HANDSHAKE, "HTTP_SEC_WEBSOCKET_VERSION": ""})
    assert answer.refusal == ("400 Bad Request", {"code": 3, "message": "Sec-WebSocket-Version is missing"})
    answer = at.ask(WEBSOCKET, **{**HANDSHAKE, "HTTP_SEC_WEBSOCKET_KEY": "short"})
    assert str(answer.refusal[1]["message"]).startswith("Sec-WebSocket-Key")
    assert at.told == []
    assert at.server.sockets == {}


def test_what_is_wrong_with_a_request_is_said_before_its_session_is_looked_for() -> None:
    at = Served()
    for query, wanted in (
        (None, UNKNOWN_TRANSPORT), ("EIO=4", UNKNOWN_TRANSPORT), ("EIO=4&transport=~", UNKNOWN_TRANSPORT),
        ("EIO=4&transport=carrier", UNKNOWN_TRANSPORT), ("transport=polling", BAD_VERSION),
        ("EIO=3&transport=polling", BAD_VERSION), ("EIO=4&EIO=4&transport=polling", BAD_VERSION),
        (WEBSOCKET, BAD_REQUEST), (f"{POLL}&sid=nobody", UNKNOWN_SID),
    ):  # fmt: skip
        answer = at.ask(query)
        assert answer.refusal == wanted, query
        assert answer.headers["Content-Type"] == "application/json"
    assert at.ask(POLL, **HANDSHAKE).refusal == BAD_REQUEST
    for method in ("POST", "PUT", "HEAD"):
        answer = at.ask(method=method)
        assert (answer.status, answer.body[:10]) == ("400 Bad Request", b"" if method == "HEAD" else b'{"code": 2')
    assert at.told == []


def test_options_are_answered_to_whoever_asks() -> None:
    answer = Served().ask("", "OPTIONS", HTTP_ORIGIN="http://here", HTTP_HOST="here", **HTTP)
    assert (answer.status, answer.body) == ("200 OK", b"OK")
    assert answer.headers["Content-Type"] == TEXT_TYPE
    assert answer.headers["Access-Control-Allow-Methods"] == "OPTIONS, GET, POST"
    assert answer.headers["Access-Control-Allow-Origin"] == "http://here"


def test_over_the_limit_and_while_the_bridge_stops_nobody_new_is_let_in() -> None:
    at = Served(sessions=SessionLimits(clients=2))
    session = at.polling()
    for one in (session, at.polling()):
        at.server.quota.joined(one)  # else the oldest would make way
    for query, headers in WAYS:
        answer = at.ask(query, **headers)
        assert (answer.status, answer.body) == ("503 Service Unavailable", b"There are too many clients here.")
        assert answer.headers["Content-Type"] == TEXT_TYPE
    session.finish()
    at.polling()
    at.newest.finish()
    assert not at.server.stops
    at.server.stops = True
    answer = at.ask()
    assert (answer.status, answer.body) == ("503 Service Unavailable", b"The bridge is stopping.")


def test_who_is_not_accepted_is_told_what_the_handler_says_and_forgotten() -> None:
    for accepts, text in ((False, "Unauthorized"), ("not you", "not you"), ({"a": 1}, {"a": 1})):
        at = Served()
        at.accepts = accepts
        line = Line()
        for query, headers in WAYS:
            answer = at.ask(query, line=line, **headers)
            assert answer.status == "401 Unauthorized"
            assert json.loads(answer.body) == text
            assert answer.headers["Content-Type"] == "application/json"
        assert at.server.sockets == {}
        until(lambda at=at: len(at.told) == 4)
        assert {one[2] for one in at.told if one[0] == "disconnect"} == {"server disconnect"}
    for accepts in (None, True):  # type: ignore[assignment]
        at = Served()
        at.accepts = accepts
        assert at.ask().status == "200 OK"


def test_ids_are_of_random_bytes_and_a_number_that_starts_again() -> None:
    server = Served().server
    server.sequence_number = 0xFFFFFE
    made = [server.generate_id() for _ in range(3)]
    decoded = [base64.b64decode(sid, b"-_") for sid in made]
    assert [int.from_bytes(one[12:], "big") for one in decoded] == [0xFFFFFE, 0xFFFFFF, 0]
    assert [len(sid) for sid in made] == [20] * 3
    assert len({one[:12] for one in decoded}) == 3
    server.sequence_number = 0x01FBFE
    assert base64.b64decode(server.generate_id(), b"-_")[12:] == b"\x01\xfb\xfe"
    assert {char for _ in range(200) for char in server.generate_id()} >= {"-", "_"}


def test_a_poll_is_answered_with_all_that_waits() -> None:
    at = Served()
    session = at.polling()
    session.outbox.put(Segment(frame(b"4a")))
    session.outbox.put(Segment(frame(b"4b")))
    answer = at.ask(at.of(session))
    assert (answer.status, answer.body) == ("200 OK", b"4a\x1e4b")
    assert answer.headers["Content-Type"] == TEXT_TYPE


def test_a_poll_that_waits_is_answered_later_and_a_second_one_ends_both() -> None:
    at = Served()
    session = at.polling()
    poll = eventlet.spawn(at.ask, at.of(session))
    eventlet.sleep(0)
    at.server.send(session.sid, "hello")
    got = poll.wait()
    assert got.body == b"4hello", got
    poll = eventlet.spawn(at.ask, at.of(session))
    eventlet.sleep(0)
    assert at.ask(at.of(session)).refusal == BAD_REQUEST
    assert poll.wait().body == b"1"
    assert at.ask(at.of(session)).refusal == UNKNOWN_SID


def test_a_poll_whose_client_hangs_up_ends_the_session() -> None:
    at, line = Served(), Line()
    session = at.polling()
    poll = eventlet.spawn(at.ask, at.of(session), line=line)
    eventlet.sleep(0)
    line.there.close()
    poll.wait()
    until(lambda: at.told[-1] == ("disconnect", session.sid, "transport error"))


def test_a_post_is_answered_ok_and_its_packets_are_given_on() -> None:
    at = Served()
    session = at.polling()
    answer = at.ask(at.of(session), "POST", b"40\x1e42[1]\x1ebAAE=")
    assert (answer.status, answer.body) == ("200 OK", b"ok")
    assert answer.headers["Content-Type"] == TEXT_TYPE
    assert at.told[1:] == [("message", session.sid, data) for data in ("0", "2[1]", b"\0\1")]


def test_a_post_with_upgrade_headers_is_a_post() -> None:
    at = Served()
    session = at.polling()
    query = f"{WEBSOCKET}&sid={session.sid}"
    assert at.ask(query, "POST", b"40", **HANDSHAKE).body == b"ok"
    assert session.state is SessionState.POLLING


def test_other_methods_are_refused_and_end_nothing() -> None:
    at = Served()
    session = at.polling()
    for method in ("PUT", "DELETE"):
        assert at.ask(at.of(session), method).refusal == BAD_REQUEST
    assert at.ask(at.of(session), "HEAD").status == BAD_REQUEST[0]
    assert at.ask(at.of(session), "POST", b"40").body == b"ok"


def test_a_post_over_the_limit_ends_the_session_and_one_at_the_limit_does_not() -> None:
    at = Served()
    session = at.polling()
    assert at.ask(at.of(session), "POST", b"40" + b"x" * 998).body == b"ok"
    answer = at.ask(at.of(session), "POST", b"40" + b"x" * 999)
    assert (answer.status, answer.body) == ("413 Payload Too Large", b"")
    assert (answer.headers["Content-Type"], answer.headers["Content-Length"]) == (TEXT_TYPE, "0")
    until(lambda: at.told[-1] == ("disconnect", session.sid, "transport error"))
    assert at.server.sockets == {}


def test_a_post_that_is_none_ends_the_session_and_the_log_says_why() -> None:
    for body, reason in ((b"2", "'no client sends b\\'2\\' by polling'"), (b"bA", "'a binary packet is not base64'")):
        at = Served()
        session = at.polling()
        with Log("tests.engineio") as log:
            assert at.ask(at.of(session), "POST", body).refusal == BAD_REQUEST
        assert len(log.lines) == 1
        assert log.lines[0].startswith("WARNING a client at 10.0.0.9 is disconnected: ")
        assert eval(log.lines[0].partition("disconnected: ")[2]) == eval(reason)
        until(lambda at=at, session=session: at.told[-1] == ("disconnect", session.sid, "transport error"))


def test_a_body_that_breaks_off_in_a_chunk_ends_the_session_too() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise BadRequest("it ended before its end")

    at = Served()
    session = at.polling()
    more = {**CHUNKED, "wsgi.input": Broken()}
    with Log("tests.engineio") as log:
        assert at.ask(at.of(session), "POST", **more).refusal == BAD_REQUEST
    assert "it ended before its end" in log.lines[0]
    assert at.server.sockets == {}


def test_a_post_that_the_session_does_not_live_through_is_refused_but_for_its_own_end() -> None:
    at = Served()
    session = at.polling()
    assert at.ask(at.of(session), "POST", b"40\x1e1").body == b"ok"
    assert at.told[-1] == ("disconnect", session.sid, "client disconnect")
    session = at.polling()
    assert at.ask(at.of(session), "POST", b"40\x1e7").refusal == BAD_REQUEST
    until(lambda: at.told[-1] == ("disconnect", session.sid, "transport error"))


def test_two_posts_at_a_time_are_refused_and_end_the_session() -> None:
    at = Served()
    session = at.polling()
    hold = eventlet.Event()
    session.joined = True
    session.flow.later(hold.wait)
    first = eventlet.spawn(at.ask, at.of(session), "POST", b"40")
    eventlet.sleep(0)
    assert at.ask(at.of(session), "POST", b"40").refusal == BAD_REQUEST
    hold.send()
    assert first.wait().refusal == BAD_REQUEST
    assert at.server.sockets == {}


def test_a_pong_to_a_session_that_is_over_is_ok_and_nothing_else_is() -> None:
    at = Served()
    gone = f"{POLL}&sid=gone"
    answer = at.ask(gone, "POST", b"3")
    assert (answer.status, answer.body) == ("200 OK", b"ok")
    assert answer.headers["Content-Type"] == TEXT_TYPE
    assert at.ask(gone, "POST", b"33", CONTENT_LENGTH="1").body == b"ok"  # no more of it is read
    for body in (b"2", b"33", b""):
        assert at.ask(gone, "POST", body).refusal == UNKNOWN_SID
    assert at.ask(gone, "POST", b"3", **CHUNKED).refusal == UNKNOWN_SID
    assert at.ask(gone, "GET", b"3", CONTENT_LENGTH="1").refusal == UNKNOWN_SID
    closed = at.polling()
    closed.finish()
    at.server.sockets[closed.sid] = closed
    assert at.ask(at.of(closed)).refusal == UNKNOWN_SID


def test_a_session_that_is_closing_is_none_for_who_sends_but_may_still_be_fetched_from() -> None:
    at = Served()
    session = at.polling()
    session.close()
    with pytest.raises(KeyError, match="Session not found"):
        at.server.transport(session.sid)
    with pytest.raises(KeyError, match="Session not found"):
        at.server.transport("nobody")
    assert at.ask(at.of(session)).body == b"6"
    assert at.server.sockets == {}


def test_a_websocket_takes_the_place_of_polling_once_it_is_probed() -> None:
    at, line, poller = Served(), Line(), Line()
    session = at.polling()
    query = f"{WEBSOCKET}&sid={session.sid}"
    refused = at.ask(query, **{**HANDSHAKE, "HTTP_SEC_WEBSOCKET_VERSION": "8"})
    assert refused.status == "426 Upgrade Required"
    assert session.state is SessionState.POLLING
    poll = eventlet.spawn(at.ask, at.of(session), line=poller)
    eventlet.sleep(0)
    assert at.ask(query, line=line, **HANDSHAKE).status == "taken"
    assert line.there.recv(1000) == ACCEPTED  # and no hello
    assert str(session.state) == str(SessionState.PROBING)
    assert at.ask(query, **HANDSHAKE).refusal == BAD_REQUEST
    line.say(b"2probe")
    assert line.frame() == (TEXT, b"3probe")
    assert poll.wait().body == b"6"
    line.say(b"5", b"40")
    until(lambda: ("message", session.sid, "0") in at.told)
    assert session.upgraded
    assert at.ask(at.of(session)).refusal == BAD_REQUEST
    assert at.ask(at.of(session), "POST", b"3").refusal == BAD_REQUEST
    assert at.ask(query, **HANDSHAKE).refusal == BAD_REQUEST
    assert session.upgraded


def test_who_began_with_a_websocket_can_t_poll() -> None:
    at = Served()
    session = at.websocket(Line())
    for method in ("GET", "POST"):
        assert at.ask(at.of(session), method).refusal == BAD_REQUEST
    assert session.state is SessionState.OPEN


def test_who_sends_what_it_must_not_is_told_why_but_for_who_would_not_hear_it() -> None:
    for agent, told in (("Mozilla", True), ("okhttp/4.12", False), ("my okhttp/", True)):
        at, line = Served(), Line()
        at.websocket(line, HTTP_USER_AGENT=agent)
        with Log("tests.engineio") as log:
            line.say(b"7" + b"\0" * 100)
            until(lambda at=at: not at.server.sockets)
        (text,) = log.lines
        assert text.startswith("WARNING a client at 10.0.0.9 is disconnected: \"this is no Engine.IO packet: b'7")
        assert len(text.partition("disconnected: ")[2]) == 200
        if told:
            opcode, data = line.frame()
            assert (opcode, data[:2]) == (CLOSE, close_frame(1008, "")[2:4])
        until(lambda line=line: line.over)


def test_a_message_over_the_limit_ends_a_websocket() -> None:
    at, line = Served(), Line()
    at.websocket(line)
    at.newest.joined = True
    line.there.send(b"\x81\xfe\x03\xe8\0\0\0\x0040" + b"x" * 998)
    until(lambda: len(at.told) == 2)
    line.there.send(b"\x81\xfe\x03\xe9\0\0\0\x0040" + b"x" * 999)
    assert line.frame()[1][:2] == (1009).to_bytes(2, "big")


def test_an_error_of_a_handler_is_logged_with_the_client() -> None:
    at = Served()
    session = at.polling()

    def fails(sid: str, data: object) -> None:
        raise ValueError("a bug")

    at.server.handlers["message"] = fails
    with Log("tests.engineio") as log:
        assert at.ask(at.of(session), "POST", b"40").body == b"ok"
    (record,) = log.records
    assert log.lines == ["ERROR message handler error"]
    assert record.exc_info
    assert str(record.exc_info[1]) == "a bug"
    assert record.client == "a client at 10.0.0.9"  # type: ignore[attr-defined]


def test_a_session_that_ends_takes_nobody_else_s_place_in_the_register() -> None:
    at = Served()
    session, other = at.polling(), at.polling()
    at.server.sockets[session.sid] = other
    session.finish()
    assert at.server.sockets[session.sid] is other
    del at.server.sockets[session.sid]
    other.finish()
    assert at.server.sockets == {}


def test_what_is_due_is_due_in_the_time_of_the_settings() -> None:
    at = Served(connect_timeout=7.0)
    queues = at.server.shared.queues
    intervals = [queue.interval for queue in queues]
    assert intervals == [25, 20.5, 7.0, 10.0, 1.0, 30.0]
    session = at.polling()
    for name, call in (("pings", "ping"), ("pongs", "pong_overdue"), ("joins", "join_overdue")):
        queue = getattr(queues, name)
        assert queue._due is getattr(type(session), call), name
    assert queues.upgrades._due is type(session).upgrade_overdue
    assert queues.farewells._due is type(session).finish


def test_its_two_threads_are_started_with_the_first_request_and_once() -> None:
    began: list[tuple[object, ...]] = []
    with replaced(module, VitalThread=lambda *args: began.append(args)):
        at = Served()
        at.server.on_failure = at.told.clear
        at.ask()
        at.ask()
        at.server.run()
    server = at.server
    assert began == [
        ("poller of clients", server.poller.run, at.server.on_failure),
        ("clock of clients", server.shared.queues.run, at.server.on_failure),
    ]
    assert server.on_failure is not None
    assert Served().server.on_failure() is None
    assert server.start_service_task is False  # python-engineio's monitor; the clock does that here


def test_what_takes_events_is_given_them() -> None:
    at, line = Served(), Line()
    session = at.websocket(line)
    session.joined, session.client = True, "client"
    got: list[object] = []

    def take(client: str, events: object, may_wait: bool) -> int:
        got.append((client, events, may_wait))
        return 1

    at.server.shared.events = take
    line.say(b'42["a"]')
    until(lambda: got)
    assert got == [("client", [(None, ["a"])], False)]


def test_a_client_over_its_limit_is_closed_when_nobody_else_says_what_to_do() -> None:
    at, line = Served(size=4000), Line()
    session = at.websocket(line)
    while session.state is SessionState.OPEN:
        session.outbox.put(Segment(frame(b"4" + b"x" * 2000), 1))
    assert session.state is SessionState.CLOSING
