"""verdict.py: it finds what is wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bridge.errors import REFUSALS
from bridge.link.outgoing.resend_state import BROKE
from tests.faults.counting import CountingServer, Sending
from tests.faults.crowd import Connection, Member, Refusal, Runs
from tests.faults.verdict import delivered, judge

#: Three connections of the server's; of the second one it lost the end.
SENDINGS = [Sending(0, 100), Sending(100, 200, {"ann": [(0, -1), (1, 150), (2, 199)]}), Sending(200, 300)]
HAD = [(0, 160), (200, 299)]


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with CountingServer() as server:
        server.sendings, server.present = list(SENDINGS), {"ann", "w"}
        server.log = [("ann", 0), ("ann", 1), ("ann", 3)]
        server.links, server.begun = 3, [0, 2, 2]
        server.confirmed = dict.fromkeys(server.log, 1000)
        yield server


def connection(*runs: tuple[int, int], recovered: bool = False, own: Runs = ((0, 1),), user: str = "ann") -> Connection:
    return Connection("sid", recovered, user, list(runs), own)


def member(*connections: Connection) -> Member:
    ok, refused = dict.fromkeys([0, 1, 3], 1000), [Refusal(2, "link-down", "the server is not connected")]
    return Member("a", "ann", False, True, connections, [], {}, 5, ok, frozenset([4]), refused)


WITNESS = Member("a", "w", True, True, [connection(*HAD, user="w", own=())], [], {}, 0, {}, frozenset(), [])
GOOD = member(connection(*HAD))


def wrong(server: CountingServer, ann: Member, confirm: bool = False, lost: int = 0) -> list[str]:
    return list(judge(server, [WITNESS, ann], confirm, lost=lost))


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
        [
            connection((0, 50), own=()),
            connection(own=()),
            connection((90, 160), (200, 299), own=((1, 1),), recovered=True),
        ],
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
        ([connection(own=()), connection((1, 160), (200, 299), recovered=True)], "missing"),
        (
            [
                connection((0, 50)),
                connection(recovered=True, own=()),
                connection((52, 160), (200, 299), recovered=True, own=()),
            ],
            "missing",
        ),
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


def test_with_confirm_an_event_that_was_acked_is_in_the_log_once(server: CountingServer) -> None:
    assert wrong(server, GOOD, True) == []
    server.log.append(("ann", 3))
    assert wrong(server, GOOD, True) == ["event 3 of ann is in the log 2 times"]
    server.log = [("ann", 0), ("ann", 3)]
    [found] = wrong(server, GOOD, True, lost=9)
    assert found == "ann: 1 events were acked ok and are not in the log: [1]"


def test_without_confirm_too_if_the_link_never_broke(server: CountingServer) -> None:
    server.links, server.begun = 1, [0]
    assert wrong(server, GOOD) == []
    server.log.remove(("ann", 3))
    [found] = wrong(server, GOOD, lost=9)
    assert found == "ann: 1 events were acked ok and are not in the log: [3]"


def test_else_no_more_may_be_missing_than_frames_may_be_lost(server: CountingServer) -> None:
    server.log, server.begun = [("ann", 0)], [0, 1, 1]
    assert wrong(server, GOOD, lost=2) == []
    [found] = wrong(server, GOOD, lost=1)
    assert found == "2 events were acked ok and are not in the log, but only 1 frames may be lost"


@pytest.mark.parametrize(
    ("log", "begun", "inside"),
    [
        ([0, 3], [0, 1], []),
        ([0, 3], [0, 2], [1]),
        ([0, 3], [0, 0], [1]),
        ([0], [0, 1], []),
        ([0], [0, 0], [1, 3]),
        ([3], [0, 0], []),
        ([3], [0, 1], [0, 1]),
        ([], [0, 0], []),
    ],
)
def test_what_is_missing_is_the_end_of_a_connection_s(
    server: CountingServer, log: list[int], begun: list[int], inside: list[int]
) -> None:
    server.log, server.begun, server.links = [("ann", number) for number in log], begun, len(begun)
    found = wrong(server, GOOD, lost=3)
    assert found == [
        f"ann: events were acked ok and are not in the log, but those after them are: {numbers}"
        for numbers in [inside]
        if numbers
    ]


def test_what_was_refused_is_not_in_the_log_but_where_that_is_not_known(server: CountingServer) -> None:
    server.log.insert(2, ("ann", 2))
    for code, text in (("link-down", REFUSALS["link-down"]), ("gone", REFUSALS["gone"]), ("link-busy", "")):
        [found] = wrong(server, replace(GOOD, refused=[Refusal(2, code, text)]))
        assert found == f"ann: event 2 is in the log and was refused: {code}, {text}"
    assert wrong(server, replace(GOOD, refused=[Refusal(2, "link-down", BROKE)])) == []


def test_with_confirm_an_ack_does_not_come_before_the_confirmation(server: CountingServer) -> None:
    server.confirmed["ann", 1] = 1001
    assert wrong(server, GOOD) == []
    assert wrong(server, GOOD, True) == ["ann: 1 events were acked ok before they were confirmed: [1]"]
    del server.confirmed["ann", 1]
    assert wrong(server, GOOD, True) == ["ann: 1 events were acked ok before they were confirmed: [1]"]


def test_events_stay_in_order_and_each_is_answered(server: CountingServer) -> None:
    server.log.append(("ann", 4))
    assert wrong(server, GOOD) == []
    server.log.append(("ann", 2))
    ann = replace(GOOD, unknown=frozenset([2, 4]), refused=[])
    assert wrong(server, ann) == ["event 2 of ann came after 4"]
    assert wrong(server, replace(ann, emitted=6))[1] == "ann: 1 events were never answered"


def test_who_is_there_is_who_the_server_thinks_is_there(server: CountingServer) -> None:
    server.present = {"w", "bob"}
    assert wrong(server, GOOD) == ["in the server there are {'bob'} who have left, and {'ann'} are not"]


def test_strangers_and_strange_frames_are_told_of(server: CountingServer) -> None:
    server.strange, server.absent = ["junk"], 2
    for confirm in (False, True):
        found = wrong(server, GOOD, confirm)
        assert found == ["the server got junk", "2 events were of users who had not been announced"]
