"""Pings, pongs, and clients that do not answer, or never connect. A ping each 0.3 s, to be answered within 0.8 s."""

from __future__ import annotations

import time

import pytest

from tests.behaviour.polling import Polling, Reply
from tests.behaviour.sites import Site, Sites
from tests.behaviour.wire import END, PING, PONG, Control, Wire, frame
from tests.waiting import PATIENCE

INTERVAL, TIMEOUT = 0.3, 0.8
LATE = 2.0  # seconds that a busy machine may need more


def test_a_websocket_is_pinged_at_the_interval_for_as_long_as_it_answers(quick: Site) -> None:
    with Wire.session(quick) as wire:
        for _ in range(4):
            before = time.monotonic()
            assert wire.next() == "2"
            assert time.monotonic() - before < INTERVAL + LATE
            answered = time.monotonic()
            wire.send("3")
        assert wire.next() == "2"
        assert time.monotonic() - answered > INTERVAL * 0.8
        assert wire.event('["echo",1]') == ["437[1]"]


def test_a_polling_session_is_pinged_at_the_interval_for_as_long_as_it_answers(quick: Site) -> None:
    with Polling.session(quick) as poll:
        for _ in range(4):
            before = time.monotonic()
            assert poll.get() == Reply(200, "2")
            assert time.monotonic() - before < INTERVAL + LATE
            assert poll.post("3").status == 200
        assert poll.get() == Reply(200, "2")


def test_an_upgraded_session_is_pinged_by_websocket(quick: Site) -> None:
    with Polling.session(quick) as poll, Wire.open(quick, f"transport=websocket&sid={poll.eio_sid}") as wire:
        wire.send("2probe", "5")
        assert wire.next() == "3probe"
        for _ in range(3):
            assert wire.until("2") == "2"
            wire.send("3")
        assert wire.until("2") == "2"


def test_a_websocket_that_does_not_answer_is_closed(quick: Site) -> None:
    before = time.monotonic()
    with Wire.session(quick) as wire:
        assert wire.next() == "2"
        pinged = time.monotonic()
        assert [one for one in wire.rest() if isinstance(one, str)] in ([], ["1"])
        # On a busy machine the ping is read late, so what has to have passed is counted from the start.
        assert time.monotonic() - before > INTERVAL + TIMEOUT * 0.8
        assert time.monotonic() - pinged < 2 * TIMEOUT + LATE
        (reason,) = quick.reasons(wire.sid)
        assert reason in quick.says("reason of a mute WebSocket")
        assert quick.gone(wire.eio_sid)


def test_an_upgraded_session_that_does_not_answer_is_closed(quick: Site) -> None:
    with Polling.session(quick) as poll, Wire.open(quick, f"transport=websocket&sid={poll.eio_sid}") as wire:
        wire.send("2probe", "5")
        wire.rest()
        (reason,) = quick.reasons(poll.sid)
        assert reason in quick.says("reason of a mute WebSocket")
        assert poll.get().status == 400


def test_other_messages_are_no_answer_to_a_ping(quick: Site) -> None:
    with Wire.session(quick) as wire:
        assert wire.next() == "2"
        heard, turns = None, 0
        deadline = time.monotonic() + PATIENCE
        while heard != END and time.monotonic() < deadline:
            wire.send('427["echo",1]')
            heard, turns = wire.next(), turns + 1
            if turns % 100 == 1 and heard != END:  # not so many that it is a flood
                wire.write(frame(PONG, b"x") + frame(PING, b"y"))
                heard = wire.next()  # each answer: else they pile up before the end
        assert heard == END
        assert quick.reasons(wire.sid) == ["ping timeout"]


def test_a_polling_session_that_does_not_answer_is_closed_and_its_poll_ended(quick: Site) -> None:
    with Polling.session(quick) as poll:
        assert poll.get() == Reply(200, "2")
        last = poll.get()
        assert (*last, *quick.reasons(poll.sid)) in quick.says("pending poll at a timeout")
        assert poll.get().status == 400


