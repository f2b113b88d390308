"""The bridge's process stands still for a while, as on a laptop that sleeps or a machine that swaps.

Waiting here is no waiting for something: it is how long the process is stopped.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from tests.faults.crowd import QUICK
from tests.faults.proxy import UP, Condition
from tests.faults.sites import between
from tests.process import Bridge
from tests.viewer import Viewer, until

pytestmark = pytest.mark.long


@contextmanager
def stopped(bridge: Bridge, seconds: float) -> Iterator[None]:
    """It does nothing for so long, and what is inside is done meanwhile."""
    bridge.process.send_signal(signal.SIGSTOP)
    try:
        yield
        threading.Event().wait(seconds)
    finally:
        bridge.process.send_signal(signal.SIGCONT)


def test_after_ten_seconds_nobody_has_lost_anything_and_nobody_has_come_anew() -> None:
    with between("--ping-interval", "1", "--ping-timeout", "14") as at, at.crowd(20) as crowd:
        at.server.feed(200)
        until(lambda: at.server.next > 50)
        with stopped(at.bridge, 10):
            pass
        assert at.verdict(crowd) == []
        assert [len(each.connections) for each in crowd.report()] == [1] * 21
        assert all(not each.refused and not each.unknown for each in crowd.report())
        assert at.server.links == 1
        assert at.link.accepted == 1
        assert at.bridge.status()["clients"] == 21


def pings(viewer: Viewer) -> int:
    """How many came so far."""
    return viewer.packets.count("2")


def test_a_client_that_answered_its_ping_meanwhile_is_not_taken_for_dead() -> None:
    with between("--ping-interval", "2", "--ping-timeout", "1") as at:
        at.browsers.set(Condition(delay=0.2), UP)  # so that the answer comes when the process stands still
        with Viewer(cast(Bridge, at.browsers)) as ann:
            until(lambda: pings(ann) == 1, every=0.002)
            with stopped(at.bridge, 2.0):
                pass
            until(lambda: pings(ann) >= 2 or ann.closed.is_set())
            assert not ann.closed.is_set()
            assert at.bridge.status()["clients"] == 1


def test_clients_who_have_given_up_come_back_once_each_and_were_told() -> None:
    options = {**QUICK, "timeout": 1000}
    with between("--ping-interval", "1", "--ping-timeout", "1") as at, at.crowd(20, options=options) as crowd:
        at.server.feed(200)
        until(lambda: at.server.next > 50)
        with stopped(at.bridge, 5):
            pass
        until(lambda: crowd.status()[0]["came_back"] >= 20)
        assert at.verdict(crowd, whole=True) == []
        assert all(len(each.connections) <= 3 for each in crowd.report())
        assert at.bridge.status()["clients"] == 21
        assert at.server.links == 1
