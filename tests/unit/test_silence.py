"""silence.py and heartbeat.py: a server that says nothing is told from one that does, and hears from us."""

from __future__ import annotations

import threading
import time

from bridge.link.heartbeat import Heartbeat
from bridge.link.silence import Silence
from tests.waiting import PATIENCE, Log


class Watched:
    """`said`: each change of `silent`, and each time that it was too long."""

    def __init__(self, warn: float, limit: float) -> None:
        self.said: Log[str] = Log()
        self.silence = Silence(
            warn,
            limit,
            on_change=lambda: self.said.add("silent" if self.silence.silent else "speaks"),
            on_limit=lambda: self.said.add("too long"),
        )


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "bridge-silence"]


def test_who_says_nothing_is_silent_once_and_speaks_again() -> None:
    at = Watched(0.05, 0)
    began = time.monotonic()
    at.silence.begin()
    assert at.said.wait_count(1) == ["silent"]
    assert time.monotonic() - began >= 0.05
    assert at.silence.silent
    at.silence.heard()
    at.silence.listens()
    assert at.said.wait_count(2) == ["silent", "speaks"]
    assert at.said.wait_count(3) == ["silent", "speaks", "silent"]
    at.silence.end()


def test_who_speaks_is_not_silent() -> None:
    at = Watched(1000, 1000)
    at.silence.begin()
    for _ in range(100):
        at.silence.heard()
    assert not at.silence.silent
    assert at.said.entries == []
    at.silence.end()


def test_too_long_is_said_whether_it_is_shown_or_not() -> None:
    for warn, said in ((0, ["too long"]), (0.02, ["silent", "too long"]), (1000, ["too long"])):
        at = Watched(warn, 0.05)
        at.silence.begin()
        assert at.said.wait_count(len(said)) == said
        at.silence.end()


def test_who_is_not_listened_to_is_not_silent_however_long_that_takes() -> None:
    at, other = Watched(0.05, 0.15), Watched(0.05, 0.15)
    at.silence.begin()
    at.silence.heard()
    other.silence.begin()
    assert other.said.wait_count(2) == ["silent", "too long"]
    assert at.said.entries == []
    at.silence.listens()
    assert at.said.wait_count(2) == ["silent", "too long"]
    for each in (at, other):
        each.silence.end()


def test_when_neither_is_wanted_there_is_nothing_to_wait_for() -> None:
    at = Watched(0, 0)
    before = len(threads())
    at.silence.begin()
    at.silence.heard()
    assert len(threads()) == before
    at.silence.end()


def test_without_a_connection_nobody_is_silent() -> None:
    at = Watched(0.02, 0.05)
    at.silence.begin()
    at.said.wait_count(1)
    at.silence.end()
    assert not at.silence.silent
    for thread in threads():
        thread.join(PATIENCE)
    assert "speaks" not in at.said.entries


def test_a_new_connection_has_its_time_anew() -> None:
    at = Watched(0.05, 0)
    at.silence.begin()
    at.said.wait_count(1)
    at.silence.end()
    at.silence.begin()
    assert not at.silence.silent
    assert at.said.wait_count(2) == ["silent", "silent"]
    at.silence.end()


def test_a_heartbeat_is_told_again_and_again_until_it_is_closed() -> None:
    told: Log[object] = Log()
    heart = Heartbeat(b"ping", 0.01, told.add)
    heart.run()
    assert told.wait_count(3)[:3] == [[b"ping"]] * 3
    heart.close()
    heart.close()
    for thread in threading.enumerate():
        if thread.name == "bridge-heartbeat":
            thread.join(PATIENCE)
            assert not thread.is_alive()
    count = len(told.entries)
    heart.run()
    for thread in threading.enumerate():
        if thread.name == "bridge-heartbeat":
            thread.join(PATIENCE)
    assert len(told.entries) == count
