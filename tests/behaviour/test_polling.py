"""Sessions by HTTP polling: packets in POSTs, packets in polls, and what ends a session."""

from __future__ import annotations

import base64
from concurrent.futures import FIRST_COMPLETED, wait

import pytest
import requests

from tests.behaviour.departures import CLOSED, GOES_ON
from tests.behaviour.polling import Polling, Reply, request
from tests.behaviour.sites import Site
from tests.behaviour.wire import Wire
from tests.waiting import PATIENCE

#: Seconds after which plain will not answer.
SHORTLY = 0.3


def fate(at: Site, poll: Polling) -> str:
    """What has become of a session: whether it still acks."""
    if poll.post('42["keep",9]').status != 200:
        assert at.gone(poll.eio_sid)
        assert poll.get().status == 400
        return CLOSED
    assert not at.gone(poll.eio_sid, 0)
    return GOES_ON


def test_one_packet_is_one_body(at: Site) -> None:
    with Polling.session(at) as poll:
        assert poll.post('427["echo","å",null,{"a":[1.5,true]}]') == Reply(200, at.says("answer to a POST"))
        assert poll.get() == Reply(200, '437["\\u00e5",null,{"a":[1.5,true]}]')


def test_several_packets_are_one_body(at: Site) -> None:
    with Polling.session(at) as poll:
        assert poll.post('42["say",1]\x1e421["nothing"]\x1e42["say","\\u001e"]').status == 200
        assert poll.get().body == '42["said",1]\x1e431[]\x1e42["said","\\u001e"]'


def test_as_many_packets_as_a_browser_sends_at_once_are_taken(at: Site) -> None:
    with Polling.session(at) as poll:
        assert poll.post("\x1e".join(f'42["keep",{n}]' for n in range(16))).status == 200
        assert poll.post("\x1e".join(f'42["keep",{n}]' for n in range(16, 56))).status == 200
        kept = list(range(16 + at.says("packets in a POST")))
        assert poll.event('["give"]') == [f"437[[{','.join(map(str, kept))}]]"]


def test_binary_goes_as_base64_both_ways(at: Site) -> None:
    data = base64.b64encode(bytes(range(256))).decode()
    with Polling.session(at) as poll:
        poll.post(f'452-7["echo",{{"_placeholder":true,"num":0}},[{{"_placeholder":true,"num":1}}]]\x1eb{data}\x1eb')
        assert poll.get().body.split("\x1e") == [
            '462-7[{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]', f"b{data}", "b",
        ]  # fmt: skip


@pytest.mark.parametrize("space", ["\n", "\r\n", " ", "\t"])
def test_white_space_in_base64_is_none_of_the_data(at: Site, space: str) -> None:
    halves = base64.b64encode(bytes(range(200))).decode()
    lines = space.join(halves[start : start + 76] for start in range(0, len(halves), 76)) + space
    with Polling.session(at) as poll:
        poll.post(f'451-7["echo",{{"_placeholder":true,"num":0}}]\x1eb{lines}')
        assert poll.get().body.split("\x1e") == ['461-7[{"_placeholder":true,"num":0}]', f"b{halves}"]


def test_attachments_may_come_in_posts_of_their_own(at: Site) -> None:
    with Polling.session(at) as poll:
        for packet in ('452-["say",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', "bAQ==", "bAg=="):
            assert poll.post(packet).status == 200
        assert (
            poll.get().body
            == '452-["said",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1ebAg==\x1ebAQ=='
        )


def test_a_poll_waits_until_there_is_something(at: Site) -> None:
    with Polling.session(at) as poll:
        pending = poll.pending()
        assert not pending.done()
        at.emit(poll.sid, "news", "x")
        assert pending.result(PATIENCE) == Reply(200, '42["news","x"]')


def test_what_was_emitted_between_two_polls_comes_in_order(at: Site) -> None:
    with Polling.session(at) as poll:
        for n in range(30):
            at.emit(poll.sid, "news", str(n))
        assert poll.get().body.split("\x1e") == [f'42["news","{n}"]' for n in range(30)]


def test_namespaces_share_one_session(at: Site) -> None:
    with Polling.session(at) as poll:
        first, second = poll.sid, poll.connect("/chat")
        assert first != second
        poll.post('42/chat,7["echo",1]\x1e427["echo",2]')
        assert poll.get().body == "43/chat,7[1]\x1e437[2]"
        poll.post("41/chat,")
        assert at.reasons(second) == ["client disconnect"]
        assert poll.event('["echo",3]') == ["437[3]"]


def test_a_body_of_exactly_the_limit_is_taken(at: Site) -> None:
    with Polling.session(at) as poll:
        text = "x" * (100_000 - len('42["keep",""]'))
        assert poll.post(f'42["keep","{text}"]').status == 200
        assert poll.event('["give"]') == [f'437[["{text}"]]']


def test_a_body_above_the_limit_closes_the_session(at: Site) -> None:
    with Polling.session(at) as poll:
        pending = poll.pending()
        assert poll.post("4" * 100_001).status == at.says("too big a POST")[0]
        assert pending.result(PATIENCE).body in ("1", "6")
        assert poll.get().status == 400
        assert len(at.reasons(poll.sid)) == 1


def test_a_body_above_the_limit_is_answered_though_nobody_polls(at: Site) -> None:
    with Polling.session(at) as poll:
        answer = at.says("too big a POST")[1]
        assert poll.post("4" * 100_001, PATIENCE if answer else SHORTLY).status == answer
        assert len(at.reasons(poll.sid)) == 1


