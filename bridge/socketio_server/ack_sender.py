"""Acks of one client, as packets of our own making; and a limit on what the server answers one that does not read.

Must not know what is acked, nor why.

Use: `answer = AckSender(sid, outbox, limits)`; `answer([7, 8], {"ok": True})`.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.delivery.limits import Limits
from bridge.delivery.outbox import Outbox
from bridge.wire.segment import AnswerSegment
from bridge.wire.socketio_packets import encode_acks

__all__ = ["AckSender"]

LONG = 4096  # bytes of an ack: no other than what the server has answered is as long


class AckSender:
    """`outbox`: None if the client has gone."""

    __slots__ = ("_limits", "_outbox", "_sid")

    def __init__(self, sid: str, outbox: Outbox | None, limits: Limits) -> None:
        self._sid, self._outbox, self._limits = sid, outbox, limits

    def __call__(self, ids: Sequence[int], answer: dict[str, object]) -> None:
        if self._outbox is None or not ids:
            return
        data = encode_acks(ids, answer)
        if len(data) > LONG and len(ids) == 1 and self._outbox.answers > self._limits.size:
            data = encode_acks(ids, self._too_much())
        self._outbox.put(AnswerSegment(data))

    def _too_much(self) -> dict[str, object]:
        """What is answered in place of what would be too much for one that has asked and does not read."""
        why = f"the answer was thrown away: more than {self._limits.size} bytes of answers wait for this client"
        self._limits.counters.refuse("no-reply", f"client {self._sid}", why)
        return {"ok": False, "error": "no-reply", "message": why}
