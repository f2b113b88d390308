"""TimeSlice of reader.py: a reader that is flooded lets others run, and one that waits anyway is not held up."""

from __future__ import annotations

import time

import pytest

from bridge.link import reader
from bridge.link.reader import TimeSlice


class Machine:
    """A clock, a socket that takes `wait` seconds to be read, and who was let run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, wait: float) -> None:
        self.now, self.wait = 100.0, wait
        self.turns: list[float] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.turns.append)

    def recv(self, at_most: int) -> bytes:
        self.now += self.wait
        return b"x" * at_most

    def run(self, reads: int, work: float) -> int:
        """How often others were let run."""
        turn = TimeSlice()
        for _ in range(reads):
            assert turn.read(self, 3) == b"xxx"
            self.now += work
        assert set(self.turns) <= {0}
        return len(self.turns)


def test_a_flooded_reader_lets_others_run_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, wait=0).run(1000, work=0.0001) >= 1000 * 0.0001 / (reader.LONGEST_TURN + 0.0002)


def test_a_reader_whose_work_is_long_lets_others_run_before_each_further_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, wait=0).run(10, work=0.001) == 9


def test_a_reader_whose_work_is_long_needs_not_if_it_waits_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, wait=0.001).run(10, work=0.001) == 0


def test_a_reader_that_waited_needs_not_let_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, wait=0.001).run(1000, work=0.0001) == 0


def test_a_read_that_only_copied_much_is_not_taken_for_one_that_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, wait=0.0001).run(100, work=0.0002) >= 40
