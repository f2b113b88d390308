"""Make the message for the server from an event of a client, or from a notice of presence.

It has no state. Must not know sockets, clients' connections or the queue; it is given who the client is.

Use: `event_messages.message("ann", "move", [{"x": 1}])` -> {"username": "ann", "action": "move", "x": 1}.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bridge.counters import Counters, shorten
from bridge.relay.own_keys import OwnKeys

__all__ = ["EventMessages"]


class EventMessages:
    """Makes messages from events."""

    def __init__(
        self,
        user_key: str | None,
        action_key: str,
        reserved: Iterable[str],
        counters: Counters,
        shared: Iterable[str] = (),
    ) -> None:
        """`user_key` None: no user key is written. `reserved`: keys that no client may set; `shared`: see OwnKeys."""
        self._user_key, self._action_key = user_key, action_key
        self._own, self._counters = OwnKeys(reserved, shared), counters

    def message(self, user: str | None, name: str, args: Sequence[object] = ()) -> dict[str, object]:
        """Make the message of one event or notice, with its keys in the order in which they are written."""
        message: dict[str, object] = {} if self._user_key is None else {self._user_key: user}
        message[self._action_key] = name
        if len(args) > 1:
            message["args"] = list(args)
        elif args:
            only = args[0]
            if isinstance(only, dict):
                self._merge(message, only)
            else:
                message["data"] = only
        return message

    def messages(self, user: str | None, events: Iterable[Sequence[Any]]) -> list[dict[str, object]]:
        """Make the messages of events [name, *arguments] of one user."""
        head: dict[str, object] = {} if self._user_key is None else {self._user_key: user}
        action, free = self._action_key, self._own.are_free
        return [
            {**head, action: event[0], **event[1]}
            if len(event) == 2 and type(event[1]) is dict and free(event[1])
            else self.message(user, event[0], event[1:])
            for event in events
        ]

    def _merge(self, message: dict[str, object], payload: dict[str, object]) -> None:
        for key, value in payload.items():
            own = self._own.meant_by(key)
            if own is None:
                message[key] = value
            elif own == key:
                self._counters.count("keys_stripped")
            else:
                what = "! a client's field %s was left out, because a server might read it as %s: name it otherwise"
                self._counters.note("keys_stripped", what, shorten(key), shorten(own))
