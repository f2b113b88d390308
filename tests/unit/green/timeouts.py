"""What is due and when, by a clock that the test sets."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

warnings.simplefilter("ignore")  # eventlet's, about itself

import pytest  # noqa: E402

from bridge.engineio import timeouts as module  # noqa: E402
from bridge.engineio.timeouts import SessionTimeouts, TimeoutQueue, until_due  # noqa: E402
from tests.unit.green.servers import Log, replaced  # noqa: E402


class Over(BaseException):
    """Ends what runs for ever."""


class Clock:
    """`now`; `sleeps`: what was slept; `late`: how much longer each of these took."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.late: list[float] = []
        self.turns = 100

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if len(self.sleeps) > self.turns:
            raise Over
        self.now += seconds + (self.late.pop(0) if self.late else 0.0)


@contextmanager
def clock() -> Iterator[Clock]:
    """In the place of the module's."""
    made = Clock()
    time = SimpleNamespace(monotonic=lambda: made.now)
    with replaced(module, time=time, eventlet=SimpleNamespace(sleep=made.sleep)):
        yield made


def test_something_is_due_when_its_interval_is_over_and_not_before() -> None:
    with clock() as at:
        due: list[str] = []
        queue = TimeoutQueue(10.0, due.append)
        queue.add("a")
        at.now = 1004.0
        queue.add("b")
        at.now = 1009.999
        queue.run()
        assert due == []
        at.now = 1010.0
        queue.run()
        assert due == ["a"]
        assert ("a" in queue, "b" in queue, len(queue)) == (False, True, 1)
        at.now = 1014.0
        queue.run()
        queue.run()
        assert (due, len(queue)) == (["a", "b"], 0)


def test_what_is_added_again_is_due_later_and_what_is_discarded_never() -> None:
    with clock() as at:
        due: list[str] = []
        queue = TimeoutQueue(10.0, due.append)
        for name in ("a", "b", "c"):
            queue.add(name)
        at.now = 1005.0
        queue.add("a")
        queue.discard("b")
        queue.discard("nobody")
        at.now = 1010.0
        queue.run()
        assert due == ["c"]
        at.now = 1015.0
        queue.run()
        assert due == ["c", "a"]


def test_it_says_when_it_is_to_be_run_next_or_never() -> None:
    with clock() as at:
        queue: TimeoutQueue[str] = TimeoutQueue(25.0, print)
        assert queue.next == math.inf
        queue.add("a")
        at.now += 1
        queue.add("b")
        assert queue.next == 1025.25


def test_what_is_due_may_take_back_what_is_due_too() -> None:
    with clock() as at:
        due: list[str] = []

        def one(name: str) -> None:
            due.append(name)
            queue.discard("b")
            queue.add(name)

        queue = TimeoutQueue(1.0, one)
        for name in "abc":
            queue.add(name)
        at.now += 1
        queue.run()
        assert due == ["a", "c"]
        assert len(queue) == 2


def test_a_bug_of_one_is_logged_and_the_next_one_s_turn_comes() -> None:
    with clock() as at, Log("bridge.clients") as log:
        due: list[int] = []
        queue: TimeoutQueue[int] = TimeoutQueue(1.0, lambda number: due.append(1 // number))
        queue.add(0)
        queue.add(1)
        at.now += 1
        queue.run()
        assert due == [1]
        assert log.lines == ["ERROR ! what was due for 0 failed because of a bug"]


def test_others_have_their_turn_when_it_has_taken_as_long_as_a_turn_may() -> None:
    assert module.LONGEST_TURN == 0.002
    with replaced(module, LONGEST_TURN=2.0), clock() as at:
        queue: TimeoutQueue[str] = TimeoutQueue(1.0, lambda _: setattr(at, "now", at.now + 1.5))
        for name in "abcde":
            queue.add(name)
        at.now = 1001.0
        queue.run()
        assert at.sleeps == [0, 0]  # after the second, and two later
        at.sleeps.clear()
        queue = TimeoutQueue(1.0, lambda _: setattr(at, "now", at.now + 2.0))
        queue.add("a")
        at.now += 1
        queue.run()
        assert at.sleeps == []


def test_one_sleeps_until_the_first_of_several_is_due_but_no_longer_than_an_interval() -> None:
    with clock() as at:
        long: TimeoutQueue[str] = TimeoutQueue(50.0, print)
        short: TimeoutQueue[str] = TimeoutQueue(20.0, print)
        assert until_due(long, short) == 20.0
        assert until_due(long) == 50.0
        long.add("a")
        assert until_due(long, short) == 20.0
        at.now += 40
        assert until_due(long, short) == 10.5
        assert until_due(short, long) == 10.5
        at.now += 100
        assert until_due(long, short) == 0.001


def queues(told: list[str], *intervals: float) -> SessionTimeouts[str]:
    names = ("pings", "pongs", "joins", "upgrades", "farewells", "packets")
    return SessionTimeouts(*(
        TimeoutQueue(interval, lambda item, name=name: told.append(f"{name} {item}"))  # type: ignore[misc]
        for name, interval in zip(names, intervals, strict=True)
    ))  # fmt: skip


def test_all_queues_are_run_in_order_for_ever() -> None:
    with clock() as at:
        told: list[str] = []
        all_of_them = queues(told, 10.0, 5.0, 20.0, 40.0, 80.0, 80.0)
        for queue in all_of_them:
            queue.add("x")
            queue.add("y")
        all_of_them.discard("y")
        at.turns = 8
        with pytest.raises(Over):
            all_of_them.run()
        assert told == ["pongs x", "pings x", "joins x", "upgrades x"]
        assert at.sleeps == [5.0] * 9


def test_what_came_while_the_process_stood_still_is_read_before_anybody_is_ended() -> None:
    for late, sleeps in ((0.5, [5.0, 5.0]), (0.75, [5.0, 0.1, 5.0])):
        with clock() as at:
            told: list[str] = []
            all_of_them = queues(told, 8.0, 5.0, 8.0, 8.0, 8.0, 8.0)
            at.late, at.turns = [late], len(sleeps) - 1
            with pytest.raises(Over):
                all_of_them.run()
            assert at.sleeps == sleeps
