"""notice_throttle.py: what changes often is told now and then, and at the end as it is."""

from __future__ import annotations

import time

import pytest

from bridge.relay import notice_throttle as module
from bridge.relay.notice_throttle import AT_ONCE, NoticeThrottle
from tests.waiting import Log


def test_a_few_changes_are_told_at_once_and_of_many_the_last_one() -> None:
    told: Log[int] = Log()
    states: list[int] = []
    pace = NoticeThrottle(lambda: told.add(len(states)), "test-pace")
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
    pace = NoticeThrottle(lambda: told.add(time.monotonic()), "test-pace")
    ends = time.monotonic() + 1.0
    while time.monotonic() < ends:
        pace.changed()
    assert AT_ONCE < len(told.entries) <= AT_ONCE + 21


def test_after_a_while_without_a_change_some_are_told_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)
    told: Log[int] = Log()
    pace = NoticeThrottle(lambda: told.add(1), "test-pace")
    for _ in range(AT_ONCE + 1):
        pace.changed()
    told.wait_count(AT_ONCE + 1)
    pace._since -= 1.0
    for _ in range(AT_ONCE):
        pace.changed()
    assert len(told.entries) == 2 * AT_ONCE + 1
