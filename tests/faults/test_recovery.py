"""Clients that were cut off and recover: each message once, in order, the old id, and the server is told nothing."""

from __future__ import annotations

import pytest

from tests.faults.crowd import QUICK
from tests.faults.proxy import BLACK_HOLE, CLEAR, UP
from tests.faults.sites import MIXED, between
from tests.faults.struck import SOON, came_back, strike
from tests.viewer import until

pytestmark = pytest.mark.long


@pytest.mark.parametrize("kind", ["cut down", "cut up", "reset", "black hole"])
def test_clients_back_soon_recover_with_their_old_id_and_the_server_is_told_nothing(kind: str) -> None:
    with between(*SOON) as at, at.crowd(options={**QUICK, "timeout": 1500}) as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        there = set(at.server.present)
        strike(at, kind)
        came_back(crowd, 3)
        assert at.verdict(crowd) == []
        for each in crowd.report():
            assert [one.recovered for one in each.connections] == [False] + [True] * (len(each.connections) - 1)
            assert len({one.sid for one in each.connections}) == 1
        assert at.server.present == there
        assert not at.server.left


def test_clients_that_had_got_nothing_yet_recover_what_came_since_they_first_connected() -> None:
    with between(*SOON) as at, at.crowd(options={**QUICK, "timeout": 1500}) as crowd:
        at.browsers.refuse()
        at.browsers.reset()
        at.server.feed(100)
        until(lambda: at.server.next > 100)  # for longer than what may come while a client is connecting
        at.browsers.listen()
        came_back(crowd, 3)
        assert at.verdict(crowd) == []
        assert all(each.connections[-1].recovered for each in crowd.report() if not each.witness)


def test_clients_that_come_back_after_their_grace_recover_too_and_are_announced_again() -> None:
    # One that polls, and has no poll waiting just now, is missed only when it does not answer a ping.
    with between("--grace", "0.5", "--ping-interval", "1", "--ping-timeout", "2") as at, at.crowd() as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        at.browsers.refuse()
        at.browsers.reset()
        until(lambda: len(at.server.present) == 1)
        at.browsers.listen()
        came_back(crowd, 3)
        assert at.verdict(crowd) == []
        assert all(each.connections[-1].recovered for each in crowd.report() if not each.witness)


def test_clients_that_do_not_want_to_recover_are_told_that_they_did_not() -> None:
    with between() as at, at.crowd(options={**QUICK, "auth": {"recovery": False}}) as crowd:
        at.server.feed(100)
        until(lambda: at.server.next > 50)
        strike(at, "reset")
        came_back(crowd, 3)
        assert at.verdict(crowd) == []
        assert not any(one.recovered for each in crowd.report() for one in each.connections)


def test_what_was_stuck_on_the_old_connection_does_not_come_after_what_the_new_one_sent() -> None:
    options = {**QUICK, "timeout": 1500}
    with between(*SOON) as at, at.crowd(6, 200, transports=MIXED[:1], options=options) as crowd:
        at.server.feed(100)
        until(lambda: len(at.server.log) > 50)
        old = at.browsers.lines
        for line in old:
            line.set(BLACK_HOLE, UP)  # events are stuck, messages still come
        came_back(crowd, 6)
        for line in old:
            line.set(CLEAR)
        assert at.verdict(crowd) == []
