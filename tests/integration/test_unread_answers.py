"""Clients that ask and do not read what they are answered: they are not read until they do, and are not `slow`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import websocket

from bridge.delivery.slow_policies import POLICIES
from tests.handlers import written
from tests.raw import Poll, probing
from tests.sites import Site, site
from tests.viewer import Viewer, masked, until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.long

COUNT = 80_000
MOST = 1_000_000  # bytes that may wait of some megabytes: 256 KiB, and what one more read of the client asks for
HANDLED = "def setup(bridge):\n    @bridge.on_event('handled')\n    def handled(client, number):\n        pass\n"
PINGS = ("--ping-interval", "0.5", "--ping-timeout", "4")

#: What a client sends with which number, and what it is answered with then. Of pings and what is refused nobody may
#: send so much, see test_flooders.py.
KINDS: dict[str, tuple[Callable[[int], bytes], str]] = {
    "relayed": (lambda n: masked(b'42%d["tick",%d]' % (n, n)), '43%d[{"ok":true}]'),
    "handled": (lambda n: masked(b'42%d["handled",%d]' % (n, n)), '43%d[{"ok":true}]'),
}


class Asking:
    """A client that sends so many of a kind as fast as its socket takes them, on a thread."""

    def __init__(self, viewer: Viewer, make: Callable[[int], bytes], count: int) -> None:
        self.viewer = viewer
        self._make, self._count = make, count
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            for start in range(0, self._count, 100):
                self.viewer.write(b"".join([self._make(start + place) for place in range(100)]))
        except OSError:
            pass  # closed


def waits(at: Site) -> int:
    """Bytes that wait for the client that most wait for."""
    return int(at.bridge.status()["now"]["bytes_for_slowest"])


def stands_still(look: Callable[[], Any]) -> Any:
    """What it is once it has been the same for half a second."""
    pace, before = threading.Event(), object()
    while before != (now := look()):
        before = now
        pace.wait(0.5)
    return now


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", KINDS)
def test_who_does_not_read_its_answers_is_not_read_until_it_does_and_misses_none(
    tmp_path: Path, kind: str, policy: str
) -> None:
    make, answer = KINDS[kind]
    with site("--slow", policy, "--handlers", str(written(tmp_path, HANDLED))) as at:
        other, client = at.viewer(), at.viewer(stalled=True)
        asking = Asking(client, make, COUNT)
        until(lambda: waits(at) > 200_000)
        assert stands_still(lambda: waits(at)) < MOST
        assert at.counters("events_in") < [COUNT]
        other.emit("quick", ack=1)
        assert other.answer(1) == {"ok": True}
        client.resume()
        asking.thread.join(PATIENCE)
        client.emit("last", ack=COUNT)
        assert client.answer(COUNT, 3 * PATIENCE) == {"ok": True}
        got = [packet for packet in client.packets if packet.startswith(answer[:2])][:COUNT]
        assert len(got) == COUNT
        assert all(packet.startswith(answer % number) for number, packet in enumerate(got))
        assert at.counters("clients_slow", "clients_silent", "dropped_oldest") == [0, 0, 0]


def test_who_reads_its_answers_slowly_has_the_time_for_its_pongs_that_it_is_not_read() -> None:
    with site(*PINGS) as at:
        client = at.slow_viewer(150_000)
        asking = Asking(client, KINDS["relayed"][0], COUNT)  # two megabytes of answers
        client.answer(COUNT - 1, 5 * PATIENCE)
        asking.thread.join(PATIENCE)
        assert not client.closed.is_set()
        assert sum(packet.startswith("43") for packet in client.packets) == COUNT
        assert at.counters("clients_slow", "clients_silent") == [0, 0]


def test_who_never_reads_them_has_not_answered_a_ping() -> None:
    with site(*PINGS) as at:
        client = at.viewer(stalled=True)
        Asking(client, KINDS["relayed"][0], COUNT)
        at.bridge.said(f"client {client.sid} at 127.0.0.1 is disconnected: it has not answered a ping")
        until(lambda: at.bridge.status()["clients"] == 0)
        assert at.counters("clients_slow", "clients_silent") == [0, 1]


def test_no_more_answers_of_the_server_are_kept_than_an_outbox_and_the_rest_is_no_reply() -> None:
    asked, size = 500, 100_000
    with site("--replies", "--slow", "drop-oldest") as at:
        other, client = at.viewer(), at.viewer(stalled=True)
        for number in range(asked):
            client.emit("asks", ack=number)
        keys = [message["reply_to"] for message in at.peer.first(asked + 2) if message["action"] == "asks"]
        for key in keys:
            at.peer.send_json({"reply_to": key, "pad": "x" * size})
        assert other.got(at.feed.send(10)) == list(range(10))
        assert 900_000 < waits(at) < 1_048_576 + 2 * size
        client.resume()
        answers = [client.answer(number) for number in range(asked)]
        found = [answer["ok"] for answer in answers]
        assert found == sorted(found, reverse=True)
        assert {answer["error"] for answer in answers if not answer["ok"]} == {"no-reply"}
        assert at.counters("refused_no_reply", "clients_slow") == [found.count(False), 0]
        assert 10 <= found.count(True) < 30


def test_who_polls_and_does_not_fetch_its_acks_can_post_no_more_until_it_does() -> None:
    count = 40_000
    with site() as at:
        client, answers = Poll(at.bridge), []
        body = "\x1e".join([f'42{number}["tick",{number}]' for number in range(count)])
        posting = threading.Thread(target=lambda: answers.append(client.post(body)), daemon=True)
        posting.start()
        until(lambda: waits(at) > 200_000)
        assert stands_still(lambda: waits(at)) < 400_000
        assert at.counters("events_in") < [count]
        assert not answers
        got: list[str] = []
        while not got or not got[-1].startswith(f"43{count - 1}["):
            got += client.get().split("\x1e")
        posting.join(PATIENCE)
        assert answers == [200]
        assert [packet for packet in got if packet.startswith("43")] == [f'43{n}[{{"ok":true}}]' for n in range(count)]
        assert at.counters("clients_slow") == [0]


def test_who_tries_a_websocket_for_ever_can_not_post_while_an_outbox_of_answers_waits() -> None:
    each, long = 40_000, "9" * 15
    with site() as at:
        client, answers = Poll(at.bridge), []
        body = "\x1e".join([f'42{long}["x"]'] * each)  # 30 bytes of ack for each, more than 1 MiB
        with probing(client):

            def post() -> None:
                for _ in range(3):
                    answers.append(client.post(body))

            posting = threading.Thread(target=post, daemon=True)
            posting.start()
            until(lambda: waits(at) > 1_150_000)
            assert stands_still(lambda: waits(at)) < 1_400_000
            assert answers == [200]
            got = 0
            while got < 3 * each:
                got += sum(packet.startswith(f"43{long}[") for packet in client.get().split("\x1e"))
            posting.join(PATIENCE)
            assert answers == [200] * 3


def test_who_goes_over_to_a_websocket_meanwhile_is_not_read_there_either_until_it_reads() -> None:
    first, count = 40_000, 45_000
    with site() as at:
        client, answers = Poll(at.bridge), []
        body = "\x1e".join([f'42{number}["tick",{number}]' for number in range(first)])
        posting = threading.Thread(target=lambda: answers.append(client.post(body)), daemon=True)
        posting.start()
        until(lambda: waits(at) > 200_000)
        tried = websocket.create_connection(
            client.upgrade, timeout=PATIENCE, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)]
        )
        try:
            tried.send("2probe")
            assert tried.recv() == "3probe"
            posting.join(PATIENCE)  # a stock client goes over only when its POST has ended
            assert answers == [200]
            until(lambda: at.counters("events_in") == [first])
            tried.send("5")
            for number in range(first, count):
                tried.send(f'42{number}["tick",{number}]')
            assert stands_still(lambda: waits(at)) > 200_000
            assert at.counters("events_in") < [first + 3_000]  # what came in one read with the upgrade
            got: list[str] = []
            while len(got) < count:
                packet = str(tried.recv())
                got += [packet] if packet.startswith("43") else []
            assert got == [f'43{number}[{{"ok":true}}]' for number in range(count)]
            assert at.counters("clients_slow", "clients_silent") == [0, 0]
        finally:
            tried.close()
