"""Who is told that its descriptor can be read or written, and what becomes of one that has a bug."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import eventlet  # noqa: E402
import pytest  # noqa: E402
from eventlet.patcher import original  # noqa: E402

from bridge.engineio import poller as module  # noqa: E402
from bridge.engineio.poller import HANG_UP, READ, WRITE, Poller  # noqa: E402
from tests.unit.green.servers import Log, replaced  # noqa: E402
from tests.unit.green.sessions import until  # noqa: E402

plain_socket: Any = original("socket")


class Watched:
    """`told`: the events that it was, in order; `then`: what it does when it is told."""

    def __init__(self, then: Callable[[], object] = lambda: None, failed: Callable[[], object] = lambda: None) -> None:
        self.here, self.there = plain_socket.socketpair()
        self.told: list[int | str] = []
        self._then, self._failed = then, failed

    def __str__(self) -> str:
        return "a client"

    @property
    def fd(self) -> int:
        return int(self.here.fileno())

    def ready(self, events: int) -> None:
        self.told.append(events)
        self._then()

    def failed(self) -> None:
        self.told.append("failed")
        self._failed()


def watched(number: int = 1, **more: Any) -> tuple[Poller, list[Watched]]:
    """So many that can be read."""
    poller, some = Poller(), [Watched(**more) for _ in range(number)]
    for one in some:
        poller.add(one.fd, one, READ)
        one.there.send(b"x")
    return poller, some


def test_who_is_watched_is_told_what_it_waits_for_and_nothing_else() -> None:
    poller, (one,) = watched()
    poller._turn()
    assert one.told == [READ]
    for events in (WRITE, READ | WRITE, 0):
        poller.change(one.fd, events)
        one.told.clear()
        poller._turn()
        assert one.told == ([events] if events else [])
    poller.change(one.fd, HANG_UP)
    poller._turn()
    assert one.told == []
    one.there.close()
    poller._turn()
    assert len(one.told) == 1
    assert isinstance(one.told[0], int)
    assert one.told[0] & HANG_UP


def test_who_is_watched_no_more_is_told_nothing_and_forgotten() -> None:
    poller, (one,) = watched()
    poller.remove(one.fd)
    poller._turn()
    assert one.told == []
    assert poller._watched == {}
    with pytest.raises(KeyError):
        poller.remove(one.fd)
    poller.add(one.fd, one, READ)
    poller._turn()
    assert one.told == [READ]


def test_it_waits_for_all_of_them_for_ever() -> None:
    poller, (one, two) = watched(2, then=lambda: None)
    for each in (one, two):
        each.here.recv(1)
    thread = eventlet.spawn(poller.run)
    for each in (one, two, one):
        eventlet.sleep(0)
        assert one.told == two.told == []
        each.there.send(b"x")
        until(lambda each=each: each.told)
        each.here.recv(1)
        for other in (one, two):
            other.told.clear()
    thread.kill()


def test_the_hub_is_woken_so_often_in_vain_and_no_more() -> None:
    asked: list[tuple[object, ...]] = []

    class Ends(BaseException):
        pass

    def steady(fd: int, in_vain: int) -> Any:
        asked.append((fd, in_vain))
        return SimpleNamespace(wait=fails)

    def fails() -> None:
        raise Ends

    poller = Poller()
    with replaced(module, SteadyWait=steady), pytest.raises(Ends):
        poller.run()
    assert asked == [(poller._epoll.fileno(), 100)]


def test_one_that_has_a_bug_is_told_that_it_failed_and_the_others_have_their_turn() -> None:
    def fails() -> None:
        raise ValueError("a bug")

    closing = "ERROR ! the connection of a client is closed because of a bug"
    for failed, lines in ((lambda: None, [closing]), (fails, [closing, "ERROR ! closing it failed too"])):
        poller, (one,) = watched(then=fails, failed=failed)
        other = Watched()
        poller.add(other.fd, other, READ)
        other.there.send(b"x")
        with Log("bridge.clients") as log:
            poller._turn()
        assert one.told == [READ, "failed"]
        assert other.told == [READ]
        assert log.lines == lines


def test_others_have_their_turn_when_it_has_taken_as_long_as_a_turn_may() -> None:
    assert module.LONGEST_TURN == 0.002
    for each, wanted in ((0.5, []), (1.5, [0, 0]), (2.0, [0, 0]), (2.5, [0] * 4)):
        now, sleeps = [1000.0], list[float]()
        poller, _ = watched(4, then=lambda now=now, each=each: now.append(now[-1] + each))
        with replaced(
            module, LONGEST_TURN=2.0, time=SimpleNamespace(monotonic=lambda now=now: now[-1]),
            eventlet=SimpleNamespace(sleep=sleeps.append),
        ):  # fmt: skip
            poller._turn()
        assert sleeps == wanted, each


def test_so_many_are_asked_for_at_once() -> None:
    asked: list[tuple[object, ...]] = []

    def poll(*args: object) -> list[tuple[int, int]]:
        asked.append(args)
        return []

    poller = Poller()
    poller._epoll = SimpleNamespace(poll=poll)
    poller._turn()
    assert asked == [(0, 512)]
