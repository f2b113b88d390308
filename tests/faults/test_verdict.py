"""verdict.py: it finds what is wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.counting import CountingServer, Sending
from tests.faults.crowd import Connection, Member, Runs
from tests.faults.verdict import delivered, judge

#: Three connections of the server's; of the second one it lost the end.
SENDINGS = [Sending(0, 100), Sending(100, 200, {"ann": [(0, -1), (1, 150), (2, 199)]}), Sending(200, 300)]
HAD = [(0, 160), (200, 299)]


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with CountingServer() as server:
        server.sendings, server.present = list(SENDINGS), {"ann", "w"}
        server.log = [("ann", 0), ("ann", 1), ("ann", 3)]
        yield server


def connection(*runs: tuple[int, int], recovered: bool = False, own: Runs = ((0, 1),), user: str = "ann") -> Connection:
    return Connection("sid", recovered, user, list(runs), own)


def member(*connections: Connection) -> Member:
    acks = {"ok": frozenset([0, 1, 3]), "unknown": frozenset([4]), "refused": {"link-down": [2]}, "emitted": 5}
    return Member("a", "ann", False, True, connections, [], {}, **acks)  # type: ignore[arg-type]


WITNESS = Member("a", "w", True, True, [connection(*HAD, user="w", own=())], [], {}, 0, frozenset(), frozenset(), {})
GOOD = member(connection(*HAD))


def wrong(server: CountingServer, ann: Member, confirm: bool = False) -> list[str]:
    return list(judge(server, [WITNESS, ann], confirm))


def test_what_the_bridge_had_is_a_beginning_of_each_connection() -> None:
    assert delivered(SENDINGS, HAD) == ([(0, 100), (100, 161), (200, 300)], [])
    assert delivered(SENDINGS, [(0, 160), (162, 299)])[1]
    assert delivered(SENDINGS, [(0, 160), (160, 299)])[1]
    assert delivered(SENDINGS, [])[0] == [(0, 0), (100, 100), (200, 200)]


@pytest.mark.parametrize(
    "connections",
    [
        [connection(*HAD)],
        [connection((3, 160), (200, 299))],
        [connection((0, 50), own=()), connection((51, 160), (200, 299), recovered=True)],
        [connection((0, 160)), connection((200, 299), recovered=True, own=())],
        [connection((0, 50), own=()), connection((90, 160), (200, 299), own=((1, 1),))],
        [connection((0, 120), own=((0, 0),)), connection((210, 299), own=())],
        [connection(*HAD, own=((0, 2),))],
    ],
)
def test_what_can_be_is_right(server: CountingServer, connections: list[Connection]) -> None:
    assert wrong(server, member(*connections)) == []


@pytest.mark.parametrize(
    ("connections", "words"),
    [
        ([connection((0, 50), (52, 160), (200, 299))], "missing"),
        ([connection((0, 161), (200, 299))], "is not what there was"),
        ([connection((0, 160), (150, 160), (200, 299))], "twice"),
        ([connection((0, 160), (200, 298))], "nothing after"),
        ([connection((0, 50)), connection((52, 160), (200, 299), recovered=True, own=())], "missing"),
        ([connection((0, 50)), connection((50, 160), (200, 299), recovered=True, own=())], "twice"),
        ([connection((0, 50)), connection((60, 70), (90, 160), (200, 299), own=())], "missing"),
        ([connection(*HAD, own=((0, 0),))], "of its own"),
        ([connection(*HAD, own=((1, 1), (0, 0)))], "twice"),
        ([connection((0, 50), own=((0, 0),)), connection((51, 160), (200, 299), recovered=True, own=())], "of its own"),
    ],
)
def test_what_can_not_be_is_found(server: CountingServer, connections: list[Connection], words: str) -> None:
    found = wrong(server, member(*connections))
    assert words in found[0]
    assert len(found) == 1 or "nothing of its own" in found[1]


def test_a_client_says_itself_what_it_saw_at_once(server: CountingServer) -> None:
    assert wrong(server, replace(GOOD, faults=["odd"])) == ["ann: odd"]


def test_a_witness_that_was_cut_off_is_none(server: CountingServer) -> None:
    witness = replace(WITNESS, connections=[*WITNESS.connections, connection()])
    assert "cut off" in next(judge(server, [witness, GOOD]))
    server.sendings = [Sending(0, 10, {"ann": [(0, -1), (1, 3)]})]
    witness = replace(witness, connections=[connection((0, 4), user="w", own=()), connection((7, 9), user="w", own=())])
    assert list(judge(server, [witness, member(connection((0, 9)))], whole=True)) == []
    [found] = judge(server, [witness, member(connection((0, 8)))], whole=True)
    assert "nothing after" in found


def test_an_event_that_was_acked_is_in_the_log_once_or_without_confirm_at_most_once(server: CountingServer) -> None:
    assert wrong(server, GOOD, True) == []
    server.log.remove(("ann", 1))
    assert wrong(server, GOOD) == []
    [found] = wrong(server, GOOD, True)
    assert "1 events were acked ok and are not in the log: [1]" in found
    server.log += [("ann", 3)]
    [found] = wrong(server, GOOD)
    assert "event 3 of ann is in the log 2 times" in found


def test_events_stay_in_order_and_each_is_answered(server: CountingServer) -> None:
    server.log.append(("ann", 2))
    assert ["came after 3" in text for text in wrong(server, GOOD)] == [True]
    assert "1 events were never answered" in wrong(server, replace(GOOD, emitted=6))[1]


def test_who_is_there_is_who_the_server_thinks_is_there(server: CountingServer) -> None:
    server.present = {"w", "bob"}
    assert wrong(server, GOOD) == ["in the server there are {'bob'} who have left, and {'ann'} are not"]


def test_strangers_and_strange_frames_are_told_of(server: CountingServer) -> None:
    server.strange, server.absent = ["junk"], 2
    assert wrong(server, GOOD) == ["the server got junk", "2 events were of users who had not been announced"]
