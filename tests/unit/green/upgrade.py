"""A WebSocket that is tried beside polling: what it is answered, and when it is the session's."""

from __future__ import annotations

import eventlet

from bridge.engineio.poller import WRITE
from bridge.engineio.states import SessionState
from bridge.engineio.upgrade import Upgrade
from bridge.engineio.websocket import WebSocket
from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import BINARY, CLOSE, PING, PONG, TEXT, frame
from tests.unit.green.sessions import Case, Sock


def probing() -> tuple[Case, WebSocket]:
    at = Case()
    at.by_polling().joined = True
    websocket = at.new_websocket()
    websocket.owner = Upgrade(at.session)
    at.session.probe(websocket)
    assert str(websocket) == str(at.session)
    return at, websocket


def test_a_probe_is_answered_and_polling_goes_on_until_the_client_says_so() -> None:
    at, websocket = probing()
    websocket.owner.received(websocket, [(TEXT, b"2probe"), (PING, b"x"), (PONG, b"")])
    assert at.sent == [(TEXT, b"3probe"), (PONG, b"x")]
    assert at.is_in(SessionState.SWITCHING)
    assert not at.session.upgraded
    websocket.owner.writable()
    websocket.owner.received(websocket, [(TEXT, b"5")])
    assert at.is_in(SessionState.OPEN)
    assert at.session.upgraded
    assert websocket.owner is at.session


def test_a_poll_that_waits_ends_when_the_probe_is_answered() -> None:
    at = Case()
    polls = at.by_polling().polling
    assert polls is not None
    websocket = at.new_websocket(Sock(2))
    poll = eventlet.spawn(polls.get, at.sock)
    eventlet.sleep(0)
    at.session.probe(websocket)
    eventlet.sleep(0)
    assert not poll.dead
    websocket.owner = Upgrade(at.session)
    websocket.owner.received(websocket, [(TEXT, b"2probe")])
    assert poll.wait() == ["6"]
    assert at.is_in(SessionState.SWITCHING)


def test_what_comes_behind_the_upgrade_is_the_session_s() -> None:
    at, websocket = probing()
    websocket.owner.received(websocket, [(TEXT, b"2probe"), (TEXT, b"5"), (TEXT, b"40/x,")])
    at.tasks_done()
    assert at.told == [("message", "0/x,")]


def test_all_that_comes_behind_the_upgrade_is_and_in_order() -> None:
    at, websocket = probing()
    websocket.owner.received(websocket, [(TEXT, b"2probe")])
    websocket.owner.received(websocket, [(TEXT, b"5"), (TEXT, b"40/x,"), (TEXT, b"40/y,")])
    at.tasks_done()
    assert at.told == [("message", "0/x,"), ("message", "0/y,")]


def test_what_is_no_probe_is_closed_once_and_polling_goes_on() -> None:
    for message in ((TEXT, b"5"), (TEXT, b"3"), (BINARY, b"2probe"), (CLOSE, b"")):
        at, websocket = probing()
        owner = websocket.owner
        owner.received(websocket, [message, (TEXT, b"2probe"), (TEXT, b"5")])
        assert not websocket.is_open
        assert at.sent == []
        assert at.is_in(SessionState.POLLING)
        owner.lost(websocket, "no frame")
        assert at.is_in(SessionState.POLLING)
        assert at.told == []


def test_a_websocket_that_is_lost_while_it_is_tried_leaves_the_session_polling() -> None:
    at, websocket = probing()
    websocket.owner.lost(websocket, None)
    assert at.is_in(SessionState.POLLING)
    assert at.sock.calls[-1] == "close"
    assert at.session not in at.queues.upgrades


def test_what_was_tried_has_no_time_limit_any_more_whatever_came_of_it() -> None:
    at, websocket = probing()
    websocket.owner.received(websocket, [(TEXT, b"2probe"), (TEXT, b"5")])
    at.session.upgrade_overdue()
    assert websocket.is_open
    assert at.is_in(SessionState.OPEN)
    at, websocket = probing()
    websocket.owner.lost(websocket, None)
    at.session.upgrade_overdue()
    assert at.is_in(SessionState.POLLING)


def switching() -> tuple[Case, WebSocket]:
    at, websocket = probing()
    websocket.owner.received(websocket, [(TEXT, b"2probe")])
    at.sock.sent = b""
    return at, websocket


def test_a_websocket_that_is_tried_is_closed_when_its_session_is() -> None:
    at, websocket = probing()
    at.session.close()
    assert not websocket.is_open
    assert at.is_in(SessionState.CLOSING)


def test_who_polls_no_more_has_the_last_packets_by_its_websocket_and_then_its_end() -> None:
    at, websocket = switching()
    at.session.outbox.put(Segment(frame(b"4x")))
    at.session.close()
    at.tasks_done()
    assert websocket.is_open
    assert at.session not in at.queues.upgrades
    assert at.session in at.queues.farewells
    websocket.owner.received(websocket, [(TEXT, b"5")])
    assert at.is_in(SessionState.CLOSING)
    assert at.epoll.events is not None
    assert at.epoll.events & WRITE
    websocket.ready(WRITE)
    assert at.sent == [(TEXT, b"4x"), (TEXT, b"6")]
    assert at.sock.calls[-1] == "shutdown"
    websocket.owner.lost(websocket, None)
    at.tasks_done()
    assert at.is_in(SessionState.CLOSED)
    assert at.told == [("gone", "server disconnect"), ("ended",)]


def test_who_has_fetched_the_last_packets_has_its_end_by_its_websocket_all_the_same() -> None:
    at, websocket = switching()
    at.session.close()
    assert b"".join(at.session.outbox.take(100)) == frame(b"6")
    at.session.fetched()
    assert at.is_in(SessionState.CLOSING)
    websocket.owner.received(websocket, [(TEXT, b"5")])
    websocket.ready(WRITE)
    assert at.sock.calls[-1] == "shutdown"


def test_a_closing_session_ends_without_its_websocket_once_the_last_packets_are_fetched() -> None:
    for lost_first in (True, False):
        at, websocket = switching()
        at.session.close()
        at.tasks_done()
        if lost_first:
            websocket.owner.lost(websocket, None)
            assert at.is_in(SessionState.CLOSING)
        at.session.outbox.take(100)
        at.session.fetched()
        if not lost_first:
            assert at.is_in(SessionState.CLOSING)
            websocket.owner.lost(websocket, None)
        at.tasks_done()
        assert at.is_in(SessionState.CLOSED)
        assert at.told == [("gone", "server disconnect"), ("ended",)]


def test_a_session_that_ends_at_once_closes_the_websocket_that_is_tried() -> None:
    for at, websocket in (probing(), switching()):
        at.session.finish("transport error")
        at.tasks_done()
        assert not websocket.is_open
        assert at.is_in(SessionState.CLOSED)
        assert at.told == [("ended",), ("gone", "transport error")]
    at, websocket = switching()
    at.session.close()
    at.session.finish()  # it takes too long
    assert not websocket.is_open
    assert at.is_in(SessionState.CLOSED)
