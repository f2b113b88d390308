"""One session's polls and POSTs: what each is answered, and when."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import eventlet
import pytest

from bridge.engineio import polling as module
from bridge.engineio.http_exchange import TooLarge
from bridge.engineio.polling import AT_ONCE, RESPONSE, Polling
from bridge.engineio.states import SessionState
from bridge.wire.segment import AnswerSegment, Segment
from bridge.wire.websocket_frames import TEXT, frame
from tests.unit.green.servers import replaced
from tests.unit.green.sessions import Case, Sock, until


def polling() -> tuple[Case, Polling]:
    at = Case()
    at.by_polling().joined = True
    assert at.session.polling is not None
    return at, at.session.polling


def green(function: Callable[..., Any], *args: object) -> Any:
    """It runs in a green thread, as far as it comes by itself."""
    thread = eventlet.spawn(function, *args)
    eventlet.sleep(0)
    return thread


def test_what_waits_is_fetched_at_once() -> None:
    at, polls = polling()
    at.session.outbox.put(Segment(frame(b"4a")))
    at.session.outbox.put(Segment(frame(b"4b")))
    assert polls.get(at.sock) == ["4a", "4b"]
    assert at.session.outbox.size == 0
    assert at.epoll.watched == {}


def test_a_poll_waits_for_something_and_is_not_watched_afterwards() -> None:
    at, polls = polling()
    poll = green(polls.get, at.sock)
    assert at.epoll.watched == {1: polls}
    at.session.outbox.put(Segment(frame(b"4a")))
    assert poll.wait() == ["4a"]
    assert at.epoll.watched == {}
    poll = green(polls.get, at.sock)  # and so does the next one
    assert at.epoll.watched == {1: polls}
    polls.wake()
    polls.wake()
    assert poll.wait() == ["6"]


def test_one_response_is_about_as_long_as_it_may_be_and_the_rest_is_the_next_one_s() -> None:
    assert (AT_ONCE, RESPONSE) == (1000, 256 * 1024)
    at, polls = polling()
    for _ in range(3):
        at.session.outbox.put(AnswerSegment(frame(b"4" + b"x" * (RESPONSE // 2))))
    assert [len(polls.get(at.sock) or ()) for _ in range(2)] == [2, 1]


def test_what_was_missed_is_looked_for_before_a_poll_waits() -> None:
    at, polls = polling()
    looks = [True, True, False]

    def refill() -> bool:
        more = looks.pop(0) if looks else False
        if not looks and not at.session.outbox.size:
            at.session.outbox.put(Segment(frame(b"4missed")))
        return more

    at.session.outbox.refill = refill
    poll = green(polls.get, at.sock)
    assert poll.wait() == ["4missed"]


def test_two_polls_at_a_time_end_both_and_the_session() -> None:
    at, polls = polling()
    first = green(polls.get, at.sock)
    assert polls.get(Sock(2)) is None
    assert first.wait() == ["1"]
    at.tasks_done()
    assert at.told == [("ended",), ("gone", "transport error")]


def test_a_client_that_hangs_up_while_it_polls_ends_its_session() -> None:
    at, polls = polling()
    poll = green(polls.get, at.sock)
    polls.ready(0)
    assert poll.wait() == ["6"]
    assert at.is_in(SessionState.CLOSED)


def test_a_poll_that_failed_is_answered() -> None:
    at, polls = polling()
    polls.failed()
    poll = green(polls.get, at.sock)
    polls.failed()
    assert poll.wait() == ["6"]


def test_while_a_websocket_is_tried_no_poll_waits() -> None:
    at, polls = polling()
    at.session.probe(at.new_websocket(Sock(2)))
    assert polls.get(at.sock) == ["6"]


def test_the_poll_that_has_fetched_the_last_packets_ends_the_session() -> None:
    at, polls = polling()
    poll = green(polls.get, at.sock)
    at.session.close()
    assert poll.wait() == ["6"]
    assert at.is_in(SessionState.CLOSED)


def test_a_post_is_answered_when_all_that_was_in_it_is_done() -> None:
    at, polls = polling()
    hold = eventlet.Event()
    at.session.flow.later(hold.wait)
    packets = [(TEXT, b"40/x,"), (TEXT, b"40/y,")]
    post = green(polls.post, lambda: packets)
    eventlet.sleep(0)
    assert not post.dead
    assert at.told == []
    hold.send()
    assert post.wait() is True
    assert at.told == [("message", "0/x,"), ("message", "0/y,")]
    assert polls.post(lambda: packets[:1]) is True


def test_two_posts_at_a_time_end_the_session() -> None:
    at, polls = polling()
    hold = eventlet.Event()
    at.session.flow.later(hold.wait)
    first = green(polls.post, lambda: [(TEXT, b"40/x,")])
    assert polls.post(lambda: [(TEXT, b"40/y,")]) is False
    assert at.is_in(SessionState.CLOSED)
    hold.send()
    first.wait()


def test_a_post_that_can_t_be_read_is_not_the_last_one() -> None:
    _, polls = polling()

    def read() -> list[tuple[int, bytes]]:
        raise TooLarge

    for _ in range(2):
        with pytest.raises(TooLarge):
            polls.post(read)
    assert polls.post(lambda: [(TEXT, b"3")]) is True


def test_others_have_their_turn_within_a_long_post() -> None:
    at, polls = polling()
    at.session.client = "client"
    turns: list[int] = []
    eventlet.spawn(lambda: turns.append(events(at)))
    polls.post(lambda: [(TEXT, b'42["a"]')] * (AT_ONCE + 1))
    assert 0 < turns[0] <= AT_ONCE
    assert events(at) == AT_ONCE + 1


def events(at: Case) -> int:
    """How many its client's were, so far."""
    return sum([len(one[2]) for one in at.told if one[0] == "events"])  # type: ignore[arg-type, misc]


