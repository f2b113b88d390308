"""expiry_queue.py: what is due in time, in order, and not if it was taken back."""

from __future__ import annotations

import threading

import pytest

from bridge.relay.expiry_queue import ExpiryQueue
from tests.unit.clocks import Clock
from tests.waiting import Log


def test_what_waits_is_due_in_the_order_of_adding() -> None:
    due: Log[str] = Log()
    queue = ExpiryQueue(0.01, due.add, 100)
    for key in "abc":
        queue.add(key)
    assert due.wait_count(3) == ["a", "b", "c"]
    queue.add("d")
    assert due.wait_count(4)[-1] == "d"


def test_what_was_taken_back_is_not_due_and_what_is_added_again_waits_anew() -> None:
    due: Log[str] = Log()
    queue = ExpiryQueue(0.05, due.add, 100)
    queue.add("a")
    queue.add("b")
    queue.discard("a")
    queue.discard("nobody")
    queue.add("c")
    queue.add("b")
    assert "b" in queue
    assert due.wait_count(2) == ["c", "b"]
    assert len(queue) == 0


def test_each_is_due_when_its_own_time_is_over_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, due = Clock(monkeypatch), list[str]()
    queue = ExpiryQueue(10, due.append, 2)
    clock.owns(queue._timer)
    queue.add("a")
    assert clock.next == 1010
    clock.later(4)
    queue.add("b")
    assert clock.next == 1010  # as many as there may be: nobody is due early
    queue.add("a")
    clock.later(9.9)
    assert due == []
    clock.later(0.1)
    assert due == ["b", "a"]
    assert not clock.waits


def test_what_is_taken_back_or_closed_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    queue = ExpiryQueue(10, print, 2)
    clock.owns(queue._timer)
    queue.add("a")
    queue.add("b")
    queue.discard("a")
    assert clock.waits
    queue.discard("b")
    assert not clock.waits
    queue.add("a")
    queue.close()
    assert not clock.waits


def test_beyond_the_limit_the_oldest_is_due_early() -> None:
    due: Log[str] = Log()
    queue = ExpiryQueue(3600, due.add, 2)
    for key in "abcd":
        queue.add(key)
    assert due.wait_count(2) == ["a", "b"]
    assert len(queue) == 2
    queue.close()


def test_the_oldest_is_due_early_whenever_one_too_many_comes() -> None:
    due: Log[str] = Log()
    queue = ExpiryQueue(3600, due.add, 2)
    for number in range(200):  # the thread waits when some of these come, and is about to when others do
        queue.add(str(number))
        due.wait_count(max(0, number - 1))
    assert due.entries == [str(number) for number in range(198)]
    queue.close()


def test_no_thread_is_left_when_nothing_waits() -> None:
    before = set(threading.enumerate())
    queue = ExpiryQueue(3600, lambda _: None, 100)
    queue.add("a")
    (thread,) = set(threading.enumerate()) - before
    assert thread.name == "bridge-waiting"
    queue.discard("a")
    thread.join(15)
    assert not thread.is_alive()
    queue.add("b")
    queue.close()
    queue.add("c")
    assert len(queue) == 0


def test_a_thread_that_waits_ends_when_the_last_one_is_taken_back() -> None:
    for _ in range(20):  # it is about to wait in some of them, and waits in the others
        due: Log[str] = Log()
        before = set(threading.enumerate())
        queue = ExpiryQueue(3600, due.add, 1)
        queue.add("a")
        (thread,) = set(threading.enumerate()) - before
        queue.add("b")
        assert due.wait_count(1) == ["a"]
        queue.discard("b")
        thread.join(15)
        assert not thread.is_alive()


def test_what_fails_does_not_keep_the_others(caplog: pytest.LogCaptureFixture) -> None:
    due: Log[str] = Log()

    def call(key: str) -> None:
        due.add(key)
        if key == "a":
            raise ValueError("a bug")

    queue = ExpiryQueue(0.01, call, 100)
    queue.add("a")
    queue.add("b")
    assert due.wait_count(2) == ["a", "b"]
    assert "a bug" in caplog.text
    assert [record.name for record in caplog.records] == ["bridge"]
