"""What handlers are given of a client's request, and that one that waits holds up its own client alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.behaviour.polling import Polling, request
from tests.behaviour.sites import Site
from tests.behaviour.wire import Heard, Wire, upgrading

SEEN = {
    "namespace": "/", "query": "1 å", "header": "three", "cookie": "two", "address": "127.0.0.1",
    "path": "/socket.io/", "method": "GET",
}  # fmt: skip


def who(ack: Heard) -> dict[str, Any]:
    """The answer of `who`, without the id."""
    (seen,) = json.loads(str(ack)[len("437") :])
    assert seen.pop("sid")
    return dict(seen)


def test_handlers_see_the_handshake_of_a_websocket(at: Site) -> None:
    with Wire(at) as wire:
        query = "transport=websocket&x=1%20%C3%A5"
        assert wire.ask(upgrading(query, Cookie="a=b; c=two", X_Test="three")).status == 101
        wire.next()
        wire.connect()
        for _ in range(2):
            assert who(wire.event('["who"]')[0]) == {**SEEN, "transport": "websocket"}


def test_handlers_see_the_handshake_of_a_polling_session_also_after_its_upgrade(at: Site) -> None:
    headers = {"Cookie": "a=b; c=two", "X-Test": "three"}
    opened = request(at, "GET", "?EIO=4&transport=polling&x=1%20%C3%A5", headers=headers)
    sid = json.loads(opened.body[1:])["sid"]
    query = f"?EIO=4&transport=polling&x=other&sid={sid}"
    request(at, "POST", query, body='40\x1e427["who"]', headers={"Cookie": "c=other"})
    assert who(request(at, "GET", query).body.split("\x1e")[1]) == {**SEEN, "transport": "polling"}
    with Wire.open(at, f"transport=websocket&x=another&sid={sid}") as wire:
        wire.send("2probe", "5", '427["who"]')
        assert who(wire.until("43")) == {**SEEN, "transport": "websocket"}


def test_flask_s_session_lasts_as_long_as_the_client_and_is_its_own(at: Site) -> None:
    with Wire.session(at) as ann, Wire.session(at) as bob:
        assert ann.event('["remember",{"a":[1]}]') == ["437[]"]
        assert ann.event('["recall"]') == ['437[{"a":[1]}]']
        assert bob.event('["recall"]') == ["437[]"]
        ann.send("41")
        assert at.reasons(ann.sid) == ["client disconnect"]


def test_a_handler_that_waits_holds_up_its_own_client_alone(at: Site) -> None:
    with Wire.session(at) as ann, Wire.session(at) as bob, Polling.session(at) as eve:
        ann.send('421["slow",1]', '422["echo"]')
        assert ann.next() == '42["begun",1]'
        assert bob.event('["echo"]') == ["437[]"]
        assert eve.event('["echo"]') == ["437[]"]
        ann.sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            ann.next()
        ann.sock.settimeout(10)
        assert [ann.next(), ann.next()] == ["431[1]", "432[]"]


def test_a_post_is_answered_when_its_events_have_been_handled(at: Site) -> None:
    with Polling.session(at) as poll, Wire.session(at) as bob:
        bob.send('421["join","slow posts"]')
        assert bob.next() == '431[["slow posts"]]'
        assert poll.post('42["slow",0.2]\x1e42["tell","slow posts",1]').status == 200
        assert bob.event('["echo"]') == ['42["told",1]', "437[]"]


@pytest.mark.parametrize("how", ["close frame", "FIN", "RST", "close packet"])
def test_a_client_that_goes_while_its_handler_waits_is_told_of_after_it(at: Site, how: str) -> None:
    with Wire.session(at) as wire:
        wire.send('42["slow",0.2]', '42["keep",1]')
        assert wire.next() == '42["begun",0.2]'
        if how == "RST":
            wire.reset()
        elif how == "close packet":
            wire.send("1")
        elif how == "close frame":
            wire.write(b"\x88\x80\0\0\0\0")
        wire.close()
        assert at.reasons(wire.sid) == ["client disconnect" if how == "close packet" else "transport close"]
        assert at.gone(wire.eio_sid)


def test_emits_reach_a_client_whose_handler_waits(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.send('427["slow",2]')
        assert wire.next() == '42["begun",2]'
        at.emit(wire.sid, "news", "x")
        assert [wire.next(), wire.next()] == ['42["news","x"]', "437[2]"]
