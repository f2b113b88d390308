"""connection.py on real sockets and plain threads: reading, writing, breaking, beginning anew."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from bridge.counters import Counters
from bridge.errors import LinkError, Refused
from bridge.link import connection
from bridge.link.backoff import FIRST_DELAY
from bridge.link.connection import Connection
from bridge.link.dial import Dialer
from bridge.link.framing.registry import framing_out
from bridge.link.outgoing.queue import OutgoingQueue
from bridge.link.sockets import KEEPALIVE
from bridge.link.writer import JOIN_SIZE
from tests.tcpserver import TcpServer
from tests.unit.links import Linked, closed_port
from tests.waiting import PATIENCE, Log


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


def test_frames_arrive_as_they_were_sent_whatever_the_reads(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = server.accept()
        peer.send(b"one~tw")
        linked.frames.wait_count(1)
        peer.send(b"o~three~")
        assert linked.frames.wait_count(3) == [b"one", b"two", b"three"]
        assert linked.counters["frames_in"] == 3
        assert linked.counters["bytes_in"] == 14


def test_a_read_that_completes_no_frame_is_no_burst(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = server.accept()
        peer.send(b"half")
        peer.send(b"~")
        linked.frames.wait_count(1)
        assert all(linked.bursts.entries)


def test_what_is_queued_arrives_in_order_and_is_acked_when_it_was_handed_over(server: TcpServer) -> None:
    acks: Log[tuple[int, Refused | None]] = Log()
    with Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        for number in range(500):
            linked.uplink.send([b"%d" % number], lambda error, number=number: acks.add((number, error)))  # type: ignore[misc]
        assert acks.wait_count(500) == [(number, None) for number in range(500)]
        assert peer.frames.wait_count(500) == [b"%d" % number for number in range(500)]
        assert linked.counters["frames_out"] == 500
        assert linked.counters["bytes_out"] == sum(len(b"%d~" % number) for number in range(500))


def test_a_state_is_told_before_anything_is_read_or_written(server: TcpServer) -> None:
    seen: list[str] = []
    linked = Linked(server.port)
    linked.announce = [b"ann is here"]
    linked.bursts.add = lambda entry: seen.append(linked.names()[-1])  # type: ignore[method-assign]
    with linked:
        peer = server.accept()
        peer.send(b"x~")
        linked.frames.wait_count(1)
        assert seen == ["connected"]
        assert peer.frames.wait_count(1) == [b"ann is here"]


def test_after_eof_it_says_so_waits_and_connects_again(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        server.accept().close()
        waiting = linked.state("waiting")
        assert waiting.reason
        assert "closed the connection" in waiting.reason
        assert waiting.next_try_s is not None
        assert 0 < waiting.next_try_s <= FIRST_DELAY * 1.25
        server.accept().send(b"again~")
        assert linked.frames.wait_count(1) == [b"again"]
        assert linked.names()[:5] == ["connecting", "connected", "waiting", "connecting", "connected"]
        assert linked.counters["link_connects"] == 2
        assert linked.counters["link_drops"] == 1


def test_a_reset_is_told_from_an_end(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        peer.reset()
        reason = linked.state("waiting").reason
        assert reason
        assert "reset" in reason


def test_what_was_complete_before_the_end_is_still_delivered(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = server.accept()
        peer.send(b"whole~")
        peer.close()
        linked.state("waiting")
        assert linked.frames.entries == [b"whole"]
        assert linked.counters["frames_truncated"] == 0


def test_an_end_inside_a_frame_is_named_and_counted_and_the_half_is_not_delivered(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = server.accept()
        peer.send(b"whole~half")
        peer.close()
        reason = linked.state("waiting").reason
        assert reason
        assert "inside a frame" in reason
        assert linked.frames.entries == [b"whole"]
        assert linked.counters["frames_truncated"] == 1
        server.accept().send(b"new~")
        assert linked.frames.wait_count(2)[1] == b"new"


def test_a_frame_over_the_limit_is_skipped_and_counted_and_the_link_stays(server: TcpServer) -> None:
    with Linked(server.port, max_frame=10) as linked:
        peer = server.accept()
        peer.send(b"x" * 11 + b"~" + b"y" * 10 + b"~")
        assert linked.frames.wait_count(1) == [b"y" * 10]
        assert linked.counters["frames_skipped"] == 1
        assert linked.names() == ["connecting", "connected"]


def test_bytes_that_are_no_frame_drop_the_link_with_that_reason(server: TcpServer) -> None:
    with Linked(server.port, framing="netstring") as linked:
        peer = server.accept()
        peer.send(b"2:ok,nonsense")
        reason = linked.state("waiting").reason
        assert reason
        assert "no frame" in reason
        assert linked.frames.entries == [b"ok"]
        assert linked.counters["framing_errors"] == 1
        assert peer.ended.wait(PATIENCE)
        server.accept().send(b"2:re,")
        assert linked.frames.wait_count(2)[1] == b"re"


def test_a_server_that_is_not_there_is_called_again_and_again() -> None:
    port = closed_port()
    with Linked(port) as linked:
        waiting = linked.state("waiting")
        assert waiting.reason == f"nothing listens on 127.0.0.1:{port} (connection refused)"
        linked.states.wait_count(4)
        assert linked.names()[:4] == ["connecting", "waiting", "connecting", "waiting"]
        assert linked.counters["link_failures"] >= 1
        assert linked.counters["link_connects"] == 0
        with TcpServer(port) as server:
            server.accept().send(b"hello~")
            assert linked.frames.wait_count(1) == [b"hello"]


def test_while_it_calls_again_the_reason_of_the_last_failure_stays(server: TcpServer) -> None:
    with Linked(closed_port()) as linked:
        linked.states.wait_count(3)
        first, waiting, again = linked.states.entries[:3]
        assert first.reason is None
        assert again.reason == waiting.reason
        assert again.next_try_s is None


@pytest.mark.parametrize(("stable", "at_least", "at_most"), [(PATIENCE, 0.59, 1.0), (0.0, 0.19, 0.25)])
def test_only_after_a_connection_that_lasted_the_delays_begin_anew(
    server: TcpServer, monkeypatch: pytest.MonkeyPatch, stable: float, at_least: float, at_most: float
) -> None:
    monkeypatch.setattr(connection, "STABLE", stable)
    with Linked(server.port) as linked:
        for _ in range(3):
            server.accept().close()
        third = linked.states.wait_count(9)[8]
        assert third.next_try_s is not None
        assert at_least <= third.next_try_s <= at_most


def test_the_time_that_connecting_took_is_none_that_the_connection_lasted(
    server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, late = time.monotonic, 0.0

    def slow() -> socket.socket:
        nonlocal late
        sock = Dialer("127.0.0.1", server.port).dial()
        server.accept().close()
        late += 2 * connection.STABLE
        return sock

    monkeypatch.setattr(time, "monotonic", lambda: now() + late)

    with Linked(server.port, dial=slow) as linked:
        second = linked.states.wait_count(6)[5]
        assert second.next_try_s is not None
        assert second.next_try_s > 0.25


def test_a_server_that_does_not_read_does_not_stop_what_comes_from_it() -> None:
    with TcpServer(stalled=True) as server, Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        for _ in range(32):
            linked.uplink.send([b"x" * 1_000_000])
        peer.send(b"still here~")
        assert linked.frames.wait_count(1) == [b"still here"]
        assert linked.uplink.waiting > 0
        peer.resume()
        assert len(peer.frames.wait_count(32)) == 32


def test_what_was_in_flight_when_the_link_broke_is_unconfirmed_and_not_sent_again() -> None:
    fates: Log[Refused | None] = Log()
    taken: Log[int] = Log()
    with TcpServer(stalled=True) as server, Linked(server.port, max_frame=1 << 25) as linked:
        peer = server.accept()
        linked.state("connected")
        take = linked.uplink.take

        def watched(at_most: int) -> Sequence[bytes]:
            frames = take(at_most)
            taken.add(sum(map(len, frames)))
            return frames

        linked.uplink.take = watched  # type: ignore[method-assign]
        linked.uplink.send([b"first"])
        linked.uplink.send([b"x" * (1 << 25)], fates.add)  # more than the kernel takes for a stalled peer
        linked.uplink.send([b"last"], fates.add)
        taken.wait(lambda size: size >= 1 << 25)
        peer.reset()
        linked.state("waiting")
        told = fates.wait_count(2)
        assert [error.code for error in told if error] == ["link-down", "link-down"]
        assert linked.counters["frames_unconfirmed"] == 1
        assert linked.uplink.waiting == 0
        again = server.accept()
        again.resume()
        linked.state("connected", start=3)
        linked.uplink.send([b"fresh"])
        assert again.frames.wait_count(1) == [b"fresh"]


def test_a_drop_breaks_the_connection_with_its_reason_and_it_is_made_anew(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        linked.link.drop(LinkError("busy", "the server does not read"))
        assert peer.ended.wait(PATIENCE)
        assert linked.state("waiting").reason == "the server does not read"
        server.accept()


def test_a_drop_frees_a_writer_that_waits_for_a_stalled_server() -> None:
    with TcpServer(stalled=True) as server, Linked(server.port) as linked:
        server.accept()
        linked.state("connected")
        linked.uplink.send([b"x" * 1_000_000] * 32)
        linked.link.drop(LinkError("busy", "stalled"))
        linked.state("waiting")
        server.accept()


def test_that_the_server_did_not_read_the_connection_before_is_no_reason_of_this_one(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = server.accept()
        peer.send(b"x~")
        linked.frames.wait_count(1)
        linked.link._peer.stalled = 30.0
        assert linked.link.status.reason == "the server has not read for 30 s; its machine answers, so the link stays"
        before = len(linked.states.entries)
        peer.close()
        assert linked.state("connected", start=before).reason is None


def test_a_drop_without_a_connection_does_nothing() -> None:
    linked = Linked(closed_port())
    linked.link.drop(LinkError("busy", "nothing to drop"))
    assert linked.states.entries == []


def test_closing_ends_the_connection_and_the_run_and_may_be_done_twice(server: TcpServer) -> None:
    with Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        linked.end()
        assert peer.ended.wait(PATIENCE)
        assert linked.names() == ["connecting", "connected", "closed"]
        linked.link.close()
    assert linked.link.status.reason == "the bridge is stopping"


def test_closing_while_it_waits_does_not_wait(server: TcpServer) -> None:
    with Linked(closed_port()) as linked:
        linked.state("waiting")
        linked.end()
        assert linked.names()[-1] == "closed"


def test_a_link_that_is_closed_before_it_runs_does_not_connect(server: TcpServer) -> None:
    linked = Linked(server.port)
    linked.link.close()
    linked.link.run()
    assert linked.link.status.state.value == "closed"
    assert linked.counters["link_connects"] == 0


def test_a_link_that_is_closed_while_it_connects_tells_the_server_nothing(server: TcpServer) -> None:
    dialling, closed = threading.Event(), threading.Event()

    def dial() -> socket.socket:
        dialling.set()
        assert closed.wait(PATIENCE)
        return Dialer("127.0.0.1", server.port).dial()

    with Linked(server.port, dial=dial) as linked:
        linked.announce = [b"ann is here"]
        assert dialling.wait(PATIENCE)
        linked.link.close()
        closed.set()
        linked.state("closed")
        peer = server.accept()
        assert peer.ended.wait(PATIENCE)
        assert peer.frames.entries == []
        assert linked.names() == ["connecting", "closed"]


def test_a_socket_that_can_not_be_set_up_is_a_failed_connection_and_no_end() -> None:
    """A unix socket has no TCP options; on some systems a TCP socket that was reset has none either."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    socks = iter([ours])

    def dial() -> socket.socket:
        for sock in socks:
            return sock
        raise LinkError("refused", "no more")

    with theirs, Linked(dial=dial) as linked:
        linked.states.wait(lambda status: status.reason == "no more")
        assert theirs.recv(1) == b""


