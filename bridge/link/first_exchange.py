"""The first words on a connection: what is sent, and answered, before it counts as connected.

The writer's thread speaks here, alone, before it sends anything else; the reader goes on as ever, and what it reads
waits here until it is asked for, or until the talk is over. Must not know what the words mean.

Use: `first = FirstWords(opening, on_burst)`; `say = first.begin(hand, connected)`; `say()`; in it the opening has
`exchange.send([b"login"])` and `exchange.next(5.0)`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from bridge.errors import LinkError

__all__ = ["FirstExchange", "FirstWords", "FirstWordsOptions", "PayloadFraming"]

MOST = 1024 * 1024  # bytes of frames that wait to be asked for; then the server is not read, as with READ_SIZE a burst


class PayloadFraming(Protocol):
    """An encoder as registry.py makes them."""

    def frame(self, payload: bytes) -> bytes: ...


class FirstWordsOptions(NamedTuple):
    """`begin`: says the first words of a connection; raises LinkError if it is to be made anew."""

    begin: Callable[[FirstExchange], None]
    framing: PayloadFraming


class FirstExchange:
    """Of one connection. `hand`: sends a frame on it; raises LinkError. `size`: bytes that were sent."""

    def __init__(self, framing: PayloadFraming, hand: Callable[[bytes], None]) -> None:
        self._framing, self._hand = framing, hand
        self.size = 0
        self._changed = threading.Condition()
        self._frames: deque[bytes] = deque()
        self._size = 0
        self.over = False

    def send(self, payloads: Sequence[bytes]) -> None:
        """Send these on this connection. Raises LinkError, and Refused for what can't be framed."""
        for payload in payloads:
            frame = self._framing.frame(payload)
            self._hand(frame)
            self.size += len(frame)

    def next(self, seconds: float) -> bytes:
        """The next frame of the server. Raises TimeoutError, and LinkError if the connection ends before."""
        ends = time.monotonic() + seconds
        with self._changed:
            while not self._frames:
                if self.over:
                    raise LinkError("opening", "the connection ended before the server had answered")
                left = ends - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"the server has not answered within {seconds:g} s")
                self._changed.wait(left)
            frame = self._frames.popleft()
            self._size -= len(frame)
            self._changed.notify_all()
            return frame

    def take(self, frames: list[bytes]) -> bool:
        """The reader has read these: whether they are taken, else the talk is over. Waits while too many wait."""
        with self._changed:
            while self._size > MOST and not self.over:
                self._changed.wait()
            if self.over:
                return False
            self._frames.extend(frames)
            self._size += sum(map(len, frames))
            self._changed.notify_all()
            return True

    def release(self, done: Callable[[], None], on_burst: Callable[[list[bytes]], None]) -> None:
        """The talk is over: `done` is called, and what was read and not asked for goes to `on_burst`, before anything
        that is read from now on. Raises LinkError, and then neither is, if the connection is over."""
        with self._changed:  # or it could end in the middle, and another one begin
            if self.over:
                raise LinkError("opening", "the connection ended before its first words had been said")
            done()
            frames = list(self._frames)
            self._frames.clear()
            if frames:
                on_burst(frames)
            self._end()

    def close(self) -> None:
        """The connection is over. Waits for a `release` that is under way. May be called twice."""
        with self._changed:
            self._end()

    def _end(self) -> None:
        self.over = True
        self._changed.notify_all()


class FirstWords:
    """Those of one connection after the other. `opening` None: there are none. `on_burst`: gets what is read after
    them, or was not asked for."""

    def __init__(self, opening: FirstWordsOptions | None, on_burst: Callable[[list[bytes]], None]) -> None:
        self._opening, self._on_burst = opening, on_burst
        self._exchange: FirstExchange | None = None

    @property
    def needed(self) -> bool:
        """Whether a connection has to be begun here before it counts as connected."""
        return self._opening is not None

    @property
    def talking(self) -> bool:
        """Whether the present connection has not come further."""
        return self._exchange is not None and not self._exchange.over

    @property
    def size(self) -> int:
        """Bytes that the present connection began with."""
        return 0 if self._exchange is None else self._exchange.size

    def begin(self, hand: Callable[[bytes], None], done: Callable[[], None]) -> Callable[[], None]:
        """There is a connection. `hand`: sends a frame on it. What says its first words, if there are any, and then
        calls `done`; it raises LinkError."""
        if self._opening is None:
            return lambda: None
        self._exchange = FirstExchange(self._opening.framing, hand)
        return partial(self._say, self._opening, self._exchange, done)

    def _say(self, opening: FirstWordsOptions, exchange: FirstExchange, done: Callable[[], None]) -> None:
        opening.begin(exchange)
        exchange.release(done, self._on_burst)

    def take(self, frames: list[bytes]) -> None:
        """The reader has read these."""
        exchange = self._exchange
        if exchange is None or exchange.over or not exchange.take(frames):
            self._on_burst(frames)

    def close(self) -> None:
        """The connection is over, and does not come to count as connected any more. May be called twice."""
        if self._exchange is not None:
            self._exchange.close()