@pytest.mark.parametrize("body", ["abc", "\x1e", "x4", '42["keep",1]\x1exyz', b'42["keep","\xff"]', b"\xff"])
def test_a_body_that_is_no_packets_closes_the_session(at: Site, body: str | bytes) -> None:
    with Polling.session(at) as poll:
        assert (poll.post(body).status, fate(at, poll)) == at.says("junk in a POST")


@pytest.mark.parametrize("body", ["2", "2probe", "6", "0", "0{}", "7", "9"])
def test_a_packet_that_no_client_sends_by_polling_closes_the_session(at: Site, body: str) -> None:
    with Polling.session(at) as poll:
        status, end = at.says("wrong packet in a POST")
        assert poll.post(body, PATIENCE if status else SHORTLY).status == status
        assert len(at.reasons(poll.sid)) == 1
        assert end == CLOSED
        assert poll.get().status == 400


def test_a_pong_that_nobody_asked_for_does_no_harm(at: Site) -> None:
    with Polling.session(at) as poll:
        assert poll.post("3").status == 200
        assert poll.post("3probe").status == 200
        assert poll.event('["echo",1]') == ["437[1]"]


def test_a_close_ends_the_pending_poll_and_the_session(at: Site) -> None:
    with Polling.session(at) as poll:
        pending = poll.pending()
        assert poll.post("1") == Reply(200, at.says("answer to a POST"))
        assert pending.result(PATIENCE) == Reply(200, at.says("pending poll at a close"))
        assert at.reasons(poll.sid) == ["client disconnect"]
        assert [poll.get().status, poll.post("41").status, poll.get().status] == [400, 400, 400]


def test_a_close_ends_a_session_that_nobody_polls(at: Site) -> None:
    with Polling.session(at) as poll:
        assert poll.post("1").status == 200
        assert at.reasons(poll.sid) == ["client disconnect"]
        assert poll.get().status == 400


def test_what_precedes_a_close_is_handled_and_what_follows_is_not(at: Site) -> None:
    with Polling.session(at) as poll, Polling.session(at) as other:
        other.post('42["join","r"]')
        assert poll.post('42["tell","r","before"]\x1e1\x1e42["tell","r","after"]').status == 200
        assert at.reasons(poll.sid) == ["client disconnect"]
        assert other.event('["echo"]') == ['42["told","before"]', "437[]"]


def test_a_second_poll_is_refused_and_closes_the_session(at: Site) -> None:
    with Polling.session(at) as poll:
        status, bodies, end = at.says("a second poll")
        first = poll.pending()
        second = poll.pending()
        if end == CLOSED:
            assert second.result(PATIENCE).status == status
            assert first.result(PATIENCE).status == 200
            assert first.result().body in bodies
            assert len(at.reasons(poll.sid)) == 1
        else:
            poll.post('42["say",1]')
            done, _ = wait([first, second], PATIENCE, FIRST_COMPLETED)
            assert done.pop().result() == Reply(status, *bodies)
        assert fate(at, poll) == end
        poll.post("1")


def test_a_second_post_is_refused_and_closes_the_session(at: Site) -> None:
    with Polling.session(at) as poll, Wire(at) as slow:
        slow.write(f"POST /socket.io/{poll.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n42[".encode())
        at.stats()  # another request, so that the first has been read
        status, end = at.says("a second POST")
        assert poll.post("3").status == status
        if end == GOES_ON:
            slow.write(b'"keep",12]\r')
            assert slow.answer().status == 200
        assert fate(at, poll) == end


def test_a_poll_that_is_given_up_closes_the_session(at: Site) -> None:
    with Polling.session(at) as poll, Wire(at) as wire:
        wire.write(f"GET /socket.io/{poll.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        at.polled(poll.eio_sid, 2)
        wire.close()
        end = at.says("a cancelled poll")
        assert at.gone(poll.eio_sid, PATIENCE if end == CLOSED else SHORTLY) == (end == CLOSED)


def test_a_large_answer_is_compressed_for_those_who_can_read_it(at: Site) -> None:
    with Polling.session(at) as poll:
        for encoding, expected in (
            ("gzip", ["gzip"]),
            ("deflate", ["deflate", None]),
            ("gzip;q=1, br", ["gzip"]),
            ("br", [None]),
        ):
            poll.post(f'42["say","{"x" * 2000}"]')
            got = requests.get(
                f"{at.url}/socket.io/{poll.query}", headers={"Accept-Encoding": encoding}, timeout=PATIENCE
            )
            assert got.headers.get("Content-Encoding") in expected
            assert got.text == f'42["said","{"x" * 2000}"]'


def test_a_small_answer_is_not_compressed(at: Site) -> None:
    with Polling.session(at) as poll:
        poll.post('42["say",1]')
        got = requests.get(f"{at.url}/socket.io/{poll.query}", headers={"Accept-Encoding": "gzip"}, timeout=PATIENCE)
        assert "Content-Encoding" not in got.headers
        assert got.headers["Content-Type"] == "text/plain; charset=UTF-8"


def test_requests_may_come_from_different_connections_and_in_one(at: Site) -> None:
    with Polling.session(at) as poll:
        assert request(at, "POST", poll.query, body='42["say",1]').status == 200
        assert poll.get() == Reply(200, '42["said",1]')
        assert poll.post('42["say",2]').status == 200
        assert request(at, "GET", poll.query) == Reply(200, '42["said",2]')
