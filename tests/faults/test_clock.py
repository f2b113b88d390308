"""A wall clock that jumps by an hour, as after a sleep, or when it is first set: nothing of the bridge's goes by it."""

from __future__ import annotations

import email.utils
import os
import time
from pathlib import Path

import pytest
import requests

from tests.faults.crowd import QUICK
from tests.faults.proxy import BLACK_HOLE
from tests.faults.sites import Between, between
from tests.viewer import until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.long

HOUR = 3600
SOON = ("--ping-interval", "0.5", "--ping-timeout", "1")
PATIENT = ("--ping-interval", "0.5", "--ping-timeout", "3")  # a busy machine may be late by more than a second
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), Path("libfaketime.so.1"))

jumps = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forwards", "back"])


class Clock:
    """The wall clock of a process that is started with `env`; the monotonic one goes on as it is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "clock"
        self.set(0)
        self.env = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        """How far it is ahead of ours."""
        new = self._path.with_suffix(".new")
        new.write_text(f"{seconds:+}\n", encoding="ascii")
        os.replace(new, self._path)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    assert LIBRARY.exists(), "libfaketime is missing; `make test` installs it"
    return Clock(tmp_path)


def ahead(at: Between) -> float:
    """How far the bridge's clock is ahead of ours, in seconds, as its HTTP answers have it."""
    date = requests.get(f"{at.bridge.url}/healthz", timeout=PATIENCE).headers["Date"]
    return email.utils.parsedate_to_datetime(date).timestamp() - time.time()


@jumps
def test_a_wall_clock_that_jumps_drops_nobody(clock: Clock, jump: int) -> None:
    with between(*PATIENT, env=clock.env) as at, at.crowd(6) as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 20)
        clock.set(jump)
        assert abs(ahead(at) - jump) < 60
        start = at.server.next
        until(lambda: at.server.next > start + 500)  # longer than a client that is not pinged any more stays
        clock.set(0)
        until(lambda: at.server.next > start + 550)
        assert at.verdict(crowd) == []
        assert [len(each.connections) for each in crowd.report()] == [1] * 7
        assert at.server.links == 1


@jumps
def test_what_is_due_is_due_in_time_all_the_same(clock: Clock, jump: int) -> None:
    with between(*SOON, env=clock.env) as at, at.crowd(4, transports=[["websocket"]]) as crowd:
        clock.set(jump)
        for line in at.browsers.lines:
            line.set(BLACK_HOLE)
        until(lambda: crowd.status()[0]["came_back"] == 4, 10, 0.1)
        until(lambda: at.bridge.status()["clients"] == 5, 10)
        at.link.reset()
        until(lambda: at.server.links == 2, 5)
        at.server.feed(100)
        assert at.verdict(crowd) == []


@jumps
def test_clients_recover_over_a_jump(clock: Clock, jump: int) -> None:
    with between(*PATIENT, "--grace", "0.5", env=clock.env) as at, at.crowd(4, options=QUICK) as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        at.browsers.refuse()
        clock.set(jump)
        at.browsers.reset()
        until(lambda: len(at.server.present) == 1)
        at.browsers.listen()
        crowd.all_there()
        assert at.verdict(crowd) == []
        assert all(each.connections[-1].recovered for each in crowd.report() if not each.witness)
