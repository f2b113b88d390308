"""state_log.py: what is news is a line at once, what is none is one line with a number, and the last one is true."""

from __future__ import annotations

import logging

import pytest

from bridge.link.state_log import StateLog
from tests.unit.clocks import Clock

UP, DOWN = "connected to here", "link down: closed"


class Told:
    """A log of states. `lines`: what was logged above debug."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock(monkeypatch)
        self.lines: list[str] = []
        log = logging.Logger("test")
        handler = logging.Handler(logging.INFO)
        handler.emit = lambda record: self.lines.append(record.getMessage())  # type: ignore[method-assign]
        log.addHandler(handler)
        self.states = StateLog(log)
        self.clock.owns(self.states._timer)

    def say(self, *kinds: str) -> None:
        for kind in kinds:
            self.states.say(logging.INFO, kind, kind)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def test_each_kind_that_is_new_is_a_line_at_once(told: Told) -> None:
    told.say(UP, DOWN, "link down: refused")
    assert told.lines == [f"= {UP}", f"= {DOWN}", "= link down: refused"]


def test_thirteen_changes_to_and_fro_are_two_lines_and_later_one_with_their_number(told: Told) -> None:
    for _ in range(7):
        told.say(UP, DOWN)
    assert told.lines == [f"= {UP}", f"= {DOWN}"]
    told.clock.later(9.9)  # what is last is what the last line says
    assert len(told.lines) == 2
    told.clock.later(0.1)
    assert told.lines[2:] == [f"= {DOWN} (11 more changes since the line before)"]
    assert not told.clock.waits


def test_what_has_come_and_stays_is_said_soon_though_it_was_said_before(told: Told) -> None:
    told.say(UP, DOWN, UP)
    told.clock.later(0.9)
    assert told.lines == [f"= {UP}", f"= {DOWN}"]
    told.clock.later(0.1)
    assert told.lines[2:] == [f"= {UP}"]


def test_what_changes_meanwhile_has_to_stay_for_as_long(told: Told) -> None:
    told.say(UP, DOWN, UP)
    told.clock.later(0.5)
    told.say(DOWN, UP)
    told.clock.later(0.9)
    assert told.lines == [f"= {UP}", f"= {DOWN}"]
    told.clock.later(0.1)
    assert told.lines[2:] == [f"= {UP} (2 more changes since the line before)"]


def test_what_was_said_long_ago_is_news(told: Told) -> None:
    told.say(UP, DOWN)
    told.clock.later(10)
    told.say(UP)
    assert told.lines[2:] == [f"= {UP}"]


def test_what_does_not_change_is_said_again_once_in_a_while(told: Told) -> None:
    for _ in range(121):
        told.say(DOWN)
        told.clock.later(1)
    again = f"= {DOWN} (58 more changes since the line before)"
    assert told.lines == [f"= {DOWN}", again, again.replace("58", "59")]


def test_news_between_comes_at_once_and_with_the_number_of_what_was_not_said(told: Told) -> None:
    told.say(UP, DOWN, UP, DOWN, "link closed")
    assert told.lines[2:] == ["= link closed (2 more changes since the line before)"]
    told.clock.later(100)
    assert len(told.lines) == 3


def test_at_the_end_what_was_not_said_and_is_so_is_said(told: Told) -> None:
    told.say(UP, DOWN, UP)
    told.states.close()
    told.states.close()
    assert told.lines[2:] == [f"= {UP}"]
    assert not told.clock.waits


def test_at_the_end_nothing_is_said_twice(told: Told) -> None:
    told.say(UP, DOWN, UP, DOWN)
    told.states.close()
    assert len(told.lines) == 2
