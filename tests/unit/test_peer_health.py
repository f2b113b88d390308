"""Peers: who is gone is told from who only does not read, by what kernels have said and by a model."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.link.peer_health import GONE, OWED, STALLED, TRIES, PeerHealthCheck, PeerJudge, Verdict, Vitals
from bridge.link.sockets import configure, vitals_of
from tests.unit.clocks import Clock

RECORDED = Path(__file__).parent / "vitals.txt"


def recorded(title: str) -> list[Vitals]:
    """What Linux 6.18 said of a connection each second: second, quiet ms, unacked, waiting, acked, probes, retries."""
    block = next(b for b in RECORDED.read_text().split("# ") if b.startswith(title + "\n"))
    rows = [map(int, line.split()) for line in block.splitlines()[1:]]
    return [Vitals(float(at), quiet / 1000, *rest) for at, quiet, *rest in rows]


def verdicts(looks: Sequence[Vitals]) -> Iterator[tuple[float, Verdict]]:
    """Each with its time."""
    judge = PeerJudge()
    for vitals in looks:
        yield vitals.at, judge.look(vitals)


def found(looks: Sequence[Vitals]) -> float | None:
    """When the other machine was taken for gone."""
    return next((at for at, verdict in verdicts(looks) if verdict.gone), None)


def test_who_is_stopped_and_does_not_read_is_never_gone_and_it_is_said_for_how_long() -> None:
    looks = recorded("a server that is stopped and does not read")
    assert found(looks) is None
    stalled = [verdict.stalled for _, verdict in verdicts(looks)]
    assert stalled[0] == 0
    assert 60 < stalled[-1] <= looks[-1].at
    assert all(now == 0 or now >= STALLED for now in stalled)


@pytest.mark.parametrize(
    ("title", "since"),
    [
        ("gone at 20 s, when its window was closed", 20.0),
        ("gone at 5 s, then something is sent to it", 5.0),
    ],
)
def test_who_is_gone_is_found_within_25_seconds(title: str, since: float) -> None:
    at = found(recorded(title))
    assert at is not None
    assert OWED - 1 <= at - since <= 25


def test_with_nothing_under_way_it_is_left_to_keepalive_which_was_as_fast() -> None:
    looks = recorded("gone at 15 s, with nothing under way")
    assert found(looks) is None
    assert looks[-1].at - 15 <= 21  # it has answered for the last time 5 s before


def test_where_the_kernel_takes_its_time_one_lost_probe_is_not_the_end() -> None:
    """Without TCP_RTO_MAX_MS the third probe comes a minute and more after the first."""
    assert found(recorded("the same on a kernel without TCP_RTO_MAX_MS")) is None


def look(at: float, quiet: float, **more: int) -> Vitals:
    return Vitals(at, quiet, **{"unacked": 0, "waiting": 0, "acked": 1, "probes": 0, "retries": 0, **more})


@pytest.mark.parametrize(
    ("last", "gone"),
    [
        (look(100, GONE, unacked=1, retries=TRIES), True),
        (look(100, 24.0, unacked=1, retries=3), True),
        (look(100, GONE, waiting=1, probes=TRIES), True),
        (look(100, GONE, unacked=1, probes=1, retries=TRIES - 1), True),
        (look(100, GONE - 0.1, unacked=1, retries=9), False),
        (look(100, GONE, unacked=1, retries=TRIES - 1), False),
        (look(100, 9999, waiting=1), False),
        (look(100, 9999), False),
    ],
)
def test_gone_is_who_was_asked_three_times_and_long_enough_ago(last: Vitals, gone: bool) -> None:
    first = look(100 - GONE, 0.0, unacked=last.unacked, waiting=last.waiting, probes=last.probes)
    assert (found([first, last]) is not None) == gone


def test_who_has_not_been_asked_for_an_hour_has_time_to_answer() -> None:
    asked = [look(3600 + second, 3600 + second, unacked=1, retries=9) for second in range(20)]
    at = found([look(0, 0), *asked])
    assert at == 3600 + OWED == 3615


def test_any_sign_of_life_is_enough() -> None:
    """Its own data, too, which need not acknowledge anything."""
    assert found([look(second, second % GONE, unacked=1, retries=9) for second in range(200)]) is None


def test_the_reason_says_what_was_seen() -> None:
    under_way = [look(0, 0, unacked=3), look(25, 25, unacked=3, retries=7)]
    full = [look(0, 0, waiting=5), look(9, 9, waiting=5, probes=1), look(25, 25, waiting=5, probes=4)]
    # Where a busy machine's kernel has not given up yet, after as many questions as it asks.
    idle = [look(0, 0), look(10, 10, probes=1), look(25, 25, probes=3)]
    reasons = [[verdict.gone for _, verdict in verdicts(looks)][-1] for looks in (under_way, full, idle)]
    assert reasons == [
        "nothing came from its machine for 25 s, 7 retransmissions were not answered",
        "nothing came from its machine for 25 s, 4 probes of its full buffer were not answered",
        "nothing came from its machine for 25 s, 3 keepalive probes were not answered",
    ]


def test_what_the_kernel_gave_up_by_itself_is_named_by_what_was_under_way() -> None:
    idle, busy = PeerJudge(), PeerJudge()
    idle.look(look(0, 0))
    busy.look(look(0, 0, unacked=1))
    assert "keepalive" in idle.given_up()
    assert "keepalive" in PeerJudge().given_up()
    assert "not acknowledged" in busy.given_up()


def test_who_takes_something_now_and_then_reads_slowly_and_is_not_stalled() -> None:
    slow = [look(second, 0, waiting=9, acked=second // 4) for second in range(60)]
    assert {verdict.stalled for _, verdict in verdicts(slow)} == {0}
    under_way = [look(second, 0, waiting=9, unacked=1) for second in range(60)]
    assert {verdict.stalled for _, verdict in verdicts(under_way)} == {0}


def test_a_stall_is_over_when_something_is_taken() -> None:
    looks = [look(second, 0, waiting=9, acked=5 if second < 20 else 6) for second in range(23)]
    stalled = [verdict.stalled for _, verdict in verdicts(looks)]
    assert stalled[:5] == [0] * 5
    assert stalled[5:20] == list(range(5, 20))
    assert stalled[20:] == [0] * 3


SECONDS = st.lists(
    st.tuples(st.sampled_from(["unacked", "waiting", ""]), st.integers(0, 3), st.booleans()), min_size=1, max_size=120
)


@given(SECONDS)
def test_whatever_happens_only_who_owes_an_answer_for_long_is_gone(seconds: list[tuple[str, int, bool]]) -> None:
    """A model: each second there is something under way or not, it was asked so often, and it answers or not."""
    judge, heard, tries, owed = PeerJudge(), 0.0, 0, 0
    for at, (what, asked, answers) in enumerate(seconds):
        if answers:
            heard, tries = float(at), 0
        elif what:
            tries += asked
        debt = what == "unacked" or (what == "waiting" and tries > 0)
        owed = (0 if answers else owed + 1) if debt else 0
        verdict = judge.look(
            look(at, at - heard, unacked=int(what == "unacked"), waiting=int(bool(what)),
                 **{"retries" if what == "unacked" else "probes": tries if debt else 0})
        )  # fmt: skip
        if verdict.gone:
            assert not answers
            assert at - heard >= GONE
            assert owed >= OWED
            assert tries >= TRIES
        if debt and at - heard >= GONE and owed > OWED and tries >= TRIES:
            assert verdict.gone


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection, of which the other side has a small buffer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    with here, there:
        yield here, there


def test_a_look_at_a_connection_says_what_waits_and_that_the_other_kernel_is_there(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    here, _ = pair
    configure(here)
    before = vitals_of(here)
    assert before is not None
    assert (before.unacked, before.waiting) == (0, 0)
    here.setblocking(False)
    with suppress(BlockingIOError):
        while here.send(b"x" * 65536):
            pass
    now = vitals_of(here)
    assert now is not None
    assert now.waiting > 0
    assert now.acked > before.acked
    here.close()
    assert vitals_of(here) is None


class Checked:
    """The health check of one link, with a look each second. `told`: (second, what)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: Sequence[Vitals | None]) -> None:
        self.clock = Clock(monkeypatch)
        self.told: list[tuple[float, object]] = []
        self.check = PeerHealthCheck(self._tell, lambda begins: self._tell((begins, self.check.stalled)))
        self.clock.owns(self.check._timer)
        self.looks = list(looks)
        self.check.begin(self.vitals)

    def _tell(self, what: object) -> None:
        self.told.append((self.clock.now - 1000, what))

    def vitals(self) -> Vitals | None:
        return self.looks.pop(0)


