"""Keep the last value of some events for clients that come later: for everybody, for each key, for each user.

Bounded in bytes; the value that has had no news for longest goes first. Sans-IO. Must not know outboxes.

Use: `snapshots = Snapshots(["message"], keys_of, 1 << 20, counters)`; `snapshots.note(deliveries)`;
`snapshots.of("ann")`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from bridge.counters import Counters
from bridge.delivery.conflation_key import ConflationKeys
from bridge.messages import Delivery, Payload, Texts

__all__ = ["Snapshots"]

_Key = tuple[str, Hashable, str | None]  # event, the field's value, the user it is for; None: everybody

ENTRY = 300  # bytes that a value costs besides its payload


class Snapshots:
    """Keeps last values. `events`: the names to keep; `keys`: tells one value from another; `limit`: bytes in all."""

    def __init__(self, events: Sequence[str], keys: ConflationKeys, limit: int, counters: Counters) -> None:
        self._events = frozenset(events)
        self._keys, self._limit, self._counters = keys, limit, counters
        self._last: dict[_Key, Payload] = {}  # the one without news for longest first
        self.size = 0

    def note(self, deliveries: Sequence[Delivery | Texts]) -> None:
        """Keep the newest values of deliveries that are being published."""
        for delivery in deliveries:
            if delivery.event not in self._events:
                continue
            if isinstance(delivery, Texts):
                self._note_texts(delivery)
            elif delivery.to is None:
                self._keep((delivery.event, self._keys.value(delivery.payload.json), None), delivery.payload)
            else:
                value = self._keys.value(delivery.payload.json)
                for user in delivery.users:
                    self._keep((delivery.event, value, user), delivery.payload)

    def of(self, user: str | None) -> Iterator[tuple[str, Payload]]:
        """Return the events to send: those for everybody (`user` None), or those for this user."""
        return ((event, payload) for (event, _, whose), payload in list(self._last.items()) if whose == user)

    def _note_texts(self, texts: Texts) -> None:
        newest: dict[Hashable, bytes] = {}
        for frame in texts.frames if self._keys.field else texts.frames[-1:]:
            value = self._keys.value(frame)
            newest.pop(value, None)  # so that it moves to the end
            newest[value] = frame
        for value, frame in newest.items():
            self._keep((texts.event, value, None), Payload.text(frame.decode()))

    def _keep(self, key: _Key, payload: Payload) -> None:
        old = self._last.pop(key, None)
        if old is not None:
            self.size -= _cost(old)
        # A copy, because orjson's bytes hold up to 4 KiB of unused room.
        self._last[key] = Payload(bytes(memoryview(payload.json)), payload.attachments)
        self.size += _cost(payload)
        while self.size > self._limit:
            self.size -= _cost(self._last.pop(next(iter(self._last))))
            self._counters.count("snapshot_dropped")


def _cost(payload: Payload) -> int:
    return ENTRY + len(payload.json) + sum(map(len, payload.attachments))
