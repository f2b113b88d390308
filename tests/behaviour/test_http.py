"""The endpoint as HTTP: split, joined, slow and odd requests, and the headers of every answer."""

from __future__ import annotations

import json
import re

import pytest

from tests.behaviour.polling import Polling
from tests.behaviour.sites import Site
from tests.behaviour.wire import Answer, Wire, message, upgrading

OPEN = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n"


def posting(poll: Polling, body: bytes, *headers: str) -> bytes:
    """A POST of this session."""
    head = "".join(f"{header}\r\n" for header in ("Host: localhost", *headers, f"Content-Length: {len(body)}"))
    return f"POST /socket.io/{poll.query} HTTP/1.1\r\n{head}\r\n".encode() + body


def polling(poll: Polling, *headers: str) -> bytes:
    """A poll of this session."""
    head = "".join(f"{header}\r\n" for header in ("Host: localhost", *headers))
    return f"GET /socket.io/{poll.query} HTTP/1.1\r\n{head}\r\n".encode()


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_a_handshake_may_come_in_any_pieces(at: Site, pieces: int) -> None:
    with Wire(at) as wire:
        wire.write(OPEN, pieces)
        answer = wire.answer()
        assert answer.status == 200
        assert answer.body.startswith(b'0{"sid":')


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_a_websocket_s_request_may_come_in_any_pieces(at: Site, pieces: int) -> None:
    with Wire(at) as wire:
        wire.write(upgrading(), pieces)
        assert wire.answer().status == 101
        assert str(wire.next()).startswith('0{"sid":')
        wire.write(message("40") + message('427["echo",1]'), pieces)
        assert wire.until("43") == "437[1]"


def test_a_post_may_come_byte_by_byte(at: Site) -> None:
    with Polling.session(at) as poll, Wire(at) as wire:
        wire.write(posting(poll, '42["say","å€"]'.encode()), pieces=1)
        assert wire.answer().status == 200
        assert poll.get().body == '42["said","\\u00e5\\u20ac"]'


def test_two_handshakes_in_one_segment_are_two_sessions(at: Site) -> None:
    with Wire(at) as wire:
        wire.write(OPEN + OPEN)
        first, second = wire.answer(), wire.answer()
        assert first.status == second.status == 200
        assert first.body != second.body


def test_requests_in_one_segment_are_answered_in_order(at: Site) -> None:
    with Polling.session(at) as poll, Wire(at) as wire:
        wire.write(posting(poll, b'42["say",1]') + polling(poll) + posting(poll, b'42["say",2]') + polling(poll))
        assert [wire.answer().body for _ in range(4)][1::2] == [b'42["said",1]', b'42["said",2]']


def test_a_connection_serves_one_request_after_the_other(at: Site) -> None:
    with Polling.session(at) as poll, Wire(at) as wire:
        for n in range(20):
            assert wire.ask(posting(poll, b'42["say",%d]' % n)).status == 200
            assert wire.ask(polling(poll)).body == b'42["said",%d]' % n
        assert wire.ask(b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200


def test_a_websocket_may_follow_a_poll_on_its_connection(at: Site) -> None:
    with Polling.session(at) as poll, Wire(at) as wire:
        assert wire.ask(posting(poll, b'42["say",1]')).status == 200
        assert wire.ask(polling(poll)).body == b'42["said",1]'
        assert wire.ask(upgrading()).status == 101
        assert str(wire.next()).startswith('0{"sid":')
        wire.connect()
        assert wire.event('["echo",1]') == ["437[1]"]


def test_a_connection_that_is_to_be_closed_is_closed(at: Site) -> None:
    with Polling.session(at) as poll:
        for request in (posting(poll, b"3", "Connection: close"), OPEN.replace(b"Host", b"Connection: close\r\nHost")):
            with Wire(at) as wire:
                wire.write(request)
                raw = wire.raw()
                assert raw.startswith(b"HTTP/1.1 200")
                assert b"connection: close" in raw.lower()


def test_http_1_0_is_answered_and_closed(at: Site) -> None:
    with Wire(at) as wire:
        wire.write(OPEN.replace(b"HTTP/1.1", b"HTTP/1.0"))
        raw = wire.raw()
        assert b" 200 OK\r\n" in raw
        assert b'0{"sid":' in raw


def test_a_client_may_wait_to_be_told_to_continue(at: Site) -> None:
    with Polling.session(at) as poll, Wire(at) as wire:
        head, _, body = posting(poll, b'42["say",1]', "Expect: 100-continue").partition(b"\r\n\r\n")
        assert wire.ask(head + b"\r\n\r\n").status == 100
        assert wire.ask(body).status == 200
        assert poll.get().body == '42["said",1]'


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /socket.io/?" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["bytes", "one word", "version", "long"],
)
def test_what_is_no_request_is_refused_and_closed(at: Site, junk: bytes) -> None:
    with Wire(at) as wire:
        wire.write(junk)
        raw = wire.raw()
        assert b"200 OK" not in raw
        assert re.search(rb"\b(4\d\d|505)\b", raw)


