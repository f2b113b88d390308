"""Read the keys of a frame that decide its route, and only in frames that may have them.

What looks like an object and can't be read may be meant for one user, whom it does not tell any more. Must not know
who is there, nor what becomes of a message.

Use: `reader.decode(b'{"username":"ann"}')` -> (what handlers are given, the payload for clients, its keys).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bridge.counters import Counters, shorten
from bridge.errors import BridgeError
from bridge.messages import Payload, PayloadMode
from bridge.relay.json_lookalike import looks_like_object, worth_a_look
from bridge.relay.undelivered import Undelivered

__all__ = [
    "Decode", "Decoded", "Dropped", "Message", "RoutingKeyReader", "RoutingKeys", "RoutingOptions", "UnreadableFrame",
]  # fmt: skip

#: What a handler's on_message is given: str, a JSON value, or bytes, by the setting `payload`.
Message = Any


@dataclass(frozen=True, slots=True)
class RoutingOptions:
    """The settings for the server's messages.

    `user_key` None: every message is for everybody; `named`: deliveries say which users they are for; `refuse`: frames
    that look like an object and can't be read go to nobody.
    """

    payload: PayloadMode
    event: str
    event_key: str | None
    user_key: str | None
    named: bool = False
    refuse: bool = True


@dataclass(frozen=True, slots=True)
class Decode:
    """The functions of codec.py and json_key_reader.py that routing needs.

    `keyed(key)`: makes a function that returns the value under the key in each of many frames, `missing` if there is
    none; it raises ValueError if a frame can't be read that way. `all_whole`: tells whether each frame is one JSON
    value; `exact`: as `lenient`, with numbers as Decimals; `fault`: says why `lenient` can't read a frame.
    """

    keyed: Callable[[str], Callable[[Sequence[bytes]], list[object]]]
    missing: object
    all_whole: Callable[[Sequence[bytes]], bool]
    to_text: Callable[[bytes], tuple[str, bool]]
    without_bom: Callable[[bytes], bytes]
    bare: Callable[[bytes], bytes]
    strict: Callable[[bytes], object]
    lenient: Callable[[str], object]
    exact: Callable[[str], object]
    fault: Callable[[bytes], str]
    not_json: type[BridgeError]
    too_deep: type[BridgeError]


class RoutingKeys(NamedTuple):
    """The values under the user key and the event key, None if missing, and the frame that they were read from."""

    users: object
    event: object
    frame: bytes


class UnreadableFrame(NamedTuple):
    """A frame that looks like an object and can't be read."""

    frame: bytes


#: (the message for handlers, the payload for clients, its routing keys or None).
Decoded = tuple[Message, Payload, RoutingKeys | UnreadableFrame | None]


class Dropped(Exception):
    """The frame goes to nobody, which has been recorded."""


