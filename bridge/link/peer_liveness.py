"""Judge whether the other machine is still there from what this machine's kernel knows of the connection. Sans-IO.

A server that does not read, because it is busy or stopped in a debugger, still has a kernel that answers. Only a
machine that owes an answer and gives none for long is gone. `TCP_USER_TIMEOUT` can't tell the two apart: it also runs
while the other side's window is closed. Must not know sockets, nor what follows from a verdict.

Use: `judge = Judge()`; `verdict = judge.look(vitals)` each second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["EACH", "GONE", "OWED", "STALLED", "TRIES", "Judge", "Verdict", "Vitals"]

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

    gone: str = ""
    stalled: float = 0.0


class Judge:
    """Judges one connection."""

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
        what = "retransmissions" if now.unacked else "probes of its full buffer" if now.waiting else "probes"
        return f"nothing came from its machine for {now.quiet:.0f} s, {tries} {what} were not answered"

    def _stalled(self, now: Vitals) -> float:
        moved, self._acked = now.acked != self._acked, now.acked
        if not now.waiting or now.unacked:  # everything is sent, or some is under way, so the window is open
            self._full = None
        elif moved or self._full is None:
            self._full = now.at
        full = 0.0 if self._full is None else now.at - self._full
        return full if full >= STALLED else 0.0