@pytest.mark.parametrize("length", ["-1", "x", "", "1 1"])
def test_a_length_that_is_none_is_refused(at: Site, length: str) -> None:
    with Polling.session(at) as poll:
        with Wire(at) as wire:
            wire.write(polling(poll, f"Content-Length: {length}").replace(b"GET", b"POST"))
            if length:
                assert b" 400 " in wire.raw()
        assert poll.event('["echo",1]') == ["437[1]"]


def test_a_post_that_is_given_up_half_way_is_not_handled(at: Site) -> None:
    with Polling.session(at) as poll, Wire(at) as wire:
        wire.write(posting(poll, b'42["keep",1]\x1e42["keep",2]')[:-10])
        wire.finish()
        wire.raw()
        body = poll.event('["give"]') if not at.gone(poll.eio_sid, 0) else ["437[[]]"]
        assert body in (["437[[]]"], ["437[[1]]"])


def test_other_paths_are_the_program_s_own(at: Site) -> None:
    with Wire(at) as wire:
        assert wire.ask(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").status == 404
        assert wire.ask(b"GET /socket.iox/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n").status == 404
        assert wire.ask(OPEN.replace(b"/socket.io/?", b"/socket.io?")).status == 404


def seen(answer: Answer, at: Site) -> object:
    """An answer without its date, its ids, and the length that they make; of a refusal the status."""
    if answer.status != 101:  # which has no content
        assert answer.headers.pop("cache-control", None) == at.says("whether an answer may be stored")
    if answer.status >= 400:
        return answer.status
    if answer.body.lower() == b"ok":
        assert answer.headers.pop("content-type") == at.says("type of the answer to a POST")
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    body = re.sub(r'"sid":"[^"]+"', '"sid":""', answer.body.decode("latin-1"))
    known = json.loads(body[1:]) if body.startswith("0{") else "" if "content-encoding" in headers else body.lower()
    return answer.status, json.loads(json.dumps(headers).replace(str(at.port), "port")), known


def script(at: Site) -> list[object]:
    """One of each kind of request, on one connection."""
    with Polling.session(at) as poll, Wire(at) as wire:
        own = f"Host: localhost:{at.port}\r\nOrigin: http://localhost:{at.port}".encode()
        requests = [
            OPEN,
            OPEN.replace(b"Host: localhost", own),
            OPEN.replace(b"Host: localhost", b"Host: localhost\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: keep-alive"),
            OPEN.replace(b"polling", b"nothing"),
            OPEN.replace(b"EIO=4", b"EIO=3"),
            OPEN.replace(b" HTTP", b"&sid=nobody HTTP"),
            posting(poll, b'42["say",1]').replace(b"Host: localhost", own),
            polling(poll),
            posting(poll, b'42["say","%s"]' % (b"x" * 3000)),
            polling(poll, "Accept-Encoding: gzip, deflate"),
            upgrading(),
        ]
        return [seen(wire.ask(request), at) for request in requests]


def test_every_answer_has_the_same_headers(both: tuple[Site, Site]) -> None:
    plain, ours = both
    assert script(ours) == script(plain)
