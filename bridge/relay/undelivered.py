"""Log messages that reached nobody, at most once in 10 s for each kind, and keep the last of them for the status.

Messages for the same users with the same reason share one row, with a count. Must not know who decides that a message
reached nobody, nor where the rows are shown.

Use: `undelivered.add("unknown-user", ("zoe",), "there is no such user")`; `undelivered.rows()`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridge.counters import Counters

__all__ = ["KINDS", "MOST", "Undelivered"]

MOST = 20  # rows; nobody looks at more
NAMED = 10  # users in a row: enough to see that one is misspelt
REFRESH = 1.0  # seconds in which a row is only counted and not rewritten: a server can send many of a kind

#: The kinds of rows.
KINDS = (
    "unknown-user", "gone-client", "empty-list", "unreadable", "bad-user-key", "not-json", "not-utf8", "event-name",
    "late-reply",
)  # fmt: skip

To = tuple[str, ...] | None


@dataclass(slots=True)
class _Row:
    """`at`: epoch seconds of the last message; `made`: time.monotonic() when `why` and `users` were determined."""

    kind: str
    to: To
    at: float = field(init=False)
    made: float = field(init=False)
    why: str = field(init=False)
    users: Sequence[str] = field(init=False)
    count: int = 0


class Undelivered:
    """The rows of one process. Methods may be called from any thread."""

    def __init__(self, counters: Counters, users: Callable[[int], Sequence[str]]) -> None:
        """`users(n)`: returns the first n names of users who are there."""
        self._counters, self._users = counters, users
        self._rows: OrderedDict[tuple[str, To], _Row] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, kind: str, to: Sequence[str] | None, why: str | Callable[[], str], n: int = 1) -> None:
        """Add n messages of a kind in KINDS.

        `to`: the users that they name, None if that is not known; `why`: the reason in words, or a function that
        returns it, if it costs time.
        """
        assert kind in KINDS
        names = None if to is None else tuple([name[:128] for name in to[:NAMED]])
        with self._lock:
            row = self._row(kind, names, why)
            row.count += n
            line, args = self._line(row)
        self._counters.say(f"undelivered {kind}", line, *args)

    def rows(self) -> list[dict[str, object]]:
        """Return the rows as /bridge/status shows them, the newest last."""
        with self._lock:
            return [
                {
                    "t": round(row.at, 3),
                    "kind": row.kind,
                    "to": None if row.to is None else list(row.to),
                    "why": row.why,
                    "count": row.count,
                    "users": list(row.users),
                }
                for row in self._rows.values()
            ]

    def _row(self, kind: str, to: To, why: str | Callable[[], str]) -> _Row:
        row = self._rows.get((kind, to))
        if row is None:
            row = self._rows[kind, to] = _Row(kind, to)
            if len(self._rows) > MOST:
                self._rows.popitem(last=False)
        self._rows.move_to_end((kind, to))
        now = time.monotonic()
        if not row.count or now - row.made >= REFRESH:
            row.made, row.users = now, self._users(NAMED)
            row.why = why if isinstance(why, str) else why()
        row.at = time.time()
        return row

    def _line(self, row: _Row) -> tuple[str, tuple[object, ...]]:
        whom = "" if row.to is None else " for " + (", ".join(map(repr, row.to)) or "no user")
        more = _HINTS.get(row.kind, "")
        if row.kind == "unknown-user":
            more = "; there is " + (", ".join(map(repr, row.users)) or "nobody")
        what = "did not come as its event" if row.kind == "event-name" else "reached nobody"
        return "! a message%s %s: %s%s", (_cut(whom), what, row.why, _cut(more))


_HINTS = {"unreadable": " (--unreadable broadcast sends such to all)"}


def _cut(text: str, limit: int = 200) -> str:
    """Shorten text for a log line; unprintable characters have been escaped already."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
