"""When to say that something seems wrong with the link, and until when: the one owner of its hint.

It keeps the first 64 KiB of a connection until its frames were found to be good, two seconds after the first byte.
From then on nothing is looked at any more until the next connection. While there is a hint, it goes on looking.
A hint stays, over connections too, until there is evidence that it holds no more. Must not know sockets.

Use: `hints = HintTracker(reading, counters, on_change)`; `begin()`, `read(data, frames)`, `ended(…)`; `hints.hint`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from bridge.counters import Counters
from bridge.link.ending_patterns import CODES_OF_PATTERNS, WELL, EndingPatterns
from bridge.link.hint import Hint, Reading, no_frame, of_protocol, still_holds, with_frames
from bridge.link.recogniser.recognise import LOOKED_AT
from bridge.timer import Timer

__all__ = ["HintTracker"]

log = logging.getLogger("bridge.link")

LOOK = 1.0  # seconds from the first byte to the first look, and from look to look
SURE = 2.0  # seconds without a frame after which something is said, even if it is that nothing can be told


class _Sample:
    """The first bytes of a connection, or of what came since the last look; `whole`: since the connection began."""

    def __init__(self, whole: bool) -> None:
        self.whole, self.data = whole, bytearray()
        self.total = self.frames = self.seen = 0
        self.sure = False  # whether it was looked at as one about which something is to be said
        self.began: float | None = None

    def add(self, data: bytes, frames: int) -> None:
        self.data += data[: LOOKED_AT - len(self.data)]
        self.total += len(data)
        self.frames += frames


class HintTracker:
    """Of one link. `awake`: `read` is to be called for each read; `hint`: what seems wrong now; `on_change` is called
    when that has changed; `probe()`: what the server answers when it is asked in TLS; takes its time."""

    def __init__(
        self,
        reading: Reading,
        counters: Counters,
        on_change: Callable[[], None],
        probe: Callable[[], bytes] = bytes,
    ) -> None:
        self._reading, self._counters, self._on_change = reading, counters, on_change
        self._probe, self._probed = probe, False
        self._patterns = EndingPatterns(reading.framing_in, reading.framing_out)
        self._lock = threading.RLock()
        self._timer = Timer(self._ring, "bridge-hints")
        self._sample = _Sample(whole=True)
        self._began = 0.0
        self._first_sent: float | None = None
        self._heard = self._sent_before = 0
        self._logged: tuple[str, str | None] | None = None
        self.awake = False
        self.hint: Hint | None = None

    def begin(self) -> None:
        """There is a connection, and it is not to the bridge itself."""
        with self._lock:
            self._sample, self._began, self._first_sent = _Sample(whole=True), time.monotonic(), None
            self._heard, self._sent_before = self._counters["bytes_in"], self._counters["frames_out"]
            self.awake = True
        if self.hint is not None and self.hint.code == "itself":
            self._say(None)

    @property
    def heard(self) -> bool:
        """Whether the server has said anything on this connection."""
        return self._counters["bytes_in"] > self._heard

    def itself(self) -> None:
        """The bridge has connected to itself."""
        self._say(Hint("itself", "--server is the bridge's own address; it has to be that of your TCP server"))

    def first_sent(self) -> None:
        """The connection has been handed its first frame."""
        with self._lock:
            self._first_sent = now = time.monotonic()
            if self.hint is not None and self.hint.code in CODES_OF_PATTERNS:
                self._timer.set(now + WELL)

    def read(self, data: bytes, frames: int) -> None:
        """Bytes have come, and completed so many frames. To be called while `awake`."""
        with self._lock:
            first = frames > 0 and not self._sample.frames
            if first and self._sample.whole and self.hint is not None and self.hint.code == "framing":
                self._sample = _Sample(whole=False)  # what came before was no frame, and has been said to be none
            sample = self._sample
            sample.add(data, frames)
            if sample.began is None or first:
                now = time.monotonic()
                sample.began = sample.began or now
                self._timer.set(now + LOOK)
        if first and self.hint is not None:
            self._look(sure=True)

    def failed(self, data: bytes, frames: int) -> None:
        """What came last is no frame, or over the limit, so the connection is over."""
        if self.awake:
            self.read(data, frames)
            self._look(sure=True)

    def silent(self, heard: float) -> None:
        """The server has said nothing since `heard` (by time.monotonic()), or since the connection began."""
        with self._lock:
            first, frames = self._first_sent, self._counters["frames_out"] - self._sent_before
            spoke = self.heard
        if self.hint is None and first is not None:
            self._say(self._patterns.silent(spoke=spoke, heard=heard, first_sent=first, frames=frames))

    def speaks(self) -> None:
        """It says something again."""
        if self.hint is not None and self.hint.code == "silent-after-event":
            self._say(None)

    def ended(self, by_server: bool, answer_missed: float | None) -> None:
        """The connection is over. `answer_missed`: seconds since the last send, if nothing came after it."""
        if self.awake and self._sample.data:
            self._look(sure=False)
        with self._lock:
            self.awake = False
            self._timer.off()
            lasted, sent = time.monotonic() - self._began, self._first_sent is not None
            heard = self.heard
        if by_server:
            found = self._patterns.ended(lasted=lasted, sent=sent, heard=heard, answer_missed=answer_missed)
            if found is not None:
                self._say_of_patterns(found)

    def between(self) -> None:
        """There is no connection now, so one can be made to ask in TLS a server that has never said a word, and closes
        each connection at once: a server that speaks otherwise is not sent what it can't understand."""
        if self._probed or self._counters["bytes_in"] or not self._patterns.refuses_the_first_bytes:
            return
        self._probed = True
        log.info("= the server closes each connection without a word; it is asked whether it speaks TLS")
        found = of_protocol(self._probe())
        if found is not None:
            self._say_of_patterns(found)

    def _say_of_patterns(self, found: Hint) -> None:
        """What was read says more than how connections end."""
        if self.hint is None or self.hint.code in CODES_OF_PATTERNS:
            self._say(found)

    def _ring(self) -> float | None:
        """Look at what has come, if anything has; when to look again."""
        now, sample = time.monotonic(), self._sample
        if not self.awake:
            return None
        if self._first_sent is not None and now - self._first_sent >= WELL:
            self._patterns.well()
            if self.hint is not None and self.hint.code in CODES_OF_PATTERNS[1:]:
                self._say(None)
        if sample.began is None:
            return None
        age = now - sample.began
        if sample.frames or len(sample.data) > sample.seen or (age >= SURE and not sample.sure):
            self._look(sure=age >= SURE)
        with self._lock:
            if sample is self._sample and sample.frames and age >= SURE:
                self._sample = _Sample(whole=False)
                self.awake = self.hint is not None
                return None
            return None if len(sample.data) == LOOKED_AT and not sample.frames and age >= SURE else now + LOOK

    def _look(self, sure: bool) -> None:
        """Say what seems wrong with what has come, or that nothing seems so any more."""
        with self._lock:
            sample, before = self._sample, self.hint
            data, total, frames = bytes(sample.data), sample.total, sample.frames
            sample.seen, sample.sure = len(data), sure
        if not sample.whole:
            if before is not None and frames and not still_holds(before, data, self._reading):
                self._say(None)
        elif frames:
            self._say(with_frames(data, self._reading))
        else:
            found = no_frame(data, total, self._reading, sure)
            if found is not None and not (found.vague and before is not None and not before.vague):
                self._say(found)

    def _say(self, hint: Hint | None) -> None:
        with self._lock:
            before = self.hint
            if before == hint or (before and hint and (before.code, before.fix) == (hint.code, hint.fix)):
                return  # the same with more bytes of it is nothing new
            self.hint = hint
        if hint is not None:
            fix = f"; try {hint.fix}" if hint.fix else ""
            quiet = None if (hint.code, hint.fix) == self._logged else 0.0
            self._logged = (hint.code, hint.fix)
            self._counters.note("link_hints", "! %s%s", hint.text, fix, kind=hint.code, quiet=quiet)
        elif before is not None:
            self._probed = False
            log.info("= what seemed wrong with the server (%s) seems so no more", before.code)
        self._on_change()
