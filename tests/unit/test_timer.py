"""timer.py: what is to happen in time happens, once, on a thread that is there only while it is needed."""

from __future__ import annotations

import threading
import time

import pytest

from bridge.timer import Timer
from tests.waiting import PATIENCE, Log


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def ended(name: str) -> bool:
    for thread in threads(name):
        thread.join(PATIENCE)
    return threads(name) == []


def test_it_rings_at_its_time_and_not_before() -> None:
    rang: Log[float] = Log()
    timer = Timer(lambda: rang.add(time.monotonic()), "test-once")
    at = time.monotonic() + 0.05
    timer.set(at)
    assert rang.wait_count(1)[0] >= at
    assert ended("test-once")


def test_it_rings_again_when_it_is_told_to() -> None:
    rang: Log[int] = Log()

    def ring() -> float | None:
        rang.add(1)
        return time.monotonic() + 0.01 if len(rang.entries) < 3 else None

    Timer(ring, "test-again").set(time.monotonic())
    rang.wait_count(3)
    assert ended("test-again")
    assert len(rang.entries) == 3


def test_an_earlier_time_replaces_a_later_one_and_not_the_other_way_round() -> None:
    rang: Log[int] = Log()
    timer = Timer(lambda: rang.add(1), "test-earlier")
    timer.set(time.monotonic() + 1000)
    timer.set(time.monotonic())
    timer.set(time.monotonic() + 1000)
    rang.wait_count(1)
    timer.off()
    assert ended("test-earlier")


def test_there_is_one_thread_however_often_it_is_set_and_none_when_it_is_off() -> None:
    timer = Timer(lambda: None, "test-threads")
    assert threads("test-threads") == []
    for n in range(10):
        timer.set(time.monotonic() + 1000 - n)
    assert len(threads("test-threads")) == 1
    timer.off()
    assert ended("test-threads")
    timer.set(time.monotonic() + 1000)
    assert len(threads("test-threads")) == 1
    timer.off()
    assert ended("test-threads")


def test_it_can_be_set_again_while_it_rings() -> None:
    rang: Log[int] = Log()

    def ring() -> float | None:
        if not rang.entries:
            timer.set(time.monotonic())
        rang.add(1)
        return None

    timer = Timer(ring, "test-while")
    timer.set(time.monotonic())
    rang.wait_count(2)
    assert ended("test-while")


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit("a bug")])
def test_what_failed_is_logged_and_tried_again(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    rang: Log[int] = Log()

    def ring() -> None:
        rang.add(1)
        if len(rang.entries) == 1:
            raise error

    timer = Timer(ring, "test-again-after-a-bug")
    timer.set(time.monotonic())
    rang.wait_count(2)
    assert ended("test-again-after-a-bug")
    assert "test-again-after-a-bug" in caplog.text
