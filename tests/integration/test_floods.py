"""Clients that send more than the link takes: they wait, each in its turn, and nobody else for them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.handlers import written
from tests.sites import Site, site
from tests.viewer import Viewer, masked, until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.long

PAD = "x" * 1000


class Flood:
    """A client that sends numbered events as fast as its socket takes them, on a thread.

    `acks`: whether it asks for one for each. `sent`: bytes that its socket took.
    """

    def __init__(self, viewer: Viewer, name: str = "flood", acks: bool = False, count: int = 1 << 30) -> None:
        self.viewer, self.sent, self.events = viewer, 0, 0
        self._name, self._acks, self._count = name, acks, count
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether all has been sent."""
        return not self._thread.is_alive()

    def end(self) -> None:
        """Send no more."""
        self._ended.set()
        self.viewer.close()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        try:
            while not self._ended.is_set() and self.events < self._count:
                many = min(20, self._count - self.events)
                data = b"".join(self._event(self.events + place) for place in range(many))
                self.viewer.write(data)
                self.events += many
                self.sent += len(data)
        except OSError:
            pass  # closed

    def _event(self, number: int) -> bytes:
        ack = str(number) if self._acks else ""
        return masked(f'42{ack}["{self._name}",{{"n":{number},"pad":"{PAD}"}}]'.encode())


@contextmanager
def floods(at: Site, count: int, **options: bool) -> Iterator[list[Flood]]:
    """So many clients that flood, each with a name of its own."""
    viewers = [at.viewer() for _ in range(count)]
    found = [Flood(viewer, f"flood{which}", **options) for which, viewer in enumerate(viewers)]
    try:
        yield found
    finally:
        for flood in found:
            flood.end()


def names(at: Site) -> list[str]:
    """The actions of the events that the server has got so far, in order."""
    return [frame.partition(b'"action":"')[2].partition(b'"')[0].decode() for frame in at.peer.frames.entries]


# A link that reads slowly.


def test_a_client_that_floods_a_slow_link_can_send_no_faster_than_that() -> None:
    with site() as at:
        at.peer.read_slowly(400_000)
        with floods(at, 2) as flooding:
            pace, before = threading.Event(), -1
            while (now := sum(flood.sent for flood in flooding)) - before > 400_000:
                before = now
                pace.wait(0.5)
            assert now < 24_000_000  # which four kernels and the bridge hold
            assert not any(flood.ended for flood in flooding)
            at.peer.read_slowly(40_000_000)
            until(lambda: sum(flood.sent for flood in flooding) > now + 4_000_000)
        assert at.counters("refused_link_busy") == [0]


def still(flooding: list[Flood]) -> None:
    """Wait until none of them can send any more."""
    pace, sent = threading.Event(), [-1]
    while sent != (now := [flood.sent for flood in flooding]):
        sent = now
        pace.wait(0.3)


def test_a_quiet_clients_events_are_acked_while_others_flood() -> None:
    with site() as at:
        quiet = at.viewer()
        at.peer.read_slowly(2_000_000)
        with floods(at, 5) as flooding:
            until(lambda: sum(flood.sent for flood in flooding) > 4_000_000)
            for ack in range(5):
                began = time.monotonic()
                quiet.emit("quiet", ack=ack)
                assert quiet.answer(ack) == {"ok": True}
                assert time.monotonic() - began < 5
            assert not any(flood.ended for flood in flooding)
        assert at.counters("refused_link_busy") == [0]


def test_clients_that_flood_alike_get_shares_alike() -> None:
    with site() as at:
        at.peer.read_slowly(2_000_000)
        with floods(at, 4) as flooding:
            all_of_them = {f"flood{which}" for which in range(4)}
            until(lambda: len(at.peer.frames.entries) > 2_000 and all_of_them <= set(names(at)))
            start = len(at.peer.frames.entries)
            until(lambda: len(at.peer.frames.entries) > start + 8_000, 30)
            shares = Counter(names(at)[start : start + 8_000])
            assert set(shares) == all_of_them
            assert max(shares.values()) <= 2 * min(shares.values())
            assert not any(flood.ended for flood in flooding)


def test_each_clients_events_stay_in_order_and_each_is_acked_once() -> None:
    count = 3_000
    with site() as at:
        at.peer.read_slowly(4_000_000)
        viewers = [at.viewer() for _ in range(3)]
        flooding = [Flood(viewer, f"flood{which}", True, count) for which, viewer in enumerate(viewers)]
        for viewer in viewers:
            assert viewer.answer(count - 1, 30) == {"ok": True}
        until(lambda: len(names(at)) >= 3 * (count + 1))
        for which, viewer in enumerate(viewers):
            acks = [packet for packet in viewer.packets if packet.startswith("43")]
            assert acks == [f'43{number}[{{"ok":true}}]' for number in range(count)]
            own = f'"action":"flood{which}"'.encode()
            assert [json.loads(frame)["n"] for frame in at.peer.frames.entries if own in frame] == list(range(count))
        assert all(flood.ended for flood in flooding)


