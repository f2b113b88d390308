"""How many messages one turn takes."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from bridge.engineio import turns as module
from bridge.engineio.turns import take_turn
from tests.unit.green.servers import replaced


class Case:
    """Messages that cost so many seconds each. `taken`: how many at a time."""

    def __init__(self, cost: float) -> None:
        self.now, self.cost = 50.0, cost
        self.taken: list[int] = []

    def take(self, messages: Sequence[int]) -> bool:
        self.taken.append(len(messages))
        self.now += self.cost * len(messages)
        return True

    def turn(self, count: int, at: int = 0) -> int:
        with replaced(module, time=SimpleNamespace(monotonic=lambda: self.now)):
            return take_turn(range(count), at, self.take)


def test_what_costs_little_is_taken_in_a_few_parts() -> None:
    at = Case(0.000001)
    assert at.turn(1600) == 1600
    assert at.taken == [400, 800, 400]


def test_what_costs_much_is_taken_one_by_one_until_the_turn_is_over() -> None:
    at = Case(0.0004)
    assert at.turn(16) == sum(at.taken) == 5
    assert at.taken == [4, 1]
    assert at.turn(16, 5) == 10


def test_a_turn_takes_something_whatever_it_costs_and_no_more_than_there_is() -> None:
    at = Case(1.0)
    assert at.turn(16, 11) == 15
    assert at.turn(16, 15) == 16


def test_nothing_more_is_taken_from_who_has_ended() -> None:
    assert take_turn(range(100), 3, lambda _: False) == 100
