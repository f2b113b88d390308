"""Keep messages from one connection for the next: those that are held, and those that the server has not confirmed.

Combines offline_buffer.py and delivery_tracker.py, either of which may be missing. State only: its owner has the lock,
the queue and the clock. Must not know sockets, users or who waits for room.

Use: `resend.frame(entry)`; `fates = resend.broken(queue, now)`; `entries, fates = resend.back()`.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.errors import Refused, TooMany
from bridge.link.framing.interface import Encoder
from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.message import Fates, OutgoingMessage, pieces_of
from bridge.link.outgoing.offline_buffer import OfflineBuffer

__all__ = ["BROKE", "ResendState"]

BROKE = "the link broke while this was being sent; it may or may not have arrived"
_STOPPED = "the bridge stopped before the server confirmed this; it may or may not have arrived"
_NOT_BACK = "the server was not connected before the bridge stopped"
_GONE = "the user had gone before the server came back; what was sent before may or may not have arrived"


class ResendState:
    """What one connection leaves to the next.

    `holding` None: while the link is down everything is refused; `confirming` None: nothing is sent again; `limit`:
    bytes that may be unconfirmed while the link is up.
    """

    def __init__(
        self, framing: Encoder, holding: OfflineBuffer | None, confirming: DeliveryTracker | None, limit: int
    ) -> None:
        self._framing, self._holding, self._confirming, self._limit = framing, holding, confirming, limit

    @property
    def numbers(self) -> bool:
        """Whether frames are numbered, so that they have to be framed in the order of queueing."""
        return self._confirming is not None

    @property
    def hello(self) -> list[bytes]:
        """The payloads with which a connection begins."""
        return [] if self._confirming is None else [self._confirming.hello]

    @property
    def held(self) -> int:
        """Bytes of held messages."""
        return 0 if self._holding is None else self._holding.bytes

    @property
    def unconfirmed(self) -> int:
        """Bytes that a connection has had and the server has not confirmed."""
        return 0 if self._confirming is None else self._confirming.size

    @property
    def unconfirmed_frames(self) -> int:
        """How many frames of the present connection are not confirmed."""
        return 0 if self._confirming is None else self._confirming.frames

    def frame(self, entry: OutgoingMessage) -> None:
        """Make the message's pieces, with the next numbers. Raises Refused."""
        if self._confirming is None:
            entry.fill(pieces_of(self._framing, entry.payloads))
            entry.payloads = ()
        else:
            entry.payloads = [_just(payload) for payload in entry.payloads]
            entry.fill(pieces_of(self._framing, self._confirming.numbered(entry.payloads)))

    def queued(self, entry: OutgoingMessage) -> None:
        """Give the message its numbers, now that it is the last in the queue."""
        if self._confirming is not None:
            self._confirming.give(entry)

    def handed(self, entry: OutgoingMessage) -> None:
        """Note that another piece of the message goes to the connection."""
        if entry.last and self._confirming is not None:
            self._confirming.handed(entry)

    def confirm(self, number: int) -> list[OutgoingMessage] | None:
        """Return the messages that this number confirms; None if no connection has had it."""
        return [] if self._confirming is None else self._confirming.confirm(number)

    def hold(self, entry: OutgoingMessage, now: float) -> float | None:
        """Hold a message. Return when the first held message expires. Raises Refused."""
        if self._holding is None:
            raise Refused("link-down")
        if self.unconfirmed + self._holding.bytes + entry.size > self._limit + self._holding.most:
            # Otherwise each connection to a server that confirms nothing would leave as much again.
            raise TooMany("link-down", "the server is not connected, and has to confirm what it was sent before")
        self._holding.add(entry, now)
        return self._holding.next

    def expired(self, now: float) -> tuple[Fates, float | None]:
        """Return the refusals of expired messages, and when the next one expires."""
        if self._holding is None:
            return [], None
        why = f"the server was not connected within {self._holding.seconds:g} s"
        return [(entry, Refused("link-down", why)) for entry in self._holding.expired(now)], self._holding.next

    def broken(self, waiting: Iterable[OutgoingMessage], now: float) -> tuple[Fates, float | None]:
        """Hold what waited for a connection that has ended. Return the refusals, and when the first message expires."""
        waiting = list(waiting)
        entries = [entry for entry in waiting if not entry.presence]
        begun = [entry for entry in entries if entry.at and not entry.last]  # a part of each may be lost
        fates: Fates = [(entry, Refused("link-down", BROKE)) for entry in begun]
        fates += [(entry, Refused("link-down")) for entry in waiting if entry.done and entry.presence]
        fresh = [entry for entry in entries if not (entry.at or entry.again)]
        if self._confirming is not None:
            self._confirming.take_back(fresh)
        for entry in fresh:
            try:
                self.hold(entry, now)
            except Refused as error:
                words = "the link broke before this was sent" if self._holding is None else error.message
                fates.append((entry, Refused("link-down", words)))
        return fates, None if self._holding is None else self._holding.next

    def back(self) -> tuple[list[OutgoingMessage], Fates]:
        """Return what a new connection is to send, in order, and the refusals of the rest."""
        again = [] if self._confirming is None else self._confirming.again()
        gone = [entry for entry in again if entry.gone]
        if self._confirming is not None:
            self._confirming.give_up(gone)
        fates: Fates = [(entry, Refused("gone", _GONE)) for entry in gone]
        following = [entry for entry in again if entry.unconfirmed]
        for entry in self._holding.take() if self._holding is not None else []:
            try:
                if entry.gone:
                    raise Refused("gone")
                if self.numbers:
                    self.frame(entry)  # its number may have more digits now
                self.queued(entry)
                following.append(entry)
            except Refused as error:
                fates.append((entry, error))
        return following, fates

    @property
    def anything(self) -> bool:
        """Whether any message waits for the next connection."""
        return bool(self.held or self.unconfirmed)

    def stop(self, link_up: bool) -> Fates:
        """Stop holding. Return the refusals of held messages, and of those that can't be confirmed any more."""
        held = self._holding.take() if self._holding is not None else []
        self._holding = None
        lost: list[OutgoingMessage] = []
        if self._confirming is not None and not link_up:
            lost = self._confirming.again()
            self._confirming.give_up(lost)
        fates: Fates = [(entry, Refused("link-down", _STOPPED)) for entry in lost]
        return [*fates, *((entry, Refused("link-down", _NOT_BACK)) for entry in held)]


def _just(payload: bytes) -> bytes:
    """Copy a payload, because orjson's bytes hold up to 4 KiB of unused room, and this may be kept for long."""
    return bytes(memoryview(payload)) if type(payload) is bytes else payload
