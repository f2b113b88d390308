"""handlers.py, `thread=True`: a hook is called where it is to be, and so is each step of what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge.relay.handlers import call_directly, in_thread


def test_a_hook_is_called_in_the_other_place_and_keeps_its_name() -> None:
    calls: list[tuple[Any, ...]] = []

    def elsewhere(function: Any, *args: Any) -> Any:
        calls.append((function.__name__, args[0]))
        return function(*args)

    def hook(number: int) -> int:
        """Doubles it."""
        return 2 * number

    made = in_thread(hook, elsewhere)
    assert made(4) == 8
    assert calls == [("hook", 4)]
    assert (made.__name__, made.__doc__) == ("hook", "Doubles it.")


def test_each_step_of_an_iterator_is_made_in_the_other_place_and_none_is_lost() -> None:
    calls: list[str] = []

    def elsewhere(function: Any, *args: Any) -> Any:
        calls.append(function.__name__)
        return function(*args)

    def hook(count: int) -> Iterator[int | None]:
        yield from (None, *range(count))

    assert list(in_thread(hook, elsewhere)(2)) == [None, 0, 1]
    assert calls == ["hook", "next", "next", "next", "next"]


def test_a_list_is_given_as_it_is() -> None:
    assert in_thread(lambda: [1, 2], call_directly)() == [1, 2]
