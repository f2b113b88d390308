"""client_log.py: lines of one form for the life of clients, and no more than fit."""

from __future__ import annotations

import logging

import pytest

from bridge import client_log as module
from bridge.client_log import ClientLog
from bridge.timer import Timer


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bridge.clients")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_line_has_who_where_and_why(caplog: pytest.LogCaptureFixture) -> None:
    lines = ClientLog()
    lines.line("leave", "s1", user="ann b", address="10.0.0.7", reason="transport close")
    lines.line("connect", "s1", user="s1", address="10.0.0.7")
    assert said(caplog) == [
        "= leave id=s1 user='ann b' address=10.0.0.7 reason='transport close'",
        "= connect id=s1 address=10.0.0.7",
    ]


def test_beyond_a_hundred_lines_a_second_there_is_one_that_sums_them_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Timer, "set", lambda timer, when: None)  # the time is the test's, and so is when it is over
    now = 100.0
    lines = ClientLog(lambda: now)
    for number in range(module.MOST + 30):
        lines.line("connect" if number % 3 else "leave", f"s{number}")
    assert len(said(caplog)) == module.MOST
    now += module.PERIOD
    lines.sum_up()
    assert said(caplog)[module.MOST :] == ["= 30 more: connect 20, leave 10"]
    for number in range(2 * module.MOST):
        lines.line("connect", f"s{number}")
    assert len(said(caplog)) == 2 * module.MOST  # with the sum, which is a line as well


def test_when_the_second_is_over_there_is_room_again(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    lines = ClientLog(lambda: now)
    for _ in range(3):
        for number in range(module.MOST):
            lines.line("connect", f"s{number}")
        now += module.PERIOD
    assert len(said(caplog)) == 3 * module.MOST


def test_what_is_not_logged_is_not_counted_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "bridge.clients")
    lines = ClientLog()
    for number in range(2 * module.MOST):
        lines.line("connect", f"s{number}")
    lines.sum_up()
    assert said(caplog) == []
