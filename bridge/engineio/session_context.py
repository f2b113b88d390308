"""What all sessions of a server have in common, and what a task of theirs raises for a packet that is none.

Must not know how a session works.

Use: `shared = SessionContext(limits, queues, unfinished, message=…, …)`; `Session(sid, address, shared)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.delivery.limits import Limits
from bridge.engineio.timeouts import SessionTimeouts
from bridge.engineio.unfinished_input import UnfinishedInput
from bridge.wire.socketio_packets import ReceivedEvent

if TYPE_CHECKING:
    from bridge.engineio.session import Session

__all__ = ["SessionContext", "UnreadablePacket"]


class UnreadablePacket(Exception):
    """A message that is no packet of Socket.IO's."""


def _no_events(client: str, events: Sequence[ReceivedEvent], may_wait: bool) -> int:
    raise AssertionError("no client has a Socket.IO id here unless somebody takes events")


@dataclass(slots=True)
class SessionContext:
    """What all sessions have in common: limits, time-outs, and whom they give or tell what."""

    limits: Limits
    queues: SessionTimeouts[Session]
    unfinished: UnfinishedInput
    message: Callable[[Session, str | bytes], None]  # takes a message that is no event, or raises UnreadablePacket
    failed: Callable[[Session, BaseException], None]  # is told what else a task of a session raised
    junk: Callable[[Session, str], None]  # is told why a session ends that has sent what it must not
    gone: Callable[[Session, str], None]  # tells the handlers that it is gone, and why
    ended: Callable[[Session], None]  # forgets it
    slow: Callable[[Session], None]  # ends it, as it can't keep up
    joined: Callable[[Session], None] = lambda session: None  # is told that it is half-open no more
    half_open: Callable[[Session], None] = lambda session: None  # is told that it is so again
    behind: Callable[[Session], None] = lambda session: None  # is told that it begins to lose messages
    silent: Callable[[Session], None] = lambda session: None  # is told that it has not answered a ping
    who: Callable[[Session], str] = lambda session: f"a client at {session.address}"  # what the log calls it
    #: Takes events of the default namespace of one Socket.IO id; returns how many, all of them if it may wait.
    events: Callable[[str, Sequence[ReceivedEvent], bool], int] = _no_events
