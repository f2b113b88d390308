"""connection.py: what follows from what the link sees of its server while it is connected."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from bridge.link.peer_health import Vitals
from tests.tcpserver import Peer, TcpServer
from tests.unit.links import Linked
from tests.waiting import PATIENCE, Log


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("bridge.link.peer_health.EACH", 0.001)
    monkeypatch.setattr("bridge.link.connection.EACH", 0.001)
    monkeypatch.setattr("bridge.link.hint_tracker.LOOK", PATIENCE)


def begun(linked: Linked, server: TcpServer) -> Peer:
    """The server's end of a connection that is read."""
    peer = server.accept()
    peer.send(b"hello~")
    linked.frames.wait_count(1)
    return peer


def look(at: float, quiet: float = 0.0, unacked: int = 0, waiting: int = 0, retries: int = 0) -> Vitals:
    return Vitals(at, quiet, unacked, waiting, acked=1, probes=0, retries=retries)


def test_a_server_that_is_silent_is_shown_counted_and_logged_and_so_is_that_it_speaks(
    server: TcpServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Linked(server.port, idle_warn=0.05) as linked:
        peer = begun(linked, server)
        linked.hints.wait_count(1)
        assert linked.link.status.silent
        assert linked.counters["link_silences"] == 1
        assert f"= 127.0.0.1:{server.port} has said nothing for 0.05 s" in caplog.messages
        peer.send(b"again~")
        linked.hints.wait_count(2)
        assert f"= 127.0.0.1:{server.port} speaks again" in caplog.messages
        assert linked.names() == ["connecting", "connected"]


def test_a_server_that_is_silent_after_a_frame_is_named_until_it_speaks(server: TcpServer) -> None:
    with Linked(server.port, idle_warn=0.05) as linked:
        peer = begun(linked, server)
        linked.uplink.send([b"one", b"two", b"three"])
        peer.frames.wait_count(3)
        peer.send(b"yes~")
        linked.hint("silent-after-event")
        before = len(linked.hints.entries)
        peer.send(b"me~")
        linked.hints.wait(lambda code: code is None, start=before)


def test_of_a_server_that_does_not_read_it_is_known_why_it_is_silent(server: TcpServer) -> None:
    with Linked(server.port, idle_warn=0.05) as linked:
        begun(linked, server)
        linked.link._peer.end()
        linked.link._peer.stalled = 30.0
        linked.link._hints.first_sent()
        linked.counters.count("frames_out", 3)
        assert linked.hints.wait_count(1) == [None]


def test_a_server_that_is_silent_for_too_long_is_reconnected(server: TcpServer) -> None:
    with Linked(server.port, idle_reconnect=0.05) as linked:
        assert linked.state("waiting").reason == f"127.0.0.1:{server.port} said nothing for 0.05 s"
        linked.state("connected", start=3)


def test_a_connection_to_the_bridge_itself_is_a_failed_attempt_and_named(server: TcpServer) -> None:
    with Linked(server.port, own=("127.0.0.1", server.port)) as linked:
        assert linked.state("waiting").reason == f"127.0.0.1:{server.port} is this bridge itself"
        linked.hint("itself")
        assert linked.counters["link_failures"] >= 1
        assert linked.counters["link_connects"] == 0
        assert "connected" not in linked.names()


def test_a_machine_that_is_gone_ends_the_connection(server: TcpServer) -> None:
    looks = iter([look(float(at), float(at), unacked=1, retries=9) for at in range(40)])
    with Linked(server.port) as linked:
        begun(linked, server)
        linked.link._peer.end()
        linked.link._peer.begin(lambda: next(looks, None))
        assert linked.state("waiting").reason == (
            f"127.0.0.1:{server.port} no longer answers: "
            "nothing came from its machine for 24 s, 9 retransmissions were not answered"
        )


def test_a_server_that_does_not_read_is_shown_counted_and_logged_and_so_is_that_it_reads(
    server: TcpServer, caplog: pytest.LogCaptureFixture
) -> None:
    looks = iter([*(look(float(at), waiting=1) for at in range(12)), look(12.0)])
    seen: Log[str | None] = Log()
    with Linked(server.port) as linked:
        begun(linked, server)
        linked.link._peer.end()

        def vitals() -> Vitals | None:
            seen.add(linked.link.status.reason)
            return next(looks, None)

        linked.link._peer.begin(vitals)
        linked.hints.wait_count(1)
        reasons = seen.wait_count(14)
        words = "the server has not read for {} s; its machine answers, so the link stays"
        assert reasons[5:8] == [None, words.format(5), words.format(6)]
        assert reasons[-1] is None
        of_this = [message for message in caplog.messages if "read" in message]
        assert of_this == [
            f"= 127.0.0.1:{server.port}: {words.format(5)}",
            f"= 127.0.0.1:{server.port}: {words.format(10)}",
            f"= 127.0.0.1:{server.port} reads again",
        ]
        assert linked.counters["link_stalls"] == 1
        assert linked.names() == ["connecting", "connected"]


def test_a_writer_that_does_not_run_though_it_could_ends_the_connection(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        begun(linked, server)
        linked.link._writer_watch.begin(lambda: "always here")
        words = f"the bridge's own writer did not run for 0.005 s, though 127.0.0.1:{server.port} reads"
        assert linked.state("waiting").reason == words
        assert linked.counters["writer_stalls"] == 1


def test_whoever_leaves_hands_over_what_was_sent_and_tells_the_server_that_no_more_comes(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = begun(linked, server)
        linked.uplink.send([b"last"])
        peer.frames.wait_count(1)
        linked.link.leave(PATIENCE)
        assert linked.names()[-1] == "closed"
        assert linked.link.status.reason == "the bridge is stopping"
