"""What a framing is: its name, what makes its decoders and encoders, and how it is written.

Must not know any one framing.

Use: `Framing("netstring", "…", example, decoder, encoder)`; `class MarkEncoder(Encoder): def _wrap(…)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.errors import FrameTooBig, Refused

__all__ = ["Decoder", "Encoder", "Framing", "FramingSpecError"]


class FramingSpecError(ValueError):
    """A framing string that can't be used; the text says what would do."""


class Decoder(Protocol):
    """Bytes in, frames out. One decoder is for one connection.

    `skipped`: frames over the limit that were passed over, for the caller to take away
    (framings by delimiter only; the others can't find the next frame and raise).
    """

    skipped: list[FrameTooBig]

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that these bytes completed, in order, whatever the chunking.

        Raises FrameTooBig or BadFrame, whose `frames` were complete before; then the decoder is used up.
        """

    def eof(self) -> list[bytes]:
        """The frames that the end completes. Raises TruncatedFrame inside a frame."""


class Encoder(ABC):
    """Frames in, bytes out. `max_frame`: bytes of a frame, inclusive, without its framing."""

    #: (a byte string, what JSON text has in its place) for each mark of the framing that JSON strings could contain.
    escapes: Sequence[tuple[bytes, bytes]] = ()
    #: Whether each frame has to be sent by itself, as nothing marks its end.
    separate = False
    #: Whether nothing stands between a frame and the next, so that each has to show its own end: a JSON object,
    #: array or string.
    undivided = False

    def __init__(self, max_frame: int) -> None:
        self._max = max_frame

    def frame(self, payload: bytes) -> bytes:
        """The payload with its framing. Raises Refused: too-big, delimiter-in-frame."""
        if len(payload) > self._max:
            raise Refused("too-big", f"{len(payload)} bytes are over the frame limit of {self._max}")
        return self._wrap(payload)

    def frames(self, payloads: Sequence[bytes]) -> bytes:
        """All of them with their framing, one after the other. Raises Refused as `frame` does."""
        return b"".join([self.frame(payload) for payload in payloads])

    @abstractmethod
    def _wrap(self, payload: bytes) -> bytes:
        """A payload within the limit, with its framing. Raises Refused("delimiter-in-frame") if the decoder would cut
        it elsewhere."""


@dataclass(frozen=True, slots=True)
class Framing:
    """A framing by its name, or by what its framing strings begin with, the colon included."""

    name: str
    help: str  # what a frame is, as the table in docs/protocol.md says it
    example: bytes  # the frame `"hello"`, in the first form
    forms: tuple[str, ...]  # framing strings that are it, each way once, which the tests and `make fuzz` run through
    #: Each makes one for a framing string and the largest frame, or raises FramingSpecError; None: not this way.
    decoder: Callable[[str, int], Decoder] | None
    encoder: Callable[[str, int], Encoder] | None
    word: str = ""  # how it is listed for who wrote none of them, if not by its name
