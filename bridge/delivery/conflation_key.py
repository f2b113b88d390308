"""Give each message the key by which a newer one supersedes it, for clients that get only the newest state.

A message is superseded by a newer one of the same event and, with a key field, of the same value in it. A broadcast
is never replaced by a targeted message, nor the other way round. Must not know outboxes.

Use: `ConflationKeys("id")(delivery)` -> [("message", "ball-1", None)].
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import orjson

from bridge.messages import Delivery, Texts

__all__ = ["ConflationKeys"]


class ConflationKeys:
    """Makes keys. `field`: the field of a message that tells one state from another, or None."""

    def __init__(self, field: str | None) -> None:
        self.field = field

    def __call__(self, delivery: Delivery | Texts) -> Sequence[Hashable]:
        """Return the key of each message of the delivery."""
        if isinstance(delivery, Texts):
            to = delivery.to or [None] * len(delivery.frames)
            return [self._key(delivery.event, frame, whom) for frame, whom in zip(delivery.frames, to, strict=True)]
        return [self._key(delivery.event, delivery.payload.json, delivery.to)]

    def _key(self, event: str, text: bytes, to: tuple[str, ...] | None) -> Hashable:
        return event, self.value(text), to

    def value(self, text: bytes) -> Hashable:
        """Return the field's value in an object, or in the text of one."""
        if self.field is None:
            return None
        try:
            value = orjson.loads(text)
            value = orjson.loads(value) if isinstance(value, str) else value
        except ValueError:
            return None
        found = value.get(self.field) if isinstance(value, dict) else None
        if isinstance(found, bool):
            return (found,)  # a tuple, because True and False would be the same keys as 1 and 0
        return found if isinstance(found, (str, int, float)) else None
