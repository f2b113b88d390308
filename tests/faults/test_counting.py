"""counting.py: what the server keeps of what it got, for the verdict."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.faults.counting import CountingServer
from tests.viewer import until
from tests.waiting import PATIENCE

HELLO = {"action": "hello", "epoch": "e"}
ANN = {"username": "ann", "action": "connected"}


def tick(number: int, seq: int) -> dict[str, object]:
    return {"username": "ann", "action": "tick", "c": "a", "n": number, "seq": seq}


@contextmanager
def linked(server: CountingServer, *frames: Mapping[str, object]) -> Iterator[socket.socket]:
    """A connection on which these frames were sent."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        sock.sendall("".join(json.dumps(frame) + "~" for frame in frames).encode())
        yield sock


def test_when_an_event_was_confirmed_is_known_and_no_confirmation_can_have_come_before() -> None:
    with CountingServer(confirm=True) as server, linked(server, HELLO, ANN, tick(0, 1), tick(1, 2)) as sock:
        assert sock.recv(100) == b'{"confirm":2}~'
        came = time.monotonic_ns() // 1000
        assert list(server.confirmed) == server.log == [("a", 0), ("a", 1)]
        assert all(0 < at <= came for at in server.confirmed.values())
        before = dict(server.confirmed)
        with linked(server, HELLO, ANN, tick(1, 2), tick(2, 3)) as again:
            assert again.recv(100) == b'{"confirm":3}~'
        assert server.confirmed == {**before, ("a", 2): server.confirmed["a", 2]}
        assert server.again == 1


def test_which_events_came_over_which_connection_and_how_many_frames_were_read_is_known() -> None:
    with CountingServer() as server:
        with linked(server, ANN, tick(0, 0), tick(1, 0)):
            until(lambda: len(server.log) == 2)
        with linked(server, ANN, tick(2, 0)) as sock:
            sock.sendall(b'{"half')
            until(lambda: len(server.log) == 3)
        assert (server.links, server.begun, server.frames, server.absent) == (2, [0, 2], 5, 0)


def test_an_event_of_nobody_is_noticed_also_when_it_was_there_already() -> None:
    with CountingServer(confirm=True) as server:
        with linked(server, HELLO, ANN, tick(0, 1)) as sock:
            assert sock.recv(100) == b'{"confirm":1}~'
        with linked(server, HELLO, tick(0, 1), ANN) as sock:
            assert sock.recv(100) == b'{"confirm":1}~'
        assert (server.absent, server.again, server.log) == (1, 1, [("a", 0)])


def test_what_was_sent_before_may_be_forgotten() -> None:
    with CountingServer() as server, linked(server, ANN):
        until(lambda: server.present == {"ann"})
        server.send(10)
        server.forget()
        assert server.sent == 0
        server.send(5)
        assert server.sent == 5
        assert [(sending.first, sending.end) for sending in server.sendings] == [(10, 15)]
