"""Guess what is wrong with a server from how its connections end, or stay silent. Sans-IO.

One connection that ends is chance; two in a row that end alike are a pattern. Must not know sockets, the time, nor
what was read.

Use: `patterns = EndingPatterns("~", "~")`;
`hint = patterns.ended(lasted=1.0, sent=True, heard=False, answer_missed=0.1)`.
"""

from __future__ import annotations

from bridge.link.hint import Hint
from bridge.link.recogniser.guess import flag

__all__ = ["CODES_OF_PATTERNS", "WELL", "EndingPatterns"]

CODES_OF_PATTERNS = ("silent-after-event", "closes-after-event", "expects-first")

IN_A_ROW = 2
MANY = 3  # connections in a row, so that a server that closes for other reasons is not asked in TLS
BEFORE_READING = 0.2  # seconds within which a server closes that does not understand the first byte
AT_ONCE = 1.5  # seconds after a frame of ours within which the end of the connection seems to follow from it
WAITED = 0.5  # seconds; a server that closes sooner has not waited for somebody to speak, but refuses
GAVE_UP = 60.0  # seconds; a server that closes later has only ended an unused connection, as many do
WELL = 5.0  # seconds; a connection that lives longer after a frame of ours is not closed because of it
ANSWERED = 1.0  # seconds after our first frame in which something that was under way may still come
UNHEARD = 3  # frames that a server may leave unanswered if it has never said anything


class EndingPatterns:
    """Watches the connections of one link. `framing_in`, `framing_out`: the settings."""

    def __init__(self, framing_in: str, framing_out: str) -> None:
        self._in, self._out = framing_in, framing_out
        self._closed_after = self._waited = self._wordless = 0

    def ended(self, *, lasted: float, sent: bool, heard: bool, answer_missed: float | None) -> Hint | None:
        """Note that the server has closed a connection; return a hint if there is a pattern.

        `lasted`: seconds of the connection; `sent`, `heard`: whether anything was sent to the server, and came from it;
        `answer_missed`: seconds since the last frame to which nothing came back, or None.
        """
        missed = AT_ONCE + 1 if answer_missed is None else answer_missed
        closed = sent and missed <= AT_ONCE
        self._closed_after = self._closed_after + 1 if closed else 0
        self._wordless = self._wordless + 1 if closed and not heard and missed <= BEFORE_READING else 0
        waited = not sent and not heard and WAITED <= lasted <= GAVE_UP
        self._waited = self._waited + 1 if waited else 0
        if self._closed_after >= IN_A_ROW:
            return self._misread("closes-after-event", "closes the connection after each frame that it is sent")
        if self._waited >= IN_A_ROW:
            text = (
                f"the server closes the connection when nobody has said anything for {lasted:.1f} s: it seems to wait "
            )
            return Hint("expects-first", text + "for the other side to begin", "--greeting TEXT")
        return None

    def well(self) -> None:
        """Note a connection that works: no pattern any more."""
        self._closed_after = self._waited = self._wordless = 0

    @property
    def refuses_the_first_bytes(self) -> bool:
        """Whether several connections in a row were closed without a word once we sent something, as TLS servers do."""
        return self._wordless >= MANY

    def silent(self, *, spoke: bool, heard: float, first_sent: float, frames: int) -> Hint | None:
        """Note that the server is idle; return a hint if that seems to be because of what it was sent.

        `spoke`: it has said something on this connection; `heard`: when it did so last, or when the connection began;
        `first_sent`: when the first of `frames` frames was sent to it.
        """
        if not frames or heard > first_sent + ANSWERED:
            return None
        if (spoke and heard < first_sent) or frames >= UNHEARD:
            return self._misread("silent-after-event", "has said nothing since it was sent the first frame")
        return None

    def _misread(self, code: str, what: str) -> Hint:
        """Make the hint that the server does not seem to understand what it is sent."""
        fix = flag("--framing-out", self._in) if self._out != self._in and " " not in self._in else None
        text = (
            f"the server {what}: it seems not to understand it. Does it know where a frame ends? "
            f"That is {flag('--framing-out', self._out)}"
        )
        return Hint(code, text, fix)
