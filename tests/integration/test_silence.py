"""A server that says nothing: shown, and left alone unless told otherwise; and the heartbeat."""

from __future__ import annotations

import time
from pathlib import Path

from tests.client import Client
from tests.handlers import busy
from tests.process import Bridge, check_all
from tests.tcpserver import TcpServer


def test_a_server_that_says_nothing_is_shown_as_silent_and_connected_until_it_speaks() -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--idle-warn", "0.5") as bridge,
        Client(bridge.url) as ann,
    ):
        peer = server.accept()
        silent = ann.events.wait(lambda e: e[0] == "bridge:link" and e[1]["silent"])[1]
        assert silent["state"] == "connected"
        assert silent["reason"] is None
        assert bridge.status()["link"]["silent"] is True
        bridge.said(f"{server.address} has said nothing for 0.5 s")
        assert ann.ask("move", 1) == {"ok": True}
        with Client(bridge.url) as bob:
            assert bob.linked()["silent"] is True
        count = len(ann.events.entries)
        peer.send(b"x")  # not even a frame
        spoke = ann.events.wait(lambda e: e[0] == "bridge:link", start=count)[1]
        assert (spoke["state"], spoke["silent"], spoke["since"]) == ("connected", False, silent["since"])
        bridge.said("speaks again")
        ann.events.wait(lambda e: e[0] == "bridge:link" and e[1]["silent"], start=count)
        assert bridge.counter("link_silences") == 2
        assert bridge.counter("link_connects") == 1
        assert len(peer.messages) == 4  # nobody was announced anew


def test_a_server_that_speaks_is_not_silent() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        server.accept().send(b"hello~")
        ann.got("message")
        assert bridge.status()["link"]["silent"] is False
        assert ann.linked()["silent"] is False


def test_idle_reconnect_connects_anew_when_it_has_been_silent_for_so_long() -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--idle-warn", "0.2", "--idle-reconnect", "0.6") as bridge,
        Client(bridge.url) as ann,
    ):
        first = server.accept()
        assert "said nothing for 0.6 s" in ann.linked("waiting")["reason"]
        assert ann.all("bridge:link")[-1]["silent"] is False
        assert first.ended.wait(15)
        server.accept().message(action="connected")
        assert bridge.counter("link_drops") >= 1


def test_a_server_that_is_not_read_because_the_bridge_is_busy_is_not_silent(tmp_path: Path) -> None:
    flags = ("--handlers", str(busy(tmp_path, 1.5)), "--idle-warn", "1", "--idle-reconnect", "1.4")
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge:
        peer = server.accept()
        began = time.monotonic()
        peer.send(b"one~two~three~")
        bridge.said("said nothing for 1.4 s")
        assert time.monotonic() - began >= 3 * 1.5 + 1.4
        server.accept()


def test_a_heartbeat_is_sent_again_and_again_and_has_no_number() -> None:
    flags = ("--heartbeat", '{"beat":1}', "--heartbeat-interval", "0.2", "--confirm")
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge:
        peer = server.accept()
        peer.frames.wait(lambda _: peer.frames.entries.count(b'{"beat":1}') >= 3)
        peer.close()
        again = server.accept()
        again.frames.wait(lambda f: f == b'{"beat":1}')
        assert bridge.counter("frames_unconfirmed") == 0


NO_VALUE = "it has to be one object, array or string"


def flags(framing: str, text: str) -> tuple[str, ...]:
    return ("--heartbeat", text, "--framing-out", framing)


def test_a_heartbeat_that_the_framing_can_not_carry_is_a_problem_at_start() -> None:
    bad = [
        ("~", "a~b", "contains the delimiter"),
        ("length:1", "x" * 256, "over the frame limit"),
        *(("json", text, NO_VALUE) for text in ("ping", "1", "true", "NaN", "{", '{"a":1}{"a":1}', '{"a":NaN}', " ")),
    ]
    ends = check_all([flags(framing, text) for framing, text, _ in bad])
    for (framing, text, why), (code, said) in zip(bad, ends, strict=True):
        assert code == 2, (framing, text)
        assert "heartbeat" in said
        assert why in said


def test_a_heartbeat_that_the_framing_can_carry_is_none() -> None:
    good = [("~", "ping"), ("none", "1"), *(("json", text) for text in ('{"beat":1}', "[]", '"ping"', ""))]
    ends = check_all([flags(framing, text) for framing, text in good])
    assert ends == [(0, "")] * len(good)
