"""Count events of the process by name, and log the lines that go with them.

Whatever is refused, dropped or replaced is both counted and logged, so one call does both.
A line of one kind is logged at most once in `quiet` seconds, with the number that were left out.
Must not know what the names stand for beyond the catalogue below.

Use: `counters.count("frames_in", 12)`; `counters.note("not_utf8", "frame %r is not UTF-8", head)`.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from traceback import extract_tb

__all__ = ["COUNTERS", "Counters", "shorten"]

log = logging.getLogger("bridge")

#: Counter -> what it counts. Every counter is here; docs/counters.md lists them.
COUNTERS: dict[str, str] = {
    "link_connects": "connections to the server that were established",
    "link_failures": "attempts to connect that failed",
    "link_drops": "established connections to the server that broke or were dropped",
    "link_silences": "times the server was idle for idle_warn seconds",
    "link_hints": "times something seemed wrong with what the server sends or does",
    "link_stalls": "times the server did not read for 5 s although data was waiting for it",
    "writer_stalls": "times the bridge's own writer did not run although the server read: the link was reconnected",
    "frames_in": "frames read from the server",
    "bytes_in": "bytes read from the server, framing included",
    "frames_out": "frames handed whole to the link's socket",
    "bytes_out": "bytes handed to the link's socket, framing included",
    "frames_unconfirmed": "frames handed to a connection that then broke, which may or may not have arrived",
    "frames_resent": "frames sent again because the server had not confirmed them",
    "confirms_unknown": "confirmations of numbers that were never sent",
    "frames_skipped": "frames from the server that were skipped because they were over the limit",
    "frames_truncated": "connections that ended inside a frame",
    "framing_errors": "connections dropped because the bytes on them are no frames",
    "not_utf8": "frames that are not UTF-8: their bytes were replaced by U+FFFD, or they were refused",
    "not_json": "frames refused because they are not JSON, or are nested too deeply to be read",
    "unreadable": "frames that look like a JSON object and can't be read, and so went to nobody",
    "bad_user_key": "frames refused because their user key is neither a name nor a list of names",
    "event_names_refused": "frames whose event key is no permitted event name, sent as the default event instead",
    "replies_unknown": "answers of the server to no open question: late, a second one, or unreadable",
    "unknown_users": "addressees with neither a client nor one that may come back",
    "presence_overflow": "connections dropped because the server left too much presence unread",
    "deliveries": "messages, each multiplied by the number of clients it was sent to",
    "link_pauses": "times the link was not read because every client was behind",
    "sessions_new": "clients that connected for the first time",
    "sessions_recovered": "clients that came back and were given what they missed",
    "sessions_lost": "clients that came back when part of what they missed was no longer there",
    "sessions_replaced": "connections that were ended because another one came with the same pid",
    "snapshot_dropped": "last values dropped because all of them together were over their limit",
    "replayed": "missed messages that were sent to clients that came back",
    "clients_slow": "clients disconnected because their outbox was over its limit",
    "clients_flooding": "clients disconnected because they sent too many pings, bad packets or bad events",
    "clients_silent": "clients disconnected because they did not answer a ping",
    "dropped_oldest": "oldest messages dropped because a client was over its limit",
    "dropped_superseded": "messages replaced by a newer one before a slow client could be sent them",
    "events_in": "events from clients",
    "events_ok": "events acknowledged as ok, or that would have been had an ack been asked for",
    "events_repeated": "events not sent because the same user had sent one with the same value in once_key",
    "keys_stripped": "keys taken out of clients' objects because they would have replaced the bridge's own",
    "handler_errors": "exceptions in handlers",
    "route_errors": "exceptions in routes of pages and handlers files",
    "hub_blocked": "times that one piece of code, usually a handler, held up all others for over 0.2 s",
    "bad_packets": "packets from clients that are not valid Socket.IO, or out of place",
    "clients_refused": "sessions refused because there are too many clients, in all or of one address",
    "handshakes_refused": "sessions refused because too many were begun on one TCP connection",
    "half_open_ended": "sessions ended because too many had not connected to a namespace, and they were the oldest",
    "unfinished_dropped": "unfinished packets of clients thrown away because all of them were over their limit",
    "unaccepted": "connections that had to wait because no file descriptor was free",
    "bad_requests": "requests that are not valid HTTP",
    "requests_too_large": "requests refused because their first line or their headers are too long",
    "origins_refused": "requests refused because the origin of their page may not connect, or change anything",
    "hosts_refused": "requests refused because this bridge has no such name as they are for",
    "forwarding_ignored": "requests whose X-Forwarded-Host or -Proto was ignored, as no trusted proxy sent it",
    "old_clients": "requests from socket.io clients 1.x and 2.x",
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


def _place(error: BaseException | None) -> str:
    """File and line of the code outside of libraries that raised it, or called what did."""
    frames = extract_tb(error.__traceback__) if error else []
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    return f"{own[-1].filename}:{own[-1].lineno}" if own else "nowhere"


def shorten(data: object, limit: int = 75) -> str:
    """Return a payload as a log line shows it: its repr, at most `limit` characters."""
    text = ""
    for part in _repr_parts(data, limit):
        text += part
        if len(text) > limit:
            return text[: limit - 1] + "…"
    return text


def _repr_parts(data: object, limit: int) -> Iterator[str]:
    """Yield repr(data) piece by piece, so that only the start of a megabyte is looked at.

    Each level yields a character, so the caller also stops in time at what is nested too deeply for repr() itself.
    """
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
    """The counters of one process. Must not be used for log lines above DEBUG that come with every message."""

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
        """Return every counter by name."""
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

        `kind`: tells apart several kinds of lines of one counter. `traceback`: log an error with the traceback of the
        exception that is being handled.
        """
        self.count(name)
        self.say(f"{name} {kind}", text, *args, quiet=quiet, traceback=traceback)

    def say(self, kind: str, text: str, *args: object, quiet: float | None = None, traceback: bool = False) -> None:
        """Log the warning unless one of the same kind was logged within `quiet` seconds. It counts nothing."""
        now = self._clock()
        last = self._said.get(kind)
        if last is not None and now - last < (self._quiet if quiet is None else quiet):
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._said[kind] = now
        more = self._unsaid.pop(kind, 0)
        level = logging.ERROR if traceback else logging.WARNING
        log.log(level, text + (f" ({more} more like it since)" if more else ""), *args, exc_info=traceback)

    def fail(self, name: str, text: str, *args: object) -> None:
        """Count one, and log the exception that is being handled: with its traceback the first time, then a line in a
        while. What counts as one kind is an exception at a line of code, of which there are so many as the code has."""
        error = sys.exc_info()[1]
        place = _place(error)
        kind = f"{type(error).__name__} {place}"
        is_new = f"{name} {kind}" not in self._said
        about = (type(error).__name__, shorten(str(error)), place)
        self.note(name, f"{text}: %s: %s, in %s", *args, *about, kind=kind, traceback=is_new)

    def refuse(self, code: str, who: str, detail: str) -> None:
        """Count and log one refused event by its ack code."""
        self.note("refused_" + code.replace("-", "_"), "! refused %s from %s: %s", code, who, shorten(detail, 200))
