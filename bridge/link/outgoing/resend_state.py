"""What is kept from one connection for the next: what was held, and what the server has not confirmed.

Puts offline_buffer.py and delivery_tracker.py together, either of which may be missing. State only: its owner has the
lock, the queue and the clock. Must not know sockets, users or who waits for room.

Use: `keeping.frame(entry)`; `fates = keeping.broken(queue, now)`; `entries, fates = keeping.back()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.errors import Refused, TooMany
from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.message import BatchFraming, Fates, OutgoingMessage, pieces_of
from bridge.link.outgoing.offline_buffer import OfflineBuffer

__all__ = ["BROKE", "ResendState"]

BROKE = "the link broke while this was being sent; it may or may not have arrived"
_STOPPED = "the bridge stopped before the server confirmed this; it may or may not have arrived"
_NOT_BACK = "the server was not connected before the bridge stopped"
_GONE = "the user had gone before the server came back; what was sent before may or may not have arrived"


class ResendState:
    """`holding` None: while the link is down everything is refused; `confirming` None: nothing is sent again.
    `limit`: bytes that may be unconfirmed while the link is up."""

    def __init__(
        self, framing: BatchFraming, holding: OfflineBuffer | None, confirming: DeliveryTracker | None, limit: int
    ) -> None:
        self._framing, self._holding, self._confirming, self._limit = framing, holding, confirming, limit

    @property
    def numbers(self) -> bool:
        """Whether frames are numbered, and so have to be framed in the order in which they are queued."""
        return self._confirming is not None

    @property
    def hello(self) -> list[bytes]:
        """The payloads that a connection begins with."""
        return [] if self._confirming is None else [self._confirming.hello]

    @property
    def held(self) -> int:
        """Bytes that are held."""
        return 0 if self._holding is None else self._holding.bytes

    @property
    def unconfirmed(self) -> int:
        """Bytes that a connection has had and that are not confirmed."""
        return 0 if self._confirming is None else self._confirming.size

    @property
    def unconfirmed_frames(self) -> int:
        """How many frames the present connection has had that are not confirmed."""
        return 0 if self._confirming is None else self._confirming.frames

    def frame(self, entry: OutgoingMessage) -> None:
        """Make its pieces, with the numbers that are next. Raises Refused."""
        if self._confirming is None:
            entry.fill(pieces_of(self._framing, entry.payloads))
            entry.payloads = ()
        else:
            entry.payloads = [_just(payload) for payload in entry.payloads]
            entry.fill(pieces_of(self._framing, self._confirming.numbered(entry.payloads)))

    def queued(self, entry: OutgoingMessage) -> None:
        """It is the last in the queue now: the numbers are its own."""
        if self._confirming is not None:
            self._confirming.give(entry)

    def handed(self, entry: OutgoingMessage) -> None:
        """One more of its pieces goes to the connection."""
        if entry.last and self._confirming is not None:
            self._confirming.handed(entry)

    def confirm(self, number: int) -> list[OutgoingMessage] | None:
        """Those that are confirmed by this; None for a number that no connection has had."""
        return [] if self._confirming is None else self._confirming.confirm(number)

    def hold(self, entry: OutgoingMessage, now: float) -> float | None:
        """Hold it; when the first of those held is over. Raises Refused."""
        if self._holding is None:
            raise Refused("link-down")
        if self.unconfirmed + self._holding.bytes + entry.size > self._limit + self._holding.most:
            # Else each connection to a server that confirms nothing would leave as much more.
            raise TooMany("link-down", "the server is not connected, and has to confirm what it was sent before")
        self._holding.add(entry, now)
        return self._holding.next

    def expired(self, now: float) -> tuple[Fates, float | None]:
        """Those that have been held for so long, and when the next one is over."""
        if self._holding is None:
            return [], None
        why = f"the server was not connected within {self._holding.seconds:g} s"
        return [(entry, Refused("link-down", why)) for entry in self._holding.expired(now)], self._holding.next

    def broken(self, waiting: Iterable[OutgoingMessage], now: float) -> tuple[Fates, float | None]:
        """Hold what waited for the connection that is over; those that are not, and when the first one is over."""
        waiting = list(waiting)
        entries = [entry for entry in waiting if not entry.presence]
        begun = [entry for entry in entries if entry.at and not entry.last]  # a part of it may be lost
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
        """The link is there: what is to be sent on it, in order, and what is not."""
        again = [] if self._confirming is None else self._confirming.again()
        gone = [entry for entry in again if entry.gone]
        if self._confirming is not None:
            self._confirming.give_up(gone)
        fates: Fates = [(entry, Refused("gone", _GONE)) for entry in gone]
        fates += self._held(held := list[OutgoingMessage]())
        return [*(entry for entry in again if entry.unconfirmed), *held], fates

    def _held(self, held: list[OutgoingMessage]) -> Iterator[tuple[OutgoingMessage, Refused]]:
        """Adds what was held and is to be sent now; those that are not."""
        for entry in self._holding.take() if self._holding is not None else []:
            try:
                if entry.gone:
                    raise Refused("gone")
                if self.numbers:
                    self.frame(entry)  # its number may be a longer one than it was
                self.queued(entry)
                held.append(entry)
            except Refused as error:
                yield entry, error

    @property
    def anything(self) -> bool:
        """Whether something waits for the next connection."""
        return bool(self.held or self.unconfirmed)

    def stop(self, link_up: bool) -> Fates:
        """From now on nothing is held; what is, and what can't be confirmed any more."""
        held = self._holding.take() if self._holding is not None else []
        self._holding = None
        lost: list[OutgoingMessage] = []
        if self._confirming is not None and not link_up:
            lost = self._confirming.again()
            self._confirming.give_up(lost)
        fates: Fates = [(entry, Refused("link-down", _STOPPED)) for entry in lost]
        return [*fates, *((entry, Refused("link-down", _NOT_BACK)) for entry in held)]


def _just(payload: bytes) -> bytes:
    """The same without the room for 4 KiB that orjson leaves behind what it makes, as this may be kept for long."""
    return bytes(memoryview(payload)) if type(payload) is bytes else payload
