"""Know when each session's last connection was, and whether that is so long ago that its pid is nobody's any more.

A pid says when it was made. A connection that lasts longer than a minute is noted when it ends, and now and then before
that, so that it counts also if the process is killed. Must not know who a session is.

Use: `ages.came(session, mark)`; `ages.left(session)`; `ages.is_over(token)`.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.random_bytes import RandomBytes
from bridge.recovery.session_token import SessionToken
from bridge.timer import Timer

__all__ = ["DAY", "SessionAges"]

DAY = 86_400.0
SHORT = 60.0  # seconds of a connection that are not noted: its pid was made then
REFRESHED = 24  # times in a lifetime; if the process is killed, a session loses no more than a part of that size

_TIME, _RANDOM = 6, 9  # bytes of a mark: milliseconds, and what makes it another than all others
_random = RandomBytes(_RANDOM)


class Kept(Protocol):
    """Where it is kept when sessions were there last, by time.time(). StateStore is one."""

    def seen(self, sessions: Sequence[str]) -> None: ...

    def last_seen(self, session: str) -> float | None: ...


class SessionAges:
    """The ages of one process's sessions. `lifetime`: seconds; `kept`: None keeps nothing beyond what pids say."""

    def __init__(self, lifetime: float = DAY, kept: Kept | None = None, clock: Callable[[], float] = time.time) -> None:
        self.lifetime, self._kept, self._clock = lifetime, kept, clock
        self._short, self._period = min(SHORT, lifetime / 100), lifetime / REFRESHED
        self._here: dict[str, float] = {}  # session -> when it was noted last
        self._timer = Timer(self._refresh, "bridge-sessions")

    def new_mark(self) -> str:
        """Make the mark of a new pid: the time, and what makes it another than all others."""
        return base64.urlsafe_b64encode(int(self._clock() * 1000).to_bytes(_TIME) + _random()).decode()

    def is_over(self, token: SessionToken) -> bool:
        """Tell whether the session's last connection ended longer ago than a session lives, by the time of day."""
        if token.session in self._here:
            return False
        since = self._clock() - self.lifetime
        if _made(token.mark) >= since:
            return False
        last = self._kept.last_seen(token.session) if self._kept else None
        return last is None or last < since

    def came(self, session: str, mark: str) -> None:
        """Note that a session has a connection, for which its client shows or gets the pid with this mark."""
        if self._kept is not None and not self._here:
            self._timer.set(time.monotonic() + self._period)
        self._here[session] = _made(mark)

    def left(self, session: str) -> None:
        """Note that the session's connection has ended."""
        noted = self._here.pop(session, None)
        if noted is not None and self._kept is not None and self._clock() - noted > self._short:
            self._kept.seen([session])

    def _refresh(self) -> float | None:
        """Note who is here, and return the time of the next call."""
        now, due = self._clock(), []
        for session, noted in list(self._here.items()):
            if now - noted > self._short:
                self._here[session] = now
                due.append(session)
        if self._kept is not None and due:
            self._kept.seen(due)
        return time.monotonic() + self._period if self._here else None


def _made(mark: str) -> float:
    """Return when a pid with this mark was made; 0 for one of an earlier version."""
    try:
        raw = base64.urlsafe_b64decode(mark)
    except (ValueError, binascii.Error):
        return 0.0
    return int.from_bytes(raw[:_TIME]) / 1000 if len(raw) == _TIME + _RANDOM else 0.0
