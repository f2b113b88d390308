"""Define a framing: its name, what makes its decoders and encoders, and the strings that choose it.

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
    """Cuts the bytes of one connection into frames.

    `skipped`: frames over the limit that were skipped; the caller takes them out. Only framings by delimiter skip; the
    others can't find the next frame, and raise.
    """

    skipped: list[FrameTooBig]

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that these bytes completed, in order; the bytes may be cut anywhere.

        Raises FrameTooBig or BadFrame, whose `frames` were complete before; the decoder must not be used after that.
        """

    def eof(self) -> list[bytes]:
        """Return the frames that the end of the stream completes. Raises TruncatedFrame inside a frame."""


class Encoder(ABC):
    """Frames payloads. `max_frame`: bytes of a frame, inclusive, without its framing."""

    #: (a mark of the framing that JSON strings could contain, the escape that JSON text has in its place).
    escapes: Sequence[tuple[bytes, bytes]] = ()
    #: Whether each frame has to be sent by itself, because nothing marks its end.
    separate = False
    #: Whether nothing stands between a frame and the next, so that each has to show its own end: a JSON object,
    #: array or string.
    undivided = False

    def __init__(self, max_frame: int) -> None:
        self._max = max_frame

    def frame(self, payload: bytes) -> bytes:
        """Frame a payload. Raises Refused: too-big, delimiter-in-frame."""
        if len(payload) > self._max:
            raise Refused("too-big", f"{len(payload)} bytes are over the frame limit of {self._max}")
        return self._wrap(payload)

    def frames(self, payloads: Sequence[bytes]) -> bytes:
        """Frame several payloads, one after the other. Raises Refused as `frame` does."""
        return b"".join([self.frame(payload) for payload in payloads])

    @abstractmethod
    def _wrap(self, payload: bytes) -> bytes:
        """Frame a payload within the limit. Raises Refused("delimiter-in-frame") if it would be cut elsewhere."""


@dataclass(frozen=True, slots=True)
class Framing:
    """A framing. `name`: its name, or the beginning of its framing strings including the colon."""

    name: str
    help: str  # what a frame is, as in the table in docs/protocol.md
    example: bytes  # the frame `"hello"`, in the first form
    forms: tuple[str, ...]  # framing strings of each kind, for the tests and `make fuzz`
    #: Make one for a framing string and the largest frame, or raise FramingSpecError. None: not in this direction.
    decoder: Callable[[str, int], Decoder] | None
    encoder: Callable[[str, int], Encoder] | None
    word: str = ""  # its name in the list that an unknown word is answered with, if it is another one
