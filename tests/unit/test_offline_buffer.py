"""offline_buffer.py: what is held is bounded in time, for each client and in all, and given back in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused, TooMany
from bridge.link.outgoing.message import EMPTY, OutgoingMessage
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from tests.unit.uplinks import By


def entry(size: int, key: str | None = None) -> OutgoingMessage:
    made = OutgoingMessage(by=None if key is None else By(key))
    made.fill([b"x" * size])
    return made


def test_what_was_held_is_given_back_once_in_order() -> None:
    holding = OfflineBuffer(10, 100, 100)
    entries = [entry(1, "a"), entry(1), entry(1, "b"), entry(1, "a")]
    for one in entries:
        holding.add(one, 0.0)
    assert holding.take() == entries
    assert holding.take() == []
    assert holding.next is None


def test_each_is_over_when_its_own_time_is_and_not_before() -> None:
    holding = OfflineBuffer(10, 100, 100)
    first, second = entry(1, "a"), entry(1, "a")
    holding.add(first, 0.0)
    holding.add(second, 3.0)
    assert holding.next == 10.0
    assert holding.expired(9.9) == []
    assert holding.expired(10.0) == [first]
    assert holding.next == 13.0
    assert holding.take() == [second]


def test_one_client_has_its_share_and_what_is_nobodys_counts_in_all_only() -> None:
    holding = OfflineBuffer(10, 100, 40)
    holding.add(entry(40, "a"), 0.0)
    with pytest.raises(TooMany, match="at most 40 bytes of one client") as refused:
        holding.add(entry(1, "a"), 0.0)
    assert isinstance(refused.value, Refused)
    assert refused.value.code == "link-down"
    holding.add(entry(10, "b"), 0.0)
    holding.add(entry(50), 0.0)
    with pytest.raises(TooMany, match="at most 100 bytes are held"):
        holding.add(entry(1, "c"), 0.0)


def test_what_is_over_or_given_back_makes_room() -> None:
    holding = OfflineBuffer(10, 100, 100)
    holding.add(entry(100, "a"), 0.0)
    assert len(holding.expired(10.0)) == 1
    holding.add(entry(100, "a"), 10.0)
    assert len(holding.take()) == 1
    holding.add(entry(100, "a"), 10.0)
    assert len(holding.take()) == 1


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 30)),
            st.just(("take", 0)),
            st.tuples(st.just("time"), st.integers(1, 8)),
        )
    )
)
def test_the_limits_hold_and_nothing_is_lost_or_kept_whatever_happens(steps: list[tuple[str | None, int]]) -> None:
    holding, now = OfflineBuffer(10, 60, 25), 0.0
    held: list[tuple[float, str | None, OutgoingMessage]] = []
    for what, number in steps:
        if what == "take":
            assert holding.take() == [one for _, _, one in held]
            held = []
        elif what == "time":
            now += number
            assert holding.expired(now) == [one for at, _, one in held if at + 10 <= now]
            held = [one for one in held if one[0] + 10 > now]
        else:
            one = entry(number, what)
            fits = sum(e.size for _, _, e in held) + (number or EMPTY) <= 60
            fits_client = what is None or sum(e.size for _, key, e in held if key == what) + (number or EMPTY) <= 25
            if fits and fits_client:
                holding.add(one, now)
                held.append((now, what, one))
            else:
                with pytest.raises(TooMany):
                    holding.add(one, now)
        assert len(holding) == len(held)


def test_what_is_over_makes_room_for_its_client_and_what_is_not_takes_it_still() -> None:
    holding = OfflineBuffer(10, 1000, 100)
    holding.add(entry(40, "a"), 0.0)
    holding.add(entry(50, "a"), 3.0)
    holding.expired(10.0)
    with pytest.raises(TooMany, match="of one client"):
        holding.add(entry(51, "a"), 10.0)
    holding.add(entry(50, "a"), 10.0)
    holding.expired(20.0)
    holding.add(entry(100, "a"), 20.0)


def test_a_client_that_came_once_is_not_remembered() -> None:
    holding = OfflineBuffer(10, 1000, 100)
    for name in "abc":
        holding.add(entry(5, name), 0.0)
    holding.add(entry(5), 0.0)
    holding.expired(10.0)
    assert holding._clients == {}
    assert holding.bytes == 0
