"""bounds.py: it finds what grows, and nothing else."""

from __future__ import annotations

import pytest

from tests.soak.bounds import EVERY, GROWTH, LONG, RISE, grown, recovered, rising

BEFORE = {"descriptors": 12, "green threads": 8, "memory": 70 << 20, "malloc": 15 << 20, "blocks": 330_000}
COUNTERS = {"sessions_new": 100, "sessions_lost": 3, "clients_slow": 4, "events_in": 5}


def test_as_much_more_as_there_may_be_is_not_too_much() -> None:
    assert list(grown(BEFORE, {what: count + GROWTH[what] for what, count in BEFORE.items()})) == []


@pytest.mark.parametrize("what", GROWTH)
def test_one_more_is_too_much(what: str) -> None:
    [found] = grown(BEFORE, {**BEFORE, what: BEFORE[what] + GROWTH[what] + 1})
    assert found.startswith(f"{what}: ")


@pytest.mark.parametrize("what", RISE)
def test_what_rises_all_the_time_is_found_in_a_run_of_some_length(what: str) -> None:
    count = LONG[what] // EVERY[what]
    flat = {each: [1] * (LONG[each] // EVERY[each]) for each in RISE}
    slope = 2 * RISE[what] // count + 100  # over the half of the run that is between the two quarters
    rising_one = [number * slope for number in range(count)]
    assert list(rising(flat)) == []
    [found] = rising({**flat, what: rising_one})
    assert found.startswith(f"{what} rose by ")
    assert list(rising({**flat, what: rising_one[1:]})) == []


def test_what_rose_for_a_moment_or_once_at_the_beginning_does_not_rise() -> None:
    most = RISE["malloc"] * 5
    flat = dict.fromkeys(RISE, [1] * 200)
    assert list(rising({**flat, "malloc": [1] * 30 + [most] * 170})) == []
    assert list(rising({**flat, "malloc": [1] * 150 + [most] * 45 + [1] * 5})) == []


def test_of_the_clients_that_came_back_nearly_all_have_to_recover() -> None:
    assert list(recovered([True] * 95 + [False] * 5, COUNTERS)) == []
    [found] = recovered([True] * 94 + [False] * 6, COUNTERS)
    assert "of 100 clients that came back only 94 recovered" in found
    assert "'sessions_lost': 3, 'clients_slow': 4" in found
    [found] = recovered([], COUNTERS)
    assert "nothing was tried" in found
