"""Every way in which a client may go, or be made to go: what it hears, and what its handler is told."""

from __future__ import annotations

import pytest

from tests.behaviour.polling import Polling, Reply
from tests.behaviour.sites import Site
from tests.behaviour.wire import CLOSE, Control, Heard, Wire, codes, frame
from tests.waiting import PATIENCE

HOW_BY_WEBSOCKET = {
    "close packet": "client disconnect",
    "close frame": "transport close",
    "FIN": "transport close",
    "RST": "transport close",
    "half a frame, then FIN": "transport close",
    "half a message, then FIN": "transport close",
}


def go(wire: Wire, how: str) -> None:
    """End this connection so."""
    if how == "close packet":
        wire.send("1")
    elif how == "close frame":
        wire.write(frame(CLOSE, b"\x03\xe9"))
    elif how == "RST":
        wire.reset()
    else:
        wire.write(
            {"half a frame, then FIN": b"\x81\xfe\x01", "half a message, then FIN": frame(1, b"42", fin=False)}.get(
                how, b""
            )
        )
        wire.finish()


@pytest.mark.parametrize("upgraded", [False, True], ids=["websocket", "upgraded"])
@pytest.mark.parametrize("how", HOW_BY_WEBSOCKET)
def test_a_client_by_websocket_goes(at: Site, how: str, upgraded: bool) -> None:
    with Polling.session(at) as poll:
        wire = Wire.open(at, f"transport=websocket&sid={poll.eio_sid}") if upgraded else Wire.open(at)
        sid, eio_sid = poll.sid, poll.eio_sid
        if upgraded:
            wire.send("2probe", "5", '427["echo"]')
            wire.until("43")
        else:
            sid, eio_sid = wire.connect(), wire.eio_sid
        go(wire, how)
        assert at.reasons(sid) == [HOW_BY_WEBSOCKET[how]]
        assert at.gone(eio_sid)
        wire.close()


@pytest.mark.parametrize(
    ("how", "heard"),
    [
        ("close packet", [Control("close")]),
        ("close frame", [("close", 1001)]),
        ("FIN", []),
        ("half a frame, then FIN", []),
    ],
)
def test_a_client_that_goes_hears_the_end(at: Site, how: str, heard: list[Heard]) -> None:
    with Wire.session(at) as wire:
        go(wire, how)
        assert [one for one in codes(wire.rest()) if one != ("close", 0)] == [
            one for one in heard if one != Control("close")
        ]


def test_both_namespaces_of_a_client_that_goes_are_told(at: Site) -> None:
    with Wire.session(at) as wire:
        first, second = wire.sid, wire.connect("/chat")
        wire.reset()
        assert [at.reasons(first), at.reasons(second)] == [["transport close"]] * 2


def test_a_client_may_leave_a_namespace_and_come_back(at: Site) -> None:
    with Wire.session(at) as wire:
        first = wire.sid
        wire.send("41")
        assert at.reasons(first) == ["client disconnect"]
        assert wire.connect() != first
        assert wire.event('["echo",1]') == ["437[1]"]
        assert at.gone(wire.eio_sid, 0) is False


def test_a_client_that_left_a_namespace_is_told_nothing_when_its_transport_ends(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.send("41")
        assert at.reasons(wire.sid) == ["client disconnect"]
        wire.close()
        assert at.gone(wire.eio_sid)
        assert at.reasons(wire.sid) == ["client disconnect"]


def test_a_client_that_is_disconnected_by_the_server_is_told(at: Site) -> None:
    with Wire.session(at) as wire, Polling.session(at) as poll:
        wire.send('427["leave_me"]')
        assert wire.next() == "41"
        assert at.reasons(wire.sid) == ["server disconnect"]
        assert at.gone(wire.eio_sid, 0) is False
        wire.connect()
        assert wire.event('["echo",1]') == ["437[1]"]
        poll.post('42["leave_me"]')
        assert poll.get() == Reply(200, "41")
        assert at.reasons(poll.sid) == ["server disconnect"]
        poll.connect()
        assert poll.event('["echo",1]') == ["437[1]"]


def test_a_client_that_is_disconnected_from_one_namespace_stays_in_the_other(at: Site) -> None:
    with Wire.session(at) as wire:
        second = wire.connect("/chat")
        wire.send('42/chat,["leave_me"]')
        assert wire.next() == "41/chat,"
        assert at.reasons(second) == ["server disconnect"]
        assert wire.event('["echo",1]') == ["437[1]"]


def test_a_websocket_that_the_server_closes_hears_what_was_for_it_and_the_end(at: Site) -> None:
    packets, frames = at.says("end of a WebSocket")
    with Wire.session(at) as wire:
        wire.send('42["say",1]', '42["hang_up"]')
        heard = wire.rest()
        assert [one for one in heard if isinstance(one, str)] == ['42["said",1]', *packets]
        assert [one.name for one in heard if isinstance(one, Control)] == frames
        assert at.reasons(wire.sid) == ["server disconnect"]
        assert at.gone(wire.eio_sid)


def test_a_polling_session_that_the_server_closes_has_its_poll_ended(at: Site) -> None:
    with Polling.session(at) as poll:
        pending = poll.pending()
        poll.post('42["hang_up"]')
        assert pending.result(PATIENCE) == Reply(200, at.says("end of a polling session"))
        assert at.reasons(poll.sid) == ["server disconnect"]
        assert at.gone(poll.eio_sid)
        assert [poll.get().status, poll.post("41").status] == [400, 400]


def test_what_was_emitted_before_the_server_closed_is_still_delivered(at: Site) -> None:
    with Polling.session(at) as poll:
        pending = poll.pending()
        poll.post('42["say",1]\x1e42["say",2]\x1e42["hang_up"]')
        assert pending.result(PATIENCE).body.startswith('42["said",1]')
        assert at.reasons(poll.sid) == ["server disconnect"]


def test_a_client_that_went_is_no_longer_in_its_rooms(at: Site) -> None:
    with Wire.session(at) as wire, Wire.session(at) as other:
        for one in (wire, other):
            assert one.event('["join","here"]') == ['437[["here"]]']
        before = at.stats()["rooms"]
        wire.close()
        at.reasons(wire.sid)
        at.gone(wire.eio_sid)
        other.send('42["tell","here",1]')
        assert other.next() == '42["told",1]'
        assert at.stats()["rooms"] < before


def test_an_event_whose_client_has_gone_meanwhile_hurts_nobody(at: Site) -> None:
    with Wire.session(at) as wire, Wire.session(at) as other:
        wire.send(*['427["echo",1]'] * 50, '42["everybody","bye"]')
        wire.reset()
        at.reasons(wire.sid)
        at.emit(wire.sid, "late", "x")
        heard = other.event('["echo",1]')
        assert heard[-1] == "437[1]"
        assert set(heard[:-1]) <= {'42["all","bye"]'}


def test_a_callback_that_was_never_called_goes_with_its_client(at: Site) -> None:
    with Wire.session(at) as wire:
        before = at.stats()["callbacks"]
        wire.send('42["call",1]')
        assert wire.next() == '421["question",1]'
        assert at.stats()["callbacks"] == before + 1
        wire.close()
        assert at.gone(wire.eio_sid)
        assert at.stats()["callbacks"] <= before


def test_half_a_binary_event_goes_with_its_client(at: Site) -> None:
    with Wire.session(at) as wire:
        before = at.stats()["halves"]
        wire.send('452-["say",{"_placeholder":true,"num":0}]', b"x")
        wire.close()
        assert at.gone(wire.eio_sid)
        assert at.stats()["halves"] <= before
