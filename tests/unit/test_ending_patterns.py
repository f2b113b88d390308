"""ending_patterns.py: what the ends of connections and silence tell, and that one of them tells nothing."""

from __future__ import annotations

import pytest

from bridge.link.ending_patterns import ANSWERED, AT_ONCE, GAVE_UP, WAITED, EndingPatterns
from bridge.link.hint import Hint


def closes(patterns: EndingPatterns, missed: float | None = 0.1) -> Hint | None:
    return patterns.ended(lasted=1.0, sent=True, heard=True, answer_missed=missed)


def waits(patterns: EndingPatterns, lasted: float = 5.0, heard: bool = False) -> Hint | None:
    return patterns.ended(lasted=lasted, sent=False, heard=heard, answer_missed=None)


def test_two_connections_that_end_after_a_frame_are_a_pattern_and_one_is_none() -> None:
    patterns = EndingPatterns("~", "~")
    assert closes(patterns) is None
    found = closes(patterns)
    assert found is not None
    assert (found.code, found.fix) == ("closes-after-event", None)


@pytest.mark.parametrize("missed", [None, AT_ONCE + 0.1])
def test_one_that_answered_or_ended_much_later_breaks_the_pattern(missed: float | None) -> None:
    patterns = EndingPatterns("~", "~")
    closes(patterns)
    assert closes(patterns, missed) is None
    assert closes(patterns) is None


def test_what_lives_on_breaks_the_pattern() -> None:
    patterns = EndingPatterns("~", "~")
    closes(patterns)
    patterns.well()
    assert closes(patterns) is None


def test_two_that_close_after_nobody_spoke_wait_for_the_first_word() -> None:
    patterns = EndingPatterns("~", "~")
    assert waits(patterns) is None
    found = waits(patterns)
    assert found is not None
    assert found.code == "expects-first"
    assert found.fix == "--greeting TEXT"
    assert "5.0 s" in found.text


@pytest.mark.parametrize(("lasted", "heard"), [(WAITED / 2, False), (GAVE_UP + 1, False), (5.0, True)])
def test_one_that_refuses_at_once_or_has_spoken_or_tidies_up_waits_for_nothing(lasted: float, heard: bool) -> None:
    patterns = EndingPatterns("~", "~")
    for _ in range(5):
        assert waits(patterns, lasted, heard) is None


@pytest.mark.parametrize(
    ("spoke", "heard", "frames", "told"),
    [
        (True, 9.0, 1, True),  # it spoke before the first frame at 10, and not since
        (True, 10.0 + ANSWERED + 1, 9, False),  # it has answered
        (True, 10.5, 2, False),  # it may have answered
        (False, 9.0, 1, False),  # it may have nothing to say
        (False, 9.0, 3, True),
        (False, 9.0, 0, False),
    ],
)
def test_silence_since_the_first_frame(spoke: bool, heard: float, frames: int, told: bool) -> None:
    found = EndingPatterns(r"\n", "~").silent(spoke=spoke, heard=heard, first_sent=10.0, frames=frames)
    assert (found is not None) is told
    if found is not None:
        assert (found.code, found.fix) == ("silent-after-event", r"--framing-out '\n'")


def test_who_closes_three_times_without_a_word_may_speak_tls_but_not_who_spoke_or_read() -> None:
    patterns = EndingPatterns("~", "~")
    for wordless in (False, False, True):
        patterns.ended(lasted=0.1, sent=True, heard=False, answer_missed=0.01)
        assert patterns.refuses_the_first_bytes is wordless
    patterns.ended(lasted=0.1, sent=True, heard=True, answer_missed=0.01)
    assert not patterns.refuses_the_first_bytes
    for _ in range(3):
        patterns.ended(lasted=2.0, sent=True, heard=False, answer_missed=0.5)
    assert not patterns.refuses_the_first_bytes


# At the edges.


def test_an_end_that_comes_just_in_time_seems_to_follow_from_the_frame() -> None:
    patterns = EndingPatterns("~", "~")
    closes(patterns, 1.5)
    assert closes(patterns, 1.5) is not None
    assert closes(patterns, 1.51) is None


@pytest.mark.parametrize("lasted", [0.5, 60.0])
def test_a_server_has_waited_for_the_shortest_and_for_the_longest_time(lasted: float) -> None:
    patterns = EndingPatterns("~", "~")
    waits(patterns, lasted)
    assert waits(patterns, lasted) is not None


def test_who_was_sent_something_has_not_waited_for_the_first_word() -> None:
    patterns = EndingPatterns("~", "~")
    for _ in range(3):
        assert patterns.ended(lasted=5.0, sent=True, heard=False, answer_missed=None) is None


def test_who_closes_just_before_it_can_have_read_may_speak_tls() -> None:
    patterns = EndingPatterns("~", "~")
    for _ in range(3):
        patterns.ended(lasted=1.0, sent=True, heard=False, answer_missed=0.2)
    assert patterns.refuses_the_first_bytes


def test_what_came_up_to_a_second_after_the_first_frame_may_have_been_under_way() -> None:
    patterns = EndingPatterns("~", "~")
    assert patterns.silent(spoke=True, heard=11.0, first_sent=10.0, frames=3) is not None
    assert patterns.silent(spoke=True, heard=11.1, first_sent=10.0, frames=3) is None
    assert patterns.silent(spoke=True, heard=10.0, first_sent=10.0, frames=2) is None


@pytest.mark.parametrize(("framing_in", "fix"), [("~", None), ("|", "--framing-out '|'"), ("| ~", None)])
def test_the_framing_of_what_it_sends_is_offered_if_it_is_one_and_another(framing_in: str, fix: str | None) -> None:
    found = EndingPatterns(framing_in, "~").silent(spoke=True, heard=9.0, first_sent=10.0, frames=1)
    assert found is not None
    assert found.fix == fix
    assert "--framing-out '~'" in found.text
