"""What the link's writer is fed from, as the writer sees it. queue.py is one.

Use: `class Uplink: …`, which need not name it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["OutgoingSource"]


class OutgoingSource(Protocol):
    """What the writer is fed from."""

    def take(self, at_most: int) -> Sequence[bytes]:
        """Framed messages, one or several a piece, of `at_most` bytes or one piece; waits. Empty: it is over."""

    def sent(self) -> None:
        """What was taken last was handed to the socket, whole."""

    def down(self, in_flight: bool) -> None:
        """The connection is over; with `in_flight`, what was taken last may not have arrived."""

    def over(self, acknowledged: int | None) -> None:
        """Nothing more happens on it. So many bytes of what was sent have arrived, if that is known."""

    @property
    def held(self) -> int:
        """Bytes that wait for the next connection, which should then come soon."""

    @property
    def waiting(self) -> int:
        """Bytes that wait for this one or, when it is over, are to be sent again."""

    @property
    def waits_since(self) -> float | None:
        """If something waits for the writer: when that last took or sent anything, by time.monotonic(). Else None."""
