"""state_log.py: what is news is a line at once, what is none is one line with a number, and the last one is true."""

from __future__ import annotations

import logging
import time

import pytest

from bridge.link import state_log
from bridge.link.state_log import StateLog
from tests.waiting import Log


class Lines(logging.Handler):
    """What was logged above debug."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: Log[str] = Log()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.add(record.getMessage())


@pytest.fixture
def lines() -> Log[str]:
    handler = Lines()
    log.handlers[:] = [handler]
    return handler.lines


log = logging.Logger("test")
UP, DOWN = "connected to here", "link down: closed"


def say(told: StateLog, kind: str) -> None:
    told.say(logging.INFO, kind, kind)


def test_each_kind_that_is_new_is_a_line_at_once(lines: Log[str]) -> None:
    told = StateLog(log)
    for kind in (UP, DOWN, "link down: refused"):
        say(told, kind)
    assert lines.entries == [f"= {UP}", f"= {DOWN}", "= link down: refused"]
    told.close()


def test_thirteen_changes_to_and_fro_are_two_lines_and_later_one_with_their_number(
    lines: Log[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_log, "QUIET", 3)
    monkeypatch.setattr(state_log, "SETTLED", 2)
    told = StateLog(log)
    for _ in range(7):
        say(told, UP)
        say(told, DOWN)
    assert lines.entries == [f"= {UP}", f"= {DOWN}"]
    assert lines.wait_count(3)[2] == f"= {DOWN} (11 more changes since the line before)"
    told.close()


def test_what_has_come_and_stays_is_said_soon_though_it_was_said_before(lines: Log[str]) -> None:
    told = StateLog(log)
    for kind in (UP, DOWN, UP):
        say(told, kind)
    assert lines.entries == [f"= {UP}", f"= {DOWN}"]
    began = time.monotonic()
    assert lines.wait_count(3)[2] == f"= {UP}"
    assert time.monotonic() - began < state_log.QUIET
    told.close()


def test_what_does_not_change_is_said_again_once_in_a_while(lines: Log[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_log, "QUIET", 0.01)
    monkeypatch.setattr(state_log, "REMIND", 0.2)
    told = StateLog(log)
    began = time.monotonic()
    count = 0
    while len(lines.entries) < 2:
        say(told, DOWN)
        count += 1
    assert time.monotonic() - began >= 0.2
    assert "more changes since the line before" in lines.entries[1]
    told.close()


def test_news_between_comes_at_once_and_with_the_number_of_what_was_not_said(lines: Log[str]) -> None:
    told = StateLog(log)
    for kind in (UP, DOWN, UP, DOWN, "link closed"):
        say(told, kind)
    assert lines.entries[2] == "= link closed (2 more changes since the line before)"
    told.close()


def test_at_the_end_what_was_not_said_and_is_so_is_said(lines: Log[str]) -> None:
    told = StateLog(log)
    for kind in (UP, DOWN, UP):
        say(told, kind)
    told.close()
    told.close()
    assert lines.entries[2:] == [f"= {UP}"]
