"""The stock client's `retries`: without --once-key the server gets each of them, with it one."""

from __future__ import annotations

import pytest

from tests.integration.test_link import free_port
from tests.node_client import NodeClient
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer

RETRIES: dict[str, object] = {"retries": 3, "ackTimeout": 500}


def bought(peer: Peer) -> list[object]:
    """What the server was told before the event `end`."""
    peer.message(action="end")
    return [message["once"] for message in peer.messages if message["action"] == "buy"]


@pytest.mark.parametrize(("flags", "times"), [((), 4), (("--once-key", "once"), 1)])
def test_what_the_stock_client_tries_again_while_the_server_is_away(flags: tuple[str, ...], times: int) -> None:
    port = free_port()
    with Bridge("--server", f"127.0.0.1:{port}", *flags) as bridge, NodeClient(bridge.url, RETRIES) as page:
        page.connected()
        assert "timed out" in page.ask("buy", {"once": "a1"})["timeout"]
        with TcpServer(port) as server:
            peer = server.accept()
            assert page.ask("end") == {"ok": True}
            assert bought(peer) == ["a1"] * times
            assert bridge.counter("events_repeated") == 4 - times


def test_a_page_that_comes_back_and_tries_again_is_acked_and_not_sent_again() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--once-key", "once") as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, RETRIES) as page:
            page.connected()
            assert page.ask("buy", {"once": "a1"}) == {"ok": True}
            page.cut()
            page.back()
            for _ in range(2):
                assert page.ask("buy", {"once": "a1"}) == {"ok": True}
            assert page.ask("buy", {"once": "a2"}) == {"ok": True}
            assert page.ask("end") == {"ok": True}
            assert bought(peer) == ["a1", "a2"]
            assert bridge.counter("events_repeated") == 2


def test_what_was_refused_may_be_tried_again() -> None:
    port = free_port()
    flags = ("--server", f"127.0.0.1:{port}", "--once-key", "once", "--hold", "0.2")
    with Bridge(*flags) as bridge, NodeClient(bridge.url) as page:
        page.connected()
        assert page.ask("buy", {"once": "a1"})["error"] == "link-down"
        with TcpServer(port) as server:
            peer = server.accept()
            while page.ask("buy", {"once": "a1"}) != {"ok": True}:
                pass
            assert page.ask("end") == {"ok": True}
            assert bought(peer) == ["a1"]