class RoutingKeyReader:
    """Reads the keys of frames, and tells which frames need not be read."""

    def __init__(self, options: RoutingOptions, decode: Decode, counters: Counters, undelivered: Undelivered) -> None:
        self._options, self._decode, self._counters, self._undelivered = options, decode, counters, undelivered
        keys = [key for key in (options.user_key, options.event_key) if key is not None]
        self._refuse = options.refuse and options.user_key is not None
        #: The keys as they are written in JSON; the first is the user key, if there is one.
        self.marks = [f'"{key}"'.encode() for key in keys]
        # A key can hide behind an escape: any letter as \uXXXX, and / " \ behind a backslash.
        self._escape = b"\\u" if all(key.isalnum() for key in "".join(keys).replace("_", "a")) else b"\\"

    def escaped(self, data: bytes) -> bool:
        """Tell whether the data contains an escape behind which a key could hide."""
        return b"\\" in data and self._escape in data  # searching one byte is far quicker than several

    def named(self, data: bytes) -> bool:
        """Tell whether one of the keys is in the data, unescaped."""
        return b'"' in data and any(mark in data for mark in self.marks)

    def harmless(self, frames: Sequence[bytes], joined: bytes) -> bool:
        """Tell whether no frame looks like an object and can't be read. Frames have to be UTF-8."""
        if not self._refuse or not worth_a_look(joined) or self._decode.all_whole(frames):
            return True
        return self._decode.all_whole([frame for frame in frames if worth_a_look(frame) and looks_like_object(frame)])

    def decode(self, frame: bytes) -> Decoded:
        """Decode a frame. Raises Dropped for one that not even a handler can be given."""
        if self._options.payload is PayloadMode.JSON:
            value, frame = self._json(frame)
            return value, Payload.verbatim(frame), self._keys_of(value, frame)
        if self._options.payload is PayloadMode.BYTES:  # bytes need not be UTF-8, and are passed on unchanged
            text, replaced = self._decode.to_text(frame)
            return frame, Payload.binary(frame), self._read(frame, text, replaced)
        frame = self._decode.without_bom(frame)
        text, replaced = self._decode.to_text(frame)
        if replaced:
            self._counters.note("not_utf8", "! a frame is not UTF-8: %s", shorten(frame))
        return text, Payload.text(text), self._read(frame, text, replaced)

    def refuse(self, unreadable: UnreadableFrame) -> None:
        """Record that a frame can't be read and goes to nobody."""
        frame = unreadable.frame
        self._counters.count("unreadable")
        self._undelivered.add(
            "unreadable", None, lambda: f"it can't be read: {self._decode.fault(frame)}: {shorten(frame)}"
        )

    def exact(self, key: str, frame: bytes) -> object:
        """Return the value under a key of a readable object, with each number as a Decimal."""
        value = self._decode.exact(self._decode.to_text(frame)[0])
        return value.get(key) if isinstance(value, dict) else None

    def _json(self, frame: bytes) -> tuple[object, bytes]:
        """Parse a frame: (its value, its text without the NULs and byte order marks around it)."""
        try:
            return self._decode.strict(frame), frame
        except self._decode.not_json as error:
            why = error
        bare = self._decode.bare(frame)
        if bare != frame:
            try:
                return self._decode.strict(bare), bare
            except self._decode.not_json:
                pass
        self._refused(frame, str(why))
        raise Dropped

    def _refused(self, frame: bytes, why: str) -> None:
        if self._decode.to_text(frame)[1]:
            self._counters.count("not_utf8")
            self._undelivered.add("not-utf8", None, f"it is not UTF-8: {shorten(frame)}")
        elif self._refuse and looks_like_object(frame) and not self._is_lenient(frame):
            self._counters.count("not_json")
            self.refuse(UnreadableFrame(frame))
        else:
            self._counters.count("not_json")
            self._undelivered.add("not-json", None, f"it is not JSON: {why}: {shorten(frame)}")

    def _is_lenient(self, frame: bytes) -> bool:
        try:
            self._decode.lenient(self._decode.to_text(frame)[0])
        except self._decode.not_json:
            return False
        return True

    def _read(self, frame: bytes, text: str, replaced: bool) -> RoutingKeys | UnreadableFrame | None:
        """Read the keys of a frame, if it may have any, because reading is expensive."""
        if not self._may_matter(frame, replaced):
            return None
        try:
            value = self._decode.lenient(text)
        except self._decode.not_json as error:
            if not self._refuse or not looks_like_object(frame):
                return None
            if isinstance(error, self._decode.too_deep):
                self._counters.count("not_json")
            return UnreadableFrame(frame)
        if replaced and self._refuse and self._is_doubtful(value):
            return UnreadableFrame(frame)
        return self._keys_of(value, frame)

    def _may_matter(self, frame: bytes, replaced: bool) -> bool:
        if not self.marks:
            return False
        if self.escaped(frame) or self.named(frame):
            return True
        if not self._refuse or not worth_a_look(frame):
            return False
        return replaced or not self._decode.all_whole((frame,))

    def _is_doubtful(self, value: object) -> bool:
        """Tell whether the user is uncertain, because bytes were replaced that may be part of the key or of a name."""
        key = self._options.user_key
        if not isinstance(value, dict) or key is None:
            return False
        if key not in value:
            return not key.isascii() and any("\ufffd" in other for other in value)
        users = value[key] if isinstance(value[key], list) else [value[key]]
        return any(isinstance(user, str) and "\ufffd" in user for user in users)

    def _keys_of(self, value: object, frame: bytes) -> RoutingKeys | None:
        if not isinstance(value, dict) or not self.marks:
            return None
        user_key, event_key = self._options.user_key, self._options.event_key
        users = None if user_key is None else value.get(user_key)
        if isinstance(users, list):
            users = list(users)  # a copy, because a handler may change the message
        return RoutingKeys(users, None if event_key is None else value.get(event_key), frame)
