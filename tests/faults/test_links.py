"""What the network does to the link: what the server sent arrives once and in order, and what clients sent, too.

Of a connection that broke its end may be missing, for all alike; nothing of it comes twice, late, or in two halves.
"""

from __future__ import annotations

import pytest

from tests.client import Client
from tests.faults.proxy import BLACK_HOLE, DOWN, UP, Condition
from tests.faults.sites import between
from tests.faults.storm import Storm
from tests.viewer import until

pytestmark = pytest.mark.long

PLAIN = [["websocket"]]


@pytest.mark.parametrize(
    "condition", [Condition(delay=0.2), Condition(rate=1000), Condition(single=True), BLACK_HOLE], ids=str
)
def test_a_link_that_is_slow_or_silent_for_a_while_is_still_the_same_and_loses_nothing(condition: Condition) -> None:
    with between() as at, at.crowd(3, transports=PLAIN) as crowd:
        at.server.feed(200)
        until(lambda: at.server.next > 20)
        at.link.set(condition)
        start = at.server.next
        until(lambda: at.server.next > start + 200)
        assert at.verdict(crowd) == []
        assert at.server.links == 1
        assert at.server.sendings[0].end == at.server.next
        assert all(not each.refused and not each.unknown for each in crowd.report())


@pytest.mark.parametrize("kind", ["cut down", "cut up", "reset", "killed"])
def test_a_link_that_breaks_is_made_anew_and_what_came_over_each_one_is_a_beginning(kind: str) -> None:
    with between() as at, at.crowd(3, transports=PLAIN) as crowd:
        at.server.feed(200)
        for broken in range(1, 3):
            start = at.server.next
            until(lambda start=start: at.server.next > start + 40)  # type: ignore[misc]
            if kind == "reset":
                at.link.reset()
            elif kind == "killed":
                at.server.kill()
                at.server.start()
            else:
                at.link.lines[0].cut(DOWN if kind == "cut down" else UP)
            until(lambda broken=broken: at.server.links > broken)  # type: ignore[misc]
        assert at.verdict(crowd) == []
        assert [len(each.connections) for each in crowd.report()] == [1] * 4


@pytest.mark.parametrize("seed", [1, 2])
def test_a_link_in_a_storm(seed: int) -> None:
    with between(seed=seed) as at, at.crowd(4, 100, transports=PLAIN) as crowd:
        at.server.feed(200)
        with Storm(at.link, seed, 0.4, longest=1.0) as storm:
            storm.wait_for(6)
        assert at.verdict(crowd) == []


def numbers(client: Client) -> list[int]:
    """Of the messages for all that it got."""
    return [int(text.partition('"n":')[2].partition(",")[0]) for text in client.all("message") if '"n":' in text]


def test_python_s_client_gets_each_once_in_order_through_it_all() -> None:
    with between() as at, Client(at.bridge.url) as ann:
        ann.linked()
        at.server.feed(200)
        with Storm(at.link, 3, 0.3, ("delay", "throttle", "single bytes", "black hole"), longest=0.5) as storm:
            for number in range(30):
                assert ann.ask("tick", {"c": "ann", "n": number}) == {"ok": True}
            storm.wait_for(4)
        at.rest()
        last = at.server.send(1)
        until(lambda: numbers(ann)[-1:] == [last])
        assert numbers(ann) == list(range(numbers(ann)[0], last + 1))
        until(lambda: len(at.server.log) == 30)
        assert at.server.log == [("ann", number) for number in range(30)]
        assert at.server.links == 1
