"""What all sessions have in common: limits, time-outs, and whom they give or tell what.

Must not know what is done about it.

Use: `Session(sid, address, shared)`; `shared.slow = end_it`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.delivery.limits import Limits
from bridge.engineio.timeouts import TimeoutQueues
from bridge.wire.socketio_packets import ReceivedEvent

__all__ = ["SessionContext", "UnreadablePacket"]


class UnreadablePacket(Exception):
    """A message that is no packet of Socket.IO's."""


def _no_events(client: str, events: Sequence[ReceivedEvent], may_wait: bool) -> int:
    raise AssertionError("no client has a Socket.IO id here unless somebody takes events")


def _nothing(session: Any) -> None:
    """Nobody is to be told."""


def _who(session: Any) -> str:
    return f"a client at {session.address}"


@dataclass(slots=True)
class SessionContext:
    """What all sessions are given. The callables get the session first, but for `events`."""

    limits: Limits
    queues: TimeoutQueues[Any]
    message: Callable[[Any, str | bytes], None]  # takes a message that is no event, or raises UnreadablePacket
    failed: Callable[[Any, BaseException], None]  # is told what else a task of a session raised
    junk: Callable[[Any, str], None]  # is told why a session ends that has sent what it must not
    gone: Callable[[Any, str], None]  # tells the handlers that it is gone, and why
    ended: Callable[[Any], None]  # forgets it
    slow: Callable[[Any], None]  # ends it, as it can't keep up
    behind: Callable[[Any], None] = _nothing  # is told that it begins to lose messages
    silent: Callable[[Any], None] = _nothing  # is told that it has not answered a ping
    who: Callable[[Any], str] = _who  # what the log calls it
    #: Takes events of the default namespace of one Socket.IO id; returns how many, all of them if it may wait.
    events: Callable[[str, Sequence[ReceivedEvent], bool], int] = _no_events
