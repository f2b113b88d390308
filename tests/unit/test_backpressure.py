"""backpressure.py: the link waits while every client is behind, but only two seconds if none takes anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.delivery.backpressure import MOMENT, NO_PROGRESS, Backpressure
from tests.unit.amount import some
from tests.waiting import PATIENCE


class Clock:
    """Seconds, as the test has them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pressure(clock: Clock) -> Backpressure:
    return Backpressure(clock)


def behind(pressure: Backpressure, *clients: str) -> None:
    """Clients that come and fall behind."""
    for client in clients:
        pressure.joined(client)
    for client in clients:
        pressure.fell_behind(client)


def test_nobody_there_is_nobody_to_wait_for(pressure: Backpressure) -> None:
    assert not pressure.high
    assert not pressure.wait()
    behind(pressure, "a")
    pressure.left("a")
    assert not pressure.high
    assert not pressure.wait()


def test_it_is_high_while_all_are_behind_and_take_something(pressure: Backpressure, clock: Clock) -> None:
    behind(pressure, "a", "b")
    for _ in range(10):
        clock.now += NO_PROGRESS - 0.01
        assert pressure.high
        pressure.progress()
    clock.now += NO_PROGRESS + 0.01
    assert not pressure.high


def test_it_is_high_for_two_seconds_when_none_takes_anything(pressure: Backpressure, clock: Clock) -> None:
    behind(pressure, "a", "b")
    clock.now += NO_PROGRESS - 0.01
    assert pressure.high
    clock.now += 0.02
    assert not pressure.high
    assert not pressure.wait()


def test_the_two_seconds_begin_when_the_last_one_falls_behind(pressure: Backpressure, clock: Clock) -> None:
    pressure.joined("b")
    behind(pressure, "a")
    clock.now += 100
    assert not pressure.high
    pressure.fell_behind("b")
    clock.now += NO_PROGRESS - 0.01
    assert pressure.high


def test_for_one_of_several_it_is_high_for_a_moment_only(pressure: Backpressure, clock: Clock) -> None:
    pressure.joined("reads")
    behind(pressure, "stalled")
    assert pressure.high
    clock.now += MOMENT
    assert not pressure.high
    clock.now += 100
    assert not pressure.high


def test_a_client_over_its_limit_has_no_moment(pressure: Backpressure) -> None:
    pressure.joined("reads")
    behind(pressure, "stalled")
    pressure.over_limit("stalled")
    assert not pressure.high


def test_a_newcomer_ends_it(pressure: Backpressure, clock: Clock) -> None:
    behind(pressure, "a")
    clock.now += MOMENT
    assert pressure.high
    pressure.joined("b")
    assert not pressure.high


@pytest.mark.parametrize("leaves", ["a", "b"])
def test_one_that_goes_is_not_waited_for(pressure: Backpressure, clock: Clock, leaves: str) -> None:
    pressure.joined("b")
    behind(pressure, "a")
    clock.now += MOMENT
    assert not pressure.high
    pressure.progress()
    pressure.left(leaves)
    assert pressure.high == (leaves == "b")  # then the one that is left is behind, and that is all


