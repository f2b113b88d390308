"""Counters by name, and the log lines that go with them.

What is refused, dropped or replaced is always both counted and said, so the two are one call.
A line of one kind is logged at most once in `quiet` seconds, with how many were left out.
Must not know what the names stand for beyond the catalogue below.

Use: `counters.count("frames_in", 12)`; `counters.note("not_utf8", "frame %r is not UTF-8", head)`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

__all__ = ["COUNTERS", "Counters", "shorten"]

log = logging.getLogger("bridge")

#: Counter -> what it counts. Every name that is ever counted is here; the documents list them.
COUNTERS: dict[str, str] = {
    "link_connects": "times the link was established",
    "link_failures": "attempts to connect that failed",
    "link_drops": "established links that broke or were dropped",
    "link_silences": "times the server said nothing for idle_warn seconds",
    "link_hints": "times something seemed wrong with what the server sends, or does",
    "link_stalls": "times the server did not read for 5 s although something waited for it",
    "writer_stalls": "times the bridge's own writer did not run although the server read: the link was made anew",
    "frames_in": "frames read from the server",
    "bytes_in": "bytes read from the server, framing included",
    "frames_out": "frames handed whole to the link's socket",
    "bytes_out": "bytes handed to the link's socket, framing included",
    "frames_unconfirmed": "frames that a connection which broke had been handed, and that may or may not have arrived",
    "frames_resent": "frames sent again because the server had not confirmed them",
    "confirms_unknown": "confirmations of what was not sent",
    "frames_skipped": "frames from the server over the limit, skipped",
    "frames_truncated": "connections that ended inside a frame",
    "framing_errors": "links dropped because of bytes that are no frame",
    "not_utf8": "frames whose bytes were replaced by U+FFFD, or that were refused for it",
    "not_json": "frames refused because they are not JSON, or nested too deeply to be read",
    "unreadable": "frames that look like an object of JSON and can't be read, and so went to nobody",
    "bad_user_key": "frames refused because their user key is neither a name nor a list of names",
    "event_names_refused": "frames whose event key names no event that there may be, and that came as the default one",
    "replies_unknown": "answers of the server that nobody waited for: late, a second one, or not to be read",
    "unknown_users": "addressees that were not there",
    "presence_overflow": "links made anew because presence piled up unread",
    "deliveries": "messages times the clients they were sent to",
    "link_pauses": "times the link was not read because every client was behind",
    "sessions_new": "clients that connected for the first time",
    "sessions_recovered": "clients that came back and were given what they missed",
    "sessions_lost": "clients that came back, but of what they missed not all was there",
    "snapshot_dropped": "last values that were dropped because all together were over their limit",
    "replayed": "messages that clients which came back had missed",
    "clients_slow": "clients disconnected because more than their outbox takes was waiting for them",
    "clients_silent": "clients disconnected because they did not answer a ping",
    "dropped_oldest": "messages dropped because a client was over its limit, oldest first",
    "dropped_superseded": "messages that a newer one superseded before a slow client could be sent them",
    "events_in": "events from clients",
    "events_ok": "events that were acked ok, or would have been",
    "events_repeated": "events that were not sent, as the same user's with the same value in once_key was",
    "keys_stripped": "keys of a client's object that would have replaced the bridge's own",
    "handler_errors": "exceptions in handlers",
    "hub_blocked": "times that something, a handler mostly, held all others up for over 0.2 s",
    "bad_packets": "packets from clients that are not Socket.IO's, or out of place",
    "unaccepted": "connections that waited because there was no descriptor for them",
    "bad_requests": "requests that are not HTTP's",
    "requests_too_large": "requests refused because their first line or their headers are too long",
    "origins_refused": "requests of pages that may not connect, because of their origin",
    "old_clients": "requests of socket.io clients 1.x and 2.x",
    "refused_bad_event": "events refused: bad-event",
    "refused_too_big": "events refused: too-big",
    "refused_not_json": "events refused: not-json",
    "refused_delimiter_in_frame": "events refused: delimiter-in-frame",
    "refused_not_registered": "events refused: not-registered",
    "refused_bad_user": "events refused: bad-user",
    "refused_link_down": "events refused: link-down",
    "refused_link_busy": "events refused: link-busy",
    "refused_gone": "events refused: gone",
    "refused_no_reply": "events refused: no-reply",
    "refused_handler_error": "events refused: handler-error",
}


def shorten(data: object, limit: int = 75) -> str:
    """A payload as a log line shows it: its repr, at most `limit` characters."""
    text = ""
    for part in _repr_parts(data, limit):
        text += part
        if len(text) > limit:
            return text[: limit - 1] + "…"
    return text


def _repr_parts(data: object, limit: int) -> Iterator[str]:
    """repr(data) piece by piece: of a megabyte only the start is looked at, and as each level
    gives a character, what is nested too deeply for repr() itself ends in time too."""
    if isinstance(data, (str, bytes)):
        yield repr(data[: limit + 1])
    elif isinstance(data, list):
        yield "["
        for i, item in enumerate(data):
            yield ", " * (i > 0)
            yield from _repr_parts(item, limit)
        yield "]"
    elif isinstance(data, dict):
        yield "{"
        for i, (key, item) in enumerate(data.items()):
            yield ", " * (i > 0) + shorten(key, limit) + ": "
            yield from _repr_parts(item, limit)
        yield "}"
    else:
        yield repr(data)


class Counters:
    """The counters of one process. Not for per-message log lines above DEBUG."""

    def __init__(self, quiet: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts = dict.fromkeys(COUNTERS, 0)
        self._quiet, self._clock = quiet, clock
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def count(self, name: str, n: int = 1) -> None:
        """Add n to a counter of the catalogue."""
        self._counts[name] += n

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        """Every counter by name."""
        return dict(self._counts)

    def note(
        self,
        name: str,
        text: str,
        *args: object,
        quiet: float | None = None,
        kind: str = "",
        traceback: bool = False,
    ) -> None:
        """Count one, and log the warning unless the same kind was logged within `quiet` seconds.

        `kind`: which of several kinds of this counter; without it there is one. `traceback`: log the present
        exception's, as an error.
        """
        self.count(name)
        self.say(f"{name} {kind}", text, *args, quiet=quiet, traceback=traceback)

    def say(self, kind: str, text: str, *args: object, quiet: float | None = None, traceback: bool = False) -> None:
        """Log the warning unless one of the same kind was logged within `quiet` seconds. For what is counted apart."""
        now = self._clock()
        last = self._said.get(kind)
        if last is not None and now - last < (self._quiet if quiet is None else quiet):
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._said[kind] = now
        more = self._unsaid.pop(kind, 0)
        level = logging.ERROR if traceback else logging.WARNING
        log.log(level, text + (f" ({more} more like it since)" if more else ""), *args, exc_info=traceback)

    def refuse(self, code: str, who: str, detail: str) -> None:
        """Count and log one refused event by its ack code."""
        self.note("refused_" + code.replace("-", "_"), "! refused %s from %s: %s", code, who, shorten(detail, 200))
