"""Packets that are none, in places where they may not be."""

from __future__ import annotations

import pytest

from tests.behaviour.departures import CLOSED, GOES_ON
from tests.behaviour.polling import Polling
from tests.behaviour.sites import Site
from tests.behaviour.wire import Control, Heard, Wire

#: Seconds after which plain will not close.
SHORTLY = 0.2
DEEP = "[" * 5000 + "]" * 5000


def fate(at: Site, wire: Wire) -> str:
    """What has become of a client that has sent something: whether it still acks, and its session is there."""
    last = wire.event('["echo",1]')[-1]
    if last == "437[1]":
        return GOES_ON
    assert last == Control("end")
    assert at.gone(wire.eio_sid)
    if wire.sid:
        assert len(at.reasons(wire.sid)) == 1
    return CLOSED


@pytest.mark.parametrize("text", ["x", "", "abc", "-1", " 4", "é", "\x1e"])
def test_text_that_is_no_packet_closes_a_websocket(at: Site, text: str) -> None:
    with Wire.session(at) as wire:
        wire.send(text)
        end = "an HTTP response" if b"HTTP/1.1 500" in wire.raw() else CLOSED
        wire.close()
        expected = at.says("junk in a WebSocket")
        assert (end, at.gone(wire.eio_sid, 10 if expected[1] else SHORTLY)) == expected


@pytest.mark.parametrize("text", ["9", "7", "8x", "0", "0{}", "6x"])
def test_a_packet_of_a_type_that_is_not_the_client_s_closes_a_websocket(at: Site, text: str) -> None:
    with Wire.session(at) as wire:
        wire.send(text)
        assert fate(at, wire) == at.says("unknown packet in a WebSocket")


@pytest.mark.parametrize("text", ["3", "3probe", "6"])
def test_packets_that_mean_nothing_now_do_no_harm(at: Site, text: str) -> None:
    with Wire.session(at) as wire:
        wire.send(text)
        assert fate(at, wire) == GOES_ON


def test_a_binary_message_that_nobody_announced_does_as_much_as_junk(at: Site) -> None:
    for data in (b"\x00\xff", b'2["connect"]', b""):
        with Wire.session(at) as wire:
            wire.send(data)
            assert fate(at, wire) == at.says("junk in a message")


@pytest.mark.parametrize(
    "packet",
    ["4", "4abc", "47", "49[]", "42", "42{}", "42[]", "42null", '42["a"', '42abc["echo"]', '42-1["echo"]', "42[5]",
     "42[null]", '42[["a"]]', "421", '44"x"', '44{"message":"x"}', "4-", "4 2[]", "43{}", '43"x"', "42" + DEEP],
)  # fmt: skip
def test_a_message_that_is_no_packet_closes_the_connection(at: Site, packet: str) -> None:
    with Wire.session(at) as wire:
        wire.send(packet)
        assert fate(at, wire) == at.says("junk in a message")


@pytest.mark.parametrize("packet", ["4abc", "42{}", "42[]", '42abc["echo"]'])
def test_a_message_that_is_no_packet_closes_a_polling_session(at: Site, packet: str) -> None:
    with Polling.session(at) as poll:
        assert poll.post(packet).status in (200, 400)
        if at.says("junk in a message") == GOES_ON:
            assert poll.event('["echo",1]') == ["437[1]"]
        else:
            assert len(at.reasons(poll.sid)) == 1
            assert poll.post("4").status == 400


@pytest.mark.parametrize(
    "packets",
    [
        ('451-["say",{"_placeholder":true,"num":0}]', '427["echo",1]'),
        ('451-["say",{"_placeholder":true,"num":5}]', b"x"),
        ('451-["say",{"_placeholder":true,"num":-2}]', b"x"),
        ('451-["say",{"_placeholder":true,"num":"x"}]', b"x"),
        ("451-[]", b"x"),
        ("45x-[]",),
        ('4599999999999-["say"]',),
    ],
)
def test_wrong_attachments_close_the_connection(at: Site, packets: tuple[str | bytes, ...]) -> None:
    with Wire.session(at) as wire:
        wire.send(*packets)
        end = at.says("wrong attachment")
        if end == CLOSED:
            assert fate(at, wire) == CLOSED
        assert at.gone(wire.eio_sid, 0) == (end == CLOSED)


def heard(wire: Wire, packet: str) -> list[Heard]:
    """Send a packet, then ask an ack; everything up to it."""
    wire.send(packet)
    return wire.event('["echo",1]')


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        ('42["nope",1]', []),
        ('421["nope",1]', []),
        ('421["boom"]', []),
        ('421["echo",{"x":1,"x":2}]', ['431[{"x":2}]']),
        ('421["echo",123456789012345678901234567890]', ["431[123456789012345678901234567890]"]),
        ('421["echo","\\ud800"]', ['431["\\ud800"]']),
        ('42123456789012345678["echo"]', ["43123456789012345678[]"]),
        ('420["echo"]', ["430[]"]),
        ('4200["echo"]', ["430[]"]),
        ('42/,1["echo"]', ["431[]"]),
        ('42 ["say"]', ['42["said"]']),
        ("41/chat,", []),
        ('42/chat,["say"]', []),
        ("43[]", []),
        ("431[]", []),
        ('43999["x",1]', []),
    ],
)
def test_odd_packets_are_answered_alike_and_the_client_goes_on(at: Site, packet: str, answer: list[str]) -> None:
    with Wire.session(at) as wire:
        assert heard(wire, packet) == [*answer, "437[1]"]


