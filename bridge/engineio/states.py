"""The states of an Engine.IO session, and which follows which. The picture is in docs/architecture.md.

Use: `if new not in TRANSITIONS[old]: …`.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "SessionState"]


class SessionState(enum.Enum):
    """By what a client is reached."""

    POLLING = "polling"
    PROBING = "probing"  # by polling still, while a WebSocket is tried
    OPEN = "open"  # by its WebSocket
    CLOSING = "closing"  # its last packets are on their way
    CLOSED = "closed"


TRANSITIONS: dict[SessionState, frozenset[SessionState]] = {
    SessionState.POLLING: frozenset(
        {SessionState.PROBING, SessionState.OPEN, SessionState.CLOSING, SessionState.CLOSED}
    ),
    SessionState.PROBING: frozenset(
        {SessionState.POLLING, SessionState.OPEN, SessionState.CLOSING, SessionState.CLOSED}
    ),
    SessionState.OPEN: frozenset({SessionState.CLOSING, SessionState.CLOSED}),
    SessionState.CLOSING: frozenset({SessionState.CLOSED}),
    SessionState.CLOSED: frozenset(),
}
