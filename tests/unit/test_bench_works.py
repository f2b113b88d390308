"""The benchmark's works: what is asked of the load generator, and what becomes of its answers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import cast

import pytest

from bench.contestants import CONTESTANTS, Contestant
from bench.outcome import Cell, Outcome, Run, Spread, spread
from bench.processes import Failed, Session
from bench.run import measure
from bench.works import FULL, QUICK, Measured, Step, Work, works

FINE = Outcome("burst", 100, 1.0, 0.9, 0.4, 100_000, 1000, 0, 0, 0, 0, 0, 0, 0, 0, False)


class Scripted:
    """A session that answers each command by a function, and remembers them."""

    def __init__(self, answer: Outcome, speed: float = 1e6, pings: bool = True) -> None:
        self.answer, self.speed = answer, speed
        self.contestant = Contestant("scripted", "", (), pings)
        self.clients, self.connections_per_second, self.base_memory = 100, 500.0, 1_000_000
        self.asked: list[str] = []

    def ask(self, command: str, seconds: float = 0.0) -> Outcome:
        self.asked.append(command)
        work, *numbers = command.split()
        if work in ("burst", "users", "events"):
            return replace(self.answer, seconds=float(numbers[1]) * 100 / self.speed)
        return replace(self.answer, seconds=float(numbers[-1]), fed_seconds=float(numbers[-1]))

    def memory(self) -> int:
        return 10_000_000


def step(name: str, clients: int) -> Step:
    return next(step for work in works(FULL) if work.name == name for step in work.steps if step.clients == clients)


def measured(session: Scripted, name: str, clients: int) -> Measured:
    return step(name, clients).measure(cast(Session, session))


def test_an_outcome_says_in_which_way_it_is_none() -> None:
    assert FINE.problem == ""
    broken = replace(FINE, lost=12, repeated=1, closed=3, stalled=True)
    assert broken.problem == "12 lost, 1 repeated or out of order, 3 clients closed, stalled"


def test_a_burst_grows_until_it_takes_long_enough_and_the_first_is_for_warming_up() -> None:
    slow, quick = Scripted(FINE, speed=1e3), Scripted(FINE, speed=5e7)
    measured(slow, "burst-64", 100)
    assert slow.asked == ["burst 64 400", "burst 64 400"]
    measured(quick, "burst-64", 100)
    totals = [int(command.split()[2]) for command in quick.asked]
    assert totals[0] == 400
    assert all(1 < later / earlier <= 20 for earlier, later in pairwise(totals))
    assert 0.7 <= totals[-1] * 100 / quick.speed <= FULL.burst


def test_a_lost_message_makes_a_failure_of_the_work() -> None:
    with pytest.raises(Failed, match="1 lost"):
        measured(Scripted(replace(FINE, lost=1)), "burst-64", 100)


def test_idle_clients_are_watched_with_their_pings_where_they_are_most() -> None:
    session = Scripted(replace(FINE, clients=10000))
    session.clients = 10010
    values = measured(session, "idle", 10000).values
    assert session.asked == ["idle 2.0", f"idle {FULL.watched}"]
    assert values["memory"] == 900.0
    assert values["watched"] == FULL.watched
    assert "pinged" not in measured(Scripted(FINE), "idle", 1000).values
    assert "pinged" not in measured(Scripted(FINE, pings=False), "idle", 10000).values


def test_work_with_some_numbers_of_clients_keeps_what_it_can_not_do_without() -> None:
    idle = next(work for work in works(FULL) if work.name == "idle")
    assert [step.clients for step in idle.only({1000}).steps] == [10, 1000]


def test_the_quick_plan_is_less_of_everything() -> None:
    full = {work.name: {step.clients for step in work.steps} for work in works(FULL)}
    for work in works(QUICK):
        assert {step.clients for step in work.steps} <= full[work.name]
    assert QUICK.repeats < FULL.repeats


def test_the_largest_numbers_of_clients_are_measured_once() -> None:
    assert [step.once for work in works(FULL) if work.name == "burst-64" for step in work.steps] == [
        False, False, False, False, True,
    ]  # fmt: skip


def test_a_contestant_that_does_not_start_is_a_problem_of_its_own_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def session(contestant: Contestant) -> Session:
        started.append(contestant.name)
        raise Failed("it did not start: no such thing")

    monkeypatch.setattr("bench.run.Session", session)
    work = Work("burst-64", (Step(10, lambda _: Measured({})), Step(100, lambda _: Measured({}))))
    told: list[str] = []
    two = [CONTESTANTS["node"], CONTESTANTS["go"]]
    runs = list(measure([work], two, 2, told.append))
    assert started == ["node", "go", "go", "node"], "whoever began comes last in the next repeat"
    assert {(run.clients, run.problem) for run in runs} == {(10, "it did not start: no such thing")}
    assert "no such thing" in told[0]


def test_a_cell_takes_what_went_well() -> None:
    fine = [Run("events", "go", 50, repeat, {"per_second": figure}) for repeat, figure in enumerate((3.0, 1.0, 2.0))]
    cell = Cell((*fine, Run("events", "go", 50, 3, {"per_second": 99.0}, problem="stalled")))
    assert cell.value("per_second") == Spread(2.0, 1.0, 3.0)
    assert cell.value("p99") is None
    assert cell.problem == "stalled"
    assert spread([]) is None
