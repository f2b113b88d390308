"""sent_ledger.py and sockets.py: how many frames a connection that broke may have taken with it."""

from __future__ import annotations

import socket
import struct

import pytest

from bridge.counters import Counters
from bridge.link.outgoing import sent_ledger as module
from bridge.link.outgoing.queue import OutgoingQueue
from bridge.link.outgoing.sent_ledger import SentLedger
from bridge.link.sockets import acknowledged
from tests.tcpserver import TcpServer
from tests.unit.links import Linked
from tests.unit.uplinks import uplink
from tests.viewer import until


def test_frames_beyond_what_was_acknowledged_are_counted_of_one_send_by_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TOGETHER", 0)
    handed = SentLedger()
    for size, frames in ((100, 10), (50, 1), (10, 3)):
        handed.add(size, frames)
    assert [handed.beyond(n) for n in (200, 160, 159, 153, 150, 149, 100, 99, 55, 1, 0)] == [
        0, 0, 1, 3, 3, 4, 4, 5, 9, 14, 14,
    ]  # fmt: skip
    handed.begin()
    assert handed.beyond(0) == 0


def test_of_what_was_handed_long_ago_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 100)
    monkeypatch.setattr(module, "TOGETHER", 0)
    handed = SentLedger()
    for _ in range(1_000):
        handed.add(30, 1)
    assert handed.beyond(0) == 3
    assert handed.beyond(30_000) == 0
    handed.add(5_000, 7)
    assert handed.beyond(0) == 7


def test_small_sends_are_remembered_together() -> None:
    handed = SentLedger()
    for _ in range(100_000):
        handed.add(60, 1)
    assert len(handed._sends) <= 100_000 * 60 / module.TOGETHER + 100
    assert handed.beyond(100_000 * 60 - 600) == 10
    assert handed.beyond(0) == 100_000


def sent(up: OutgoingQueue, *payloads: bytes) -> None:
    for payload in payloads:
        up.send([payload])
    up.take(1 << 20)
    up.sent()


def test_the_uplink_counts_what_had_been_sent_and_was_not_acknowledged() -> None:
    counters = Counters()
    up = uplink(counters=counters)
    up.up([])
    sent(up, b"a", b"b", b"c")
    up.down(in_flight=False)
    up.over(None)
    assert counters["frames_unconfirmed"] == 0
    up.over(2)
    assert counters["frames_unconfirmed"] == 2
    up.up([])
    up.down(in_flight=False)
    up.over(0)
    assert counters["frames_unconfirmed"] == 2


def test_the_kernel_says_what_was_acknowledged_also_after_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one:
        other, _ = listener.accept()
        one.sendall(b"x" * 1_000)
        assert len(other.recv(1_000, socket.MSG_WAITALL)) == 1_000
        other.sendall(b"y")  # with which the acknowledgement comes
        assert one.recv(1) == b"y"
        assert acknowledged(one) == 1_000
        one.sendall(b"x")
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        with pytest.raises(ConnectionResetError):
            one.recv(1)
        assert acknowledged(one) in (1_000, 1_001)
    with socket.socket(socket.AF_UNIX) as no_tcp:
        assert acknowledged(no_tcp) is None


def test_what_a_server_that_stalls_and_is_reset_takes_with_it_is_counted() -> None:
    with TcpServer(stalled=True) as server, Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        for _ in range(100):
            linked.uplink.send([b"x" * 100_000])
        until(lambda: linked.counters["frames_out"] > 0)  # the kernel takes some, and the server none
        peer.reset()
        linked.state("waiting")
        out = linked.counters["frames_out"]
        assert linked.counters["frames_unconfirmed"] > 0
        assert linked.counters["frames_unconfirmed"] <= out + 3  # those in flight are not in frames_out


def test_of_a_server_that_has_read_everything_and_closes_nothing_is_counted() -> None:
    with TcpServer() as server, Linked(server.port) as linked:
        peer = server.accept()
        linked.state("connected")
        linked.uplink.send([b"x" * 1_000])
        peer.frames.wait_count(1)
        peer.close()
        linked.state("waiting")
        assert linked.counters["frames_unconfirmed"] == 0
