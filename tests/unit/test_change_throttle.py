"""change_throttle.py: what changes often is told now and then, and at the end as it is."""

from __future__ import annotations

import time

import pytest

from bridge.relay import change_throttle as module
from bridge.relay.change_throttle import AT_ONCE, ChangeThrottle
from tests.unit.clocks import Clock
from tests.waiting import Log


class Pace:
    """A throttle with a clock; `told`: when it told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.told = Clock(monkeypatch), list[float]()
        self.throttle = ChangeThrottle(lambda: self.told.append(self.clock.now), "test-pace")
        self.clock.owns(self.throttle._timer)

    def changes(self, times: int) -> list[float]:
        """When it has told of so many changes, as far as it has."""
        self.told.clear()
        for _ in range(times):
            self.throttle.changed()
        return self.told


def test_six_changes_are_told_at_once_and_then_one_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Pace(monkeypatch)
    assert at.changes(20) == [1000] * 6
    at.clock.later(0.9)
    assert at.told == [1000] * 6
    at.clock.later(0.2)
    assert at.told == [1000] * 6 + [1001]
    assert at.changes(20) == []
    at.clock.later(5)
    assert at.told == [1002]
    assert not at.clock.waits
    assert at.changes(20) == [1006.1] * 4  # it is some four seconds since


def test_what_is_left_grows_with_the_time_and_is_never_more_than_six(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 2.0)
    at = Pace(monkeypatch)
    assert at.changes(7) == [1000] * 6
    at.clock.later(2)
    assert at.told == [1000] * 6 + [1002]
    at.clock.later(3)
    assert at.changes(2) == [1005]  # half of a notice is left
    at.clock.later(1)
    assert at.told == [1005, 1006]
    at.clock.later(1000)
    assert at.changes(20) == [2006] * 6


def test_a_few_changes_are_told_at_once_and_of_many_the_last_one() -> None:
    told: Log[int] = Log()
    states: list[int] = []
    pace = ChangeThrottle(lambda: told.add(len(states)), "test-pace")
    began = time.monotonic()
    for n in range(100):
        states.append(n)
        pace.changed()
    assert told.entries == list(range(1, AT_ONCE + 1))
    assert told.wait_count(AT_ONCE + 1)[-1] == 100
    assert time.monotonic() - began >= 0.5
    assert len(told.entries) == AT_ONCE + 1


def test_who_never_stops_changing_is_told_of_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.05)
    told: Log[float] = Log()
    pace = ChangeThrottle(lambda: told.add(time.monotonic()), "test-pace")
    ends = time.monotonic() + 1.0
    while time.monotonic() < ends:
        pace.changed()
    assert AT_ONCE < len(told.entries) <= AT_ONCE + 21


def test_after_a_while_without_a_change_some_are_told_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)
    told: Log[int] = Log()
    pace = ChangeThrottle(lambda: told.add(1), "test-pace")
    for _ in range(AT_ONCE + 1):
        pace.changed()
    told.wait_count(AT_ONCE + 1)
    pace._since -= 1.0
    for _ in range(AT_ONCE):
        pace.changed()
    assert len(told.entries) == 2 * AT_ONCE + 1
