"""A writer that does not run although it could: noticed, given up, and nothing lost or sent twice by it."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Sequence

import pytest

from bridge.counters import Counters
from bridge.errors import LinkError, Refused
from bridge.link import connection
from bridge.link.framing.registry import framing_out
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.link.outgoing.queue import OutgoingQueue
from bridge.link.sockets import takes
from bridge.link.writer import Writer
from bridge.link.writer_watch import LOOKS, WriterWatch
from tests.tcpserver import TcpServer
from tests.unit.clocks import Clock
from tests.unit.links import Linked
from tests.waiting import PATIENCE, Log


class Stuck(OutgoingQueue):
    """A queue whose writer is stuck at one place, once, until it is let go."""

    def __init__(self, where: str, counters: Counters) -> None:
        super().__init__(
            framing_out("~", 1 << 20), 1 << 26, lambda: None, counters, holding=OfflineBuffer(60, 1 << 20, 1 << 20)
        )
        self.where, self.go, self.came, self.went = where, threading.Event(), threading.Event(), threading.Event()

    def _stop(self, where: str) -> None:
        if self.where == where:
            self.where = ""
            self.came.set()
            self.go.wait(60)
            self.went.set()

    def take(self, at_most: int) -> Sequence[bytes]:
        frames = super().take(at_most)
        if frames:
            self._stop("taken")
        return frames

    def sent(self) -> None:
        self._stop("sent")
        super().sent()
        self._stop("told")


@pytest.mark.parametrize("where", ["taken", "sent", "told"])
def test_a_stuck_writer_is_given_up_and_what_waited_goes_out_once_on_the_next_connection(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "EACH", 0.2)
    fates: Log[tuple[int, Refused | None]] = Log()
    with TcpServer() as server, Linked(server.port, queue=lambda counters: Stuck(where, counters)) as linked:
        stuck = linked.uplink
        assert isinstance(stuck, Stuck)
        first = server.accept()
        linked.state("connected")
        stuck.send([b"0"], lambda error: fates.add((0, error)))
        assert stuck.came.wait(PATIENCE)
        for n in range(1, 4):
            stuck.send([b"%d" % n], lambda error, n=n: fates.add((n, error)))  # type: ignore[misc]
        status = linked.state("waiting")
        assert "the bridge's own writer did not run for 1 s" in str(status.reason)
        second = server.accept()
        assert second.frames.wait_count(3) == [b"1", b"2", b"3"]
        stuck.go.set()
        assert stuck.went.wait(PATIENCE)
        stuck.send([b"4"], lambda error: fates.add((4, error)))
        assert second.frames.wait_count(4) == [b"1", b"2", b"3", b"4"]
        told = dict(fates.wait_count(5))
        assert sorted(n for n, error in told.items() if error is None) == [0] * (where == "told") + [1, 2, 3, 4]
        lost = 0 if where == "told" else 1
        assert linked.counters["frames_unconfirmed"] == lost
        assert linked.counters["writer_stalls"] == 1
        assert first.frames.entries == ([] if where == "taken" else [b"0"])
        assert linked.counters["link_connects"] == 2


def test_a_look_says_how_much_a_socket_took_unless_it_is_full() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
        poll = select.poll()
        poll.register(ours, select.POLLOUT)
        ours.setblocking(False)
        sent, seen = 0, set()
        with ours, other:
            assert takes(ours) == 0
            try:
                while True:
                    sent += ours.send(b"x" * 65536)
                    writable = bool(poll.poll(0))
                    seen.add(writable)
                    assert (takes(ours) is not None) == writable
                    assert takes(ours) in (sent, None)
            except BlockingIOError:
                assert takes(ours) is None
            while not poll.poll(0):
                other.recv(1 << 20)
            ends = time.monotonic() + PATIENCE
            while takes(ours) != sent:
                assert time.monotonic() < ends
        assert takes(ours) is None
        assert True in seen


@pytest.mark.parametrize(
    ("marks", "stuck"),
    [
        ([1] * (LOOKS + 1), True),
        ([1] * LOOKS + [2] * LOOKS, False),
        ([1] * LOOKS + [None] + [1] * LOOKS, False),
        ([None] * 20, False),
    ],
    ids=["at one place", "it goes on", "the socket was full meanwhile", "nothing waits"],
)
def test_only_who_is_at_one_place_at_each_look_is_stuck(
    marks: list[int | None], stuck: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, left, told = Clock(monkeypatch), iter(marks), list[float]()
    watch = WriterWatch(told.append, each=2.0)
    clock.owns(watch._timer)
    watch.begin(lambda: next(left, None))
    clock.later(100)
    assert told == [2.0 * LOOKS] * stuck
    assert clock.waits is not stuck
    watch.end()
    watch.end()
    assert not clock.waits


def test_who_was_stuck_on_the_connection_before_is_looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = Clock(monkeypatch), list[float]()
    watch = WriterWatch(told.append)
    clock.owns(watch._timer)
    for _ in range(3):
        watch.begin(lambda: "here")
        clock.later(LOOKS)  # the first look has nothing to compare with
        watch.end()
    assert told == []

    def over() -> str:  # while it is looked at
        watch.end()
        return "here"

    watch.begin(lambda: "here")
    clock.later(LOOKS)
    watch._mark = over
    clock.later(100)
    assert told == []
    assert not clock.waits
    assert watch._look() is None  # also one that was about to begin


def test_a_writer_of_an_old_connection_takes_nothing_of_the_next_one() -> None:
    """Also one that was woken, but did not run before the link was up again."""
    uplink = OutgoingQueue(framing_out("~", 100), 1 << 20, lambda: None, Counters())
    uplink.up([])
    got: Log[Sequence[bytes]] = Log()
    waits = threading.Thread(target=lambda: got.add(uplink.take(100)))
    waits.start()
    while not uplink._changed._waiters:  # type: ignore[attr-defined]
        time.sleep(0)
    with uplink._lock:  # so it can't run in between
        uplink.down(in_flight=False)
        uplink.up([])
        uplink.send([b"new"])
    assert got.wait_count(1) == [[]]
    waits.join(PATIENCE)
    assert uplink.take(100) == [b"new~"]


class Broken:
    """A socket whose peer has gone."""

    def sendall(self, _data: bytes) -> None:
        raise BrokenPipeError


def test_a_first_frame_that_can_not_be_sent_ends_the_writer_with_the_reason() -> None:
    counters, ends = Counters(), Log[LinkError | None]()
    writer = Writer(
        Broken(), OutgoingQueue(framing_out("~", 100), 1 << 20, lambda: None, counters), counters,
        pause=None, broken=lambda error: LinkError("broken", type(error).__name__), on_end=ends.add,
        on_first=lambda: None,
    )  # fmt: skip
    said: list[str] = []

    def say_first() -> None:
        writer.hand(b"login~")
        said.append("more")

    writer.start(say_first)
    assert [str(end) for end in ends.wait_count(1)] == ["BrokenPipeError"]
    assert said == []
    assert counters["frames_out"] == counters["bytes_out"] == 0
    writer.join()
