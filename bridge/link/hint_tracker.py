"""Own the link's hint: decide when to say that something seems wrong, and when that is over.

The first 64 KiB of a connection are kept until its frames are found to be good, two seconds after the first byte. Then
nothing is looked at any more until the next connection; while there is a hint, the tracker goes on looking. A hint
stays, over connections too, until there is evidence against it. Must not know sockets.

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
SURE = 2.0  # seconds without a frame after which there is a hint, even if it only says that nothing is recognised


class _Sample:
    """The first bytes of a connection, or those since the last look; `whole`: since the connection began."""

    def __init__(self, whole: bool) -> None:
        self.whole, self.data = whole, bytearray()
        self.total = 0  # bytes that came
        self.frames = 0  # frames in them
        self.seen = 0  # bytes at the last look
        self.sure = False  # whether the last look was a sure one
        self.began: float | None = None

    def add(self, data: bytes, frames: int) -> None:
        self.data += data[: LOOKED_AT - len(self.data)]
        self.total += len(data)
        self.frames += frames


class HintTracker:
    """The hint of one link.

    `awake`: whether `read` has to be called for each read; `hint`: what seems wrong now; `on_change`: called when the
    hint has changed; `probe()`: asks the server in TLS and returns its answer; takes a second.
    """

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
        self._heard = 0  # bytes_in when the connection began
        self._sent_before = 0  # frames_out when the connection began
        self._logged: tuple[str, str | None] | None = None
        self.awake = False
        self.hint: Hint | None = None

    def begin(self) -> None:
        """Begin a connection, which does not lead to the bridge itself."""
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
        """Note that the bridge has connected to itself."""
        self._say(Hint("itself", "--server is the bridge's own address; it has to be that of your TCP server"))

    def first_sent(self) -> None:
        """Note that the connection was handed its first frame."""
        with self._lock:
            self._first_sent = now = time.monotonic()
            if self.hint is not None and self.hint.code in CODES_OF_PATTERNS:
                self._timer.set(now + WELL)

    def read(self, data: bytes, frames: int) -> None:
        """Note bytes that came, and how many frames they completed. To be called while `awake`."""
        with self._lock:
            first = frames > 0 and not self._sample.frames
            if first and self._sample.whole and self.hint is not None and self.hint.code == "framing":
                self._sample = _Sample(whole=False)  # the bytes before were no frame, and the hint has said so
            sample = self._sample
            sample.add(data, frames)
            if sample.began is None or first:
                now = time.monotonic()
                sample.began = sample.began or now
                self._timer.set(now + LOOK)
        if first and self.hint is not None:
            self._look(sure=True)

    def failed(self, data: bytes, frames: int) -> None:
        """Note that the last bytes are no frame, or over the limit, which ends the connection."""
        if self.awake:
            self.read(data, frames)
            self._look(sure=True)

    def silent(self, heard: float) -> None:
        """Note that the server is idle since `heard` (time.monotonic()), or since the connection began."""
        with self._lock:
            first, frames = self._first_sent, self._counters["frames_out"] - self._sent_before
            spoke = self.heard
        if self.hint is None and first is not None:
            self._say(self._patterns.silent(spoke=spoke, heard=heard, first_sent=first, frames=frames))

    def speaks(self) -> None:
        """Note that the server says something again."""
        if self.hint is not None and self.hint.code == "silent-after-event":
            self._say(None)

    def ended(self, by_server: bool, answer_missed: float | None) -> None:
        """Note the end of the connection. `answer_missed`: seconds since the last send, if nothing came after it."""
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
        """Probe the server for TLS, between two connections, if it has never said a word and closes each at once.

        Any other server is not sent what it can't understand.
        """
        if self._probed or self._counters["bytes_in"] or not self._patterns.refuses_the_first_bytes:
            return
        self._probed = True
        log.info("= the server closes each connection without a word; it is asked whether it speaks TLS")
        found = of_protocol(self._probe())
        if found is not None:
            self._say_of_patterns(found)

    def _say_of_patterns(self, found: Hint) -> None:
        """Set a hint about how connections end, unless there is one about bytes, which is better evidence."""
        if self.hint is None or self.hint.code in CODES_OF_PATTERNS:
            self._say(found)

    def _ring(self) -> float | None:
        """Look at the bytes that have come, if any. Return when to look again."""
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
        """Set or clear the hint by the bytes that have come."""
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
                return  # the same hint with more bytes is no news
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
