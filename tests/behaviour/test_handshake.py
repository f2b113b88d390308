"""How a session begins, and what does not become one."""

from __future__ import annotations

import json

import pytest

from tests.behaviour.polling import Polling, request
from tests.behaviour.sites import Site, Sites
from tests.behaviour.wire import Wire, upgrading

OPEN = "?EIO=4&transport=polling"
KEYS = {"sid", "upgrades", "pingTimeout", "pingInterval", "maxPayload"}


def test_a_session_by_polling_is_offered_the_upgrade(at: Site) -> None:
    with Polling(at) as poll:
        assert set(poll.opened) == KEYS
        assert {**poll.opened, "sid": ""} == {
            "sid": "", "upgrades": ["websocket"], "pingTimeout": 20000, "pingInterval": 25000, "maxPayload": 100000,
        }  # fmt: skip


def test_a_session_by_websocket_is_not(at: Site) -> None:
    with Wire.open(at) as wire:
        assert {**wire.opened, "sid": ""} == {
            "sid": "", "upgrades": [], "pingTimeout": 20000, "pingInterval": 25000, "maxPayload": 100000,
        }  # fmt: skip


def test_the_times_of_pings_are_told_in_milliseconds(quick: Site) -> None:
    with Polling(quick) as poll, Wire.open(quick) as wire:
        for opened in (poll.opened, wire.opened):
            assert opened["pingInterval"] == quick.says("ping interval below a second")
            assert opened["pingTimeout"] == 800


def test_ids_are_of_twenty_characters_and_never_the_same(at: Site) -> None:
    ids = set()
    for _ in range(5):
        with Polling(at) as poll:
            ids |= {poll.eio_sid, poll.connect()}
    assert len(ids) == 10
    assert {len(one) for one in ids} == {20}


@pytest.mark.parametrize("version", ["", "EIO=3&", "EIO=abc&", "EIO=&", "EIO=44&"])
def test_another_version_of_the_protocol_is_refused(at: Site, version: str) -> None:
    assert request(at, "GET", f"?{version}transport=polling").status == 400
    with Wire(at) as wire:
        assert wire.ask(upgrading().replace(b"EIO=4&", version.encode())).status == 400


@pytest.mark.parametrize("transport", ["abc", "constructor", "polling2", "POLLING", "polling,websocket"])
def test_an_unknown_transport_is_refused(at: Site, transport: str) -> None:
    assert request(at, "GET", f"?EIO=4&transport={transport}").status == 400
    assert request(at, "POST", f"?EIO=4&transport={transport}").status == 400
    with Wire(at) as wire:
        assert wire.ask(upgrading(f"transport={transport}")).status == 400


def test_no_transport_is_none(at: Site) -> None:
    assert request(at, "GET", "?EIO=4").status == at.says("no transport in the query")
    assert request(at, "GET", "?EIO=4&transport=").status == at.says("no transport in the query")
    with Polling.session(at) as poll:
        poll.post('42["say"]')
        assert request(at, "GET", f"?EIO=4&sid={poll.eio_sid}").status == at.says("no transport in the query")


def test_no_version_is_none_for_a_later_request_too(at: Site) -> None:
    with Polling.session(at) as poll:
        query = f"?transport=polling&sid={poll.eio_sid}"
        poll.post('42["say"]')
        assert request(at, "GET", query).status == at.says("no version in a later query")
        assert request(at, "POST", query, body="3").status == at.says("no version in a later query")


def test_a_handshake_is_no_post(at: Site) -> None:
    assert request(at, "POST", OPEN).status == 400
    assert request(at, "POST", OPEN, body="40").status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "BREW"])
def test_a_handshake_is_no_other_method_either(at: Site, method: str) -> None:
    assert request(at, method, OPEN).status == at.says("wrong method of a handshake")
    assert request(at, method, OPEN + "&sid=nobody").status in (400, at.says("wrong method of a handshake"))


def test_another_method_with_the_id_of_a_session_is_refused_and_does_no_harm(at: Site) -> None:
    with Polling.session(at) as poll:
        for method in ("PUT", "DELETE", "PATCH"):
            assert request(at, method, poll.query, body="1").status in (400, 405)
        assert poll.event('["echo",1]') == ["437[1]"]


def test_a_session_that_nobody_has_is_refused(at: Site) -> None:
    for method, body in (("GET", ""), ("POST", "41"), ("POST", "")):
        assert request(at, method, OPEN + "&sid=nobody", body=body).status == 400
    with Wire(at) as wire:
        assert wire.ask(upgrading("transport=websocket&sid=nobody")).status == 400


