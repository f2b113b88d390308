"""state_machine.py: how long the link waits for its next attempt, and that an earlier one is told."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from bridge.counters import Counters
from bridge.errors import LinkError
from bridge.link.backoff import Backoff
from bridge.link.state_machine import StateMachine
from bridge.link.states import LinkState, LinkStatus

LONG = 10.0


class Delays(Backoff):
    """Always the same; `asked`: with what."""

    def __init__(self, delay: float) -> None:
        super().__init__()
        self.delay = delay
        self.asked: list[tuple[bool, bool]] = []

    def next(self, refused: bool = False, waited_for: bool = False) -> float:
        self.asked.append((refused, waited_for))
        return self.delay


class Waits(threading.Event):
    """Time goes by when it is waited for, and never else. `looks`: when each wait was over; `ends`: when it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ends: float = 1e9) -> None:
        super().__init__()
        self.now, self.ends = 1000.0, 1000.0 + ends
        self.looks: list[float] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    @property
    def passed(self) -> float:
        return self.now - 1000.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout
        self.looks.append(self.passed)
        return self.now >= self.ends


class Machine:
    """A machine that dials; `states`, `earlier`: what it told, the second each time an attempt comes earlier."""

    def __init__(self) -> None:
        self.states: list[LinkStatus] = []
        self.earlier: list[float | None] = []
        self.machine = StateMachine(
            "here:1", self.status, on_state=self.states.append, on_change=self.changed, counters=Counters()
        )
        self.machine.dial()

    def status(self) -> LinkStatus:
        return self.machine.now.status(time.monotonic())

    def changed(self) -> None:
        self.earlier.append(self.status().next_try_s)

    def pause(self, over: Waits, code: str, delay: float, waits_from: float = 1e9) -> Delays:
        """`waits_from`: after how many seconds somebody waits for the connection."""
        delays = Delays(delay)
        self.machine.pause(LinkError(code, "why"), delays, over, lambda: over.passed >= waits_from)
        return delays


def test_after_any_other_failure_it_waits_once_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    one, over = Machine(), Waits(monkeypatch)
    assert one.pause(over, "timeout", LONG, waits_from=0.0).asked == [(False, True)]
    assert over.looks == [LONG]
    assert one.earlier == []
    assert one.states[-1] == LinkStatus(LinkState.WAITING, "why", one.states[-1].since, LONG)


def test_after_a_refusal_it_looks_again_and_again_whether_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    one, over = Machine(), Waits(monkeypatch)
    assert one.pause(over, "refused", LONG - 0.1).asked == [(True, False)]
    assert over.passed == pytest.approx(LONG - 0.1)
    assert max(after - before for before, after in pairwise([0.0, *over.looks])) == 0.25
    assert one.earlier == []


def test_who_begins_to_wait_after_a_refusal_has_the_next_attempt_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    one, over = Machine(), Waits(monkeypatch)
    one.pause(over, "refused", LONG, waits_from=0.5)
    assert over.passed == 1.0
    assert one.earlier == [0.5]


def test_who_begins_to_wait_later_than_that_has_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one, over = Machine(), Waits(monkeypatch)
    one.pause(over, "refused", LONG, waits_from=4.0)
    assert over.passed == 4.0
    assert one.earlier == [0.0]


def test_an_attempt_that_comes_as_soon_anyway_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    one, over = Machine(), Waits(monkeypatch)
    one.pause(over, "refused", 1.0, waits_from=0.0)
    assert over.passed == 1.0
    assert one.earlier == []


@pytest.mark.parametrize("code", ["refused", "timeout"])
def test_when_the_bridge_stops_nothing_more_is_waited_for(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    one, over = Machine(), Waits(monkeypatch, ends=0.1)
    one.pause(over, code, LONG)
    assert len(over.looks) == 1


def test_the_reason_of_a_failure_is_shown_until_the_link_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    one, over = Machine(), Waits(monkeypatch)
    one.pause(over, "timeout", LONG)
    one.machine.dial()
    assert [(each.state, each.reason) for each in one.states] == [
        (LinkState.CONNECTING, None), (LinkState.WAITING, "why"), (LinkState.CONNECTING, "why"),
    ]  # fmt: skip


def test_the_end_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Machine()
    for _ in range(2):
        one.machine.end()
    assert [each.state for each in one.states] == [LinkState.CONNECTING, LinkState.CLOSED]
    assert one.states[-1].reason == "the bridge is stopping"
