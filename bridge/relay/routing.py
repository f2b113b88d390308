"""Which message to whom, as what; which event as which message.

Two tables without state: `Inbound` turns a client's event into the message for the server,
`Outbound` turns the server's frames into deliveries. Must not know sockets, clients' connections
or the queue; decoding, encoding and the users are given.

Use: `outbound.route(frame)` -> [Delivery, …]; `inbound.message("ann", "move", [{"x": 1}])` -> dict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bridge.errors import BridgeError
from bridge.messages import SEPARATOR, Delivery, Payload, Texts
from bridge.names import event_problem
from bridge.tally import Tally, shorten

__all__ = ["Decode", "Inbound", "Message", "Outbound", "OutboundRules"]

#: What a handler's on_message is given: str, a JSON value, or bytes, by the setting `payload`.
Message = Any


class Inbound:
    """Events of clients as messages for the server."""

    def __init__(self, user_key: str | None, action_key: str, reserved: Iterable[str], tally: Tally) -> None:
        """`user_key` None: no user key is written. `reserved`: keys that no client may set."""
        self._user_key, self._action_key = user_key, action_key
        self._reserved, self._tally = frozenset(reserved), tally

    def message(self, user: str | None, name: str, args: Sequence[object]) -> dict[str, object]:
        """The message of one event; its keys in the order in which they are written."""
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
        """The messages of events [name, *arguments]."""
        head: dict[str, object] = {} if self._user_key is None else {self._user_key: user}
        action, free = self._action_key, self._reserved.isdisjoint
        return [
            {**head, action: event[0], **event[1]}
            if len(event) == 2 and type(event[1]) is dict and free(event[1])
            else self.message(user, event[0], event[1:])
            for event in events
        ]

    def presence(self, user: str, action: str) -> dict[str, object]:
        """The notice that a user came or went."""
        message: dict[str, object] = {} if self._user_key is None else {self._user_key: user}
        message[self._action_key] = action
        return message

    def _merge(self, message: dict[str, object], payload: dict[str, object]) -> None:
        for key, value in payload.items():
            if key in self._reserved:
                self._tally.count("keys_stripped")
            else:
                message[key] = value


@dataclass(frozen=True, slots=True)
class Decode:
    """codec.py's functions, as routing needs them, and keyed.py's: `keyed(key)` tells of many frames at once what each
    has there, `missing` if nothing; a ValueError if one can't be read so."""

    keyed: Callable[[str], Callable[[Sequence[bytes]], list[object]]]
    missing: object
    to_text: Callable[[bytes], tuple[str, bool]]
    strict: Callable[[bytes], object]
    lenient: Callable[[str], object]
    not_json: type[BridgeError]
    too_deep: type[BridgeError]


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """The settings that decide about the server's messages. `user_key` None: everything to all; `named`: deliveries
    say which users they are for."""

    payload: str
    event: str
    event_key: str | None
    user_key: str | None
    named: bool = False


_SEPARATOR = SEPARATOR.encode()


#: The clients of users, and how many of the users have none.
_Sids = Callable[[tuple[str, ...]], tuple[tuple[str, ...], int]]


class _Known(dict[object, tuple[str, ...] | None]):
    """Users of one burst, each with its clients."""

    def __init__(self, sids: _Sids, nobody: object) -> None:
        super().__init__()
        self._sids, self._nobody = sids, nobody

    def __missing__(self, user: object) -> tuple[str, ...] | None:
        if type(user) is not str and user is not self._nobody:
            raise _Drop
        found = self[user] = None if user is self._nobody else self._sids((user,))[0]  # type: ignore[arg-type]
        return found


class _Drop(Exception):
    """This frame goes to nobody; it has been counted."""


