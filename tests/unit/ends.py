"""Every order in which a client is sent to, reads, falls behind and is ended: nothing of it begins inside of itself.

The sessions, outboxes, WebSockets and queues are the bridge's own; only the socket and the epoll are none. In a
process of its own, as eventlet is nothing for pytest's.

Use: `python -m tests.unit.ends`, which ends with 1 and the shortest way to what is wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import engineio  # noqa: E402
import eventlet  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.stateful import (  # noqa: E402
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)  # fmt: skip

from bridge.counters import Counters  # noqa: E402
from bridge.delivery.limits import Limits  # noqa: E402
from bridge.delivery.outbox import Outbox, OutboxState  # noqa: E402
from bridge.delivery.slow_policies import POLICIES  # noqa: E402
from bridge.engineio.polling import Polling  # noqa: E402
from bridge.engineio.session import Session  # noqa: E402
from bridge.engineio.session_context import SessionContext  # noqa: E402
from bridge.engineio.states import SessionState  # noqa: E402
from bridge.engineio.timeouts import SessionTimeouts, TimeoutQueue  # noqa: E402
from bridge.engineio.unfinished_input import InputLimits, UnfinishedInput  # noqa: E402
from bridge.engineio.upgrade import Upgrade  # noqa: E402
from bridge.engineio.websocket import WebSocket  # noqa: E402
from bridge.messages import Payload  # noqa: E402
from bridge.wire.segment import AnswerSegment, Segment  # noqa: E402
from bridge.wire.socketio_packets import encode_acks, encode_event, polled  # noqa: E402
from bridge.wire.websocket_frames import CLOSE, PING, TEXT, frame  # noqa: E402
from tests.unit.amount import some  # noqa: E402
from tests.unit.green.sessions import Epoll, Sock  # noqa: E402

LIMIT = 16_000
SIZES = st.sampled_from([1, 200, 5_000, 11_000, 200_000])
ROOM = st.sampled_from([0, 1, 100, 7_000, 1 << 30])
CLOSING = encode_event("bridge:closing", Payload.of({"code": "slow"}))

#: What no session and no outbox may be in the middle of twice.
ONCE = [(Outbox, "_keep"), (Outbox, "flush"), (Outbox, "take"), (Outbox, "give_up"), (Outbox, "seal"), (Outbox, "fill"),
        (Session, "close"), (Session, "finish"), (Session, "too_slow"), (Session, "writable")]  # fmt: skip


def not_inside_of_itself(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which fails if it is called while it runs, of the same object."""
    running: set[int] = set()

    @wraps(method)
    def once(self: object, *args: Any, **more: Any) -> Any:
        assert id(self) not in running, f"{method.__qualname__} is called from inside of itself"
        running.add(id(self))
        try:
            return method(self, *args, **more)
        finally:
            running.discard(id(self))

    return once


