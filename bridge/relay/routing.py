"""Decide to whom a message of the server goes, and as which event.

`Routing` has no state; it turns frames into deliveries. Must not know sockets, clients' connections or the queue; it is
given the decoding functions and the users.

Use: `routing.route(frame)` -> [Delivery, …].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from bridge.counters import Counters, shorten
from bridge.messages import SEPARATOR, Delivery, Payload, PayloadMode, Texts
from bridge.names import event_problem
from bridge.relay.addressees import BadKey, names_in
from bridge.relay.routing_keys import (
    Decode,
    Decoded,
    Dropped,
    Message,
    RoutingKeyReader,
    RoutingKeys,
    RoutingOptions,
    UnreadableFrame,
)
from bridge.relay.undelivered import MOST, Undelivered

__all__ = ["Routing", "RoutingOptions"]


_SEPARATOR = SEPARATOR.encode()


#: Users' names -> (sids of their clients, how many of the users have none).
_Sids = Callable[[tuple[str, ...]], tuple[tuple[str, ...], int]]


class _Known(dict[object, tuple[str, ...] | None]):
    """User in a burst -> its clients. `numbers`: some users are numbers, and Python takes True for 1."""

    def __init__(self, sids: _Sids, nobody: object) -> None:
        super().__init__()
        self._sids, self._nobody, self.numbers = sids, nobody, False

    def __missing__(self, user: object) -> tuple[str, ...] | None:
        found: tuple[str, ...] | None
        if type(user) is str:
            found = self._sids((user,))[0]
        elif user is self._nobody or user is None:
            found = None
        elif type(user) is int:
            self.numbers = True
            found = self._sids((str(user),))[0]
        else:
            raise _Drop
        self[user] = found
        return found


class _Drop(Exception):
    """The burst has to be handled frame by frame."""


class Routing:
    """Turns the server's frames into deliveries."""

    def __init__(
        self, options: RoutingOptions, decode: Decode, sids: _Sids, counters: Counters, undelivered: Undelivered
    ) -> None:
        self._options, self._decode, self._sids, self._counters = options, decode, sids, counters
        self._undelivered = undelivered
        self._reader = RoutingKeyReader(options, decode, counters, undelivered)
        self._users_in = decode.keyed(options.user_key or "")

    def burst(self, frames: Sequence[bytes]) -> list[Delivery | Texts]:
        """Route the frames of one read, in order. Users who are not there are counted."""
        if self._options.payload is PayloadMode.TEXT and self._options.event_key is None and len(frames) > 1:
            texts = self._texts(frames)
            if texts is not None:
                return [texts]
        if len(frames) == 1:
            return list(self.route(frames[0]))
        sids = cache(self._sids)  # looked up, and kept, once for each user or list of users
        return [delivery for frame in frames for delivery in self.route(frame, sids)]

    def route(self, frame: bytes, sids: _Sids | None = None) -> list[Delivery]:
        """Route one frame. Empty if it reaches nobody, which has been recorded then."""
        decoded = self.decode_or_none(frame)
        return [] if decoded is None else self.default(*decoded, sids or self._sids)

    def _texts(self, frames: Sequence[bytes]) -> Texts | None:
        """Route all frames at once; None if some frame has to be handled by itself."""
        joined = _SEPARATOR.join(frames)
        try:
            text = joined.decode()
        except UnicodeDecodeError:
            return None
        if not text.isascii() and "\ufeff" in text:  # a byte order mark, which has to be removed
            return None
        reader = self._reader
        escaped = reader.escaped(joined)
        if not reader.marks or not (escaped or reader.named(joined)):
            return Texts(self._options.event, frames, text) if reader.harmless(frames, joined) else None
        if self._options.named:
            return None
        try:
            to, apart = self._addressees(frames, escaped)
        except _Drop:
            return None
        return Texts(self._options.event, frames, text, to, apart)

    def _addressees(self, frames: Sequence[bytes], escaped: bool) -> tuple[list[tuple[str, ...] | None], bool]:
        """Return for each frame its clients (None: all), and whether no frame is for all.

        Raises _Drop if a frame has to be handled by itself.
        """
        mark, nobody = self._reader.marks[0], self._decode.missing
        # Looking for the key costs as much as reading it. The frames of most bursts are alike, so a few are looked at.
        everyone = escaped or all(mark in frame for frame in frames[:: max(1, len(frames) // 8)])
        known = _Known(self._sids, nobody)
        try:
            users = self._users_in(frames) if everyone else self._users_in_some(frames, mark)
            found = list(map(known.__getitem__, users))
        except (ValueError, TypeError):  # a frame that can't be read at once, or a list of users
            raise _Drop from None
        if known.numbers and not {bool, float}.isdisjoint(map(type, users)):
            raise _Drop
        if () in known.values():
            self._unknown(Counter([str(user) for user, to in zip(users, found, strict=True) if to == ()]))
        return found, None not in known.values()

    def _users_in_some(self, frames: Sequence[bytes], mark: bytes) -> list[object]:
        """Read the users of the frames that contain the key. Raises _Drop if one of the others may be unreadable."""
        others = [frame for frame in frames if mark not in frame]
        if not self._reader.harmless(others, b"".join(others)):
            raise _Drop
        some = iter(self._users_in([frame for frame in frames if mark in frame]))
        return [next(some) if mark in frame else self._decode.missing for frame in frames]

    def decode_or_none(self, frame: bytes) -> Decoded | None:
        """Decode a frame: (message for handlers, payload for clients, its routing keys); None if it is refused."""
        try:
            return self._reader.decode(frame)
        except Dropped:
            return None

    def default(
        self, message: Message, payload: Payload, read: RoutingKeys | UnreadableFrame | None, sids: _Sids | None = None
    ) -> list[Delivery]:
        """Route a decoded frame by the settings alone. `sids`: looks up users; None: by who is there now."""
        if read is None:
            return [Delivery(self._options.event, payload)]
        if isinstance(read, UnreadableFrame):
            self._reader.refuse(read)
            return []
        try:
            users = self._users(read)
        except BadKey:
            key, what = self._options.user_key, shorten(read.users)
            self._counters.count("bad_user_key")
            self._undelivered.add("bad-user-key", None, f"its {key!r} is neither a name nor a list of names: {what}")
            return []
        event = self._event(read.event, users)
        if users is None:
            return [Delivery(event, payload)]
        sids = sids or self._sids
        to, missing = sids(users)
        if missing:
            self._unknown({name: 1 for name in users if sids((name,))[1]})
        elif not users:
            self._undelivered.add("empty-list", (), "its list of users is empty")
        return [Delivery(event, payload, to, users)] if to or (users and self._options.named) else []

    def _users(self, read: RoutingKeys) -> tuple[str, ...] | None:
        key = self._options.user_key
        return None if key is None else names_in(read.users, lambda: self._reader.exact(key, read.frame))

    def _unknown(self, names: Mapping[str, int]) -> None:
        """Record messages for users who are not there: name -> how many."""
        self._counters.count("unknown_users", sum(names.values()))
        for name in list(names)[-MOST:]:
            self._undelivered.add("unknown-user", (name,), "no such user is there", names[name])

    def _event(self, name: object, users: tuple[str, ...] | None) -> str:
        if name is None:
            return self._options.event
        problem = event_problem(name)
        if problem is None:
            return str(name)
        came = f"its {self._options.event_key!r} can't be used, so it came as {self._options.event!r}: {problem}"
        self._counters.count("event_names_refused")
        self._undelivered.add("event-name", users, came)
        return self._options.event
