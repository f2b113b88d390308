"""What the engine keeps for each session is bounded, and what is due is done: see the tables in docs/limits.md."""

from __future__ import annotations

import time
from typing import Any

import eventlet

from bridge.engineio import timeouts
from bridge.recovery.session_registry import Greeting
from bridge.socketio_server import connect_handler
from tests.unit.green.sessions import until


class Recovery:
    """Greets everybody who says which client it was as that one."""

    def __init__(self) -> None:
        self.auths: list[Any] = []

    def sid_of(self, auth: Any) -> Any:
        return auth and auth["pid"]

    def greet(self, auth: Any) -> Greeting:
        self.auths.append(auth)
        return Greeting("session", sid=auth and auth["pid"])

    def pid(self, greeting: Greeting, sid: str) -> str:
        return "pid of " + sid


class Old:
    """A connection that is asked to end, and never does."""

    sid = "old"
    finished = False

    @property
    def flow(self) -> Old:
        """Its tasks too are its own."""
        return self

    def finish(self) -> None:
        self.finished = True

    def when_done(self, call: object) -> bool:
        return True


def nothing(_: object) -> None:
    """Not print: what this process prints is its result."""


def arrivals(recovery: Recovery, connections: dict[str, Any]) -> Any:
    handler: Any = connect_handler.ConnectHandler
    return handler(recovery, connections.get, lambda eio_sid: eio_sid, lambda old, own: old.finish())


def five_queues(seconds: float) -> Any:
    return timeouts.SessionTimeouts(*[timeouts.TimeoutQueue(seconds, nothing) for _ in range(6)])


def test_in_each_of_six_queues_a_session_is_once_however_often_it_is_added() -> None:
    queues = five_queues(10.0)
    for _ in range(100):
        for queue in queues:
            queue.add("a")
            queue.add("b")
    assert [len(queue) for queue in queues] == [2] * 6
    queues.discard("a")
    assert [list(queue._queue) for queue in queues] == [["b"]] * 6


def test_what_is_due_is_done_in_time_whatever_else_waits() -> None:
    late: list[float] = []
    usual: list[float] = []

    def due(begun: float) -> None:
        late.append(time.monotonic() - begun - 0.2)

    def as_usual(begun: float) -> None:
        usual.append(time.monotonic() - begun - 0.2)

    others: list[Any] = [timeouts.TimeoutQueue(seconds, nothing) for seconds in (1, 2, 3, 4, 5)]
    queues: Any = timeouts.SessionTimeouts(timeouts.TimeoutQueue(0.2, due), *others)
    running = eventlet.spawn(queues.run)
    for n in range(40):
        queues.pings.add(time.monotonic())
        eventlet.spawn_after(0.2, as_usual, time.monotonic())
        queues.pongs.add(n)
        eventlet.sleep(0.013)
    queues.discard(0)
    until(lambda: not len(queues.pings))
    running.kill()
    late.sort()
    usual.sort()
    assert late[0] >= 0, late
    # A busy machine wakes nobody in time.
    assert late[len(late) // 4] < usual[len(usual) // 4] + 0.004, (late, usual)


def test_what_is_due_within_a_hundredth_of_its_time_is_done_in_one_turn() -> None:
    pings: Any = timeouts.TimeoutQueue(25.0, nothing)
    pings.add("first")
    assert 25.2 < pings.next - time.monotonic() <= 25.25, "a bridge with idle clients wakes for each of them"


def test_a_greeting_is_kept_while_its_connect_is_answered_and_no_longer() -> None:
    at = arrivals(Recovery(), {})
    for n in range(100):
        with at.arrives(f"e{n}", "40"):
            assert len(at._greetings) == 1
            if n % 3:  # else the CONNECT is refused before it has an id
                sid = at.sid(f"e{n}", lambda n=n: f"s{n}")
                assert at.connect_data({"sid": sid})["pid"] == f"pid of s{n}"
                assert (len(at._greetings), len(at._greeted)) == (0, 1)
            if n % 3 == 1:  # else it is refused by a handler
                assert at.greeting(sid).session == "session"
        assert not at._greetings
        assert not at._greeted


def test_who_waits_longer_than_the_limit_for_its_old_connection_to_end_is_somebody_new() -> None:
    recovery, old, patience = Recovery(), Old(), connect_handler.PATIENCE
    at = arrivals(recovery, {"s1": old})
    connect_handler.PATIENCE = 0.05
    try:
        with at.arrives("new", '40{"pid":"s1"}'):
            assert old.finished
            assert recovery.auths == [None]
            assert at.sid("new", lambda: "s2") == "s2"
    finally:
        connect_handler.PATIENCE = patience
