"""connection.py when a time-out comes that a handler began in the link's thread and did not cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.tcpserver import TcpServer
from tests.unit.links import Linked


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


class Late(BaseException):
    """As eventlet.Timeout, which is no Exception, and reaches whoever has begun it wherever that one is by then."""


def test_a_time_out_that_a_handler_left_behind_costs_the_connection_alone(server: TcpServer) -> None:
    with Linked(server.port) as linked:

        def late(frames: list[bytes]) -> None:
            linked.link._reader._on_burst = linked.bursts.add
            raise Late

        linked.link._reader._on_burst = late
        peer = server.accept()
        linked.state("connected")
        peer.send(b"one~")
        assert "a handler began" in str(linked.state("waiting").reason)
        assert linked.counters["handler_errors"] == 1
        server.accept().send(b"two~")
        assert linked.bursts.wait_count(1) == [[b"two"]]


def test_one_that_comes_while_the_link_dials_or_waits_costs_that_attempt_or_that_wait(server: TcpServer) -> None:
    linked = Linked(server.port)
    dial, closing = linked.link._dial, linked.link._closing

    def late_once(owner: object, name: str, rightly: Callable[..., object]) -> None:
        def late(*_: object) -> None:
            setattr(owner, name, rightly)
            raise Late

        setattr(owner, name, late)

    late_once(linked.link, "_dial", dial)
    late_once(closing, "wait", closing.wait)
    with linked:
        peer = server.accept()
        linked.state("connected")
        assert linked.counters["handler_errors"] == 2
        late_once(linked.link, "_dial", dial)
        peer.close()
        server.accept()
        assert linked.counters["handler_errors"] == 3
        assert "a handler began" in str([status.reason for status in linked.states.entries])