def test_a_post_waits_until_answers_are_fetched() -> None:
    at, polls = polling()
    at.session.outbox.put(AnswerSegment(frame(b"4" + b"x" * (at.limits.unread + 1))))
    at.session.client = "client"
    post = green(polls.post, lambda: [(TEXT, b'42["a"]')] * (AT_ONCE + 1))
    eventlet.sleep(0)
    assert events(at) <= AT_ONCE  # the first part; the next one only
    assert polls.get(at.sock) is not None
    post.wait()
    assert events(at) == AT_ONCE + 1


def test_a_post_over_the_limit_of_answers_is_not_even_read_before_they_are_fetched() -> None:
    at, polls = polling()
    at.session.outbox.put(AnswerSegment(frame(b"4" + b"x" * (at.limits.size + 1))))
    read: list[str] = []

    def body() -> list[tuple[int, bytes]]:
        read.append("read")
        return [(TEXT, b"3")]

    post = green(polls.post, body)
    polls.go_on()  # it looks again, and waits again
    eventlet.sleep(0)
    assert read == []
    polls.get(at.sock)
    until(lambda: read)
    post.wait()
    assert str(polls) == str(at.session)


def test_a_poll_that_waits_ends_with_its_session() -> None:
    at, polls = polling()
    poll = green(polls.get, at.sock)
    at.session.finish()
    assert poll.wait() == ["6"]
    assert at.epoll.watched == {}


def test_a_post_whose_tasks_have_left_answers_waits_until_they_are_fetched() -> None:
    at, polls = polling()
    hold = eventlet.Event()
    at.session.flow.later(hold.wait)
    answer = AnswerSegment(frame(b"4" + b"x" * (at.limits.unread + 1)))
    at.session.flow.later(at.session.outbox.put, answer)
    packets = [(TEXT, b"3")]
    post = green(polls.post, lambda: packets)
    eventlet.sleep(0)
    hold.send()
    until(lambda: at.session.flow.tasks is None)
    eventlet.sleep(0)
    assert not post.dead
    assert polls.get(at.sock) is not None
    assert post.wait() is True


def test_who_gives_others_their_turn_goes_on_at_once() -> None:
    at, polls = polling()
    at.session.client = "client"
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        eventlet.sleep(0)

    looks = [True, False]
    at.session.outbox.refill = lambda: bool(looks) and looks.pop(0)
    at.session.outbox.put(Segment(frame(b"4a")))
    with replaced(module, eventlet=SimpleNamespace(sleep=sleep)):
        polls.post(lambda: [(TEXT, b'42["a"]')] * (AT_ONCE + 1))
        assert sleeps == [0, 0]
        at.session.outbox.take(1 << 20)
        looks[:] = [True, False]
        green(polls.get, at.sock)
    assert sleeps == [0] * len(sleeps)
    assert len(sleeps) > 2


def test_a_post_that_waits_goes_on_when_a_websocket_is_tried() -> None:
    at, polls = polling()
    at.session.client = "client"
    at.session.outbox.put(AnswerSegment(frame(b"4" + b"x" * (at.limits.unread + 1))))
    post = green(polls.post, lambda: [(TEXT, b'42["a"]')] * (AT_ONCE + 1))
    eventlet.sleep(0)
    assert not post.dead
    at.session.probe(at.new_websocket(Sock(2)))
    assert post.wait() is True
