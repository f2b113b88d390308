"""What the network does to browsers: whoever stays or recovers has each message once, in order; others were told."""

from __future__ import annotations

import pytest

from tests.client import Client
from tests.faults.crowd import QUICK, Crowd
from tests.faults.proxy import BLACK_HOLE, DOWN, UP, Condition
from tests.faults.sites import MIXED, Between, between, needs_recovery
from tests.faults.storm import Storm
from tests.viewer import until
from tests.waiting import PATIENCE

#: So that a black hole is noticed soon, by both sides.
SOON = ("--ping-interval", "1", "--ping-timeout", "1")


def came_back(crowd: Crowd, times: int, timeout: float = PATIENCE) -> None:
    """Wait until so many connections were made anew, and everybody is there."""
    until(lambda: crowd.status()[0]["came_back"] >= times, timeout, 0.1)
    crowd.all_there()


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


def strike(at: Between, kind: str) -> None:
    """All browsers' connections that there are now."""
    for line in at.browsers.lines:
        if kind == "reset":
            line.reset()
        elif kind == "black hole":
            line.set(BLACK_HOLE)
        else:
            line.cut(UP if kind == "cut up" else DOWN)


@pytest.mark.parametrize("kind", ["cut down", "cut up", "reset", "black hole"])
def test_clients_that_are_cut_off_come_back_and_know_whether_they_missed_something(kind: str) -> None:
    with between(*SOON) as at, at.crowd(options={**QUICK, "timeout": 1500}) as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        strike(at, kind)
        came_back(crowd, 4)
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
            ann.linked()
            for number in range(10):
                assert ann.ask("tick", {"c": ann.sid, "n": number}) == {"ok": True}
            until(lambda ann=ann: len(numbers(ann)) > 20)  # type: ignore[misc]
            strike(at, kind)
            ann.emit("tick", {"c": ann.sid, "n": 10})
            assert ann.gone.wait(PATIENCE)
            got = numbers(ann)
            assert got == list(range(got[0], got[0] + len(got)))
            ann.close()


@needs_recovery
@pytest.mark.parametrize("kind", ["cut down", "cut up", "reset", "black hole"])
def test_clients_that_come_back_soon_recover_with_their_old_id_and_the_server_is_told_nothing(kind: str) -> None:
    with between(*SOON) as at, at.crowd(options={**QUICK, "timeout": 1500}) as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        there = set(at.server.present)
        strike(at, kind)
        came_back(crowd, 4)
        assert at.verdict(crowd) == []
        for each in crowd.report():
            assert [one.recovered for one in each.connections] == [False] + [True] * (len(each.connections) - 1)
            assert len({one.sid for one in each.connections}) == 1
        assert at.server.present == there
        assert not at.server.left


@needs_recovery
def test_clients_that_come_back_after_their_grace_recover_too_and_are_announced_again() -> None:
    with between("--grace", "0.5") as at, at.crowd() as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        at.browsers.refuse()
        at.browsers.reset()
        until(lambda: len(at.server.present) == 1)
        at.browsers.listen()
        came_back(crowd, 4)
        assert at.verdict(crowd) == []
        assert all(each.connections[-1].recovered for each in crowd.report() if not each.witness)


@needs_recovery
def test_clients_that_do_not_want_to_recover_are_told_that_they_did_not() -> None:
    with between() as at, at.crowd(options={**QUICK, "auth": {"recovery": False}}) as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        strike(at, "reset")
        came_back(crowd, 4)
        assert at.verdict(crowd) == []
        assert not any(one.recovered for each in crowd.report() for one in each.connections)


@needs_recovery
def test_what_was_stuck_on_the_old_connection_does_not_arrive_after_what_was_sent_on_the_new_one() -> None:
    options = {**QUICK, "timeout": 1500}
    with between(*SOON) as at, at.crowd(6, 200, transports=MIXED[:1], options=options) as crowd:
        at.server.feed(100)
        until(lambda: len(at.server.log) > 50)
        old = at.browsers.lines
        for line in old:
            line.set(BLACK_HOLE, UP)  # events are stuck, messages still come
        came_back(crowd, 6)
        for line in old:
            line.set(Condition())
        assert at.verdict(crowd) == []
