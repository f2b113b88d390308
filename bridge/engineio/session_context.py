"""What all sessions have in common, and whom they tell what.

Must not know what is done about it.

Use: `Session(sid, address, shared)`; `shared.slow = end_it`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.delivery.limits import Limits
from bridge.engineio.intake import IntakeCallbacks
from bridge.engineio.timeouts import TimeoutQueues

__all__ = ["SessionContext"]


def _nothing(session: Any) -> None:
    """Nobody is to be told."""


def _who(session: Any) -> str:
    return f"a client at {session.address}"


@dataclass(slots=True)
class SessionContext:
    """What all sessions have in common. `gone`: a handler is to be told; `ended`: it can be forgotten; `slow`: it can't
    keep up, and is to be ended; `behind`: it has begun to lose messages; `silent`: it has not answered a ping;
    `who`: what the log calls it."""

    limits: Limits
    intake: IntakeCallbacks
    queues: TimeoutQueues[Any]
    gone: Callable[[Any, str], None]
    ended: Callable[[Any], None]
    slow: Callable[[Any], None]
    behind: Callable[[Any], None] = _nothing
    silent: Callable[[Any], None] = _nothing
    who: Callable[[Any], str] = _who
