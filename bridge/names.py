"""Check names of events and of users.

Knows the rules of Socket.IO and of the bridge's protocol. Must not know who asks.

Use: `check_event("chat")` returns None or raises Refused("bad-event").
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from bridge.errors import Refused
from bridge.visible import unseen

__all__ = ["MAX_NAME", "RESERVED_EVENTS", "check_event", "clean_user", "event_problem"]

#: Longest event or user name, in characters. Names label counters and keys; longer ones are mistakes.
MAX_NAME = 128

#: Most marks on one letter: Vietnamese has two, pointed Hebrew three. More of them run into the lines above and below.
MAX_MARKS = 3

#: Socket.IO's clients and servers give these a meaning of their own (socket.io's RESERVED_EVENTS,
#: and python-socketio's catch-all `*`).
RESERVED_EVENTS = frozenset({"*", "connect", "connect_error", "disconnect", "newListener", "removeListener"})

OWN_PREFIX = "bridge:"


def has_control(text: str) -> bool:
    """Tell whether the text contains a control character, a lone surrogate or a line separator."""
    return any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text)


def event_problem(name: object, also_reserved: Collection[str] = ()) -> str | None:
    """Say in words what is wrong with an event name; None if nothing is."""
    if name is None:
        return "this is no event: no JSON array with a name first, or one too deep or with a number too long to be read"
    if not isinstance(name, str):
        return "an event name is a string"
    if not name:
        return "an event name can't be empty"
    if len(name) > MAX_NAME:
        return f"an event name has at most {MAX_NAME} characters, this one {len(name)}"
    if name in RESERVED_EVENTS or name in also_reserved:
        return f"the event name {name!r} is reserved"
    if name.startswith(OWN_PREFIX):
        return f"event names starting with {OWN_PREFIX!r} are the bridge's own"
    if name != name.strip():
        return "an event name has no white space at its beginning or end"
    hidden = unseen(name)
    return f"an event name has only characters that can be seen, not {hidden}" if hidden else None


def check_event(name: object, also_reserved: Collection[str] = ()) -> None:
    """Raise Refused("bad-event") unless the name may be used."""
    problem = event_problem(name, also_reserved)
    if problem:
        raise Refused("bad-event", problem)


def clean_user(name: object) -> str:
    """Return the user name in its one form: NFC, trimmed, 1 to 128 characters, all of which can be seen.

    Raises Refused("bad-user"). Normalisation comes first, so that one name typed in two ways is
    one user (Unicode Standard Annex 15).
    """
    if not isinstance(name, str):
        raise Refused("bad-user", "a user name is a string")
    if len(name) > MAX_NAME * 8:  # no work on a megabyte of it
        raise Refused("bad-user", f"a user name has at most {MAX_NAME} characters, this one {len(name)}")
    clean = unicodedata.normalize("NFC", name).strip()
    if not clean:
        raise Refused("bad-user", "a user name can't be empty")
    if len(clean) > MAX_NAME:
        raise Refused("bad-user", f"a user name has at most {MAX_NAME} characters, this one {len(clean)}")
    if clean.isascii() and clean.isprintable():
        return clean
    hidden = unseen(clean)
    if hidden:
        raise Refused("bad-user", f"a user name has only characters that can be seen, not {hidden}")
    if _marks(clean) > MAX_MARKS:
        raise Refused("bad-user", f"a user name has at most {MAX_MARKS} marks on one letter")
    return clean


def _marks(text: str) -> int:
    """Return how many marks are on the letter that has most: two for ệ. Those that take up room don't count."""
    most = marks = 0
    for char in unicodedata.normalize("NFD", text):
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        most = max(most, marks)
    return most