def test_a_check_tells_of_a_stall_again_when_it_has_lasted_twice_as_long_and_of_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stall = [look(at, 0, waiting=1) for at in range(45)]
    at = Checked(monkeypatch, [*stall, look(45, 0), look(46, 0), *stall[:7], None])
    at.clock.later(100)
    assert at.told == [
        (6, (True, 5)), (11, (False, 10)), (21, (False, 20)), (41, (False, 40)), (46, (False, 0)), (53, (True, 5)),
    ]  # fmt: skip
    assert not at.clock.waits  # where the system does not tell any more


def test_a_check_tells_once_who_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Checked(monkeypatch, [look(at, at, unacked=1, retries=9) for at in range(40)])
    at.clock.later(100)
    [(when, why)] = at.told
    assert when == 25
    assert str(why).startswith("nothing came from its machine for 24 s")
    assert not at.clock.waits


def test_a_check_tells_nothing_of_a_connection_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Checked(monkeypatch, [look(at, at, unacked=1, retries=9) for at in range(40)])
    at.clock.later(24)
    at.check.end()
    assert not at.clock.waits

    def over() -> Vitals:  # while it is looked at
        at.check.end()
        return look(40, 40, unacked=1, retries=9)

    at.check.begin(over)
    at.check._judge.look(look(0, 0, unacked=1))
    at.clock.later(100)
    assert at.told == []
    assert at.check._look() is None  # also one that was about to begin
    assert not at.clock.waits


def test_a_new_connection_is_judged_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Checked(monkeypatch, [look(at, 0, waiting=1) for at in range(60)])
    at.clock.later(8)
    assert at.check.stalled == 7
    at.check.end()
    assert at.check.stalled == 0
    at.check.begin(at.vitals)
    at.clock.later(8)
    assert at.told == [(6, (True, 5)), (14, (True, 5))]


def test_why_the_kernel_gave_up_is_said_after_the_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Checked(monkeypatch, [look(1, 1, unacked=1)])
    at.clock.later(1)
    at.check.end()
    assert "not acknowledged" in at.check.given_up()