# A link that reads nothing.


def test_a_link_that_reads_nothing_is_busy_after_5_s_and_each_event_is_acked_once() -> None:
    count = 12_000
    with site("--ping-interval", "1", "--ping-timeout", "3", stalled=True) as at:
        flood = Flood(at.viewer(), acks=True, count=count)
        still([flood])
        began = time.monotonic()
        assert not flood.ended
        quiet = at.viewer()
        quiet.emit("quiet", ack=1)
        assert quiet.answer(1)["error"] == "link-busy"
        assert 2 < time.monotonic() - began < 7
        assert flood.viewer.answer(count - 1)["error"] == "link-busy"
        acks = Counter(packet[2:].partition("[")[0] for packet in flood.viewer.packets if packet.startswith("43"))
        busy = sum(packet.startswith("43") for packet in flood.viewer.packets)
        assert set(acks.values()) == {1}
        assert busy > count // 4
        at.peer.resume()
        until(lambda: sum(packet.startswith("43") for packet in flood.viewer.packets) == count)
        answers = Counter(packet.partition("[")[2] for packet in flood.viewer.packets if packet.startswith("43"))
        assert len(answers) == 2
        [got] = at.counters("events_ok")
        assert answers['{"ok":true}]'] == got
        until(lambda: names(at).count("flood") >= got)  # an ack can be here before its frame
        assert names(at).count("flood") == got
        assert quiet.answer(1)["error"] == "link-busy"
        assert not flood.viewer.closed.is_set()  # for all its pings that were not answered meanwhile
        assert not quiet.closed.is_set()
        flood.viewer.emit("after", ack=count)
        assert flood.viewer.answer(count) == {"ok": True}


#: Events are not refused as link-busy, however long the link takes nothing.
PATIENT = "def setup(bridge):\n    from bridge.relay import upstream\n    upstream.PATIENCE = 60\n"


def test_a_client_that_is_not_read_is_not_taken_for_dead(tmp_path: Path) -> None:
    patient = "--handlers", str(written(tmp_path, PATIENT))
    with site(*patient, "--ping-interval", "0.4", "--ping-timeout", "2", stalled=True) as at:
        flood = Flood(at.viewer(), count=20_000)
        still([flood])
        pace = threading.Event()
        for _ in range(25):  # 5 s: two time-outs, and their answers are behind what is not read
            assert not flood.viewer.closed.is_set()
            pace.wait(0.2)
        assert flood.viewer.packets.count("2") >= 1
        at.peer.resume()
        until(lambda: flood.ended)
        flood.viewer.emit("after", ack=1)
        assert flood.viewer.answer(1, 30) == {"ok": True}


# Handlers that take their time.

HANDLERS = """
import time

def setup(bridge):
    @bridge.on_event("slow")
    def slow(client, seconds):
        time.sleep(seconds)
        return None
"""


@pytest.fixture
def handlers(tmp_path: Path) -> tuple[str, str]:
    return "--handlers", str(written(tmp_path, HANDLERS))


def test_a_client_whose_handler_waits_holds_up_nobody_else(handlers: tuple[str, str]) -> None:
    with site(*handlers) as at:
        waits, quick = at.viewer(), at.viewer()
        began = time.monotonic()
        waits.emit("slow", 4, ack=1)
        waits.emit("plain", ack=2)
        for ack in range(20):
            quick.emit("plain", ack=ack)
            assert quick.answer(ack) == {"ok": True}
        last = at.feed.send(100)
        assert waits.got(last) == quick.got(last) == list(range(100))
        assert time.monotonic() - began < 3.5
        assert not [packet for packet in waits.packets if packet.startswith("43")]
        assert waits.answer(1) == waits.answer(2) == {"ok": True}
        assert time.monotonic() - began >= 3.9


def test_a_client_that_floods_a_handler_that_waits_is_not_read_meanwhile(handlers: tuple[str, str]) -> None:
    with site(*handlers, "--ping-interval", "0.5", "--ping-timeout", "2") as at:
        waits, quick = at.viewer(), at.viewer()
        waits.emit("slow", 4, ack=0)
        flood = Flood(waits, count=20_000)
        still([flood])
        assert not flood.ended
        assert flood.sent < 12_000_000
        quick.emit("plain", ack=1)
        assert quick.answer(1) == {"ok": True}
        assert waits.answer(0) == {"ok": True}
        until(lambda: flood.ended)
        assert not waits.closed.is_set()
