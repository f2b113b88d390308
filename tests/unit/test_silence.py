"""silence.py and heartbeat.py: a server that says nothing is told from one that does, and hears from us."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.link.heartbeat import Heartbeat
from bridge.link.silence import Silence
from tests.unit.clocks import Clock

#: Makes the silence of one link: (seconds until it is shown, until it is too long).
Watch = Callable[[float, float], "Watched"]


class Watched:
    """`said`: when `silent` changed, and each time that it was too long."""

    def __init__(self, clock: Clock, warn: float, limit: float) -> None:
        self._clock = clock
        self.said: list[tuple[str, float]] = []
        self.silence = Silence(
            warn,
            limit,
            on_change=lambda: self._say("silent" if self.silence.silent else "speaks"),
            on_limit=lambda: self._say("too long"),
        )
        clock.owns(self.silence._timer)

    def _say(self, what: str) -> None:
        self.said.append((what, self._clock.now - 1000))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def watch(clock: Clock) -> Watch:
    return lambda warn, limit: Watched(clock, warn, limit)


def test_who_says_nothing_is_silent_once_and_speaks_again(clock: Clock, watch: Watch) -> None:
    at = watch(5, 0)
    at.silence.begin()
    clock.later(4)
    assert not at.silence.silent
    clock.later(4)
    assert at.silence.silent
    at.silence.heard()
    assert not at.silence.silent
    at.silence.listens()
    clock.later(100)
    assert at.said == [("silent", 5), ("speaks", 8), ("silent", 13)]


def test_who_speaks_is_not_silent(clock: Clock, watch: Watch) -> None:
    at = watch(5, 8)
    at.silence.begin()
    for _ in range(10):
        clock.later(4)
        at.silence.heard()
        at.silence.listens()
    assert at.said == []


@pytest.mark.parametrize(
    ("warn", "limit", "said"),
    [
        (0, 5, [("too long", 5)]),
        (5, 8, [("silent", 5), ("too long", 8)]),
        (8, 5, [("too long", 5)]),
        (5, 5, [("silent", 5), ("too long", 5)]),
    ],
)
def test_too_long_is_said_whether_it_is_shown_or_not(
    clock: Clock, watch: Watch, warn: float, limit: float, said: list[tuple[str, float]]
) -> None:
    at = watch(warn, limit)
    at.silence.begin()
    clock.later(100)
    assert at.said == said
    assert not clock.waits


def test_who_is_not_listened_to_is_not_silent_however_long_that_takes(clock: Clock, watch: Watch) -> None:
    at = watch(5, 8)
    at.silence.begin()
    clock.later(1)
    at.silence.heard()
    clock.later(100)
    assert at.said == []
    at.silence.listens()
    clock.later(100)
    assert at.said == [("silent", 106), ("too long", 109)]


def test_who_speaks_while_it_is_looked_at_is_not_silent(
    clock: Clock, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = watch(5, 0)
    at.silence.begin()

    def spoken() -> float:
        at.silence._heard = 1004.5  # by the reader, which saw that it was not silent
        return 1005.0

    clock.later(4)
    monkeypatch.setattr("time.monotonic", spoken)
    assert at.silence._look() == 1009.5
    assert not at.silence.silent
    assert at.said == []


def test_when_neither_is_wanted_there_is_nothing_to_wait_for(clock: Clock, watch: Watch) -> None:
    at = watch(0, 0)
    at.silence.begin()
    at.silence.heard()
    assert not clock.waits


def test_without_a_connection_nobody_is_silent(clock: Clock, watch: Watch) -> None:
    at = watch(5, 8)
    at.silence.begin()
    clock.later(6)
    at.silence.end()
    assert not at.silence.silent
    assert not clock.waits
    assert at.silence._look() is None  # also if it was about to look
    assert at.said == [("silent", 5)]


def test_a_new_connection_has_its_time_anew(clock: Clock, watch: Watch) -> None:
    at = watch(5, 0)
    at.silence.begin()
    clock.later(1)
    at.silence.heard()  # and nobody listened again
    clock.later(5)
    at.silence.end()
    at.silence.begin()
    clock.later(6)
    at.silence.begin()
    assert not at.silence.silent
    clock.later(6)
    assert at.said == [("silent", 11), ("silent", 17)]


def test_a_heartbeat_is_told_at_each_interval_until_it_is_closed(clock: Clock) -> None:
    told: list[tuple[object, float]] = []
    heart = Heartbeat(b"ping", 10, lambda payloads: told.append((payloads, clock.now - 1000)))
    clock.owns(heart._timer)
    heart.run()
    clock.later(35)
    assert told == [([b"ping"], 10), ([b"ping"], 20), ([b"ping"], 30)]
    heart.close()
    heart.close()
    assert not clock.waits
    heart.run()  # also one that was about to beat
    clock.later(35)
    assert len(told) == 3
