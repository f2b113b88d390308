"""Define the exceptions, their codes, and what happens for each of them.

Every error carries data and a stable `code`, which is also the ack's `error`
field, the log's key and the counter's label. Must not know the layers above.

    BridgeError
    ├── StartError       the process ends
    │   ├── SettingsError    with 2: all problems in one block
    │   ├── HandlersError    with 2: file, line and reason
    │   ├── StateError       with 2: a state folder that is somebody else's
    │   └── ServeError       with 1: it can't serve
    ├── FramingError     bytes from the server that are no frame; carries the
    │   │                frames that were complete before them
    │   ├── FrameTooBig      skipped by a delimiter framing, else the link is dropped
    │   ├── BadFrame         the link is dropped and reconnected
    │   └── TruncatedFrame   the connection ended inside a frame; counted, logged
    ├── LinkError        the link could not be made or broke; it is reconnected
    └── Refused          one event or frame is refused: a negative ack, counted
        └── TooMany          there is no room for all of several events, perhaps for some

Use: `raise Refused("link-down")`; `except Refused as error: ack(error.code)`.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "REFUSALS", "BadFrame", "BridgeError", "FrameTooBig", "FramingError", "HandlersError", "LinkError", "Refused",
    "ServeError", "SettingsError", "StartError", "StateError", "TooMany", "TruncatedFrame",
]  # fmt: skip

#: Ack code -> what it says to the page's author when nothing more is known.
REFUSALS: dict[str, str] = {
    "bad-event": "this event name can't be sent",
    "too-big": "the message is over the frame limit",
    "not-json": "the arguments can't be written as JSON",
    "delimiter-in-frame": "the frame contains its own delimiter",
    "not-registered": "emit register with a user name first",
    "bad-user": "a user name has 1 to 128 characters, all of which can be seen, and looks like nobody else's",
    "link-down": "the server is not connected",
    "link-busy": "the server does not read as fast as events come; try again later",
    "gone": "the user had gone before the server came back",
    "no-reply": "the server did not answer in time, or the client leaves too many answers unread",
    "handler-error": "the handler of this event failed; the bridge's log says why",
}


class BridgeError(Exception):
    """Any error that the bridge raises on purpose. `code` is stable, the text is not."""

    code = "error"


class StartError(BridgeError):
    """What keeps a bridge from starting. `exit_code`: what the process ends with."""

    exit_code = 2


class SettingsError(StartError):
    """Settings that can't be used. `problems`: one line each, complete."""

    code = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class HandlersError(StartError):
    """A handlers file that can't be loaded. `line` is 1-based, 0 if unknown."""

    code = "handlers"

    def __init__(self, file: str, line: int, reason: str) -> None:
        self.file, self.line, self.reason = file, line, reason
        where = f"{file}:{line}" if line else file
        super().__init__(f"the handlers can't be loaded: {where}: {reason}")


class StateError(StartError):
    """What outlives a restart is somebody else's, who could say who a page is. `path`; `owner`: that user's id."""

    code = "state"

    def __init__(self, path: str, owner: int) -> None:
        self.path, self.owner = path, owner
        super().__init__(
            f"the state folder can't be trusted: {path} belongs to user {owner}, who is neither root nor the user that"
            f" runs the bridge (chown it, or choose another folder with --state-dir)"
        )


class ServeError(StartError):
    """The web side can't be opened, for example because the port is taken."""

    code, exit_code = "serve", 1


class FramingError(BridgeError):
    """Bytes that are no frame. `frames`: those that were complete before the bad bytes."""

    code = "bad-frame"

    def __init__(self, reason: str, frames: Sequence[bytes] = ()) -> None:
        self.reason, self.frames = reason, list(frames)
        super().__init__(reason)


class FrameTooBig(FramingError):
    """A frame over the limit. `limit` in bytes; `head`: the frame's first bytes."""

    code = "frame-too-big"

    def __init__(self, limit: int, head: bytes, frames: Sequence[bytes] = ()) -> None:
        self.limit, self.head = limit, head
        super().__init__(f"a frame is over the limit of {limit} bytes; it starts {head!r}", frames)


class BadFrame(FramingError):
    """Bytes that break the framing, such as a netstring without its comma."""

    code = "bad-frame"


class TruncatedFrame(FramingError):
    """The stream ended inside a frame. `pending`: how many bytes of it had come."""

    code = "truncated-frame"

    def __init__(self, pending: int, frames: Sequence[bytes] = ()) -> None:
        self.pending = pending
        super().__init__(f"the connection ended inside a frame, after {pending} bytes of it", frames)


class LinkError(BridgeError):
    """The link could not be made, or broke. `code` says how, `reason` in words."""

    def __init__(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


class Refused(BridgeError):
    """One event or outgoing frame that is not accepted. `code` is a key of REFUSALS.

    Raises ValueError for any other code: pages and counters know only these.
    """

    def __init__(self, code: str, message: str = "") -> None:
        if code not in REFUSALS:
            raise ValueError(f"{code!r} is no code of a refusal; there are {', '.join(REFUSALS)}")
        self.code, self.message = code, message or REFUSALS[code]
        super().__init__(f"{code}: {self.message}")


class TooMany(Refused):
    """There is no room for all of several events. There may be room for the first ones alone."""
