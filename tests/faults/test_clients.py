"""What the network does to browsers: whoever stays or recovers has each message once, in order; others were told."""

from __future__ import annotations

from contextlib import suppress

import pytest
from socketio.exceptions import BadNamespaceError

from tests.client import Client
from tests.faults.crowd import QUICK
from tests.faults.proxy import Condition
from tests.faults.sites import between
from tests.faults.storm import Storm
from tests.faults.struck import SOON, came_back, strike
from tests.viewer import until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.long


@pytest.mark.parametrize("condition", [Condition(delay=0.2), Condition(rate=1000), Condition(single=True)], ids=str)
def test_clients_behind_a_bad_network_lose_nothing_and_stay(condition: Condition) -> None:
    with between() as at, at.crowd() as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 20)
        at.browsers.set(condition)
        start = at.server.next
        until(lambda: at.server.next > start + 100)
        assert at.verdict(crowd) == []
        assert [len(each.connections) for each in crowd.report()] == [1] * 5
        assert all(not each.refused and not each.unknown for each in crowd.report())


@pytest.mark.parametrize("kind", ["cut down", "cut up", "reset", "black hole"])
def test_clients_that_are_cut_off_come_back_and_know_whether_they_missed_something(kind: str) -> None:
    with between(*SOON) as at, at.crowd(options={**QUICK, "timeout": 1500}) as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        strike(at, kind)
        came_back(crowd, 3)  # who polls may have no connection just then, or none that still goes up
        assert at.verdict(crowd) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_clients_in_a_storm(seed: int) -> None:
    with between(*SOON, seed=seed) as at, at.crowd(12, 100, options={**QUICK, "timeout": 1500}) as crowd:
        at.server.feed(200)
        with Storm(at.browsers, seed, 0.2, longest=3.0) as storm:
            storm.wait_for(15)
        assert at.verdict(crowd) == []


def numbers(client: Client) -> list[int]:
    """Of the messages for all that it got."""
    return [int(text.partition('"n":')[2].partition(",")[0]) for text in client.all("message") if '"n":' in text]


def test_python_s_client_has_a_beginning_of_what_there_was_and_then_what_is_new() -> None:
    with between() as at:
        at.server.feed(200)
        for kind in ("cut down", "reset", "cut up"):
            ann = Client(at.browsers.url, auth={"recovery": False})
            sock = ann.sio.eio.ws.sock  # python-engineio does not close a connection that has broken
            ann.linked()
            for number in range(10):
                assert ann.ask("tick", {"c": ann.sid, "n": number}) == {"ok": True}
            until(lambda ann=ann: len(numbers(ann)) > 20)  # type: ignore[misc]
            strike(at, kind)
            with suppress(BadNamespaceError):  # it may have noticed already, without
                ann.emit("tick", {"c": ann.sid, "n": 10})
            assert ann.gone.wait(PATIENCE)
            got = numbers(ann)
            assert got == list(range(got[0], got[0] + len(got)))
            ann.close()
            sock.close()