def test_a_writer_that_fails_takes_its_connection_with_it(server: TcpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug, then; but a link that seems up and never sends again would be the worst of its outcomes."""
    failed: Log[str] = Log()
    monkeypatch.setattr(threading, "excepthook", lambda args: failed.add(str(args.exc_value)))

    def bug(_: Refused | None) -> None:
        raise ZeroDivisionError("a bug in an ack")

    with Linked(server.port) as linked:
        server.accept()
        linked.state("connected")
        linked.uplink.send([b"x"], bug)
        failed.wait_count(1)
        linked.state("waiting")
        peer = server.accept()
        linked.state("connected", start=3)
        linked.uplink.send([b"y"])
        assert peer.frames.wait_count(1) == [b"y"]


def test_the_socket_is_set_up_to_send_at_once_and_to_find_a_dead_peer() -> None:
    with TcpServer() as server:
        sock = Dialer("127.0.0.1", server.port).dial()
        with Linked(server.port, dial=lambda: sock) as linked:
            linked.state("connected")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for level, name, value in KEEPALIVE:
                assert sock.getsockopt(level, getattr(socket, name)) == value
            times = {name: value for _, name, value in KEEPALIVE}
            assert times["TCP_KEEPIDLE"] + times["TCP_KEEPINTVL"] * times["TCP_KEEPCNT"] <= 30
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0  # it runs for the living, too


def test_without_framing_each_message_is_one_send_with_a_pause_between() -> None:
    with TcpServer() as server, Linked(server.port, framing="none", gap=0.05) as linked:
        peer = server.accept()
        linked.state("connected")
        began = time.monotonic()
        linked.uplink.send([b"one", b"two", b"three"])
        peer.raw.wait(lambda data: data == b"three")
        assert peer.raw.entries == [b"one", b"two", b"three"]
        assert time.monotonic() - began >= 0.1


def test_the_writer_of_an_old_connection_takes_nothing_that_is_for_the_next() -> None:
    with TcpServer() as server, Linked(server.port, framing="none", gap=0.5) as linked:
        peer = server.accept()
        linked.state("connected")
        linked.uplink.send([b"old"])
        peer.raw.wait_count(1)
        peer.close()  # while the writer is in its pause
        peer = server.accept()
        linked.state("connected", start=3)
        linked.uplink.send([b"one", b"two"])
        assert peer.raw.wait_count(2) == [b"one", b"two"]


def test_between_reads_others_have_their_turn(server: TcpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: Log[float] = Log()
    monkeypatch.setattr(time, "sleep", turns.add)
    monkeypatch.setattr("bridge.link.reader.LONGEST_TURN", 0.0)  # every turn is too long,
    monkeypatch.setattr("bridge.link.reader.AT_ONCE", PATIENCE)  # and no read is taken for one that has waited
    with Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        for number in range(3):
            peer.send(b"x~")
            linked.frames.wait_count(number + 1)
            turns.wait_count(number + 1)
    assert set(turns.entries) == {0}


def test_what_waits_is_joined_but_not_without_limit() -> None:
    class Recorder(OutgoingQueue):
        asked: ClassVar[Log[int]] = Log()

        def take(self, at_most: int) -> Sequence[bytes]:
            self.asked.add(at_most)
            return super().take(at_most)

    def recorder(counters: Counters) -> OutgoingQueue:
        return Recorder(framing_out("~", 100), 100, lambda: None, counters)

    with TcpServer() as server, Linked(server.port, queue=recorder):
        assert Recorder.asked.wait_count(1)[0] == JOIN_SIZE


def test_the_log_has_a_line_a_message_only_at_debug(server: TcpServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Linked(server.port) as linked:
        peer = server.accept()
        peer.send(b"quiet~")
        linked.frames.wait_count(1)
        caplog.set_level(logging.DEBUG)
        peer.send(b"x" * 1000 + b"~")
        linked.frames.wait_count(2)
        linked.uplink.send([b"out"])
        peer.frames.wait_count(1)
        linked.end()
    lines = [record.getMessage() for record in caplog.records]
    assert not [line for line in lines if "quiet" in line]
    assert [line for line in lines if line.startswith("< ") and len(line) <= 77]
    assert "> b'out~'" in lines


def test_a_link_can_be_dropped_closed_and_asked_from_any_thread(server: TcpServer) -> None:
    """Threads that drop for ever while it reconnects: nothing but states comes of it."""
    with Linked(server.port) as linked:
        over = threading.Event()
        failures: list[BaseException] = []

        def drop(link: Connection) -> None:
            try:
                while not over.is_set():
                    link.drop(LinkError("busy", "dropped"))
                    assert link.status.as_json()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=drop, args=(linked.link,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        linked.states.wait_count(6)
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert failures == []
