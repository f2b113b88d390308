"""What strangers may read: states, and no addresses. Who asks on the bridge's own machine may read all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from tests.client import Client
from tests.process import Bridge
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

STRANGERS: list[dict[str, str]] = [
    {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-Proto": "https"}, {"Forwarded": "for=203.0.113.7"},
    {"X-Real-IP": "203.0.113.7"}, {"Via": "1.1 proxy"}, {"Host": "192.168.1.20:8080"},
    {"X-Forwarded-For": "127.0.0.1"},
]  # fmt: skip
strangers = pytest.mark.parametrize("stranger", STRANGERS, ids="".join)


@pytest.fixture(scope="module")
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


@pytest.fixture(scope="module")
def bridge(server: TcpServer) -> Iterator[Bridge]:
    with Bridge("--server", server.address) as bridge:
        server.accept()
        yield bridge


@pytest.fixture(scope="module")
def down() -> Iterator[Bridge]:
    with TcpServer() as gone:
        address = gone.address
    with Bridge("--server", address) as bridge:
        bridge.said("link down")
        yield bridge


def get(bridge: Bridge, path: str, headers: Mapping[str, str]) -> requests.Response:
    return requests.get(bridge.url + path, headers=dict(headers), timeout=PATIENCE)


@strangers
def test_the_status_is_not_for_strangers(bridge: Bridge, stranger: dict[str, str]) -> None:
    answer = get(bridge, "/bridge/status", stranger)
    assert answer.status_code == 403
    assert answer.text.startswith("The status is told on the bridge's own machine alone: ask there, at localhost")
    assert get(bridge, "/bridge/status", {}).json()["link"]["server"]


@strangers
def test_readiness_is_one_word_to_strangers(bridge: Bridge, down: Bridge, stranger: dict[str, str]) -> None:
    assert get(bridge, "/healthz", stranger).json() == {"status": "ok"}
    answers = [get(one, "/readyz", stranger) for one in (bridge, down)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"status": "ok"}), (503, {"status": "not ok"}),
    ]  # fmt: skip
    assert "127.0.0.1" in get(down, "/readyz", {}).json()["reason"]


@strangers
def test_the_bridge_s_page_names_no_address_to_strangers(
    bridge: Bridge, server: TcpServer, stranger: dict[str, str]
) -> None:
    page = get(bridge, "/bridge/", stranger).text
    assert str(server.port) not in page
    assert "Bridge to the server" in page
    assert "/bridge/status" not in page
    page = get(bridge, "/bridge/", {}).text
    assert server.address in page
    assert 'href="/bridge/status"' in page


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("stranger", [headers for headers in STRANGERS if "Host" not in headers], ids="".join)
def test_the_link_s_reason_has_no_address_for_strangers(down: Bridge, stranger: dict[str, str], transport: str) -> None:
    with Client(down.url, [transport], headers=stranger) as eve, Client(down.url, [transport]) as ann:
        assert eve.linked("waiting")["reason"] == "nothing listens on the server (connection refused)"
        assert "127.0.0.1" in ann.linked("waiting")["reason"]


def links(client: Client) -> list[dict[str, Any]]:
    return [args[0] for event, *args in client.events.entries if event == "bridge:link"]


def test_a_change_of_the_link_is_told_to_each_once_and_with_what_it_may_know() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with Client(bridge.url, headers=STRANGERS[0]) as eve, Client(bridge.url) as ann:
            for client in (eve, ann):
                client.linked()
            server.close()
            peer.close()
            told = [client.linked("waiting")["reason"] for client in (eve, ann)]
            assert told == ["the server closed the connection", f"{server.address} closed the connection"]
            for client in (eve, ann):
                client.events.wait(lambda event: event[0] == "bridge:link" and "nothing listens" in str(event[1]))
        hers, theirs = ([(one["state"], one["since"]) for one in links(client)] for client in (eve, ann))
        assert hers[: len(theirs)] == theirs[: len(hers)]
        assert server.address not in str(links(eve))


def test_a_hint_has_no_address_for_strangers() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with Client(bridge.url, headers=STRANGERS[0]) as eve, Client(bridge.url) as ann:
            peer.send(b"HTTP/1.1 301 Moved\r\nLocation: http://10.0.0.5:8000/\r\n\r\n")
            for client, found in ((eve, "http://…/"), (ann, "http://10.0.0.5:8000/")):
                event = client.events.wait(lambda event: event[0] == "bridge:link" and bool(event[1]["hint"]))
                assert event[1]["hint"]["code"] == "http"
                assert found in event[1]["hint"]["text"]
