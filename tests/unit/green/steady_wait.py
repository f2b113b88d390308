"""Waiting for one descriptor again and again."""

from __future__ import annotations

from typing import Any

import eventlet
from eventlet.hubs import get_hub
from eventlet.patcher import original

from bridge.hub.steady_wait import IN_VAIN, SteadyWait

_socket: Any = original("socket")

kept: list[tuple[Any, Any]] = []  # open, as the hub still has their descriptors


def pair() -> tuple[Any, Any]:
    kept.append(_socket.socketpair())
    return kept[-1]


def listeners(fd: int) -> int:
    """How many wait in the hub to read this."""
    return int(fd in get_hub().listeners["read"])


def test_a_wait_ends_when_there_is_something_and_the_hub_keeps_the_descriptor() -> None:
    here, there = pair()
    steady = SteadyWait(here.fileno())
    for text in (b"one", b"two", b"three"):
        waits = eventlet.spawn(steady.wait)
        eventlet.sleep(0)
        assert not waits.dead
        there.send(text)
        waits.wait()
        assert here.recv(100) == text
        assert listeners(here.fileno()) == 1


def test_a_wait_without_anybody_else_ends_too() -> None:
    here, there = pair()
    steady = SteadyWait(here.fileno())
    for text in (b"one", b"two", b"three"):
        there.send(text)
        steady.wait()
        assert here.recv(100) == text


def test_who_has_its_time_has_it_while_another_one_waits() -> None:
    here, there = pair()
    steady = SteadyWait(here.fileno())
    there.send(b"x")
    steady.wait()
    here.recv(1)
    eventlet.spawn_after(0.01, there.send, b"late")
    steady.wait()
    assert here.recv(100) == b"late"


def test_the_hub_forgets_what_nobody_waits_for_after_it_was_woken_in_vain() -> None:
    here, there = pair()
    steady = SteadyWait(here.fileno())
    there.send(b"x")
    for _ in range(2):  # and it is added again, with as many turns
        steady.wait()
        turns = 0
        while listeners(here.fileno()):
            turns += 1
            get_hub().wait(0)
        assert turns == IN_VAIN + 1