def test_a_post_to_a_session_that_has_timed_out_is_refused(quick: Site) -> None:
    with Polling.session(quick) as poll:
        assert quick.reasons(poll.sid) == ["ping timeout"]
        for body in ('42["say",1]', "3\x1e3", "2", "x", ""):
            assert poll.post(body).status in quick.says("POST after a timeout")
        assert poll.post("3").status in quick.says("pong after a timeout")
        assert poll.get().status == 400


def test_a_poll_of_a_session_that_has_timed_out_is_refused(quick: Site) -> None:
    with Polling.session(quick) as poll:
        assert quick.reasons(poll.sid) == ["ping timeout"]
        assert poll.get().status == 400
        with Wire(quick) as wire:
            request = f"GET /socket.io/{poll.query}".replace("=polling", "=websocket").encode()
            wire.write(request + b" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
            wire.write(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
            assert wire.answer().status == 400


def test_a_silent_polling_session_is_over_as_soon_as_its_times_are(sites: Sites) -> None:
    at, gone = sites.get("ours", "exact"), 0
    for _ in range(9):  # at most of them the machine is not busy with something else
        poll = Polling(at)
        time.sleep(0.3 + 0.2 + 0.01)  # what is measured
        gone += poll.get(0.2).status == 400
    assert gone > 4


def test_a_late_answer_is_in_time_as_long_as_the_session_is_there(quick: Site) -> None:
    with Polling.session(quick) as poll:
        assert poll.get() == Reply(200, "2")
        before = time.monotonic()
        assert poll.post("3\x1e3\x1e3").status == 200
        assert poll.get() == Reply(200, "2")
        assert time.monotonic() - before > INTERVAL * 0.6


def test_a_session_that_never_connects_is_closed(sites: Sites, engine: str) -> None:
    at = sites.get(engine, "impatient")
    closed = at.says("no CONNECT in time")
    with Wire.open(at) as mute, Polling(at) as poll, Wire.open(at) as refused:
        refused.send('40{"false":true}')
        assert str(refused.next()).startswith("44")
        for eio_sid in (mute.eio_sid, poll.eio_sid, refused.eio_sid):
            assert at.gone(eio_sid, 5 if closed else 0.6) == closed
        assert (poll.get(0.2).status == 400) == closed
        if closed:
            for wire in (mute, refused):
                assert [one for one in wire.rest() if not isinstance(one, Control)] in ([], ["1"])


def test_a_poll_of_a_session_that_never_connects_is_ended(sites: Sites, engine: str) -> None:
    at = sites.get(engine, "impatient")
    if not at.says("no CONNECT in time"):
        pytest.skip("plain waits for ever")
    with Polling(at) as poll:
        last = poll.get()
        assert (*last, "ping timeout") in at.says("pending poll at a timeout")
        assert poll.get().status == 400


def test_a_session_that_connects_in_time_stays(sites: Sites, engine: str) -> None:
    at = sites.get(engine, "impatient")
    with (
        Wire.session(at) as wire,
        Wire.session(at, "/chat") as chat,
        Polling.session(at) as poll,
        Wire.open(at) as mute,
    ):
        at.gone(mute.eio_sid, 5 if at.says("no CONNECT in time") else 0.6)
        assert wire.event('["echo",1]') == ["437[1]"]
        chat.send('42/chat,7["echo",1]')
        assert chat.next() == "43/chat,7[1]"
        assert poll.event('["echo",1]') == ["437[1]"]


def test_a_session_that_has_left_its_namespace_stays(sites: Sites, engine: str) -> None:
    at = sites.get(engine, "impatient")
    with Wire.session(at) as wire, Wire.open(at) as mute:
        wire.send("41")
        assert at.reasons(wire.sid) == ["client disconnect"]
        at.gone(mute.eio_sid, 5 if at.says("no CONNECT in time") else 0.6)
        assert at.gone(wire.eio_sid, 0) is False
        wire.connect()
        assert wire.event('["echo",1]') == ["437[1]"]
