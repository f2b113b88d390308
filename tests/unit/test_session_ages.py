"""session_ages.py: for how long it is known who a session is."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from bridge.recovery.session_ages import DAY, REFRESHED, SessionAges
from bridge.recovery.session_token import SessionToken


class Kept:
    """What the state store keeps. `now`: the time."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.notes: dict[str, float] = {}
        self.writes = 0

    def seen(self, sessions: Sequence[str]) -> None:
        self.writes += 1
        self.notes.update(dict.fromkeys(sessions, self.now))

    def last_seen(self, session: str) -> float | None:
        return self.notes.get(session)

    def ages(self) -> SessionAges:
        return SessionAges(DAY, self, lambda: self.now)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_pid_is_nobodys_a_day_after_it_was_made(kept: Kept) -> None:
    ages = kept.ages()
    token = SessionToken("s", "sid", ages.new_mark())
    kept.now += DAY - 1
    assert not ages.is_over(token)
    kept.now += 2
    assert ages.is_over(token)


def test_a_mark_has_72_bits_of_random_beside_the_time(kept: Kept) -> None:
    ages = kept.ages()
    marks = [base64.urlsafe_b64decode(ages.new_mark()) for _ in range(20)]
    varied = [octets for octets in zip(*marks, strict=True) if len(set(octets)) > 5]  # of 20, each one of 256
    assert 8 * len(varied) == 72
    assert len({mark[:-9] for mark in marks}) == 1


def test_a_day_is_counted_from_the_end_of_the_last_connection(kept: Kept) -> None:
    ages = kept.ages()
    token = SessionToken("s", "sid", ages.new_mark())
    ages.came("s", token.mark)
    kept.now += 3 * DAY
    assert not ages.is_over(token)
    ages.left("s")
    kept.now += DAY - 1
    assert not ages.is_over(token)
    assert not kept.ages().is_over(token)  # nor for the next process
    kept.now += 2
    assert ages.is_over(token)


def test_a_short_connection_costs_no_write(kept: Kept) -> None:
    ages = kept.ages()
    ages.came("s", ages.new_mark())
    kept.now += 50
    ages.left("s")
    assert kept.writes == 0


def test_who_stays_is_noted_so_that_the_end_of_the_process_takes_nobodys_day(kept: Kept) -> None:
    ages = kept.ages()
    token = SessionToken("s", "sid", ages.new_mark())
    ages.came("s", token.mark)
    for _ in range(2 * REFRESHED):
        kept.now += DAY / REFRESHED
        assert ages._refresh() is not None
    kept.now += DAY / 2
    assert not kept.ages().is_over(token)
    ages.left("s")
    assert ages._refresh() is None


@pytest.mark.parametrize("mark", ["", "tvem_AcT", "abcdefghijkl", "-" * 64, "a"])
def test_a_pid_of_an_earlier_version_counts_as_old_unless_its_session_is_kept(kept: Kept, mark: str) -> None:
    assert kept.ages().is_over(SessionToken("s", "sid", mark))
    kept.seen(["s"])
    assert not kept.ages().is_over(SessionToken("s", "sid", mark))
