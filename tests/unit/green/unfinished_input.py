"""What is held of packets that are not whole: how much of all together, and who goes when it is too much."""

from __future__ import annotations

from bridge.counters import Counters
from bridge.engineio import unfinished_input as module
from bridge.engineio.timeouts import TimeoutQueue
from bridge.engineio.unfinished_input import InputLimits, UnfinishedInput
from tests.unit.green.servers import replaced


class Half:
    """What holds half a packet. `over`: why it was given up."""

    def __init__(self) -> None:
        self.over = ""

    def overdue(self) -> None:
        self.over = "late"

    def give_up(self, reason: str) -> None:
        self.over = reason


class Case:
    """Room for 100 bytes."""

    def __init__(self) -> None:
        self.counters, self.times = Counters(), TimeoutQueue[module.Holder](30.0, lambda holder: holder.overdue())
        self.unfinished = UnfinishedInput(InputLimits(50), self.times, self.counters)

    def hold(self, *sizes: int) -> list[Half]:
        made = [Half() for _ in sizes]
        for half, size in zip(made, sizes, strict=True):
            self.unfinished.hold(half, size)
        return made


def test_the_largest_goes_and_of_equal_ones_the_oldest() -> None:
    with replaced(module, _TOTAL=100):
        at = Case()
        halves = at.hold(10, 40, 40, 11)
        assert [bool(half.over) for half in halves] == [False, True, False, False]
        at.unfinished.hold(halves[0], 49)
        assert not halves[0].over
        at.unfinished.hold(halves[0], 50)
        assert halves[0].over.endswith("over 100 bytes together, and this is the largest")
        assert at.unfinished.size == 51
        assert at.counters["unfinished_dropped"] == 2


def test_one_alone_may_have_the_largest_packet_and_a_second_one_too() -> None:
    with replaced(module, _TOTAL=1):
        at = Case()
        assert not any(half.over for half in at.hold(50, 50))
    assert InputLimits(50).total == 64 << 20
    assert InputLimits(50 << 20).total == 100 << 20


def test_what_is_whole_is_counted_no_more() -> None:
    at = Case()
    first, second = at.hold(10, 20)
    at.unfinished.release(first)
    at.unfinished.release(first)
    assert (at.unfinished.size, first in at.times, second in at.times) == (20, False, True)


def test_a_packet_has_its_time_from_its_first_byte() -> None:
    at = Case()
    first, second = at.hold(10, 10)
    at.unfinished.hold(first, 20)  # more of the same
    assert list(at.times._queue) == [first, second]
    at.unfinished.hold(first, 5, begins=True)
    assert list(at.times._queue) == [second, first]
    assert at.unfinished.size == 15