def test_a_handler_that_fails_costs_the_client_its_ack_and_no_more(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.send('421["boom"]', '422["echo"]', '423["say","too","many"]', '424["who",1]', '425["echo"]')
        assert [wire.next() for _ in range(4)] == ["432[]", '42["said","too","many"]', "433[]", "435[]"]


@pytest.mark.parametrize(
    "packet", ['42["say"]', '421["echo"]', "41", "43[]", "431[]", '44"x"', "4abc", "4", '451-["say"]', "42/chat,[]"]
)
def test_a_message_before_connect_closes_a_websocket(at: Site, packet: str) -> None:
    with Wire.open(at) as wire:
        wire.send(packet)
        if at.says("packet before CONNECT") == CLOSED:
            assert [one for one in wire.rest() if isinstance(one, (str, bytes))] == []
        assert at.gone(wire.eio_sid, 10 if at.says("packet before CONNECT") == CLOSED else SHORTLY) == (
            at.says("packet before CONNECT") == CLOSED
        )


def test_a_message_before_connect_closes_a_polling_session(at: Site) -> None:
    with Polling(at) as poll:
        poll.post('42["say"]')
        end = at.says("packet before CONNECT")
        assert at.gone(poll.eio_sid, 10 if end == CLOSED else SHORTLY) == (end == CLOSED)


def test_what_follows_connect_in_the_same_request_is_after_it(at: Site) -> None:
    with Polling(at) as poll:
        assert poll.post('40\x1e427["echo",1]').status == 200
        first, second = poll.get().body.split("\x1e")
        assert first.startswith('40{"sid":"')
        assert second == "437[1]"
    with Wire.open(at) as wire:
        wire.send("40", '427["echo",1]')
        assert str(wire.next()).startswith('40{"sid":"')
        assert wire.next() == "437[1]"


@pytest.mark.parametrize(
    ("auth", "answer"),
    [
        ('{"refuse":["not you",{"code":7}]}', '44{"message":"not you","data":{"code":7}}'),
        ('{"refuse":["not you"]}', '44{"message":"not you"}'),
        ('{"refuse":[]}', '44{"message":"Connection rejected by server"}'),
        ('{"false":true}', '44{"message":"Connection rejected by server"}'),
    ],
)
def test_a_rejected_connect_is_told_why_and_may_try_again(at: Site, auth: str, answer: str) -> None:
    with Wire.open(at) as wire, Polling(at) as poll:
        wire.send(f"40{auth}")
        assert wire.next() == answer
        wire.connect()
        assert wire.event('["echo",1]') == ["437[1]"]
        poll.post(f"40{auth}")
        assert poll.get().body == answer
        poll.connect()
        assert poll.event('["echo",1]') == ["437[1]"]


def test_a_connect_handler_that_fails_is_a_connect_that_failed(at: Site) -> None:
    with Wire.open(at) as wire:
        wire.send('40{"raise":"x"}', "40/chat,")
        (answer, rest) = (wire.next(), "") if at.engine == "plain" else (wire.next(), wire.next())
        assert str(answer if at.engine == "plain" else rest).startswith('40/chat,{"sid"')
        assert at.says("failed connect handler") == ("" if at.engine == "plain" else str(answer)[:14])


def test_what_a_connect_handler_emits_comes_alike(at: Site) -> None:
    with Wire.open(at) as wire:
        wire.send('40{"greet":"hello"}')
        first, second = wire.next(), wire.next()
        assert first == '42["greeting","hello"]'
        assert str(second).startswith('40{"sid":"')


def test_an_unknown_namespace_is_refused_with_words(at: Site) -> None:
    for namespace in ("/random", "/random?x=1", "/chat/deeper"):
        with Wire.session(at) as wire:
            plainly = namespace.partition("?")[0]
            assert heard(wire, f"40{namespace},") == [f"44{plainly},{at.says('unknown namespace')}", "437[1]"]
    with Polling.session(at) as poll:
        poll.post("40/random")
        assert poll.get().body == f"44/random,{at.says('unknown namespace')}"


def test_a_namespace_may_be_connected_without_the_default_one(at: Site) -> None:
    with Wire.session(at, "/chat") as wire:
        wire.send('42/chat,7["echo",1]')
        assert wire.next() == "43/chat,7[1]"


def test_a_second_connect_to_the_same_namespace_is_no_second_client(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.send("40")
        answer = wire.next()
        assert not str(answer).startswith("40")
        if at.engine == "plain":
            assert answer == '44"Unable to connect"'
            assert fate(at, wire) == GOES_ON
