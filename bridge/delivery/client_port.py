"""Define how an outbox reaches its client, and what it tells it.

Types only. Must not know what is sent.

Use: `class Client: …` with the methods of `ClientPort`; `outbox = Outbox(client, limits)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

__all__ = ["NO_SOCKET", "ClientPort", "DirectWrite", "SendMany", "Transport", "Write"]

#: As a non-blocking `socket.send`: returns how many bytes were taken; raises OSError also when the socket is full.
Write = Callable[[bytes | memoryview], int]
#: The direct way to a client: the Write of its socket, and that socket's descriptor.
DirectWrite = tuple[Write, int]
#: Sends the same bytes to the sockets with these descriptors, without waiting; -1 is no socket. Returns for those that
#: did not take all: (its index, how many bytes it took).
SendMany = Callable[[Sequence[int], bytes | memoryview], Iterable[tuple[int, int]]]


def _nothing(data: bytes | memoryview) -> int:
    """Take no bytes: the Write of a client that can't be written to."""
    return 0


NO_SOCKET: DirectWrite = (_nothing, -1)


class Transport(Protocol):
    """A client's socket."""

    @property
    def direct_write(self) -> DirectWrite:
        """The socket's Write and descriptor at present.

        The outbox has to be closed before the socket: afterwards the descriptor may belong to another connection.
        """


class ClientPort(Protocol):
    """The client's side of an outbox."""

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        """Send, and return how many bytes the socket took; 0 if it is full, or if the client polls."""

    def blocked(self) -> None:
        """Something waits now: call `flush` when the socket can take more."""

    def too_slow(self) -> None:
        """End the client: it is over its limit, and can't keep up. Called once; the outbox still holds what waits."""

    def behind(self) -> None:
        """Note that messages were dropped, as the client is over its limit. Called once until its outbox is empty."""

    def stop_reading(self) -> None:
        """Stop reading the client: it leaves too many answers unread."""

    def start_reading(self) -> None:
        """Read the client again: it has taken half of its answers."""
