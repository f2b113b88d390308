"""For how long a thread held others up: not while it could not run itself."""

from __future__ import annotations

import os
import threading
import time

import pytest

from bridge.hub.thread_usage import ThreadUsage, TimeTaken, held

IDLE = TimeTaken(0.0, 0.0, asleep=True)


@pytest.mark.parametrize(
    ("passed", "its", "own", "counts"),
    [
        (0.05, TimeTaken(0.0, 0.0, asleep=True), IDLE, 0.05),  # it waits for a lock, a command, a disk
        (0.05, TimeTaken(0.05, 0.0, asleep=False), IDLE, 0.05),  # it runs
        (0.05, TimeTaken(0.01, 0.0, asleep=False), IDLE, 0.01),  # it wants to run, and others do
        (0.05, TimeTaken(0.01, 0.03, asleep=True), IDLE, 0.02),  # the same, and now it waits for the interpreter
        (10.0, TimeTaken(0.0, 0.0, asleep=True), IDLE, 0.0),  # all was stopped
        (2.0, TimeTaken(1.95, 0.0, asleep=True), IDLE, 1.95),  # it kept the interpreter
        (0.5, TimeTaken(0.3, 0.0, asleep=True), TimeTaken(0.0, 0.45, asleep=False), 0.0),  # who looks had no processor
        (0.05, None, IDLE, 0.05),  # nobody knows
        (10.0, None, None, 0.0),
    ],
)
def test_what_counts_is_the_time_in_which_it_ran_or_waited(
    passed: float, its: TimeTaken | None, own: TimeTaken | None, counts: float
) -> None:
    assert held(passed, 0.05, its, own) == pytest.approx(counts)


def test_the_system_says_what_a_thread_did() -> None:
    me = ThreadUsage(threading.get_native_id())
    ends = time.thread_time() + 0.1
    while time.thread_time() < ends:
        pass
    took = me.took()
    assert took is not None
    assert took.ran > 0.05
    assert not took.asleep
    me.close()
    me.close()
    assert me.took() is None


def test_of_a_thread_that_is_not_there_nothing_is_known() -> None:
    assert ThreadUsage(2 * os.getpid() + 1_000_000_000).took() is None
