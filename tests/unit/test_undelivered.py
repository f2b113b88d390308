"""undelivered.py: what the rows and lines of messages that reached nobody say, and how often they say it anew."""

from __future__ import annotations

import logging
import time

import pytest

from bridge.counters import Counters
from bridge.relay.undelivered import MOST, NAMED, REFRESH, Undelivered
from tests.unit.clocks import Clock


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(("more", "end"), [(0, "' reached nobody: why"), (1, "b… reached nobody: why")])
def test_whom_a_line_names_is_cut_only_if_it_is_longer_than_200(
    more: int, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("a" * 100, "b" * (89 + more))  # " for 'a…', 'b…'" has 200 characters
    Undelivered(Counters(), lambda most: ()).add("bad-user-key", names, "why")
    (line,) = lines(caplog)
    assert line.endswith(end)
    assert len(line) == len("! a message reached nobody: why") + 200


def test_a_line_says_whom_it_was_for_why_and_what_would_mend_it(caplog: pytest.LogCaptureFixture) -> None:
    undelivered = Undelivered(Counters(), lambda most: ("ann", "bob")[:most])
    undelivered.add("unknown-user", ("zoe", "yan"), "no such user is there")
    undelivered.add("unreadable", None, "it can't be read")
    undelivered.add("empty-list", (), "its list is empty")
    undelivered.add("event-name", None, "it can't be used")
    nobody = Undelivered(Counters(), lambda most: ())
    nobody.add("unknown-user", ("zoe",), "no such user is there")
    assert lines(caplog) == [
        "! a message for 'zoe', 'yan' reached nobody: no such user is there; there is 'ann', 'bob'",
        "! a message reached nobody: it can't be read (--unreadable broadcast sends such to all)",
        "! a message for no user reached nobody: its list is empty",
        "! a message did not come as its event: it can't be used",
        "! a message for 'zoe' reached nobody: no such user is there; there is nobody",
    ]


def test_a_row_is_counted_each_time_and_rewritten_once_a_second(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    clock, asked = Clock(monkeypatch), list[int]()
    monkeypatch.setattr(time, "time", lambda: 5000.0004 + clock.now)
    there = ["ann"]
    undelivered = Undelivered(Counters(), lambda most: asked.append(most) or tuple(there))  # type: ignore[func-returns-value]
    undelivered.add("not-json", None, lambda: "first", 3)
    there.append("bob")
    clock.now += REFRESH / 2
    undelivered.add("not-json", None, lambda: "second")
    row = {"t": 6000.5, "kind": "not-json", "to": None, "why": "first", "count": 4, "users": ["ann"]}
    assert undelivered.rows() == [row]
    clock.now += REFRESH / 2
    undelivered.add("not-json", None, lambda: "third")
    assert undelivered.rows() == [row | {"t": 6001.0, "why": "third", "count": 5, "users": ["ann", "bob"]}]
    assert asked == [NAMED, NAMED]


def test_ten_names_of_a_row_are_kept_each_of_128_characters_and_the_oldest_row_goes() -> None:
    undelivered = Undelivered(Counters(), lambda most: ())
    names = [f"{number:02}" + "x" * 200 for number in range(12)]
    undelivered.add("unknown-user", names, "why")
    (row,) = undelivered.rows()
    assert row["to"] == [name[:128] for name in names[:10]]
    for number in range(MOST - 1):
        undelivered.add("unknown-user", (str(number),), "why")
    undelivered.add("unknown-user", names, "why")  # the newest now
    undelivered.add("unknown-user", ("one more",), "why")
    rows = [row["to"] for row in undelivered.rows()]
    assert len(rows) == MOST
    assert rows[0] == ["1"]
    assert rows[-2:] == [[name[:128] for name in names[:10]], ["one more"]]
