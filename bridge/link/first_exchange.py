"""Exchange the first frames of a connection, before it counts as connected.

The writer's thread sends them, before anything else; the reader reads as usual, and what it reads waits here until it
is asked for, or until the exchange is over. Must not know what the frames mean.

Use: `first = FirstWords(opening, on_burst)`; `say = first.begin(hand, connected)`; `say()`; in it the opening has
`exchange.send([b"login"])` and `exchange.next(5.0)`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from bridge.errors import LinkError
from bridge.link.framing.interface import Encoder

__all__ = ["FirstExchange", "FirstWords", "FirstWordsOptions"]

MOST = 1024 * 1024  # bytes of frames that wait to be asked for; with more, and one burst, the server is not read


class FirstWordsOptions(NamedTuple):
    """`begin`: exchanges the first frames; raises LinkError if the connection has failed."""

    begin: Callable[[FirstExchange], None]
    framing: Encoder


class FirstExchange:
    """The exchange on one connection. `hand`: sends a frame, raises LinkError; `size`: bytes that were sent."""

    def __init__(self, framing: Encoder, hand: Callable[[bytes], None]) -> None:
        self._framing, self._hand = framing, hand
        self.size = 0
        self._changed = threading.Condition()
        self._frames: deque[bytes] = deque()
        self._size = 0
        self.over = False

    def send(self, payloads: Sequence[bytes]) -> None:
        """Send payloads. Raises LinkError, and Refused for what can't be framed."""
        for payload in payloads:
            frame = self._framing.frame(payload)
            self._hand(frame)
            self.size += len(frame)

    def next(self, seconds: float) -> bytes:
        """Return the server's next frame. Raises TimeoutError, and LinkError if the connection ends before."""
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
        """Keep frames that were read; wait while too many wait. Return False if the exchange is over."""
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
        """End the exchange: call `done`, then give frames that were not asked for to `on_burst`, before any later ones.

        Raises LinkError, and calls neither, if the connection has ended.
        """
        with self._changed:  # otherwise the connection could end in the middle, and another one begin
            if self.over:
                raise LinkError("opening", "the connection ended before its first words had been said")
            done()
            frames = list(self._frames)
            self._frames.clear()
            if frames:
                on_burst(frames)
            self._end()

    def close(self) -> None:
        """End with the connection. Waits for a `release` that is under way. May be called twice."""
        with self._changed:
            self._end()

    def _end(self) -> None:
        self.over = True
        self._changed.notify_all()


class FirstWords:
    """The first exchanges of a link's connections, one after the other.

    `opening` None: there are none; `on_burst`: gets the frames that are read later, or were not asked for.
    """

    def __init__(self, opening: FirstWordsOptions | None, on_burst: Callable[[list[bytes]], None]) -> None:
        self._opening, self._on_burst = opening, on_burst
        self._exchange: FirstExchange | None = None

    @property
    def needed(self) -> bool:
        """Whether a connection begins with an exchange."""
        return self._opening is not None

    @property
    def talking(self) -> bool:
        """Whether the exchange of the present connection is under way."""
        return self._exchange is not None and not self._exchange.over

    @property
    def size(self) -> int:
        """Bytes that the exchange of the present connection has sent."""
        return 0 if self._exchange is None else self._exchange.size

    def begin(self, hand: Callable[[bytes], None], done: Callable[[], None]) -> Callable[[], None]:
        """Begin a connection. Return the function that makes the exchange, if any, and then calls `done`.

        `hand`: sends a frame. The function raises LinkError.
        """
        if self._opening is None:
            return lambda: None
        self._exchange = FirstExchange(self._opening.framing, hand)
        return partial(self._say, self._opening, self._exchange, done)

    def _say(self, opening: FirstWordsOptions, exchange: FirstExchange, done: Callable[[], None]) -> None:
        opening.begin(exchange)
        exchange.release(done, self._on_burst)

    def take(self, frames: list[bytes]) -> None:
        """Keep frames that were read for the exchange, or give them to `on_burst`."""
        exchange = self._exchange
        if exchange is None or exchange.over or not exchange.take(frames):
            self._on_burst(frames)

    def close(self) -> None:
        """End the exchange with its connection, which then never counts as connected. May be called twice."""
        if self._exchange is not None:
            self._exchange.close()