def test_a_websocket_that_does_not_ask_to_be_one_is_refused(at: Site) -> None:
    assert request(at, "GET", "?EIO=4&transport=websocket").status == 400
    with Wire(at) as wire:
        assert wire.ask(upgrading(Upgrade="h2c")).status == 400
    with Polling.session(at) as poll:
        assert request(at, "GET", poll.query.replace("=polling", "=websocket")).status == 400
        assert poll.event('["echo",1]') == ["437[1]"]


def test_a_websocket_without_its_key_is_refused(at: Site) -> None:
    with Wire(at) as wire:
        assert wire.ask(upgrading(Sec_WebSocket_Key=None)).status == 400


def test_a_websocket_of_another_version_is_told_the_right_one(at: Site) -> None:
    with Wire(at) as wire:
        answer = wire.ask(upgrading(Sec_WebSocket_Version="12"))
        assert answer.status == 426
        assert "13" in answer.headers["sec-websocket-version"]


def test_a_websocket_without_a_version_is_refused(at: Site) -> None:
    with Wire(at) as wire:
        assert wire.ask(upgrading(Sec_WebSocket_Version=None)).status == at.says("no WebSocket version")


def test_the_websocket_key_is_answered_as_the_rfc_says(at: Site) -> None:
    with Wire(at) as wire:
        answer = wire.ask(upgrading(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ=="))
        assert answer.status == 101
        assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert answer.headers["upgrade"].lower() == "websocket"
        assert answer.headers["connection"].lower() == "upgrade"
        assert "sec-websocket-protocol" not in answer.headers


@pytest.mark.parametrize(
    "headers", [{"Connection": "keep-alive, Upgrade"}, {"Upgrade": "WebSocket"}, {"Sec_WebSocket_Protocol": "x"}]
)
def test_a_websocket_may_ask_as_browsers_and_proxies_do(at: Site, headers: dict[str, str]) -> None:
    with Wire(at) as wire:
        assert wire.ask(upgrading(**headers)).status == 101
        assert set(json.loads(str(wire.next())[1:])) == KEYS


def test_the_page_s_own_origin_is_accepted_and_another_is_not(at: Site) -> None:
    for origin, status in ((at.url, 200), ("http://elsewhere.test", 400), ("null", 400)):
        assert request(at, "GET", OPEN, headers={"Origin": origin}).status == status
    own = f"http://127.0.0.1:{at.port}"
    for origin, status in ((own, 101), ("http://elsewhere.test", 400)):
        with Wire(at) as wire:
            assert wire.ask(upgrading(Host=own[7:], Origin=origin)).status == status


def test_another_origin_is_refused_in_the_middle_of_a_session_too(at: Site) -> None:
    with Polling.session(at) as poll:
        got = request(at, "POST", poll.query, body='42["keep",1]', headers={"Origin": "http://elsewhere.test"})
        assert got.status == 400
        assert poll.event('["give"]') == ["437[[]]"]


def test_given_origins_are_accepted_and_told_so(sites: Sites, engine: str) -> None:
    at = sites.get(engine, "open")
    for origin in ("http://friend.test", "http://other.test"):
        with Wire(at) as wire:
            answer = wire.ask(f"GET /socket.io/{OPEN} HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\n\r\n".encode())
            assert answer.status == 200
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-allow-credentials"] == "true"
    assert request(at, "GET", OPEN, headers={"Origin": "http://elsewhere.test"}).status == 400


def test_a_preflight_is_answered(sites: Sites, engine: str) -> None:
    with Wire(sites.get(engine, "open")) as wire:
        answer = wire.ask(
            f"OPTIONS /socket.io/{OPEN} HTTP/1.1\r\nHost: x\r\nOrigin: http://friend.test\r\n"
            "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n".encode()
        )
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "http://friend.test"
        assert answer.headers["access-control-allow-methods"] == "OPTIONS, GET, POST"
        assert answer.headers["access-control-allow-headers"] == "content-type"


def test_a_refusal_has_its_words(at: Site) -> None:
    for query in ("?EIO=3&transport=polling", "?EIO=4&transport=abc", OPEN + "&sid=nobody"):
        words = json.loads(request(at, "GET", query).body)
        assert type(words) is at.says("words of a refusal")
        if isinstance(words, dict):
            assert set(words) == {"code", "message"}


def test_a_script_tag_s_answer_is_a_script(at: Site) -> None:
    opened = request(at, "GET", OPEN + "&j=0")
    assert opened.status == 200
    assert opened.body.startswith(at.says("script"))
    if opened.body.startswith("0"):
        return
    assert opened.body.startswith('___eio[0]("0{\\"sid\\":')
    sid = json.loads(opened.body[12:-3].replace('\\"', '"'))["sid"]
    query = f"{OPEN}&j=1&sid={sid}"
    assert request(at, "POST", query, body="d=40").status == 200
    assert request(at, "GET", query).body.startswith('___eio[1]("40{\\"sid\\":')
    assert request(at, "GET", OPEN + "&j=x").status == 400
