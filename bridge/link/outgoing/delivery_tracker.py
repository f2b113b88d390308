"""Number frames, and remember which of them the server has not confirmed: delivery at least once.

Each frame that can carry one gets a rising `"seq"`, and is remembered until the server says `{"confirm": n}`, which
confirms everything up to n. Whatever is left is sent again on the next connection. The numbers count within one epoch,
which is one process of the bridge.

State only: its owner has the lock and the queue. Must not know framings, sockets or users.

Use: `confirming.numbered(payloads)`; `confirming.handed(entry)`; `for entry in confirming.confirm(7): …`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence

from bridge.link.codec import NotJson, bare, parse
from bridge.link.outgoing.message import OutgoingMessage

__all__ = ["DeliveryTracker", "confirmations"]

#: A burst without this text contains no confirmation.
_KEY = b'"confirm"'

_LONGEST = 100  # bytes of a confirmation at most, including white space
_OBJECT = re.compile(rb"[\s\0]*(?:\xef\xbb\xbf[\s\0]*)*\{")


class DeliveryTracker:
    """Numbers the frames of one epoch. `hello`: the payload with which every connection begins."""

    def __init__(self, hello: bytes) -> None:
        self.hello = hello
        self.size = 0  # bytes that were handed to a connection and are not confirmed
        self._given = 0  # the last number that was given
        self._handed = 0  # the last number that a connection has had
        self._unconfirmed: deque[OutgoingMessage] = deque()

    def __len__(self) -> int:
        return len(self._unconfirmed)

    @property
    def frames(self) -> int:
        """How many frames of the present connection are not confirmed."""
        return sum([entry.count for entry in self._unconfirmed if entry.at])

    def numbered(self, payloads: Sequence[bytes]) -> list[bytes]:
        """Return the payloads with the next numbers; those that can't carry one unchanged."""
        number, written = self._given, []
        for payload in payloads:
            if _carries(payload):
                number += 1
                written.append(b'%b%b"seq":%d}' % (payload[:-1], b"," if len(payload) > 2 else b"", number))
            else:
                written.append(payload)
        return written

    def give(self, entry: OutgoingMessage) -> None:
        """Give the message the numbers that its payloads were written with, if they carry any."""
        numbers = sum(map(_carries, entry.payloads))
        if numbers:
            entry.first, entry.last = self._given + 1, self._given + numbers
            self._given = entry.last

    def take_back(self, entries: Iterable[OutgoingMessage]) -> None:
        """Free the numbers of these messages, the last that were numbered: no connection has had them."""
        for entry in entries:
            if entry.last:
                self._given = min(self._given, entry.first - 1)
                entry.first = entry.last = 0

    def handed(self, entry: OutgoingMessage) -> None:
        """Note that another piece of the message goes to the connection."""
        if not entry.unconfirmed:
            entry.unconfirmed = True
            self._unconfirmed.append(entry)
            self.size += entry.size
        if entry.at == len(entry.pieces):
            number = entry.last
        else:
            number = entry.first - 1 + sum(map(_carries, entry.payloads[: entry.at]))
        self._handed = max(self._handed, number)

    def confirm(self, number: int) -> list[OutgoingMessage] | None:
        """Return the messages that are completely confirmed now; None if no connection has had this number."""
        if number > self._handed:
            return None
        confirmed: list[OutgoingMessage] = []
        while self._unconfirmed and self._unconfirmed[0].last <= number:
            confirmed.append(self._forget(self._unconfirmed.popleft()))
        return confirmed

    def again(self) -> list[OutgoingMessage]:
        """Return the messages that the next connection has to send again, in order."""
        for entry in self._unconfirmed:
            entry.at, entry.again = 0, True
        return list(self._unconfirmed)

    def give_up(self, entries: Iterable[OutgoingMessage]) -> None:
        """Forget messages that are not to be sent again."""
        given_up = {self._forget(entry) for entry in entries}
        self._unconfirmed = deque(entry for entry in self._unconfirmed if entry not in given_up)

    def _forget(self, entry: OutgoingMessage) -> OutgoingMessage:
        entry.unconfirmed = False
        self.size -= entry.size
        return entry


def confirmations(frames: list[bytes]) -> tuple[list[int], list[bytes]]:
    """Split a burst: (the numbers that it confirms, the other frames)."""
    if _KEY not in b"".join(frames):
        return [], frames
    numbers: list[int] = []
    others: list[bytes] = []
    for frame in frames:
        number = _confirmation(frame)
        if number is None:
            others.append(frame)
        else:
            numbers.append(number)
    return numbers, others


def _confirmation(frame: bytes) -> int | None:
    """Return the number that a frame confirms, or None if it is another message."""
    if _KEY not in frame or len(frame) > _LONGEST or not _OBJECT.match(frame):
        return None
    try:
        value = parse(bare(frame))
    except NotJson:
        return None
    number = value.get("confirm")
    return number if len(value) == 1 and type(number) is int else None


def _carries(payload: bytes) -> bool:
    """Tell whether a payload can carry a number: only an object can, and only if nothing forbids adding to it."""
    return type(payload) is bytes and payload[:1] == b"{"
