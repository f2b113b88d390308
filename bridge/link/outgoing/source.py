"""Define where the link's writer gets its messages from, as the writer sees it. queue.py is one.

Use: `class Queue: …` with these methods; it need not name this protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["OutgoingSource"]


class OutgoingSource(Protocol):
    """Gives messages to the writer, and is told what became of them."""

    def take(self, at_most: int) -> Sequence[bytes]:
        """Wait for framed messages and take them: `at_most` bytes, or one piece. Empty: the connection is over."""

    def sent(self) -> None:
        """What was taken last was handed to the socket whole."""

    def down(self, in_flight: bool) -> None:
        """The connection is over; with `in_flight`, what was taken last may or may not have arrived."""

    def over(self, acknowledged: int | None) -> None:
        """Nothing more happens on the connection. `acknowledged`: how many bytes have arrived, if that is known."""

    @property
    def held(self) -> int:
        """Bytes that wait for the next connection, which should then come soon."""

    @property
    def waiting(self) -> int:
        """Bytes that wait for this connection or, after its end, are to be sent again."""

    @property
    def waits_since(self) -> float | None:
        """When the writer last took or sent anything, by time.monotonic(); None if nothing waits for it."""