class Outbound:
    """The server's frames as deliveries."""

    def __init__(
        self,
        rules: OutboundRules,
        decode: Decode,
        sids: _Sids,
        tally: Tally,
    ) -> None:
        self._rules, self._decode, self._sids, self._tally = rules, decode, sids, tally
        keys = [key for key in (rules.user_key, rules.event_key) if key is not None]
        self._users_in = decode.keyed(rules.user_key or "")
        self._keys = [f'"{key}"'.encode() for key in keys]
        # A key can hide behind an escape: any letter as \uXXXX, and / " \ behind a backslash.
        self._escape = b"\\u" if all(key.isalnum() for key in "".join(keys).replace("_", "a")) else b"\\"

    def burst(self, frames: Sequence[bytes]) -> list[Delivery | Texts]:
        """To whom the frames of one read go and as what, in order; who is not there is counted."""
        if self._rules.payload == "text" and self._rules.event_key is None and len(frames) > 1:
            texts = self._texts(frames)
            if texts is not None:
                return [texts]
        if len(frames) == 1:
            return list(self.route(frames[0]))
        sids = cache(self._sids)  # looked up, and kept, once for each user or list of users
        return [delivery for frame in frames for delivery in self.route(frame, sids)]

    def route(self, frame: bytes, sids: _Sids | None = None) -> list[Delivery]:
        """To whom a frame goes and as what. Empty if to nobody; then it has been counted."""
        try:
            return self.default(*self.decode(frame), sids or self._sids)
        except _Drop:
            return []

    def _texts(self, frames: Sequence[bytes]) -> Texts | None:
        """All of them at once; None if there is one that has to be looked at alone."""
        joined = _SEPARATOR.join(frames)
        try:
            text = joined.decode()
        except UnicodeDecodeError:
            return None
        escaped = b"\\" in joined and self._escape in joined  # one byte is found far sooner than several
        named = b'"' in joined and any(key in joined for key in self._keys)
        if not self._keys or not (escaped or named):
            return Texts(self._rules.event, frames, text)
        if self._rules.named:
            return None
        try:
            to, apart = self._addressees(frames, escaped)
        except _Drop:
            return None
        return Texts(self._rules.event, frames, text, to, apart)

    def _addressees(self, frames: Sequence[bytes], escaped: bool) -> tuple[list[tuple[str, ...] | None], bool]:
        """For each frame its clients, or None for all; whether there is no None. Raises _Drop if one needs more than
        a look."""
        mark, nobody = self._keys[0], self._decode.missing
        # A look at each is as dear as reading it, and most bursts are alike from end to end.
        everyone = escaped or all(mark in frame for frame in frames[:: max(1, len(frames) // 8)])
        try:
            if everyone:
                users = self._users_in(frames)
            else:
                some = iter(self._users_in([frame for frame in frames if mark in frame]))
                users = [next(some) if mark in frame else nobody for frame in frames]
            known = _Known(self._sids, nobody)
            found = list(map(known.__getitem__, users))
        except (ValueError, TypeError):  # not what can be read at once; a list, which is no key
            raise _Drop from None
        if () in known.values():
            self._tally.count("unknown_users", found.count(()))
        return found, None not in known.values()

    def decode_or_none(self, frame: bytes) -> tuple[Message, Payload, object] | None:
        """`decode`, or None for a frame that is refused."""
        try:
            return self.decode(frame)
        except _Drop:
            return None

    def decode(self, frame: bytes) -> tuple[Message, Payload, object]:
        """A frame as (message for handlers, payload for clients, JSON value for its keys or None)."""
        if self._rules.payload == "json":
            value = self._json(frame)
            return value, Payload.verbatim(frame), value
        text, replaced = self._decode.to_text(frame)
        if self._rules.payload == "bytes":  # which need not be UTF-8, and are passed on as they are
            return frame, Payload.binary(frame), self._keyed(frame, text)
        if replaced:
            self._tally.note("not_utf8", "! a frame is not UTF-8: %s", shorten(frame))
        return text, Payload.text(text), self._keyed(frame, text)

    def default(self, message: Message, payload: Payload, value: object, sids: _Sids | None = None) -> list[Delivery]:
        """The delivery by the settings alone. `sids`: looks up users; None: as it is just now."""
        if not isinstance(value, dict):
            return [Delivery(self._rules.event, payload)]
        try:
            users = self._users(value)
        except _Drop:
            return []
        if users is None:
            return [Delivery(self._event(value), payload)]
        to, missing = (sids or self._sids)(users)
        if missing:
            self._tally.count("unknown_users", missing)
        return [Delivery(self._event(value), payload, to, users)] if to or (users and self._rules.named) else []

    def unhandled(self, message: Message, payload: Payload, value: object) -> list[Delivery]:
        """`default`, for a message that a handler had in its hands and may have changed."""
        if message is value:
            value = self._decode.strict(payload.json)
        return self.default(message, payload, value)

    def _json(self, frame: bytes) -> object:
        try:
            return self._decode.strict(frame)
        except self._decode.not_json as error:
            if self._decode.to_text(frame)[1]:
                self._tally.note("not_utf8", "! refused a frame that is not UTF-8: %s", shorten(frame))
            else:
                self._tally.note("not_json", "! refused a frame: %s: %s", error, shorten(frame))
            raise _Drop from None

    def _keyed(self, frame: bytes, text: str) -> object:
        """The frame's value if it may hold one of the keys that matter; parsing is the dear part."""
        if not self._keys or not (self._escape in frame or any(key in frame for key in self._keys)):
            return None
        try:
            return self._decode.lenient(text)
        except self._decode.too_deep:
            # It may be meant for one user; whom, can't be read. To all would be the wrong guess.
            self._tally.note("not_json", "! refused a frame that is nested too deeply: %s", shorten(frame))
            raise _Drop from None
        except self._decode.not_json:
            return None

    def _users(self, value: dict[str, object]) -> tuple[str, ...] | None:
        """The users that a message names; None if it names none."""
        key = self._rules.user_key
        if key is None or key not in value:
            return None
        users = value[key]
        if isinstance(users, str):
            users = [users]
        if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
            self._tally.note(
                "bad_user_key", "! refused a message: %r is neither a string nor a list of strings: %s",
                key, shorten(users),
            )  # fmt: skip
            raise _Drop
        return tuple(users)

    def _event(self, value: dict[str, object]) -> str:
        key = self._rules.event_key
        name = value.get(key) if key is not None else None
        return name if isinstance(name, str) and event_problem(name) is None else self._rules.event
