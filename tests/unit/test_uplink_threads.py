"""queue.py between threads: each event has one fate, whoever is quicker."""

from __future__ import annotations

import threading
from functools import partial
from random import Random

import pytest

from bridge.errors import Refused
from bridge.link.outgoing.queue import OutgoingQueue
from tests.unit.uplinks import uplink
from tests.waiting import PATIENCE


class Crowd:
    """Two threads that send 500 events each, and wait after each that is refused until something has moved."""

    def __init__(self, up: OutgoingQueue) -> None:
        self.up = up
        self.fates: list[list[str]] = [[] for _ in range(1_000)]
        self.moved, self.one_sent = threading.Event(), threading.Event()
        self.senders = [threading.Thread(target=self._send, args=(range(n, 1_000, 2),)) for n in range(2)]
        for thread in self.senders:
            thread.start()

    def _tell(self, fate: list[str], error: Refused | None) -> None:
        fate.append(error.code if error else "sent")
        if error is None:
            self.one_sent.set()

    def _send(self, names: range) -> None:
        for name in names:
            done = partial(self._tell, self.fates[name])
            self.moved.clear()
            try:
                self.up.send([b"x" * 8], done)
            except Refused as error:
                done(error)
                self.moved.wait(PATIENCE)  # for a link, or for the writer to have its turn

    def write(self, turns: int) -> None:
        """The writer of one connection, which breaks after so many turns."""
        while self.up.take(30):
            turns -= 1
            self.up.sent() if turns else self.up.down(in_flight=True)
            self.moved.set()


@pytest.mark.parametrize("seed", range(5))
def test_between_threads_each_event_is_refused_or_done_exactly_once(seed: int) -> None:
    chance = Random(seed)
    up = uplink()
    crowd = Crowd(up)
    while any(thread.is_alive() for thread in crowd.senders):
        up.up([b"P"])
        crowd.moved.set()
        turns = chance.randrange(2, 50) + (not crowd.one_sent.is_set())  # the first round is to get past its presence
        writing = threading.Thread(target=crowd.write, args=(turns,), daemon=True)
        writing.start()
        assert crowd.one_sent.wait(PATIENCE)  # in the first round; on a busy machine its writer may begin late
        writing.join(chance.random() / 100)  # until it fails, or the reader ends before
        up.down(in_flight=False)
        crowd.moved.set()
        writing.join(PATIENCE)
        assert not writing.is_alive()
    assert {len(fate) for fate in crowd.fates} == {1}
    assert {"sent", "link-down"} <= {fate[0] for fate in crowd.fates}
    assert up.waiting == 0
