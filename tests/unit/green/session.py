"""What one session takes, sends and tells, event by event. Its ends in every order are in tests/unit/ends.py."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from engineio.packet import MESSAGE, Packet

from bridge.engineio.poller import READ, WRITE
from bridge.engineio.session_context import SessionContext
from bridge.engineio.states import SessionState
from bridge.wire.segment import AnswerSegment, Segment
from bridge.wire.websocket_frames import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame
from tests.unit.green.sessions import Case, Sock, until


def test_events_that_follow_each_other_are_given_to_the_relay_together() -> None:
    at = Case()
    at.by_websocket()
    at.say(b'42["a",1]', b'423["b"]', b"3", b'42["c"]')
    assert at.told == [("events", "client", [["a", 1], ["b"]], False), ("events", "client", [["c"]], False)]
    assert at.session.flow.tasks is None


def test_events_that_wait_become_a_task_and_the_client_is_not_read_until_it_is_done() -> None:
    at = Case()
    session = at.by_websocket()
    at.taken = 1
    at.say(b'42["a"]', b'42["b"]', b'42["c"]')
    assert session.flow.held
    at.say(b'42["d"]')  # behind those that wait, though it could be taken at once
    assert at.told == [("events", "client", [["a"], ["b"], ["c"]], False)]
    at.websocket.ready(READ)
    assert at.epoll.events == 0
    at.tasks_done()
    assert at.told[1:] == [("events", "client", [["b"], ["c"]], True), ("events", "client", [["d"]], True)]
    assert at.epoll.events == READ


def test_what_is_no_event_of_the_default_namespace_goes_to_socketio_in_order() -> None:
    at = Case()
    at.by_websocket()
    at.say(b'42["a"]', b'42["b"', b'42/x,["c"]', b'42["d"]', b"40/x,")
    at.tasks_done()
    assert at.told == [
        ("events", "client", [["a"]], False), ("message", '2["b"'), ("message", '2/x,["c"]'),
        ("events", "client", [["d"]], True), ("message", "0/x,"),
    ]  # fmt: skip


def test_a_client_without_an_id_has_its_events_taken_by_socketio() -> None:
    at = Case()
    session = at.by_websocket(client=None)
    session.joined = True
    at.say(b'42["a"]')
    at.tasks_done()
    assert at.told == [("message", '2["a"]')]


def test_a_packet_before_connect_ends_the_session_but_not_one_behind_connect() -> None:
    at = Case()
    at.by_websocket(client=None)
    at.say(b"40", b'42["a"]')
    at.tasks_done()
    assert at.told == [("message", "0"), ("message", '2["a"]')]
    at = Case()
    at.by_websocket(client=None)
    at.say(b'42["a"]', b"40")
    assert at.told[0] == ("junk", "a packet came before CONNECT")
    until(lambda: ("gone", "transport error") in at.told)
    assert at.is_in(SessionState.CLOSED)
    assert ("message", "0") not in at.told


def test_what_is_no_packet_ends_the_session_with_the_close_code_for_it() -> None:
    cases = [(b"7", 1008, "transport error"), (b"4x", 1008, "transport error"), (b"4\xff", 1007, "transport close"),
             (b"", 1008, "transport error"), (b"2x", 1008, "transport error")]  # fmt: skip
    for text, status, reason in cases:
        at = Case()
        at.by_websocket()
        at.say(text)
        (junk,) = [one for one in at.told if one[0] == "junk"]
        assert at.sent == [(CLOSE, close_frame(status, str(junk[1]))[2:])], text
        assert at.is_in(SessionState.CLOSED)
        at.tasks_done()
        assert at.told.count(("gone", reason)) == 1, text


def test_a_websocket_s_own_frames_are_answered() -> None:
    at = Case()
    session = at.by_websocket()
    session.take([(PING, b"hi"), (PONG, b"x"), (CLOSE, b"\x03\xe8bye"), (TEXT, b"7")])
    assert at.sent == [(PONG, b"hi"), (CLOSE, b"\x03\xe8")]
    at.tasks_done()
    assert at.told == [("ended",), ("gone", "transport close")]
    assert at.sock.calls[-1] == "close"


def test_a_pong_is_taken_once_for_each_ping() -> None:
    at = Case()
    session = at.by_websocket()
    at.queues.pings.discard(session)
    at.say(b"3")
    assert session not in at.queues.pings  # nobody asked
    session.ping()
    assert at.sent == [(TEXT, b"2")]
    assert session in at.queues.pongs
    at.say(b"3")
    assert session in at.queues.pings
    assert session not in at.queues.pongs


def test_a_client_that_closes_ends_at_once_and_handlers_hear_of_it_after_what_came_before() -> None:
    at = Case()
    session = at.by_websocket()
    at.say(b"40/x,", b"1", b"40/y,")
    assert at.is_in(SessionState.CLOSED)
    assert all(session not in queue for queue in at.queues)
    at.tasks_done()
    assert at.told == [("ended",), ("message", "0/x,"), ("gone", "client disconnect")]


def test_who_leaves_the_default_namespace_is_known_to_have_left() -> None:
    for text, left in ((b"41", True), (b"41/", True), (b"41/,", True), (b"41/x,", False), (b"40", False)):
        at = Case()
        session = at.by_websocket()
        at.say(text, b"40/y,")
        assert session.left is left, text


def test_who_is_pinged_and_does_not_answer_is_ended_without_waiting_for_it() -> None:
    at = Case()
    session = at.by_websocket()
    session.ping()
    at.sock.room = 0
    session.outbox.put(Segment(frame(b"4x")))
    session.pong_overdue()
    assert at.is_in(SessionState.CLOSING)
    assert session.outbox.size == 0
    at.tasks_done()
    assert at.told == [("silent",), ("gone", "ping timeout")]
    at = Case()
    at.by_polling().pong_overdue()
    assert at.is_in(SessionState.CLOSED)


def test_who_was_not_read_for_half_of_its_time_has_it_anew_unless_it_does_not_read_itself() -> None:
    for moved, state in ((True, SessionState.OPEN), (False, SessionState.CLOSING)):
        at = Case(interval=1e-6)
        session = at.by_websocket()
        session.ping()
        at.sock.room = 0
        session.outbox.put(AnswerSegment(frame(b"x" * (at.limits.unread + 1))))
        assert session.flow.held
        until(lambda session=session: session.flow.paused_for() > 1e-5)
        at.queues.pongs.discard(session)
        session.outbox.moved = moved
        session.pong_overdue()
        assert at.is_in(state)
        assert (session in at.queues.pongs) is moved


def test_who_has_not_joined_in_time_is_ended() -> None:
    for client, state in (("client", SessionState.OPEN), (None, SessionState.CLOSING)):
        at = Case()
        session = at.by_websocket(client)
        session.join_overdue()
        assert at.is_in(state)


def test_what_waits_is_sent_before_a_session_that_is_closed_ends() -> None:
    at = Case()
    session = at.by_websocket()
    at.sock.room = 3
    session.outbox.put(Segment(frame(b"4hello")))
    assert at.epoll.events == READ | WRITE
    session.close()
    session.close()
    session.outbox.put(Segment(frame(b"4late")))
    assert session in at.queues.farewells
    assert at.sock.calls[1:] == []
    at.sock.room = 100
    session.writable()
    assert at.sent == [(TEXT, b"4hello")]
    assert at.sock.calls[1:] == ["shutdown"]
    assert at.epoll.events == READ
    session.received(at.websocket, [(TEXT, b"7")])
    assert at.is_in(SessionState.CLOSING)
    session.received(at.websocket, [(CLOSE, b"")])
    assert at.is_in(SessionState.CLOSED)
    assert session not in at.queues.farewells
    at.tasks_done()
    assert at.told == [("ended",), ("gone", "server disconnect")]


def test_one_that_is_parted_from_is_sent_its_last_frames_in_place_of_what_waits() -> None:
    at = Case()
    session = at.by_websocket()
    at.sock.room = 0
    session.outbox.put(Segment(frame(b"4hello")))
    session.close(last=frame(b"4last"))
    at.sock.room = 100
    session.writable()
    assert at.sent == [(TEXT, b"4last")]


def test_one_that_is_finished_while_something_waits_has_its_connection_reset() -> None:
    for room, calls in ((100, ["close"]), (0, ["setsockopt", "close"])):
        at = Case()
        session = at.by_websocket()
        at.sock.room = room
        session.outbox.put(Segment(frame(b"4hello")))
        session.finish()
        session.finish()
        assert at.sock.calls[1:] == calls
        assert not session.upgraded
        assert at.told.count(("ended",)) == 1


def test_one_that_polls_is_sent_a_noop_last_and_is_over_when_it_has_fetched_it() -> None:
    at = Case()
    session = at.by_polling()
    session.outbox.put(Segment(frame(b"4x")))
    session.close()
    assert session.outbox.take(1) == [frame(b"4x")]
    session.fetched()
    assert at.is_in(SessionState.CLOSING)
    assert session.outbox.take(1) == [frame(b"6")]
    session.fetched()
    assert at.is_in(SessionState.CLOSED)


def test_packets_of_socketio_count_against_the_limit_if_nobody_asked_for_them() -> None:
    at = Case()
    session = at.by_websocket()
    at.sock.room = 0
    for text in ('2["a"]', '51-["a"]'):
        session.send(Packet(MESSAGE, text))
    assert session.outbox.size > session.outbox.answers == 0
    session.send(Packet(MESSAGE, "31[]"))
    assert session.outbox.answers == len(frame(b"431[]"))
    session.send(Packet(MESSAGE, b"\x00\xff"))
    at.sock.room = 1000
    session.writable()
    assert at.sent == [(TEXT, b'42["a"]'), (TEXT, b'451-["a"]'), (TEXT, b"431[]"), (BINARY, b"\x00\xff")]


def test_a_websocket_that_is_lost_ends_the_session_and_says_what_was_wrong() -> None:
    for error, told in ((None, []), ("masked", [("junk", "masked")])):
        at = Case()
        session = at.by_websocket()
        session.lost(at.websocket, error)
        at.tasks_done()
        assert at.told == [*told, ("ended",), ("gone", "transport close")]


def test_what_a_task_raises_is_told_and_what_is_unreadable_ends_the_session() -> None:
    at = Case()
    at.by_websocket()
    at.say(b"40fails", b"40/x,")
    at.tasks_done()
    assert at.told == [("message", "0fails"), ("failed", "a bug"), ("message", "0/x,")]
    assert at.is_in(SessionState.OPEN)
    at.say(b"40unreadable")
    until(lambda: ("gone", "transport error") in at.told)
    assert ("junk", "no packet") in at.told
    assert at.is_in(SessionState.CLOSED)


def test_an_event_that_the_table_does_not_have_is_a_bug() -> None:
    session = Case().by_websocket()
    with pytest.raises(AssertionError, match="no probe failed leads on from open"):
        session.fall_back()


def test_an_upgrade_takes_over_what_waits_and_who_is_not_read_is_not_read_there_either() -> None:
    at = Case()
    session = at.by_polling()
    session.outbox.put(Segment(frame(b"4x")))
    session.joined = True
    at.say(b"40/x,")
    websocket = at.new_websocket()
    session.probe(websocket)
    assert session in at.queues.upgrades
    assert not session.upgraded
    session.probed()
    session.upgrade(websocket)
    assert websocket.owner is session
    assert at.sent == [(TEXT, b"4x")]
    assert session not in at.queues.upgrades
    websocket.ready(READ)
    assert at.epoll.events == 0
    at.tasks_done()
    assert at.epoll.events == READ


def test_a_probe_that_takes_too_long_is_closed_and_polling_goes_on() -> None:
    at = Case()
    session = at.by_polling()
    session.upgrade_overdue()  # nothing is tried
    websocket = at.new_websocket(Sock(2))
    session.probe(websocket)
    assert not session.may_wait
    session.upgrade_overdue()
    assert not websocket.is_open
    assert at.is_in(SessionState.POLLING)
    assert session.may_wait


def test_the_posts_of_who_leaves_answers_unread_wait_and_over_the_limit_none_is_taken() -> None:
    at = Case()
    session = at.by_polling()
    assert not session.unread
    session.outbox.put(AnswerSegment(frame(b"x" * (at.limits.unread + 1))))
    assert session.unread
    assert not session.crammed
    session.outbox.put(AnswerSegment(frame(b"x" * at.limits.size)))
    assert session.crammed
    session.probe(at.new_websocket())
    assert not session.unread
    assert session.crammed
    session.upgrade_overdue()
    session.outbox.take(1 << 20)
    assert not session.unread
    assert not session.flow.held


def test_what_a_program_keeps_in_a_session_is_its_own() -> None:
    one, other = Case().session, Case().session
    one.session["name"] = base64
    assert other.session == {}
    other.session = {"a": 1}
    assert other.session == {"a": 1}
    assert one.session == {"name": base64}
    assert str(one) == "a client at 127.0.0.1"


def test_a_client_over_its_limit_is_said_to_be_slow() -> None:
    at = Case(size=1000)
    session = at.by_websocket()
    at.sock.room = 0
    for _ in range(3):
        session.outbox.put(Segment(frame(b"x" * 600), 1))
    assert at.told == [("slow",)]


def test_a_new_session_has_joined_nothing_and_has_its_time_to() -> None:
    at = Case()
    assert (at.session.joined, at.session.left, at.session.client) == (False, False, None)
    assert at.session in at.queues.joins
    assert at.session in at.queues.pings
    assert not at.session.flow.when_done(list)


def test_a_session_that_is_closed_while_nothing_waits_ends_when_it_can_be_written_to() -> None:
    at = Case()
    session = at.by_websocket()
    session.close()
    assert at.epoll.events == READ | WRITE
    at.websocket.ready(WRITE)
    assert at.sock.calls[1:] == ["shutdown"]


def test_one_that_loses_messages_is_told_of() -> None:
    at = Case()
    at.session.behind()
    assert at.told == [("behind",)]


def test_who_is_told_nothing_is_asked_nothing() -> None:
    shared = Case().shared
    bare = SessionContext(
        shared.limits, shared.queues, shared.unfinished, message=shared.message, failed=shared.failed, junk=shared.junk,
        gone=shared.gone, ended=shared.ended, slow=shared.slow,
    )  # fmt: skip
    someone: Any = SimpleNamespace(address="10.9.9.9")
    bare.behind(someone)
    bare.silent(someone)
    assert bare.who(someone) == "a client at 10.9.9.9"
    with pytest.raises(AssertionError, match="unless somebody takes events"):
        bare.events("client", [], False)
