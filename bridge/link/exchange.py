"""The first words on a connection: what is sent, and answered, before it counts as connected.

The writer's thread speaks here, alone, before it sends anything else; the reader goes on as ever, and what it reads
waits here until it is asked for, or until the talk is over. Must not know what the words mean.

Use: `first = FirstWords(opening, on_burst)`; `if first.begin(): first.say(hand, connected)`; in it the opening has
`exchange.send([b"login"])` and `exchange.next(5.0)`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from bridge.errors import LinkError

__all__ = ["Exchange", "FirstWords", "Framing", "Opening"]

MOST = 1024 * 1024  # bytes of frames that wait to be asked for; then the server is not read, as with READ_SIZE a burst


class Framing(Protocol):
    """An encoder as framing.py makes them."""

    def frame(self, payload: bytes) -> bytes: ...


class Opening(NamedTuple):
    """`begin`: says the first words of a connection; raises LinkError if it is to be made anew."""

    begin: Callable[[Exchange], None]
    framing: Framing


class Exchange:
    """Of one connection. `hand`: sends payloads; raises LinkError, and Refused for what can't be framed."""

    def __init__(self, hand: Callable[[Sequence[bytes]], None]) -> None:
        self.send = hand
        self._changed = threading.Condition()
        self._frames: deque[bytes] = deque()
        self._size = 0
        self.over = False

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

    def release(self, on_burst: Callable[[list[bytes]], None]) -> None:
        """The talk is over: what was read and not asked for goes here, before anything that is read from now on."""
        with self._changed:
            frames = list(self._frames)
            self._frames.clear()
            if frames:
                on_burst(frames)
            self._end()

    def close(self) -> None:
        """The connection is over. May be called twice."""
        with self._changed:
            self._end()

    def _end(self) -> None:
        self.over = True
        self._changed.notify_all()


class FirstWords:
    """Those of one connection after the other. `opening` None: there are none. `on_burst`: gets what is read after
    them, or was not asked for."""

    def __init__(self, opening: Opening | None, on_burst: Callable[[list[bytes]], None]) -> None:
        self._opening, self._on_burst = opening, on_burst
        self._exchange: Exchange | None = None
        self._hand: Callable[[bytes], None]
        self.size = 0  # bytes that the present connection began with

    @property
    def talking(self) -> bool:
        """Whether the present connection has not come further."""
        return self._exchange is not None

    def begin(self) -> bool:
        """There is a connection: whether something is to be said first."""
        self.size = 0
        self._exchange = None if self._opening is None else Exchange(self._send)
        return self.talking

    def say(self, hand: Callable[[bytes], None], done: Callable[[], None]) -> None:
        """Say it, if there is anything, and then call `done`. `hand`: sends a frame. Raises LinkError."""
        exchange, opening, self._hand = self._exchange, self._opening, hand
        if exchange is None or opening is None:
            return
        opening.begin(exchange)
        if exchange.over:  # and perhaps there is another one already
            raise LinkError("opening", "the connection ended before its first words had been said")
        done()
        exchange.release(self._on_burst)
        self._exchange = None

    def take(self, frames: list[bytes]) -> None:
        """The reader has read these."""
        exchange = self._exchange
        if exchange is None or not exchange.take(frames):
            self._on_burst(frames)

    def close(self) -> None:
        """The connection is over. May be called twice."""
        if self._exchange is not None:
            self._exchange.close()

    def _send(self, payloads: Sequence[bytes]) -> None:
        assert self._opening is not None  # or nobody would send
        for payload in payloads:
            frame = self._opening.framing.frame(payload)
            self._hand(frame)
            self.size += len(frame)