class Ends(RuleBasedStateMachine):
    """One session, from its beginning to its end."""

    @initialize(policy=st.sampled_from(sorted(POLICIES)), polls=st.booleans())
    def begins(self, policy: str, polls: bool) -> None:
        self.slow = self.number = 0
        self.fetched = b""
        queues: SessionTimeouts[Session] = SessionTimeouts(
            *(TimeoutQueue(10.0, lambda session: None) for _ in range(6))
        )
        self.shared = SessionContext(
            Limits(LIMIT, POLICIES[policy], Counters()), queues,
            UnfinishedInput(InputLimits(1 << 20), queues.packets, Counters()),
            message=lambda *_: None, failed=self.failed, junk=lambda *_: None,
            events=lambda _client, events, _wait: len(events),
            gone=lambda *_: None, ended=lambda _: None, slow=self.too_slow,
            behind=lambda _: None, silent=lambda _: None, who=lambda _: "it",
        )  # fmt: skip
        self.session = Session("sid", "127.0.0.1", self.shared)
        self.outbox = self.session.outbox
        self.sock, self.epoll = Sock(), Epoll()
        self.websocket: WebSocket | None = None
        if polls:
            self.session.polling = Polling(self.session, self.epoll)  # type: ignore[arg-type]
        else:
            self.websocket = self.new_websocket()
            self.websocket.owner = self.session
            self.session.open(self.websocket)
        self.outbox.press()

    def new_websocket(self) -> WebSocket:
        return WebSocket(self.sock, self.epoll, 1 << 20, LIMIT // 4)  # type: ignore[arg-type]

    def failed(self, _session: object, error: BaseException) -> None:
        raise AssertionError("what the lane did failed") from error

    def too_slow(self, session: Session) -> None:
        """As SocketIOServer does it."""
        self.slow += 1
        assert self.slow == 1, "it is said to be too slow twice"
        session.close(last=CLOSING)

    @property
    def reading(self) -> bool:
        return self.websocket is not None and self.websocket.is_open

    # What it is sent.

    @rule(size=SIZES, key=st.sampled_from("ab"))
    def message(self, size: int, key: str) -> None:
        self.number += 1
        self.outbox.put(Segment(frame(b"4%06d" % self.number + b"x" * size), 1, [key]))

    @rule(size=SIZES)
    def ack(self, size: int) -> None:
        self.outbox.put(AnswerSegment(encode_acks([1], {"ok": True, "reply": "x" * size})))

    @rule(size=SIZES)
    def own_event(self, size: int) -> None:
        self.outbox.put(Segment(frame(b"4" + b"x" * size)))

    @rule(data=st.sampled_from(["40{}", "42[1]", "45-[1]"]))
    def packet(self, data: str) -> None:
        self.session.send(engineio.packet.Packet(engineio.packet.MESSAGE, data[1:]))

    @rule()
    def ping(self) -> None:
        if not self.session.closed:
            self.session.ping()

    @rule(pieces=st.lists(SIZES, max_size=3), lost=st.booleans())
    def comes_back(self, pieces: list[int], lost: bool) -> None:
        """It has missed something, of which the history has lost the rest or has not."""

        def refill() -> bool:
            if pieces:
                self.outbox.put(Segment(frame(b"4" + b"x" * pieces.pop())))
                return not self.outbox.size
            self.outbox.refill = None
            if lost:
                self.outbox.give_up()
            return False

        self.outbox.refill = refill
        self.outbox.start()

    # What it does.

    @rule(room=ROOM)
    def takes(self, room: int) -> None:
        """Its socket does, as the epoll says."""
        self.sock.room = room
        if self.reading and room and self.epoll.events is not None and self.epoll.events & 4:
            assert self.websocket is not None
            self.websocket.owner.writable()

    @rule(at_most=SIZES)
    def fetches(self, at_most: int) -> None:
        if self.session.polling is not None and not self.session.upgraded:
            self.fetched += b"".join(self.outbox.take(at_most))
            self.session.fetched()

    @precondition(lambda self: self.session.state is SessionState.POLLING)
    @rule()
    def tries_a_websocket(self) -> None:
        self.websocket = self.new_websocket()
        self.websocket.owner = Upgrade(self.session)
        self.session.probe(self.websocket)

    @precondition(lambda self: self.session.state is SessionState.PROBING)
    @rule()
    def has_tried(self) -> None:
        assert self.websocket is not None
        self.websocket.owner.received(self.websocket, [(TEXT, b"2probe")])

    @precondition(lambda self: self.reading and not self.session.upgraded)
    @rule(works=st.booleans())
    def has_switched(self, works: bool) -> None:  # in time, or while it closes
        if self.websocket is not None:
            self.websocket.owner.received(self.websocket, [(TEXT, b"5" if works else b"no")])

    @rule(
        what=st.sampled_from([(TEXT, b"3"), (TEXT, b"1"), (TEXT, b"junk"), (TEXT, b"40"), (PING, b"x"), (CLOSE, b"")])
    )
    def says(self, what: tuple[int, bytes]) -> None:
        if self.session.upgraded and self.reading:
            assert self.websocket is not None
            self.session.received(self.websocket, [what])
        elif not self.session.closed and what[0] == TEXT and what[1] not in (b"1", b"junk"):
            self.session.take([what])

    @rule()
    def goes(self) -> None:
        if self.session.upgraded:
            assert self.websocket is not None
            self.session.lost(self.websocket, None)

    # What befalls it.

    @rule(what=st.sampled_from(["join_overdue", "upgrade_overdue", "close", "finish"]))
    def is_ended(self, what: str) -> None:
        getattr(self.session, what)()

    @rule(last=st.sampled_from([None, CLOSING]))
    def its_time_is_over(self, last: bytes | None) -> None:
        if self.session.closed:
            return
        if last is None:
            self.session.pong_overdue()
        else:
            self.session.close(last=last)

    @rule()
    def others_have_their_turn(self) -> None:
        eventlet.sleep(0)

    # What has to be so in between.

    @invariant()
    def session_and_outbox_agree(self) -> None:
        wanted = {SessionState.CLOSING: OutboxState.SEALED, SessionState.CLOSED: OutboxState.SHUT}
        assert self.outbox.state is wanted.get(self.session.state, OutboxState.TAKING)

    @invariant()
    def only_a_client_that_is_over_its_limit_or_loses_messages_is_slow(self) -> None:
        assert self.slow <= int(self.session.closed)

    @invariant()
    def what_is_sealed_and_waits_is_waited_for(self) -> None:
        if self.session.state is SessionState.CLOSING and self.session.upgraded and self.outbox.size:
            assert (self.epoll.events or 0) & 4

    @invariant()
    def who_leaves_answers_unread_is_not_read(self) -> None:
        if not self.session.closed:
            behind = self.outbox.answers > self.shared.limits.unread
            assert not behind or self.session.flow.held

    @invariant()
    def what_was_fetched_is_whole_frames(self) -> None:
        list(polled([self.fetched]))


if __name__ == "__main__":
    for owner, name in ONCE:
        setattr(owner, name, not_inside_of_itself(getattr(owner, name)))
    run_state_machine_as_test(
        Ends,
        settings=settings(
            max_examples=some(600), stateful_step_count=40, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
