"""Tell clients what became of their events: each ack exactly once, refusals counted and logged.

Must not know how events are sent, nor what else may answer them.

Use: `done = acks.sent(sid, [(7, ["move", {"x": 1}])], answer)`; `done(None)` means sent, `done(Refused)` not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridge.counters import Counters, shorten
from bridge.errors import Refused

__all__ = ["AckedEvent", "Acks", "AnswerAcks", "OnFate"]

#: An event of a client: its ack id, if it asks for an ack, and [name, *arguments].
AckedEvent = tuple[int | None, Sequence[Any]]
#: Answers the events with these ack ids: {"ok": true, …} or {"ok": false, "error": code, "message": text}. It is called
#: for events that ask for no ack as well, without ids.
AnswerAcks = Callable[[Sequence[int], dict[str, object]], None]
#: Called once, when the outcome is known: None for success, else the refusal.
OnFate = Callable[[Refused | None], None]


class Acks:
    """Answers events, and counts them."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def sent(self, sid: str, events: Sequence[AckedEvent], answer: AnswerAcks) -> OnFate:
        """Return the function to call when the outcome of all these events is known. It keeps no arguments alive."""
        ids = [number for number, _ in events if number is not None]
        names = [data[0] for _, data in events]

        def done(error: Refused | None) -> None:
            if error is None:
                self.ok(len(names), ids, answer)
            else:
                self.refused(sid, error, names, ids, answer)

        return done

    def ok(self, events: int, ids: Sequence[int], answer: AnswerAcks, **more: object) -> None:
        """Count so many successful events, and acknowledge those with these ack ids."""
        self._counters.count("events_ok", events)
        answer(ids, {"ok": True, **more})

    def again(self, sid: str, name: object, ids: Sequence[int], answer: AnswerAcks, told: dict[str, object]) -> None:
        """Answer a repeated event as the first one was answered."""
        if told.get("ok") is True:
            self._counters.count("events_ok")
        else:
            error = Refused(str(told["error"]), str(told["message"]))
            self._counters.refuse(error.code, f"client {sid}", f"event {shorten(name)}: {error.message}")
        answer(ids, told)

    def refused(
        self, sid: str, error: Refused, names: Sequence[object], ids: Sequence[int], answer: AnswerAcks
    ) -> None:
        """Count the refusal of events with these names, and answer those with these ack ids."""
        for name in names:
            self._counters.refuse(error.code, f"client {sid}", f"event {shorten(name)}: {error.message}")
        answer(ids, {"ok": False, "error": error.code, "message": error.message})
