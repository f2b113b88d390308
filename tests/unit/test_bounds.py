"""What is remembered only to be faster is bounded too: see the tables in docs/limits.md."""

from __future__ import annotations

import logging

import pytest

from bridge.counters import Counters
from bridge.demo import server
from bridge.engineio import environ_store
from bridge.engineio.environ_store import EnvironStore
from bridge.link import reader
from bridge.link.framing.interface import Decoder
from bridge.link.writer import JOIN_SIZE
from bridge.relay import hook_results, upstream
from bridge.wire import socketio_packets
from tests.tcpserver import TcpServer
from tests.unit.links import Linked
from tests.unit.relays import At


def test_the_names_that_are_remembered_as_good_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "MOST_NAMES", 10)
    at = At("sid")
    at.up()
    at.come("a")
    for n in range(25):
        at.emit("a", f"name {n}")
        assert len(at.relay._upstream._plain) <= 10
    assert [message["action"] for message in at.said()][-25:] == [f"name {n}" for n in range(25)]


def test_the_heads_of_frames_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socketio_packets._Heads, "MOST", 10)
    heads = socketio_packets._Heads("message", 0)
    made = [heads[length] for length in range(300)]
    assert len(heads) <= 10
    assert made == [socketio_packets._Heads("message", 0)[length] for length in range(300)]
    assert socketio_packets._heads.cache_info().maxsize == 64


def test_the_sets_of_headers_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environ_store, "_MOST_KEYS", 10)
    kept = EnvironStore()
    for n in range(25):
        kept["sid"] = {f"HTTP_X_{n}": str(n)}
        assert len(kept._keys) <= 10
        assert kept["sid"][f"HTTP_X_{n}"] == str(n)
    del kept["sid"]
    assert not len(kept)


def test_one_read_of_the_link_is_a_burst_of_no_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "READ_SIZE", 1000)
    with TcpServer() as server, Linked(server.port) as linked:
        server.accept().send(b"123456789~" * 5000)
        linked.frames.wait_count(5000)
        assert 50 < max(map(len, linked.bursts.entries)) <= 100


def test_of_skipped_frames_no_more_than_those_of_one_read_wait_for_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "READ_SIZE", 1000)
    waiting: list[int] = []
    with TcpServer() as server:
        linked = Linked(server.port, max_frame=3)
        decoder = linked.link._reader._decoder()
        linked.link._reader._decoder = lambda: decoder
        report = linked.link._reader._report_skipped

        def reported(one: Decoder) -> None:
            waiting.append(len(one.skipped))
            report(one)

        linked.link._reader._report_skipped = reported  # type: ignore[assignment, method-assign]
        with linked:
            server.accept().send(b"12345~" * 5000 + b"end~")
            assert linked.frames.wait_count(1) == [b"end"]
        assert linked.counters["frames_skipped"] == sum(waiting) == 5000
        assert 80 < max(waiting) <= 168
        assert decoder.skipped == []


def test_what_is_sent_at_once_is_no_more_than_the_writer_asks_for() -> None:
    taken: list[int] = []
    with TcpServer(stalled=True) as server, Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        take = linked.uplink.take

        def recorded(at_most: int) -> list[bytes]:
            frames = list(take(at_most))
            taken.append(sum(map(len, frames)))
            return frames

        linked.uplink.take = recorded  # type: ignore[method-assign]
        for _ in range(2000):
            linked.uplink.send([b"x" * 10_000])
        peer.resume()
        peer.frames.wait_count(2000)
    assert JOIN_SIZE / 2 < max(taken) <= JOIN_SIZE


def test_one_warning_of_a_kind_is_held_back_and_one_for_each_handler_and_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    counters = Counters()
    for n in range(1000):
        counters.note("not_json", "! frame %d", n)
        for error in (ValueError(n), KeyError(n)):
            try:
                raise error
            except (ValueError, KeyError):
                hook_results.report(test_the_names_that_are_remembered_as_good_are_bounded, counters)
    assert len(counters._said) == 3
    assert len(counters._unsaid) == 3


def test_the_events_without_a_handler_that_are_told_of_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    at = At("sid")
    at.up()
    at.come("a")
    at.emit("a", "before there is a handler")
    at.hooks.events["go"] = print
    for _ in range(2):
        for n in range(3 * upstream.MOST_LOGGED):
            at.emit("a", f"name {n}\u0378")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == (
        r"= the event 'name 0\u0378' is relayed though no handler takes it (--unhandled drop refuses such)"
    )  # fmt: skip
    assert len(lines) == upstream.MOST_LOGGED + 1
    assert "more events" in lines[-1]
    assert len(at.relay._upstream._logged) == upstream.MOST_LOGGED + 1


def test_the_demo_server_does_not_remember_more_users_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_OWNERS", 10)
    demo = server.DemoServer()
    for n in range(25):
        demo._note_owner(object(), {"username": f"user {n}"})  # type: ignore[arg-type]
    assert len(demo._owners) == 10
    demo._note_owner(object(), {"username": "user 1", "action": "disconnected"})  # type: ignore[arg-type]
    assert len(demo._owners) == 9


def test_a_connection_begins_with_one_notice_for_each_user_and_names_are_short() -> None:
    at = At("register")
    for n in range(50):
        at.come(f"s{n}")
        assert at.ask(f"s{n}", "register", f"{n:02}" + "~" * 126)["ok"]  # each ~ leaves as six bytes
        assert at.ask(f"s{n}", "register", f"{n:02}" + "~" * 127)["error"] == "bad-user"
    at.up()
    notices = at.uplink.take(1 << 30)
    assert sum(map(len, notices)) <= 50 * 1024
    assert b"".join(notices).count(b"~") == 50
