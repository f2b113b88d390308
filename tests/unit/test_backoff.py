"""backoff.py: soon after a refusal, for a while and as long as somebody waits; growing after all else."""

from __future__ import annotations

from itertools import pairwise

from bridge.link.backoff import FIRST_DELAY, LAST_DELAY, REFUSED_DELAY, WHILE, Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def waits(delays: Backoff, clock: Clock, seconds: float, *, waited_for: bool = False) -> list[float]:
    """Refused again and again for so long: each wait."""
    ends, found = clock.now + seconds, list[float]()
    while clock.now < ends:
        found.append(delays.next(refused=True, waited_for=waited_for))
        clock.now += found[-1]
    return found


def test_for_two_minutes_of_refusals_no_wait_is_over_a_second() -> None:
    clock = Clock()
    found = waits(Backoff(clock=clock), clock, WHILE)
    assert max(found) <= REFUSED_DELAY
    assert min(found) >= FIRST_DELAY
    assert len(found) < 2 * WHILE  # and it does not hammer


def test_after_that_they_grow_to_the_most_and_not_at_a_leap() -> None:
    clock = Clock()
    delays = Backoff(clock=clock)
    waits(delays, clock, WHILE)
    later = waits(delays, clock, 100)
    assert later[0] <= 1.25 * REFUSED_DELAY
    assert all(after <= 4 * before for before, after in pairwise(later))
    assert max(later) <= LAST_DELAY
    assert max(later) > 0.75 * LAST_DELAY


def test_as_long_as_somebody_waits_no_wait_is_over_a_second_however_long_it_takes() -> None:
    clock = Clock()
    delays = Backoff(clock=clock)
    waits(delays, clock, 10 * WHILE)
    assert max(waits(delays, clock, WHILE, waited_for=True)) <= REFUSED_DELAY


def test_what_is_no_refusal_grows_from_the_first_on_whoever_waits() -> None:
    clock = Clock()
    found = [Backoff(clock=clock).next(waited_for=True) for _ in range(9)]
    assert max(found) <= 1.25 * FIRST_DELAY
    delays = Backoff(clock=clock)
    assert max(delays.next(waited_for=True) for _ in range(9)) > REFUSED_DELAY


def test_after_connections_that_ended_at_once_a_refusal_has_its_two_minutes() -> None:
    """A server that flaps and then stops: its delays had grown."""
    clock = Clock()
    delays = Backoff(clock=clock)
    for _ in range(9):
        clock.now += delays.next()
    assert max(waits(delays, clock, WHILE)) <= REFUSED_DELAY


def test_who_closes_each_connection_at_once_is_called_less_and_less_despite_refusals() -> None:
    delays = Backoff(clock=Clock())
    assert max(delays.next() for _ in range(9)) > 0.75 * LAST_DELAY
    found = [delays.next(refused=bool(attempt % 2)) for attempt in range(20)]
    assert sum(found) / 20 > 0.75 * REFUSED_DELAY


def test_the_most_can_be_set_also_under_a_second() -> None:
    clock = Clock()
    delays = Backoff(0.5, clock)
    assert max(waits(delays, clock, 2 * WHILE)) <= 0.5
    assert max(delays.next() for _ in range(9)) <= 0.5
    longest = Backoff(60, clock)
    assert max(longest.next() for _ in range(20)) > 45


def test_the_waits_are_a_fifth_of_a_second_to_ten_and_one_for_two_minutes_of_refusals() -> None:
    clock = Clock()
    assert 0.2 <= Backoff(clock=clock).next() <= 0.25
    grown = Backoff(clock=clock)
    assert 7.5 <= [grown.next() for _ in range(9)][-1] <= 10.0
    refused = Backoff(clock=clock)
    assert 0.75 <= waits(refused, clock, 118)[-1] <= 1.0
    clock.now = 120.0
    assert [refused.next(refused=True) for _ in range(9)][-1] >= 7.5
