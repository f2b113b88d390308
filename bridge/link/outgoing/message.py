"""Define one outgoing message: its frames, on whose behalf it is sent, and who is told what became of it.

State only. Must not know queues, limits or sockets.

Use: `entry = OutgoingMessage(len(payloads), done, sender)`; `entry.fill(pieces_of(framing, payloads))`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.link.framing.interface import Encoder

__all__ = [
    "EMPTY", "JOINED", "Fates", "OnBehalfOf", "OnDelivered", "OutgoingMessage",
    "finish", "fits", "frames_in", "notices_of", "pieces_of",
]  # fmt: skip

#: Called once, when the outcome is known: None for handed over, else the refusal.
OnDelivered = Callable[[Refused | None], None]

#: Bytes of payloads that are framed together; more is taken, and acknowledged, piece by piece.
JOINED = 128 * 1024
EMPTY = 64  # bytes that an empty frame counts as, because otherwise any number could wait


class OnBehalfOf(Protocol):
    """On whose behalf something is sent."""

    @property
    def key(self) -> str:
        """Tells clients apart, for the limit on held bytes of one client."""

    @property
    def here(self) -> bool:
        """Whether its user is still there, as far as the server is told; asked when the link is back."""


@dataclass(slots=True, eq=False)
class OutgoingMessage:
    """One outgoing message.

    `pieces`: its frames in order, all joined in one piece or each a piece of its own; `count`: how many frames;
    `at`: how many pieces were taken; `size`: its bytes.
    `by`: on whose behalf, None for nobody; `presence`: it is a notice, which nobody waits for.
    `until`: when it expires, 0 if it was never held. A link that comes back for a moment gives it no more time.
    With confirm, see delivery_tracker.py: `payloads`: what the pieces were made from; `first`, `last`: the numbers of
    its frames, 0 if they have none; `unconfirmed`: a connection has had some of it; `again`: it is sent once more.
    """

    count: int = 1
    done: OnDelivered | None = None
    by: OnBehalfOf | None = None
    presence: bool = False
    pieces: Sequence[bytes] = ()
    size: int = 0
    at: int = 0
    payloads: Sequence[bytes] = ()
    first: int = 0
    last: int = 0
    unconfirmed: bool = False
    again: bool = False
    until: float = 0.0

    def fill(self, pieces: Sequence[bytes]) -> None:
        """Set the pieces, in place of earlier ones."""
        self.pieces, self.size = pieces, sum([len(piece) or EMPTY for piece in pieces])

    @property
    def gone(self) -> bool:
        """Whether it was sent on behalf of a user who is not there any more."""
        return self.by is not None and not self.by.here

    def frames_in(self, piece: int) -> int:
        """Return how many frames are in this piece."""
        return self.count if len(self.pieces) == 1 else 1


#: Messages with their outcome: None for success, else the refusal.
Fates = list[tuple[OutgoingMessage, Refused | None]]


def pieces_of(framing: Encoder, payloads: Sequence[bytes]) -> list[bytes]:
    """Frame the payloads, in one piece unless they have to be separate or are large. Raises Refused."""
    if framing.separate or sum(map(len, payloads)) > JOINED:
        return [framing.frame(payload) for payload in payloads]
    return [framing.frames(payloads)]


def fits(framing: Encoder, payloads: Sequence[bytes]) -> None:
    """Raise Refused if a payload can't be framed."""
    for payload in payloads:
        framing.frame(payload)


def notices_of(
    framing: Encoder, payloads: Sequence[bytes], counters: Counters, done: OnDelivered | None = None
) -> tuple[list[OutgoingMessage], Fates]:
    """Make presence notices, and the outcome of those that can't be made: (notices, outcomes).

    A handler's own notice that can't be sent is counted. `done`: is told the outcome of the last notice; without any,
    that they were sent.
    """
    notices, fate = list[OutgoingMessage](), None
    for payload in payloads:
        try:
            notice = OutgoingMessage(presence=True)
            notice.fill([framing.frame(payload)])
            notices.append(notice)
        except Refused as error:
            counters.refuse(error.code, "presence", error.message)
            fate = error
    if done is None:
        return notices, []
    if not notices:
        return [], [(OutgoingMessage(done=done), fate)]
    notices[-1].done = done
    return notices, []


def finish(fates: Fates) -> None:
    """Call the `done` of each message. Never under a lock: an ack may close its client, which others are told of."""
    for entry, outcome in fates:
        done, entry.done = entry.done, None
        if done is not None:
            done(outcome)


def frames_in(taken: Iterable[tuple[OutgoingMessage, int]]) -> int:
    """Count the frames in taken pieces: (message, index of its piece)."""
    return sum([entry.frames_in(piece) for entry, piece in taken])
