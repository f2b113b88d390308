"""Waiting for one descriptor again and again. That it holds up nobody else is in tests/integration/test_steady.py."""

from __future__ import annotations

import struct
from typing import Any

import eventlet
from eventlet.greenio import GreenSocket
from eventlet.hubs import get_hub
from eventlet.patcher import original

from bridge.hub.steady_wait import SteadySocket, SteadyWait, steadily
from tests.unit.green.sessions import until

_socket: Any = original("socket")


def pair() -> tuple[Any, Any]:
    here, there = _socket.socketpair()
    return here, there


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
    steady.forget()
    steady.forget()
    assert listeners(here.fileno()) == 0


def test_a_wait_without_anybody_else_ends_too() -> None:
    here, there = pair()
    steady = SteadyWait(here.fileno())
    for text in (b"one", b"two", b"three"):
        there.send(text)
        steady.wait()
        assert here.recv(100) == text
    steady.forget()


def test_who_has_its_time_has_it_while_another_one_waits() -> None:
    here, there = pair()
    steady = SteadyWait(here.fileno())
    there.send(b"x")
    steady.wait()
    here.recv(1)
    eventlet.spawn_after(0.01, there.send, b"late")
    steady.wait()
    assert here.recv(100) == b"late"
    steady.forget()


def test_the_hub_forgets_what_nobody_waits_for_after_it_was_woken_in_vain() -> None:
    for most in (0, 3):
        here, there = pair()
        steady = SteadyWait(here.fileno(), most)
        there.send(b"x")
        steady.wait()
        turns = 0
        while listeners(here.fileno()):
            turns += 1
            get_hub().wait(0)
        assert turns == most + 1
        steady.wait()  # and it is added again
        assert listeners(here.fileno()) == 1
        steady.forget()


def test_a_socket_gives_what_comes_and_its_end() -> None:
    here, there = pair()
    sock = SteadySocket(GreenSocket(here))
    got: list[bytes] = []

    def read() -> None:
        while data := sock.recv(3):
            got.append(data)
        got.append(b"")

    eventlet.spawn(read)
    there.send(b"abcdefg")
    until(lambda: len(got) == 3)
    assert got == [b"abc", b"def", b"g"]
    there.send(b"h")
    until(lambda: len(got) == 4)
    there.close()
    until(lambda: got[-1] == b"")
    assert listeners(here.fileno()) == 1
    sock.close()
    assert sock.fileno() == -1


def test_after_a_reset_there_is_nothing_as_at_the_end() -> None:
    listener = _socket.create_server(("127.0.0.1", 0))
    here = _socket.create_connection(listener.getsockname())
    there, _ = listener.accept()
    sock = steadily(lambda: GreenSocket(here))()
    there.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, struct.pack("ii", 1, 0))
    there.close()
    assert sock.recv(10) == b""
    sock.close()
    listener.close()


def test_what_was_in_vain_in_earlier_turns_does_not_count() -> None:
    here, there = pair()
    steady = SteadyWait(here.fileno(), 3)
    there.send(b"x")
    steady.wait()
    listener = steady._listener
    for _ in range(20):
        get_hub().wait(0)  # once a turn, while nobody waits
        steady.wait()
        assert steady._listener is listener
    steady.forget()
