"""requirements.txt has one exact version of everything that the ranges in pyproject.toml ask for, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import requires

from packaging.requirements import Requirement

from tools.pins import PINS, canonical, ranges, text

LINES = [line for line in PINS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def pins() -> dict[str, str]:
    """The version of each, by its canonical name."""
    found = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in LINES]
    return {canonical(match[1]): match[2] for match in found if match}


def needed() -> Iterator[Requirement]:
    """What pyproject.toml asks for, and what each of these asks for in turn."""
    waiting = [Requirement(line) for line in ranges().values()]
    seen: set[str] = set()
    while waiting:
        one = waiting.pop()
        yield one
        if canonical(one.name) not in seen:
            seen.add(canonical(one.name))
            inner = map(Requirement, requires(one.name) or ())
            waiting += [each for each in inner if not each.marker or each.marker.evaluate({"extra": ""})]


def test_every_line_pins_one_version_exactly() -> None:
    assert len(pins()) == len(LINES)


def test_each_pin_is_within_every_range_that_is_asked_for() -> None:
    for one in needed():
        assert one.specifier.contains(pins()[canonical(one.name)]), f"make pins: {one}"


def test_nothing_is_pinned_that_nothing_asks_for() -> None:
    assert pins().keys() == {canonical(one.name) for one in needed()}


def test_the_file_is_as_the_tool_writes_it() -> None:
    assert PINS.read_text(encoding="utf-8") == text(pins())
