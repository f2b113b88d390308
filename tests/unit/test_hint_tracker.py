"""hint_tracker.py: when something is said of what the server sends, and until when."""

from __future__ import annotations

import json
import os

import pytest

from bridge.counters import Counters
from bridge.link import hint_tracker as module
from bridge.link.hint import CODES, Hint, Reading, no_frame, with_frames
from bridge.link.hint_tracker import HintTracker
from bridge.link.recogniser.recognise import LOOKED_AT
from tests.documents import PROTOCOL, rows, section
from tests.waiting import Log

LINES = b'{"a":1}\n{"a":2}\n'


class Watched:
    """`said`: each hint, None for its end."""

    def __init__(self, **reading: str) -> None:
        self.said: Log[Hint | None] = Log()
        self.counters = Counters()
        self.hints = HintTracker(
            Reading(**reading),  # type: ignore[arg-type]
            self.counters,
            lambda: self.said.add(self.hints.hint),
        )
        self.hints.begin()

    def codes(self, count: int) -> list[str]:
        return [hint.code if hint else "" for hint in self.said.wait_count(count)]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.02)
    monkeypatch.setattr(module, "SURE", 0.04)


def test_the_table_of_codes_is_that_of_the_code() -> None:
    assert rows(section(PROTOCOL, "Hints")) == CODES


def test_at_most_64_kib_of_a_connection_are_kept_and_none_once_its_frames_make_sense() -> None:
    at = Watched()
    for _ in range(5):
        at.hints.read(os.urandom(100_000).replace(b"~", b""), 0)
        assert len(at.hints._sample.data) == LOOKED_AT
    assert at.codes(1) == ["framing"]
    assert at.counters["link_hints"] == 1
    at.hints.begin()
    at.hints.read(b"one~two~", 2)
    assert at.codes(2) == ["framing", ""]
    while at.hints.awake:
        at.hints._timer.set(0.0)
    assert len(at.hints._sample.data) == 0


def test_a_hint_names_the_flag_that_fits_and_shows_no_more_than_64_bytes() -> None:
    secret = b'{"password":"' + b"x" * 60 + b'hidden"}\n' + LINES
    hint = no_frame(secret, len(secret), Reading())
    assert hint is not None
    assert hint.fix == r"--framing-in '\n'"
    assert "xxx" in hint.text
    assert "hidden" not in json.dumps(hint.as_json())
    assert hint.text.isprintable()
    assert hint.text.rstrip("…").isascii()


def test_good_frames_are_no_reason_for_a_hint() -> None:
    assert with_frames(b'{"a":1}~{"a":2}~', Reading()) is None
    assert with_frames(b"move 1~move 2~", Reading()) is None
    assert with_frames("é~".encode(), Reading()) is None
