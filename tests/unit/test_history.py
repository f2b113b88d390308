"""history.py: a reader gets exactly what was for it since then, or is told that something has gone."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.delivery.history import Addressees, History, Stored
from bridge.wire.socketio_packets import polled
from bridge.wire.websocket_frames import frame

SIDS = ("a", "b", "c")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def message(number: int) -> bytes:
    return frame(b"%d" % number + b"x" * (number % 200))


def stored(first: int, to: Sequence[Addressees] | Addressees = None, count: int = 1) -> Stored:
    """Messages whose texts begin with their numbers."""
    whom = list(to) if isinstance(to, list) else to
    return Stored(first, b"".join(message(first + n) for n in range(count)), count, whom)


def numbers(data: bytes) -> list[int]:
    return [int(text.rstrip("x")) for text in polled([data])]


def everything(history: History, after: int, sid: str, at_most: int = 1000) -> list[int]:
    found: list[int] = []
    while True:
        data, count, after = history.read(after, sid, at_most)
        found += numbers(data)
        assert count == len(numbers(data))
        if after >= history.newest:
            return found


TO = st.none() | st.lists(st.sampled_from(SIDS), max_size=2, unique=True).map(tuple)
PIECE = st.lists(TO, min_size=1, max_size=5) | st.tuples(st.integers(1, 5), TO)


@settings(deadline=None)
@given(st.lists(PIECE, max_size=30), st.integers(0, 200), st.integers(1, 3000), st.sampled_from(SIDS))
def test_whatever_was_stored_a_reader_gets_what_was_for_it_in_order(
    pieces: list[list[Addressees] | tuple[int, Addressees]], after: int, at_most: int, sid: str
) -> None:
    history, wanted, first = History(60, 1 << 20), list[int](), 1
    for piece in pieces:
        to = piece if isinstance(piece, list) else [piece[1]] * piece[0]
        history.add([stored(first, piece if isinstance(piece, list) else piece[1], len(to))])
        wanted += [first + n for n, whom in enumerate(to) if whom is None or sid in whom]
        first += len(to)
    assert history.holds(after)
    assert everything(history, after, sid, at_most) == [number for number in wanted if number > after]


def test_one_read_does_not_look_at_everything_that_is_for_others() -> None:
    history = History(60, 1 << 30)
    history.add([stored(1 + n, ("b",)) for n in range(10_000)])
    history.add([stored(10_001 + 100 * n, [("b",)] * 100, 100) for n in range(100)])
    history.add([stored(20_001, ("a",))])
    after = reads = 0
    while after < history.newest:
        before = after
        data, _, after = history.read(after, "a", 1000)
        reads += 1
        assert before < after <= before + 2_200
    assert history.read(0, "a", 1000)[2] == 2048
    assert history.read(10_000, "a", 1000)[2] == 10_000 + 2_100
    assert numbers(data) == [20_001]
    assert reads >= 9


def test_addressees_that_several_pieces_share_are_charged_once() -> None:
    many = tuple(f"s{n}" for n in range(1000))
    first, second = Stored(1, b"", 1, many), Stored(2, b"", 1, many, shared=True)
    assert first.size > 8 * 1000 > second.size
    assert second.size == Stored(3, b"", 1).size


def test_what_is_over_the_limit_goes_oldest_first_and_is_told() -> None:
    history = History(60, 10 * 400)
    for number in range(1, 51):
        history.add([stored(number)])
    assert history.size <= 4000
    kept = everything(history, 0, "a")
    assert kept == list(range(kept[0], 51))
    assert 5 < len(kept) < 20
    assert not history.holds(kept[0] - 2)
    assert history.holds(kept[0] - 1)
    assert history.holds(50)


def test_what_is_older_than_the_window_goes_also_when_nothing_comes() -> None:
    clock = Clock()
    history = History(120, 1 << 20, clock)
    history.add([stored(1), stored(2)])
    clock.now += 60
    history.add([stored(3)])
    clock.now += 61
    assert not history.holds(0)
    assert not history.holds(1)
    assert history.holds(2)
    assert everything(history, 2, "a") == [3]
    clock.now += 120
    assert not history.holds(2)
    assert history.holds(3)
    assert history.size == 0


def test_one_message_that_is_larger_than_the_limit_is_not_kept() -> None:
    history = History(60, 100)
    history.add([stored(1, count=50)])
    assert history.size == 0
    assert not history.holds(10)
    assert history.holds(50)


def test_a_cleared_history_has_missed_nothing_yet() -> None:
    history = History(60, 1 << 20)
    history.add([stored(1, count=3)])
    history.clear()
    assert (history.size, history.holds(3), history.holds(2)) == (0, True, False)
    history.add([stored(4)])
    assert everything(history, 3, "a") == [4]
    assert not history.holds(2)


def test_millions_of_messages_leave_nothing_behind() -> None:
    history = History(60, 100_000)
    for number in range(1, 200_000):
        history.add([Stored(number, b"\x81\x01x", 1)])
    assert len(history._pieces) < 5_000
    assert len(history._pieces) == len(history._firsts)


def test_addressees_are_counted_each_list_of_them_once() -> None:
    many, limit = tuple(f"sid {n}" for n in range(1000)), 100_000
    history = History(60, limit)
    for n in range(100):
        history.add([stored(n + 1, [many[:1] + many[1:]])])
        history.add([stored(n + 101, [many[:1] + many[1:], None])])
    assert history.size <= limit
    assert sum(1 for piece in history._pieces if piece.count) <= limit // (8 * len(many))
    same = stored(1, [many] * 3)
    assert stored(1, many, 3).size < same.size < stored(1, [many[:1] + many[1:] for _ in range(3)]).size


def test_a_read_ends_where_it_has_as_much_as_was_asked_for() -> None:
    history = History(60.0, 1 << 20)
    history.add([stored(1), stored(2), stored(3)])
    size = len(message(1)) + len(message(2))
    assert history.read(0, "a", size) == (message(1) + message(2), 2, 2)
    assert history.read(0, "a", size + 1)[1:] == (3, 3)


def test_a_piece_costs_its_bytes_its_entry_and_each_list_of_addressees_that_it_alone_has() -> None:
    two = ("sid 1", "sid 2")
    assert Stored(1, b"x" * 10, 1).size == Stored(1, b"x" * 10, 1, ()).size == 210
    assert Stored(1, b"x" * 10, 1, two).size == 210 + 56 + 2 * 8
    assert Stored(1, b"x" * 10, 1, two, shared=True).size == 210
    assert Stored(1, b"x" * 10, 4, [two, None, two, ("sid 3",)]).size == 210 + 4 * 8 + 56 + 2 * 8 + 56 + 8


def test_a_message_stays_for_the_whole_window_and_while_there_is_just_room() -> None:
    clock = Clock()
    history = History(120, stored(1).size + stored(2).size, clock)
    history.add([stored(1), stored(2)])
    clock.now += 120
    assert history.holds(0)
    clock.now += 0.001
    assert not history.holds(0)
