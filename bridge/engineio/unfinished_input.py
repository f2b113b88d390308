"""Bounds what clients have sent of packets that are not whole: in bytes of all together, and each in time.

Such input is half a WebSocket's message, half a POST, or a binary event whose attachments are still to come. If there
is too much of it, the largest goes, and of equal ones the oldest. Must not know what it is, nor whose.

Use: `unfinished.hold(holder, size)` when more of it has come; `unfinished.release(holder)` when it is whole or gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bridge.counters import Counters
from bridge.engineio.timeouts import TimeoutQueue

__all__ = ["LATE", "MOST_ATTACHMENTS", "PACKET_TIMEOUT", "BinaryPacket", "Holder", "InputLimits", "UnfinishedInput"]

PACKET_TIMEOUT = 30.0  # seconds for a packet from its first byte to its last
MOST_ATTACHMENTS = 10  # of one packet; a form with some pictures has fewer
LATE = f"a packet was not whole within {PACKET_TIMEOUT:g} s"
_TOTAL = 64 * 1024 * 1024  # bytes; a bridge uses about as much itself


@dataclass(frozen=True, slots=True)
class InputLimits:
    """`packet`: bytes of one with its attachments, `before_connect`: while its client has not connected to a namespace;
    `attachments`: their number."""

    packet: int
    attachments: int = MOST_ATTACHMENTS
    before_connect: int = 64 * 1024

    @property
    def total(self) -> int:
        """Bytes of all packets together that are not whole."""
        return max(_TOTAL, 2 * self.packet)


class Holder(Protocol):
    """What holds a part of a packet."""

    def overdue(self) -> None:
        """The rest has not come in time."""

    def give_up(self, reason: str) -> None:
        """End the client, as it holds too much."""


class UnfinishedInput:
    """That of all clients. `times`: calls `overdue` of what it has had for too long."""

    def __init__(self, limits: InputLimits, times: TimeoutQueue[Holder], counters: Counters) -> None:
        self.limits = limits
        self.size = 0
        self._times, self._counters = times, counters
        self._sizes: dict[Holder, int] = {}  # the oldest first

    def hold(self, holder: Holder, size: int, begins: bool = False) -> None:
        """So many bytes of a packet are there; `begins`: of a new one, which has its full time."""
        if begins:
            self.release(holder)
        if holder not in self._sizes:
            self._times.add(holder)
        self.size += size - self._sizes.get(holder, 0)
        self._sizes[holder] = size
        while self.size > self.limits.total:
            self._give_up(max(self._sizes, key=self._sizes.__getitem__))

    def release(self, holder: Holder) -> None:
        """It holds nothing any more; no error if it did not."""
        self._times.discard(holder)
        self.size -= self._sizes.pop(holder, 0)

    def _give_up(self, holder: Holder) -> None:
        reason = f"all packets that are not whole are over {self.limits.total} bytes together, and this is the largest"
        self._counters.note("unfinished_dropped", "! a client's input is thrown away: %s", reason)
        self.release(holder)
        holder.give_up(reason)


class BinaryPacket:
    """A packet of Socket.IO whose attachments are still to come. `parts`: its text, and those that came; `size`: their
    bytes."""

    __slots__ = ("_missing", "parts", "size")

    def __init__(self, text: str, count: int) -> None:
        self.parts: list[str | bytes] = [text]
        self.size, self._missing = len(text), count

    def add(self, attachment: bytes) -> bool:
        """Take the next attachment; returns whether it was the last."""
        self.parts.append(attachment)
        self.size += len(attachment)
        self._missing -= 1
        return not self._missing
