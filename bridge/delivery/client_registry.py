"""Know the outbox of each client that gets messages, and let clients that came back catch up first.

Must not know sessions, nor what is published.

Use: `clients.live[sid] = outbox`; `clients.catch_up(sid, outbox, after)`; `clients.everybody()`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.counters import Counters
from bridge.delivery.history import History
from bridge.delivery.outbox import Outbox
from bridge.wire.segment import Segment

__all__ = ["ClientRegistry"]

PIECE = 64 * 1024  # bytes of missed messages that go into an empty outbox at a time
TURN = 4  # pieces; then others have their turn


class ClientRegistry:
    """Knows outboxes by sid. `live`: clients whose messages have offsets; `plain`: clients that can't have them."""

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
        """How many clients are still catching up."""
        return len(self._late)

    def everybody(self) -> list[Outbox]:
        """Return all outboxes."""
        return [*self.live.values(), *self.plain.values(), *(late.outbox for late in self._late.values())]

    def get(self, sid: str) -> Outbox | None:
        """Return a client's outbox, or None."""
        late = self._late.get(sid)
        return late.outbox if late is not None else self.live.get(sid) or self.plain.get(sid)

    def reached(self, sid: str) -> int | None:
        """Return the number up to which a client that is catching up has been sent everything; None for any other."""
        late = self._late.get(sid)
        return None if late is None else late.after

    def sids(self) -> Iterator[str]:
        """Yield the sids of all clients."""
        yield from (*self.live, *self.plain, *self._late)

    def catch_up(self, sid: str, outbox: Outbox, after: int) -> None:
        """Send the client what it missed after that number; then it is live."""
        self._late[sid] = late = CatchingUp(self, self._history, sid, outbox, after)
        outbox.refill = late.refill
        outbox.start()

    def caught_up(self, sid: str) -> None:
        """Make a client live that has had everything."""
        late = self._late.pop(sid, None)
        if late is not None:
            late.outbox.refill = None
            self.live[sid] = late.outbox

    def pop(self, sid: str) -> Outbox | None:
        """Remove a client. Return its outbox, or None."""
        late = self._late.pop(sid, None)
        if late is not None:
            late.outbox.refill = None
            return late.outbox
        return self.live.pop(sid, None) or self.plain.pop(sid, None)


class CatchingUp:
    """A client's position in the history.

    Missed messages go out piece by piece, as fast as the client takes them, and so do not count against its outbox's
    limit. Live messages wait in the history until there is nothing left.
    """

    __slots__ = ("_clients", "_history", "_sid", "after", "outbox")

    def __init__(self, clients: ClientRegistry, history: History, sid: str, outbox: Outbox, after: int) -> None:
        self._clients, self._history, self._sid = clients, history, sid
        self.after, self.outbox = after, outbox

    def refill(self) -> bool:
        """Put the next pieces into the empty outbox. Return whether there are more for another turn."""
        for _ in range(TURN):
            if not self._history.holds(self.after):
                self.outbox.give_up()  # it was told that it had recovered, and must not get only a part
                return False
            data, count, self.after = self._history.read(self.after, self._sid, PIECE)
            if data:
                self._clients.counters.count("replayed", count)
                self.outbox.put(Segment(data))  # as the bridge's own, so that no policy drops a part of it
                if self.outbox.size:
                    return False
            if self.after >= self._history.newest:
                self._clients.caught_up(self._sid)
                return False
        return True
