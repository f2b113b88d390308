"""The last value of some events, for who comes later: of all, of each key, and what was for one user.

Bounded in bytes; what has been without news for longest goes first. Sans-IO. Must not know outboxes.

Use: `snapshots = Snapshots(["message"], keys_of, 1 << 20, counters)`; `snapshots.note(deliveries)`;
`snapshots.of("ann")`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from bridge.counters import Counters
from bridge.delivery.conflation_key import ConflationKeys
from bridge.messages import Delivery, Payload, Texts

__all__ = ["Snapshots"]

_Key = tuple[str, Hashable, str | None]  # event, the field's value, the user whom it is for or None

ENTRY = 300  # bytes that one costs beside its payload


class Snapshots:
    """`events`: those that are kept; `keys`: tells one value from another; `limit`: bytes in all."""

    def __init__(self, events: Sequence[str], keys: ConflationKeys, limit: int, counters: Counters) -> None:
        self._events, self._keys, self._limit, self._counters = frozenset(events), keys, limit, counters
        self._last: dict[_Key, Payload] = {}  # in the order of their news
        self.size = 0

    def note(self, deliveries: Sequence[Delivery | Texts]) -> None:
        """Keep what is newest of these, which are published just now."""
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
        """The events for a client that came just now, or of this user, whom it is known to be just now."""
        return ((event, payload) for (event, _, whose), payload in list(self._last.items()) if whose == user)

    def _note_texts(self, texts: Texts) -> None:
        newest: dict[Hashable, bytes] = {}
        for frame in texts.frames if self._keys.field else texts.frames[-1:]:
            value = self._keys.value(frame)
            newest.pop(value, None)  # else it would keep the place of what it supersedes
            newest[value] = frame
        for value, frame in newest.items():
            self._keep((texts.event, value, None), Payload.text(frame.decode()))

    def _keep(self, key: _Key, payload: Payload) -> None:
        old = self._last.pop(key, None)
        if old is not None:
            self.size -= _cost(old)
        # orjson leaves room for 4 KiB behind what it makes, which is not to be kept.
        self._last[key] = Payload(bytes(memoryview(payload.json)), payload.attachments)
        self.size += _cost(payload)
        while self.size > self._limit:
            self.size -= _cost(self._last.pop(next(iter(self._last))))
            self._counters.count("snapshot_dropped")


def _cost(payload: Payload) -> int:
    return ENTRY + len(payload.json) + sum(map(len, payload.attachments))
