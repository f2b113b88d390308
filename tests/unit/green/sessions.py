"""Sessions on sockets that are none: what they take is set by the test, and what is told of them is kept.

Use: `at = Case(); at.by_websocket(); at.say(b"3"); at.sent == [(TEXT, b"2")]`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

warnings.simplefilter("ignore")  # eventlet's, about itself

import eventlet  # noqa: E402

from bridge.counters import Counters  # noqa: E402
from bridge.delivery.limits import Limits  # noqa: E402
from bridge.delivery.slow_policies import POLICIES  # noqa: E402
from bridge.engineio.polling import Polling  # noqa: E402
from bridge.engineio.session import Session  # noqa: E402
from bridge.engineio.session_context import SessionContext, UnreadablePacket  # noqa: E402
from bridge.engineio.states import SessionState  # noqa: E402
from bridge.engineio.timeouts import SessionTimeouts, TimeoutQueue  # noqa: E402
from bridge.engineio.unfinished_input import InputLimits, UnfinishedInput  # noqa: E402
from bridge.engineio.websocket import WebSocket  # noqa: E402
from bridge.wire.socketio_packets import ReceivedEvent  # noqa: E402
from bridge.wire.websocket_frames import TEXT, frames_in  # noqa: E402

__all__ = ["Case", "Epoll", "Sock", "until"]


class Sock:
    """A socket that takes what it is let. `room`: bytes; `calls`: what was asked of it besides, in order."""

    def __init__(self, number: int = 1) -> None:
        self.room, self.sent, self.number = 1 << 30, b"", number
        self.calls: list[str] = []

    def send(self, data: bytes | memoryview) -> int:
        taken = bytes(data[: self.room])
        if not taken:
            raise BlockingIOError
        self.room -= len(taken)
        self.sent += taken
        return len(taken)

    def sendmsg(self, parts: list[bytes | memoryview]) -> int:
        return self.send(b"".join(parts))

    def fileno(self) -> int:
        return self.number

    def setsockopt(self, *_: object) -> None:
        self.calls.append("setsockopt")

    def shutdown(self, _how: int) -> None:
        self.calls.append("shutdown")

    def close(self) -> None:
        self.calls.append("close")


class Epoll:
    """In place of a Poller. `events`: what is waited for; `watched`: who by descriptor."""

    def __init__(self) -> None:
        self.events: int | None = None
        self.watched: dict[int, object] = {}

    def add(self, fd: int, watched: object, events: int) -> None:
        self.watched[fd], self.events = watched, events

    def change(self, fd: int, events: int) -> None:
        self.events = events

    def remove(self, fd: int) -> None:
        del self.watched[fd]
        self.events = None


class Case:
    """One session. `told`: what its context was told, in order; `taken`: how many events are taken at once."""

    def __init__(self, size: int = 16_000, interval: float = 10.0) -> None:
        self.told: list[tuple[object, ...]] = []
        self.taken = 1000
        self.queues: SessionTimeouts[Session] = SessionTimeouts(
            *(TimeoutQueue(interval, lambda _: None) for _ in range(6))
        )
        self.limits = Limits(size, POLICIES["disconnect"], Counters())
        self.unfinished = UnfinishedInput(InputLimits(1 << 20), self.queues.packets, self.limits.counters)
        self.shared = SessionContext(
            self.limits, self.queues, self.unfinished, message=self._message, events=self._events,
            failed=lambda _, error: self.told.append(("failed", str(error))),
            junk=lambda _, reason: self.told.append(("junk", reason)),
            gone=lambda _, reason: self.told.append(("gone", str(reason))),
            ended=lambda _: self.told.append(("ended",)), slow=lambda _: self.told.append(("slow",)),
            behind=lambda _: self.told.append(("behind",)), silent=lambda _: self.told.append(("silent",)),
        )  # fmt: skip
        self.session = Session("sid", "127.0.0.1", self.shared)
        self.sock, self.epoll = Sock(), Epoll()

    def _message(self, _session: object, data: str | bytes) -> None:
        self.told.append(("message", data))
        if data == "0unreadable":
            raise UnreadablePacket("no packet")
        if data == "0fails":
            raise ValueError("a bug")

    def _events(self, client: str, events: Sequence[ReceivedEvent], may_wait: bool) -> int:
        self.told.append(("events", client, [data for _, data in events], may_wait))
        return len(events) if may_wait else min(self.taken, len(events))

    def new_websocket(self, sock: Sock | None = None) -> WebSocket:
        return WebSocket(sock or self.sock, self.epoll, 1 << 20, 4000)  # type: ignore[arg-type]

    def by_websocket(self, client: str | None = "client") -> Session:
        """Open, joined, and read as events if it has a `client`."""
        self.websocket = self.new_websocket()
        self.websocket.owner = self.session
        self.session.open(self.websocket)
        self.session.client, self.session.joined = client, client is not None
        return self.session

    def by_polling(self) -> Session:
        self.session.polling = Polling(self.session, self.epoll)  # type: ignore[arg-type]
        return self.session

    def say(self, *texts: bytes) -> None:
        """The client sends these in one piece."""
        self.session.take([(TEXT, text) for text in texts])

    @property
    def sent(self) -> list[tuple[int, bytes]]:
        """The frames that its socket took, each with its opcode."""
        return [(opcode, self.sock.sent[start:end]) for opcode, start, end in frames_in(self.sock.sent)]

    def is_in(self, state: SessionState) -> bool:
        """Whether the session is in this state now."""
        return self.session.state is state

    def tasks_done(self) -> None:
        """Until nothing is to be done for it."""
        while self.session.flow.tasks is not None:
            eventlet.sleep(0)


def until(*conditions: object) -> None:
    """Until each of these, which are called, is true."""
    while not all(condition() for condition in conditions):  # type: ignore[operator]
        eventlet.sleep(0)
