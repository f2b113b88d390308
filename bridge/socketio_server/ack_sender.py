"""Send acks to one client, and limit the server's answers to a client that does not read them.

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

LONG = 4096  # bytes; only an ack with a server's answer in it is that long


class AckSender:
    """Sends the acks of one client. `outbox`: None if the client has gone."""

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
        """Answer `no-reply` in place of an answer that would be too much for a client that does not read."""
        why = f"the answer was thrown away: more than {self._limits.size} bytes of answers wait for this client"
        self._limits.counters.refuse("no-reply", f"client {self._sid}", why)
        return {"ok": False, "error": "no-reply", "message": why}
