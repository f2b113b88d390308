"""What supersedes what, for clients that get only the newest state.

A message is superseded by a newer one of the same event, and with a key field of the same value in
it; one for all never by one for some. Must not know outboxes.

Use: `ConflationKeys("id")(delivery)` -> [("message", "ball-1", None)].
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import orjson

from bridge.messages import Delivery, Texts

__all__ = ["ConflationKeys"]


class ConflationKeys:
    """`field`: the field of a message that tells one state from another, or None."""

    def __init__(self, field: str | None) -> None:
        self.field = field

    def __call__(self, delivery: Delivery | Texts) -> Sequence[Hashable]:
        """For each message of the delivery its key."""
        if isinstance(delivery, Texts):
            to = delivery.to or [None] * len(delivery.frames)
            return [self._key(delivery.event, frame, whom) for frame, whom in zip(delivery.frames, to, strict=True)]
        return [self._key(delivery.event, delivery.payload.json, delivery.to)]

    def _key(self, event: str, text: bytes, to: tuple[str, ...] | None) -> Hashable:
        return event, self.value(text), to

    def value(self, text: bytes) -> Hashable:
        """The field's value, of an object or of the text of one."""
        if self.field is None:
            return None
        try:
            value = orjson.loads(text)
            value = orjson.loads(value) if isinstance(value, str) else value
        except ValueError:
            return None
        found = value.get(self.field) if isinstance(value, dict) else None
        if isinstance(found, bool):
            return (found,)  # as it is the same key as 1 or 0 else
        return found if isinstance(found, (str, int, float)) else None
