"""batch.py: pieces are cut between messages, are as few as the largest size allows, and say whose each message is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.delivery.batch import LARGEST_SEGMENT, apart, part, segments
from bridge.delivery.slow_policies import BEHIND
from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import frame

SIZE = 50  # bytes of a message
FOUR = [frame(b"%d" % number + b"x" * (SIZE - 3)) for number in range(4)]
KEYS = ["a", "b", "c", "d"]


def piece(ends: bool = True, keys: Sequence[str] = KEYS) -> Segment:
    """Four messages in one piece."""
    return Segment(b"".join(FOUR), 4, keys, range(SIZE, 4 * SIZE + 1, SIZE) if ends else ())


def counts(found: Sequence[Segment]) -> list[int]:
    return [each.count for each in found]


def test_the_largest_piece_is_what_a_client_that_is_not_behind_has_room_for() -> None:
    assert LARGEST_SEGMENT == BEHIND == 256 * 1024


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize(
    ("largest", "wanted"),
    [(200, [4]), (199, [3, 1]), (150, [3, 1]), (149, [2, 2]), (100, [2, 2]), (99, [1, 1, 1, 1]), (1, [1, 1, 1, 1])],
)
def test_a_piece_is_cut_where_the_next_message_would_be_too_much(largest: int, wanted: list[int], ends: bool) -> None:
    found = [each for each, to in apart(piece(ends), None, KEYS, largest)]
    assert counts(found) == wanted
    assert b"".join(each.data for each in found) == b"".join(FOUR)
    assert [key for each in found for key in each.keys] == KEYS


def test_messages_for_different_clients_are_cut_with_whom_each_is_for_and_its_end() -> None:
    to = [("ann",), None, ("bob",), ("ann",)]
    found = list(apart(piece(), to, (), 100))
    assert [whom for _, whom in found] == [to[:2], to[2:]]
    assert [list(each.ends) for each, _ in found] == [[SIZE, 2 * SIZE]] * 2
    assert [whom for _, whom in apart(piece(), to, (), 200)] == [to]


def test_some_messages_of_a_piece_are_a_piece_of_their_own() -> None:
    some = part(piece(), slice(1, 3), SIZE)
    assert some.data == FOUR[1] + FOUR[2]
    assert (some.count, some.keys, list(some.ends)) == (2, KEYS[1:3], [SIZE, 2 * SIZE])


@pytest.mark.parametrize(("largest", "wanted"), [(400, [8]), (399, [4, 4]), (250, [4, 4]), (199, [3, 1, 3, 1])])
def test_pieces_are_joined_as_long_as_they_are_not_too_much_together(largest: int, wanted: list[int]) -> None:
    found = segments([piece(), piece()], largest)
    assert counts(found) == wanted
    assert b"".join(each.data for each in found) == b"".join(FOUR) * 2
    assert [key for each in found for key in each.keys] == KEYS * 2


@pytest.mark.parametrize(("largest", "wanted"), [(200, [4]), (199, [3, 1]), (50, [1, 1, 1, 1])])
def test_one_piece_alone_is_cut_only_if_it_is_too_large(largest: int, wanted: list[int]) -> None:
    found = segments([piece()], largest)
    assert counts(found) == wanted
    assert b"".join(each.data for each in found) == b"".join(FOUR)
    assert not any(each.ends for each in found)  # what may wait long has none


def test_small_pieces_around_a_large_one_are_joined_with_its_parts() -> None:
    small = Segment(FOUR[0], 1, ["a"])
    assert counts(segments([small, piece(), small, small], 100)) == [1, 2, 2, 2]
    assert counts(segments([small, piece(), small, small], 150)) == [1, 3, 3]


def test_no_pieces_are_no_segments() -> None:
    assert list(segments([], 100)) == []
