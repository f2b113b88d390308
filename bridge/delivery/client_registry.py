"""Who gets what is published: clients by sid, live, or being given first what they missed.

Must not know sessions, nor what is published.

Use: `audience.live[sid] = outbox`; `audience.catch_up(sid, outbox, after)`; `audience.everybody()`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.counters import Counters
from bridge.delivery.history import History
from bridge.delivery.outbox import Outbox
from bridge.delivery.write_buffer import Segment

__all__ = ["ClientRegistry"]

PIECE = 64 * 1024  # bytes of what was missed that go into an outbox at a time, when it is empty
TURN = 4  # pieces; then others have theirs


class ClientRegistry:
    """`live`: those whose events have offsets; `plain`: those that can't have them."""

    def __init__(self, history: History, counters: Counters) -> None:
        self._history, self.counters = history, counters
        self.live: dict[str, Outbox] = {}
        self.plain: dict[str, Outbox] = {}
        self._late: dict[str, CatchingUp] = {}

    def __contains__(self, sid: str) -> bool:
        return sid in self.live or sid in self.plain or sid in self._late

    def __len__(self) -> int:
        return len(self.live) + len(self.plain) + len(self._late)

    @property
    def catching_up(self) -> int:
        """How many are not live yet."""
        return len(self._late)

    def everybody(self) -> list[Outbox]:
        """All outboxes, as they are now."""
        return [*self.live.values(), *self.plain.values(), *(late.outbox for late in self._late.values())]

    def get(self, sid: str) -> Outbox | None:
        """One client's outbox."""
        late = self._late.get(sid)
        return late.outbox if late is not None else self.live.get(sid) or self.plain.get(sid)

    def reached(self, sid: str) -> int | None:
        """Up to which number a client that is catching up has been given everything; None for any other."""
        late = self._late.get(sid)
        return None if late is None else late.after

    def sids(self) -> Iterator[str]:
        """All of them."""
        yield from (*self.live, *self.plain, *self._late)

    def catch_up(self, sid: str, outbox: Outbox, after: int) -> None:
        """Give the client what it missed after that number; then it is live."""
        self._late[sid] = late = CatchingUp(self, self._history, sid, outbox, after)
        outbox.refill = late.refill
        outbox.start()

    def caught_up(self, sid: str) -> None:
        """The client has had everything."""
        late = self._late.pop(sid, None)
        if late is not None:
            late.outbox.refill = None
            self.live[sid] = late.outbox

    def pop(self, sid: str) -> Outbox | None:
        """The client has gone."""
        late = self._late.pop(sid, None)
        if late is not None:
            late.outbox.refill = None
            return late.outbox
        return self.live.pop(sid, None) or self.plain.pop(sid, None)


class CatchingUp:
    """A client's place in the history. What is there goes out piece by piece, as fast as the client takes it, so
    it is not counted against its outbox's limit; what is live waits until there is nothing left."""

    __slots__ = ("_audience", "_history", "_sid", "after", "outbox")

    def __init__(self, audience: ClientRegistry, history: History, sid: str, outbox: Outbox, after: int) -> None:
        self._audience, self._history, self._sid = audience, history, sid
        self.after, self.outbox = after, outbox

    def refill(self) -> bool:
        """The outbox is empty: put the next pieces; whether there is more for another turn."""
        for _ in range(TURN):
            if not self._history.holds(self.after):
                self.outbox.give_up()  # it was told that it had recovered, and is not to have a part
                return False
            data, count, self.after = self._history.read(self.after, self._sid, PIECE)
            if data:
                self._audience.counters.count("replayed", count)
                self.outbox.put(Segment(data))  # as the bridge's own, of which no policy drops a part
                if self.outbox.size:
                    return False
            if self.after >= self._history.newest:
                self._audience.caught_up(self._sid)
                return False
        return True