@contextmanager
def waiting(pressure: Backpressure) -> Iterator[None]:
    """A thread that waits; inside, and at the end it must not any more."""
    thread = threading.Thread(target=pressure.wait, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.parametrize("end", ["caught_up", "left", "joined"])
def test_whoever_waits_goes_on_when_one_is_not_behind(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.delivery.backpressure.NO_PROGRESS", 2 * PATIENCE)
    pressure = Backpressure()
    behind(pressure, "a")
    with waiting(pressure):
        if end == "joined":
            pressure.joined("b")
        else:
            getattr(pressure, end)("a")


def test_whoever_waits_goes_on_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.delivery.backpressure.NO_PROGRESS", 0.2)
    pressure = Backpressure()
    behind(pressure, "a")
    assert pressure.wait()
    assert not pressure.wait()


class Crowd(RuleBasedStateMachine):
    """Clients that come, fall behind, catch up and go; what has to hold of `high` whatever they do."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.pressure = Backpressure(self.clock)
        self.here: set[int] = set()
        self.behind: set[int] = set()
        self.fell = self.moved = -1000.0

    @rule(which=st.integers(0, 4))
    def comes(self, which: int) -> None:
        if which not in self.here:
            self.pressure.joined(which)
            self.here.add(which)

    @rule(which=st.integers(0, 4))
    def falls_behind(self, which: int) -> None:
        if which in self.here - self.behind:
            self.pressure.fell_behind(which)
            self.behind.add(which)
            self.fell = self.clock.now
            if self.behind == self.here:
                self.moved = self.clock.now

    @rule(which=st.integers(0, 4))
    def catches_up(self, which: int) -> None:
        if which in self.behind:
            self.pressure.caught_up(which)
            self.behind.remove(which)

    @rule(which=st.integers(0, 4))
    def goes(self, which: int) -> None:
        if which in self.here:
            self.pressure.left(which)
            self.here.discard(which)
            self.behind.discard(which)

    @rule(which=st.integers(0, 4))
    def is_over_its_limit(self, which: int) -> None:
        if which in self.behind:
            self.pressure.over_limit(which)

    @rule()
    def takes_something(self) -> None:
        if self.behind:
            self.pressure.progress()
            self.moved = self.clock.now

    @rule(seconds=st.sampled_from([0.01, MOMENT, 1.0, NO_PROGRESS]))
    def time_goes_by(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def it_is_high_when_all_are_behind_and_only_a_moment_for_some(self) -> None:
        now = self.clock.now
        if self.here and self.behind == self.here and now - self.moved < NO_PROGRESS - 0.001:
            assert self.pressure.high
        if not self.behind:
            assert not self.pressure.high
        if self.behind != self.here and now - self.fell > MOMENT:
            assert not self.pressure.high
        if now - max(self.moved, self.fell) > NO_PROGRESS:
            assert not self.pressure.high


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=some(100), stateful_step_count=40, deadline=None)


class Script(threading.Event):
    """What happens while the link waits: time goes by, then the next of these. `waits`: for how long each time."""

    def __init__(self, clock: Clock, *steps: tuple[str, str]) -> None:
        super().__init__()
        self.clock, self.steps, self.waits = clock, list(steps), list[float]()
        self.pressure: Backpressure

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(round(timeout, 6))
        if not self.steps:
            self.clock.now += timeout
            return False
        what, client = self.steps.pop(0)
        getattr(self.pressure, what)(client)
        return True


def scripted(pressure: Backpressure, clock: Clock, *steps: tuple[str, str]) -> list[float]:
    """How long the link meant to wait each time, when this happens meanwhile."""
    script = Script(clock, *steps)
    script.pressure, pressure._changed = pressure, script
    assert pressure.wait()
    return script.waits


def test_after_a_wait_for_all_those_who_are_left_behind_have_a_moment(pressure: Backpressure, clock: Clock) -> None:
    behind(pressure, "a", "b")
    clock.now += 1.0
    assert scripted(pressure, clock, ("caught_up", "a")) == [1.0, 0.1]
    assert not pressure.high


def test_after_a_wait_for_all_who_was_over_its_limit_has_none(pressure: Backpressure, clock: Clock) -> None:
    behind(pressure, "a", "b", "c")
    clock.now += 1.0
    pressure.over_limit("b")
    steps = [("caught_up", "a"), ("caught_up", "c")]
    assert scripted(pressure, clock, *steps) == [1.0, 0.1]


def test_who_was_over_its_limit_and_caught_up_is_as_any_other(pressure: Backpressure, clock: Clock) -> None:
    behind(pressure, "a", "b")
    pressure.over_limit("b")
    pressure.caught_up("b")
    pressure.fell_behind("b")
    clock.now += 1.0
    assert scripted(pressure, clock, ("caught_up", "a")) == [1.0, 0.1]


def test_the_first_whose_moment_is_over_says_how_long_the_wait_is(pressure: Backpressure, clock: Clock) -> None:
    pressure.joined("reads")
    for client in ("stale", "a", "b"):
        behind(pressure, client)
        clock.now += 0.04
    assert scripted(pressure, clock) == [pytest.approx(0.02), pytest.approx(0.04)]


def test_the_two_seconds_are_over_at_their_end(pressure: Backpressure, clock: Clock) -> None:
    behind(pressure, "a")
    clock.now += NO_PROGRESS
    assert not pressure.high


@pytest.mark.parametrize("what", ["over_limit", "caught_up", "left"])
def test_whoever_waits_a_moment_for_one_goes_on_when_that_one_is_none_to_wait_for(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr("bridge.delivery.backpressure.MOMENT", 2 * PATIENCE)
    pressure = Backpressure()
    pressure.joined("reads")
    behind(pressure, "a")
    with waiting(pressure):
        getattr(pressure, what)("a")


def test_whoever_waits_looks_only_when_something_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.delivery.backpressure.NO_PROGRESS", 0.01)
    monkeypatch.setattr("bridge.delivery.backpressure.MOMENT", 0.01)
    looks: list[float] = []

    def clock() -> float:
        looks.append(time.monotonic())
        return looks[-1]

    pressure = Backpressure(clock)
    behind(pressure, "a")
    assert pressure.wait()
    assert len(looks) < 40
