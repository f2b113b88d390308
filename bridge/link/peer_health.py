"""Check each second whether the machine at the other end of the link is there, and whether its program reads.

It is judged from what this machine's kernel knows of the connection. A server that does not read, because it is busy or
stopped in a debugger, still has a kernel that answers. Only a machine that owes an answer and gives none for long is
gone. `TCP_USER_TIMEOUT` can't tell the two apart: it also runs while the other side's window is closed. Must not know
sockets, nor what follows from a verdict.

Use: `health = PeerHealthCheck(on_gone, on_stall)`; `begin(vitals)`, `end()` for each connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bridge.timer import Timer

__all__ = ["EACH", "GONE", "OWED", "STALLED", "TRIES", "PeerHealthCheck", "PeerJudge", "Verdict", "Vitals"]

EACH = 1.0  # seconds between two looks
GONE = 24.0  # seconds without a sign of life; with the look after it, a machine that is gone is found within 25
OWED = 15.0  # seconds of these in which it owed an answer: it may still answer what it was asked just now
TRIES = 3  # questions in vain that are needed: the first may have been lost, long ago
STALLED = 5.0  # seconds without reading until it is shown; events wait as long for room


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at a connection.

    `at`: time of the look; `quiet`: seconds since anything came from the other machine; `unacked`: segments under way;
    `waiting`: bytes that this kernel may not send yet; `acked`: bytes acknowledged so far; `probes`, `retries`:
    questions in vain, by empty segments and by the same data again.
    """

    at: float
    quiet: float
    unacked: int
    waiting: int
    acked: int
    probes: int
    retries: int


class Verdict(NamedTuple):
    """The judgement.

    `gone`: why the other machine counts as gone, in words, else ""; `stalled`: seconds for which its program has not
    read, from STALLED on, else 0.
    """

    gone: str
    stalled: float


class PeerJudge:
    """Judges one connection. Sans-IO."""

    def __init__(self) -> None:
        self._owed: float | None = None  # since when it owes an answer
        self._full: float | None = None  # since when none of the waiting bytes could be sent
        self._acked = 0
        self._last: Vitals | None = None

    def look(self, now: Vitals) -> Verdict:
        """Judge by this look and those before."""
        self._last = now
        return Verdict(self._gone(now), self._stalled(now))

    def given_up(self) -> str:
        """Say why this machine's kernel has given the connection up by itself, as far as the last look tells."""
        last = self._last
        if last is not None and (last.unacked or last.waiting):
            return "what was sent is not acknowledged, however often it is sent again"
        return "TCP keepalive was not answered"

    def _gone(self, now: Vitals) -> str:
        if not (now.unacked or now.probes):
            self._owed = None
            return ""
        if self._owed is None:
            self._owed = now.at
        self._owed = max(self._owed, now.at - now.quiet)
        tries = now.retries + now.probes
        if now.quiet < GONE or now.at - self._owed < OWED or tries < TRIES:
            return ""
        what = "retransmissions" if now.unacked else "probes of its full buffer" if now.waiting else "keepalive probes"
        return f"nothing came from its machine for {now.quiet:.0f} s, {tries} {what} were not answered"

    def _stalled(self, now: Vitals) -> float:
        moved, self._acked = now.acked != self._acked, now.acked
        if not now.waiting or now.unacked:  # everything is sent, or some is under way, so the window is open
            self._full = None
        elif moved or self._full is None:
            self._full = now.at
        full = 0.0 if self._full is None else now.at - self._full
        return full if full >= STALLED else 0.0


class PeerHealthCheck:
    """Checks the peer of one link.

    `stalled`: seconds for which the server has not read; 0 while it reads, or if that is not known. `on_gone`: called
    with the reason when the other machine is gone; `on_stall`: called with True when its program stops reading, and
    with False each time that has lasted twice as long, and when it reads again.
    """

    def __init__(self, on_gone: Callable[[str], None], on_stall: Callable[[bool], None]) -> None:
        self._on_gone, self._on_stall = on_gone, on_stall
        self._timer = Timer(self._look, "bridge-watch")
        self._vitals: Callable[[], Vitals | None] | None = None
        self._judge = PeerJudge()
        self._tell_at = STALLED
        self.stalled = 0.0

    def begin(self, vitals: Callable[[], Vitals | None]) -> None:
        """Watch a new connection. `vitals`: looks at it; returns None where the system does not tell."""
        self._judge, self._vitals, self.stalled, self._tell_at = PeerJudge(), vitals, 0.0, STALLED
        self._timer.set(time.monotonic() + EACH)

    def end(self) -> None:
        """Stop watching: the connection has ended."""
        self._vitals, self.stalled = None, 0.0
        self._timer.off()

    def given_up(self) -> str:
        """Say why the kernel has given up the last connection."""
        return self._judge.given_up()

    def _look(self) -> float | None:
        look, judge = self._vitals, self._judge
        vitals = None if look is None else look()
        if vitals is None or self._vitals is not look:  # over meanwhile
            return None
        verdict = judge.look(vitals)
        before, self.stalled = self.stalled, verdict.stalled
        if verdict.gone:
            self._on_gone(verdict.gone)
            return None
        if self.stalled >= self._tell_at:
            self._tell_at = 2 * self.stalled
            self._on_stall(not before)
        elif before and not self.stalled:
            self._tell_at = STALLED
            self._on_stall(False)
        return time.monotonic() + EACH
