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
from tests.unit.clocks import Clock
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


class Clocked:
    """A tracker with a clock of its own. `said`: each hint's code, "" for its end; `asked`: how often in TLS."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **reading: str) -> None:
        monkeypatch.setattr(module, "LOOK", 1.0)
        monkeypatch.setattr(module, "SURE", 2.0)
        self.clock = Clock(monkeypatch)
        self.said: list[str] = []
        self.asked, self.answer = 0, b""
        self.counters = Counters()
        self.hints = HintTracker(Reading(**reading), self.counters, self._changed, self._probe)  # type: ignore[arg-type]
        self.clock.owns(self.hints._timer)
        self.hints.begin()

    def _changed(self) -> None:
        self.said.append(self.hints.hint.code if self.hints.hint else "")

    def _probe(self) -> bytes:
        self.asked += 1
        return self.answer

    def connection(self, lasted: float = 0.1, sends: bool = True, hears: bytes = b"") -> None:
        """One that the server closes."""
        self.hints.begin()
        if hears:
            self.counters.count("bytes_in", len(hears))
            self.hints.read(hears, hears.count(b"~"))
        if sends:
            self.counters.count("frames_out")
            self.hints.first_sent()
        self.clock.later(lasted)
        self.hints.ended(True, lasted if sends else None)


def test_a_server_that_closes_after_each_frame_is_named_until_a_connection_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = Clocked(monkeypatch)
    at.connection()
    assert at.said == []
    at.connection()
    assert at.said == ["closes-after-event"]
    at.hints.begin()
    at.hints.first_sent()
    at.clock.later(4.9)
    assert at.said == ["closes-after-event"]
    at.clock.later(0.2)
    assert at.said == ["closes-after-event", ""]
    at.hints.ended(True, 0.1)  # no pattern any more
    assert at.said == ["closes-after-event", ""]


def test_a_connection_that_is_not_sent_anything_says_nothing_about_what_is_done_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = Clocked(monkeypatch)
    at.connection()
    at.connection()
    at.hints.begin()
    at.clock.later(100)
    assert at.said == ["closes-after-event"]


def test_without_a_hint_nothing_is_looked_at_after_a_frame_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.first_sent()
    assert not at.clock.waits
    at.hints.itself()
    at.hints.first_sent()
    assert not at.clock.waits


def test_a_server_that_waits_for_somebody_to_begin_is_named_and_so_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    for _ in range(2):
        at.connection(1.0, sends=False)
    assert at.said == ["expects-first"]
    at.hints.begin()
    at.hints.first_sent()
    at.clock.later(5.0)
    assert at.said == ["expects-first", ""]


def test_an_end_that_the_server_did_not_choose_is_no_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    for _ in range(3):
        at.hints.begin()
        at.hints.first_sent()
        at.hints.ended(False, 0.1)
    assert at.said == []


def test_who_is_silent_after_the_first_frame_is_named_until_it_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.counters.count("bytes_in", 6)
    at.hints.read(b"hello~", 1)
    at.clock.later(3.0)
    at.hints.silent(at.clock.now)
    assert at.said == []  # it was not sent anything
    at.counters.count("frames_out")
    at.hints.first_sent()
    at.hints.silent(at.clock.now - 1.0)
    assert at.said == ["silent-after-event"]
    at.hints.silent(at.clock.now - 2.0)
    at.hints.speaks()
    at.hints.speaks()
    assert at.said == ["silent-after-event", ""]


def test_frames_of_the_connection_before_are_none_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.counters.count("frames_out", 5)
    at.counters.count("bytes_in", 5)
    at.hints.begin()
    assert not at.hints.heard
    at.hints.first_sent()
    at.counters.count("frames_out", 2)
    at.hints.silent(at.clock.now - 1.0)
    assert at.said == []  # it may be one that never answers
    at.counters.count("frames_out")
    at.hints.silent(at.clock.now - 1.0)
    assert at.said == ["silent-after-event"]


def test_that_it_speaks_ends_no_other_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.itself()
    at.hints.speaks()
    at.hints.silent(at.clock.now - 1.0)
    assert at.said == ["itself"]
    at.hints.begin()
    assert at.said == ["itself", ""]


def test_what_the_bytes_say_is_better_evidence_than_how_connections_end(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    for _ in range(3):
        at.connection(hears=LINES)
    assert at.said == ["framing"]


def test_a_server_that_never_said_a_word_is_asked_in_tls_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.answer = b"\x15\x03\x01\0\x02\x02\x46"
    for asked in (0, 0, 1, 1):
        at.connection()
        at.hints.between()
        assert at.asked == asked
    assert at.said == ["closes-after-event", "tls"]


def test_a_server_that_has_said_something_is_not_asked_in_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.counters.count("bytes_in")
    for _ in range(4):
        at.connection()
        at.hints.between()
    assert at.asked == 0


def test_an_answer_that_is_no_tls_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    for _ in range(4):
        at.connection()
        at.hints.between()
    assert at.asked == 1
    assert at.said == ["closes-after-event"]


def test_bytes_that_can_not_be_told_are_named_when_it_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.read(b"no frame", 0)
    at.clock.later(1.9)
    assert at.said == []
    at.clock.later(0.1)
    assert at.said == ["framing"]
    assert at.hints.hint is not None
    assert at.hints.hint.vague
    looks: list[bool] = []

    def look(sure: bool) -> None:
        looks.append(sure)

    monkeypatch.setattr(at.hints, "_look", look)
    at.clock.later(5.0)
    assert looks == []  # nothing has come since
    at.hints.read(b" at all", 0)
    at.clock.later(1.0)
    assert looks == [True]


def test_a_framing_that_is_recognised_is_named_at_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.read(LINES, 0)
    at.clock.later(0.9)
    assert at.said == []
    at.clock.later(0.1)
    assert at.said == ["framing"]
    assert at.hints.hint is not None
    assert at.hints.hint.fix == r"--framing-in '\n'"
    assert at.counters["link_hints"] == 1


def test_once_frames_make_sense_nothing_is_looked_at_until_the_next_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.read(b"one~", 1)
    at.clock.later(1.9)
    assert at.hints.awake
    at.clock.later(0.1)
    assert not at.hints.awake
    assert not at.clock.waits
    at.hints.failed(LINES, 0)  # of a connection that was good until now
    assert at.said == []
    at.hints.begin()
    assert at.hints.awake


def test_what_is_no_frame_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.failed(b"\xff\xff\xff\xff", 0)
    assert at.said == ["framing"]


def test_a_hint_ends_with_the_first_frames_that_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.read(LINES, 0)
    at.clock.later(1.0)
    at.hints.read(b'{"a":1}~{"a":2}~', 2)
    assert at.said == ["framing", ""]


def test_a_hint_stays_over_connections_until_there_is_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.read(LINES, 0)
    at.clock.later(1.0)
    at.hints.ended(True, None)
    assert not at.hints.awake
    assert not at.clock.waits
    at.hints.begin()
    at.hints.read(b"no frame", 0)
    at.clock.later(10.0)  # which can't be told takes nothing back
    assert at.said == ["framing"]
    assert at.hints.hint is not None
    assert not at.hints.hint.vague


def test_an_end_before_the_first_look_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Clocked(monkeypatch)
    at.hints.read(LINES, 0)
    at.hints.ended(True, None)
    assert at.said == ["framing"]


def test_a_hint_that_comes_back_is_said_again_but_no_more_than_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    at = Clocked(monkeypatch)
    for _ in range(2):
        at.hints.itself()
        at.hints.itself()
        at.hints.begin()
    assert at.said == ["itself", "", "itself", ""]
    assert [record.getMessage().partition(":")[0] for record in caplog.records if record.levelname == "WARNING"] == [
        "! --server is the bridge's own address; it has to be that of your TCP server"
    ]
    assert at.counters["link_hints"] == 2
