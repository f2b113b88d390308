"""How an outbox reaches its client, and what it says of it.

Types only. Must not know what is sent.

Use: `class Client: …` with the methods of `ClientPort`; `outbox = Outbox(client, limits)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

__all__ = ["NO_LINE", "ClientPort", "DirectWrite", "SendMany", "Transport", "Write"]

#: What `socket.send` does, without waiting: how many bytes were taken; raises OSError, too, when it is full.
Write = Callable[[bytes | memoryview], int]
#: What reaches a client without a way round: the Write of its socket, and that socket's descriptor.
DirectWrite = tuple[Write, int]
#: Sends the same to the sockets with these descriptors, without waiting; -1 is none. Of those that did not take all:
#: (which of them, how many bytes it took).
SendMany = Callable[[Sequence[int], bytes | memoryview], Iterable[tuple[int, int]]]


def _nothing(data: bytes | memoryview) -> int:
    """The Write of a client that can't be written to."""
    return 0


NO_LINE: DirectWrite = (_nothing, -1)


class Transport(Protocol):
    """What a client is reached by directly."""

    @property
    def line(self) -> DirectWrite:
        """As it is now. The outbox is closed before the socket is: a descriptor may be another one's after that."""


class ClientPort(Protocol):
    """The client's side of an outbox."""

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        """Bytes that the socket took; 0 if it is full, or if this client fetches what is for it."""

    def blocked(self) -> None:
        """There is something that waits now: `flush` is to be called when more can be sent."""

    def too_slow(self) -> None:
        """It is over its limit, and the policy is to disconnect: end it. Said once; all that waits is there still."""

    def behind(self) -> None:
        """It is over its limit, and the policy is to drop messages. Said once, until nothing waits any more."""

    def stop_reading(self) -> None:
        """More answers wait for it than it may leave unread."""

    def start_reading(self) -> None:
        """It has taken them."""
