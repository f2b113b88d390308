"""Uplinks without a link: how what is sent is framed, and what became of it.

Use: `up = uplink(); up.send([b"x"], (done := Outcomes()).of("x"))`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.link.framing.interface import Encoder
from bridge.link.outgoing.queue import OutgoingQueue

__all__ = ["LIMIT", "By", "Outcomes", "Tilde", "uplink"]

LIMIT = 100


class Tilde(Encoder):
    """Frames end with `~`; a payload of over 50 bytes is too big, unless it is of presence."""

    def __init__(self) -> None:
        super().__init__(50)

    def frame(self, payload: bytes) -> bytes:
        if len(payload) > 50 and not payload.startswith(b"P"):
            raise Refused("too-big")
        return self._wrap(payload)

    def _wrap(self, payload: bytes) -> bytes:
        if b"~" in payload:
            raise Refused("delimiter-in-frame")
        return payload + b"~"


@dataclass
class By:
    """On whose behalf something is sent. `here`: until a test says otherwise."""

    key: str = "a"
    here: bool = True


class Outcomes:
    """What `done` was called with, event by event."""

    def __init__(self) -> None:
        self.calls: dict[str, list[str | None]] = {}

    def of(self, name: str) -> Callable[[Refused | None], None]:
        calls = self.calls[name] = []
        return lambda error: calls.append(error.code if error else None)

    def __getitem__(self, name: str) -> list[str | None]:
        return self.calls[name]


def uplink(overflows: list[int] | None = None, counters: Counters | None = None, **more: Any) -> OutgoingQueue:
    """`more`: holding, confirming."""
    told = overflows if overflows is not None else []
    return OutgoingQueue(Tilde(), LIMIT, lambda: told.append(1), counters or Counters(), **more)
