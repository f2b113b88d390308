"""counters.py: counters by name, and log lines that don't repeat themselves."""

from __future__ import annotations

import logging
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.counters import COUNTERS, Counters, shorten
from bridge.errors import REFUSALS


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_every_counter_is_there_from_the_start_and_zero() -> None:
    assert Counters().snapshot() == dict.fromkeys(COUNTERS, 0)


def test_counting_adds_and_a_snapshot_is_a_copy() -> None:
    counters = Counters()
    counters.count("frames_in")
    counters.count("frames_in", 11)
    before = counters.snapshot()
    counters.count("frames_in")
    assert before["frames_in"] == 12
    assert counters["frames_in"] == 13


def test_a_name_that_is_not_in_the_catalogue_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Counters().count("frame_in")


def test_every_refusal_has_its_counter() -> None:
    counters = Counters()
    for code in REFUSALS:
        counters.refuse(code, "client x", "event y")
        assert counters["refused_" + code.replace("-", "_")] == 1


def test_no_count_is_lost_between_threads() -> None:
    counters = Counters()

    def work() -> None:
        for _ in range(5_000):
            counters.count("frames_in")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters["frames_in"] == 20_000


def test_a_repeated_warning_is_counted_each_time_but_logged_once_in_its_quiet_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    counters = Counters(quiet=10, clock=clock)
    for _ in range(3):
        counters.note("not_json", "! refused %s", "this")
    assert [record.getMessage() for record in caplog.records] == ["! refused this"]
    clock.now += 10
    counters.note("not_json", "! refused %s", "that")
    counters.note("not_json", "! refused %s", "those")
    assert [record.getMessage() for record in caplog.records][1:] == ["! refused that (2 more like it since)"]
    clock.now += 10
    counters.note("not_json", "! refused %s", "it")
    assert caplog.records[-1].getMessage() == "! refused it (1 more like it since)"
    assert counters["not_json"] == 6


def test_one_kind_of_warning_does_not_silence_another(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters(clock=Clock())
    counters.note("not_json", "! one")
    counters.note("not_utf8", "! other")
    assert [record.getMessage() for record in caplog.records] == ["! one", "! other"]


def test_the_quiet_time_can_be_another_for_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    counters = Counters(quiet=10, clock=clock)
    for _ in range(4):
        counters.note("old_clients", "! old", quiet=60)
        clock.now += 20
    assert len(caplog.records) == 2


def test_a_refusal_is_logged_with_its_code_and_who(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Counters().refuse("bad-event", "client abc", "event '': empty")
    line = caplog.records[0].getMessage()
    assert "bad-event" in line
    assert "client abc" in line
    assert "empty" in line


def test_a_refusal_of_a_megabyte_is_a_short_line(caplog: pytest.LogCaptureFixture) -> None:
    Counters().refuse("too-big", "client abc", "x" * 1_000_000)
    assert len(caplog.records[0].getMessage()) < 300


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_JSON, st.integers(10, 100))
def test_whatever_is_shortened_is_one_line_within_the_limit(value: object, limit: int) -> None:
    text = shorten(value, limit)
    assert len(text) <= limit
    assert "\n" not in text


@pytest.mark.parametrize("value", ["ann", b"ann", {"a": 1}, [1, 2], None, 1.5])
def test_what_is_short_is_shown_whole(value: object) -> None:
    assert shorten(value) == repr(value)


def test_what_is_cut_says_so() -> None:
    assert shorten("x" * 100).endswith("…")
    assert shorten(list(range(100))).endswith("…")


def deep() -> object:
    """Lists, a hundred thousand of them, each in the next."""
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


def test_what_is_nested_too_deeply_for_repr_is_shortened_all_the_same() -> None:
    assert len(shorten(deep())) <= 75


def test_shortening_does_not_look_at_more_than_it_shows() -> None:
    class Watched:
        seen = 0

        def __repr__(self) -> str:
            Watched.seen += 1
            return "w"

    shorten([Watched() for _ in range(1_000)])
    assert Watched.seen < 200


def test_an_exception_is_counted_and_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    for number in range(2):
        try:
            raise ValueError("x" * 200)
        except ValueError:
            counters.fail("route_errors", "! no. %d failed", number)
    assert counters["route_errors"] == 2
    (record,) = caplog.records
    assert record.exc_info is not None
    assert re.fullmatch(rf"! no\. 0 failed: ValueError: 'x+…, in {re.escape(__file__)}:\d+", record.getMessage())
