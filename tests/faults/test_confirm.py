"""With --confirm, an event that is acked is in the server's log, once, whatever happened to the link."""

from __future__ import annotations

import pytest

from tests.faults.proxy import BLACK_HOLE, DOWN, UP
from tests.faults.sites import between
from tests.faults.storm import Storm
from tests.viewer import until

pytestmark = pytest.mark.long

PLAIN = [["websocket"]]
FLAGS = ("--confirm", "--identity", "register")


@pytest.mark.parametrize("kind", ["cut", "reset", "killed", "black hole"])
def test_with_confirm_every_event_that_is_acked_is_in_the_log_once_however_the_link_broke(kind: str) -> None:
    with between(*FLAGS) as at, at.crowd(3, 100, transports=PLAIN) as crowd:
        at.server.feed(200)
        for broken in range(1, 4):
            start = len(at.server.log)
            until(lambda start=start: len(at.server.log) > start + 20)  # type: ignore[misc]
            if kind == "cut":
                at.link.lines[0].cut(UP)
            elif kind == "killed":
                at.server.kill()
                at.server.start()
            else:
                if kind == "black hole":  # the confirms are lost, so all of it comes again
                    at.link.set(BLACK_HOLE, DOWN)
                    until(lambda start=start: len(at.server.log) > start + 40)  # type: ignore[misc]
                at.link.reset()
                at.link.heal()
            until(lambda broken=broken: at.server.links > broken)  # type: ignore[misc]
        assert at.verdict(crowd) == []
        assert at.server.again or kind != "black hole"


@pytest.mark.parametrize("seed", [1, 2])
def test_in_a_storm_too(seed: int) -> None:
    with between(*FLAGS, seed=seed) as at, at.crowd(4, 100, transports=PLAIN) as crowd:
        at.server.feed(200)
        with Storm(at.link, seed, 0.4, longest=1.0) as storm:
            storm.wait_for(6)
        assert at.verdict(crowd) == []
