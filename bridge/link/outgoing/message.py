"""One thing that is to be sent: its frames, on whose behalf, and who is told what became of it.

State only. Must not know queues, limits or sockets.

Use: `entry = OutgoingMessage(len(payloads), done, sender)`; `entry.fill(pieces_of(framing, payloads))`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.counters import Counters
from bridge.errors import Refused

__all__ = [
    "EMPTY",
    "JOINED",
    "BatchFraming",
    "Fates",
    "OnBehalfOf",
    "OnDelivered",
    "OutgoingMessage",
    "finish",
    "fits",
    "frames_in",
    "notices_of",
    "pieces_of",
]  # fmt: skip

#: Called once, when the fact is known: None for handed over, else why not.
OnDelivered = Callable[[Refused | None], None]

#: Bytes of payloads that are framed together; more is taken, and acked, piece by piece.
JOINED = 128 * 1024
EMPTY = 64  # bytes that a frame of none counts as, or any number of them could wait


class OnBehalfOf(Protocol):
    """On whose behalf something is sent."""

    @property
    def key(self) -> str:
        """What is held for the same client has the same key."""

    @property
    def here(self) -> bool:
        """Whether its user is there still, as far as the server is told; asked when the link is back."""


class BatchFraming(Protocol):
    """An encoder as registry.py makes them."""

    separate: bool

    def frame(self, payload: bytes) -> bytes: ...

    def frames(self, payloads: Sequence[bytes]) -> bytes: ...


@dataclass(slots=True, eq=False)
class OutgoingMessage:
    """`pieces`: frames, which are sent in order, all joined in one piece or each in one of its own;
    `count`: how many frames; `at`: how many pieces were taken.

    `by` None: on nobody's behalf. `presence`: a notice, which nobody waits for. `size`: its bytes.
    `until`: how long it is held, 0 if it has not been: a link that comes back for a moment gives it no more time.
    With confirm, see delivery_tracker.py: `payloads`: what the pieces were made from; `first`, `last`: the numbers of
    its frames, 0 while or if they have none; `unconfirmed`: a connection has had some of it; `again`: once more.
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
        """These are its pieces, until they are filled in anew."""
        self.pieces, self.size = pieces, sum([len(piece) or EMPTY for piece in pieces])

    @property
    def gone(self) -> bool:
        """Whether it was sent on behalf of somebody who is not there any more."""
        return self.by is not None and not self.by.here

    def frames_in(self, piece: int) -> int:
        """How many frames this piece is."""
        return self.count if len(self.pieces) == 1 else 1


#: What became of these: None for well, else why not.
Fates = list[tuple[OutgoingMessage, Refused | None]]


def pieces_of(framing: BatchFraming, payloads: Sequence[bytes]) -> list[bytes]:
    """The payloads, framed; apart if they have to be or are large. Raises Refused."""
    if framing.separate or sum(map(len, payloads)) > JOINED:
        return [framing.frame(payload) for payload in payloads]
    return [framing.frames(payloads)]


def fits(framing: BatchFraming, payloads: Sequence[bytes]) -> None:
    """Raise Refused if one of these can't be sent as it is."""
    for payload in payloads:
        framing.frame(payload)


def notices_of(
    framing: BatchFraming, payloads: Sequence[bytes], counters: Counters, done: OnDelivered | None = None
) -> tuple[list[OutgoingMessage], Fates]:
    """Presence notices, and what became of those that none can be made of. What a handler wrote in place of one and
    can't be sent is counted. `done`: is told of the last of them; of nothing, that it was sent."""
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
    """Tell who waits for each of these. Never under a lock: an ack may close its client, and that is told on."""
    for entry, outcome in fates:
        done, entry.done = entry.done, None
        if done is not None:
            done(outcome)


def frames_in(taken: Iterable[tuple[OutgoingMessage, int]]) -> int:
    """How many frames these are: entries, each with which of its pieces."""
    return sum([entry.frames_in(piece) for entry, piece in taken])
