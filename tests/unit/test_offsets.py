"""offsets.py: every message has one of its own, and only ours are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire.offsets import Offsets


def test_offsets_of_a_run_are_those_of_its_numbers_one_by_one() -> None:
    offsets = Offsets("epoch1")
    first = offsets.reserve(9_000)
    runs = offsets.runs(first, 9_000)
    together = [run.before + low for run in runs for low in run.ends]
    assert together == [offsets.text(first + n) for n in range(9_000)]
    assert len(set(together)) == sum(run.count for run in runs) == 9_000
    assert together == [run.before + bytes(low) for run in runs for low in zip(run.tens, run.ones, strict=True)]


@given(st.lists(st.integers(1, 5_000), max_size=20))
def test_what_is_reserved_is_never_given_twice_and_read_back_as_it_was(counts: list[int]) -> None:
    offsets = Offsets()
    expected = 1
    for count in counts:
        assert offsets.reserve(count) == expected
        expected += count
    for number in {0, expected // 2, expected - 1}:
        assert offsets.number(offsets.text(number).decode()) == number


def test_offsets_are_text_that_json_needs_not_escape() -> None:
    offsets = Offsets()
    offsets.reserve(100_000)
    assert all(offsets.text(n).decode().replace("-", "").replace("_", "").isalnum() for n in range(0, 100_000, 997))


@pytest.mark.parametrize(
    "bad",
    [
        None, 3, "", "epoch1", "epoch10", "epoch2" + "01", "epoch1" + "001", "epoch1" + "0!", "epoch1" + "05",
        "epoch1" + "_" * 40, "epoch1" + "0\n", ["epoch101"], {"a": 1}, "\ud800" * 8,
    ],
)  # fmt: skip
def test_what_is_none_of_ours_has_no_number(bad: object) -> None:
    offsets = Offsets("epoch1")
    offsets.reserve(4)
    assert offsets.number("epoch104") == 4
    assert offsets.number(bad) is None


def test_offsets_from_before_a_restart_are_none_of_ours() -> None:
    before, after = Offsets(), Offsets()
    before.reserve(10)
    after.reserve(10)
    assert after.number(before.text(5).decode()) is None


def test_an_offset_is_the_epoch_and_the_number_in_digits_of_64_values_two_at_least() -> None:
    wanted = {0: "00", 1: "01", 63: "0_", 64: "10", 4095: "__", 4096: "100", 64**3 + 1: "1001"}
    for number, digits in wanted.items():
        offsets = Offsets("epoch1")
        offsets.reserve(number)
        assert offsets.text(number) == b"epoch1" + digits.encode()
        assert offsets.number("epoch1" + digits) == number
    assert {len(Offsets().epoch) for _ in range(5)} == {6}
