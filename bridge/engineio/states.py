"""The states of a session: which event leads from which to which, what is done on the way, and why one ends.

Must not know how it is done. The picture is in docs/architecture.md.

Use: `state, action = TRANSITIONS[state, event]`; a KeyError is a bug.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

__all__ = ["TRANSITIONS", "Action", "EndReason", "SessionEvent", "SessionState", "Transition"]


class EndReason(enum.StrEnum):
    """Why a session has ended, in python-engineio's words, which handlers are given."""

    SERVER = "server disconnect"
    CLIENT = "client disconnect"
    PING_TIMEOUT = "ping timeout"
    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"


class SessionState(enum.Enum):
    """How a session's client is reached."""

    __hash__ = object.__hash__  # Enum's own is a function in Python; there is one object of each

    POLLING = "polling"  # by polling; each session begins so
    PROBING = "probing"  # by polling still, while a WebSocket is tried
    SWITCHING = "switching"  # by neither, for a moment: its client knows that the WebSocket works, and polls no more
    OPEN = "open"  # by its WebSocket
    CLOSING = "closing"  # its last packets are on their way
    CLOSED = "closed"


class SessionEvent(enum.Enum):
    """What befalls a session."""

    __hash__ = object.__hash__  # Enum's own is a function in Python; there is one object of each

    OPENED = "opened"  # its first request was a WebSocket's
    PROBE = "probe"  # a WebSocket is to take the place of polling
    PROBED = "probed"  # it works
    UPGRADED = "upgraded"  # it has taken it
    PROBE_FAILED = "probe failed"  # it came to nothing
    CLOSE = "close"  # it is to end when its last packets are out
    FINISH = "finish"  # it ends now


class Action(enum.Enum):
    """What a session does on the way to its next state."""

    NONE = "-"
    LIMIT_PROBE = "give the probe a time limit"
    END_PROBE = "drop the probe's time limit"
    SAY_FAREWELL = "tell that it is gone, give the last packets a time limit"
    TELL_GONE = "tell that it is gone"
    END_FAREWELL = "drop the last packets' time limit"

    @property
    def ends(self) -> bool:
        """Whether nothing else is due any more."""
        return self in (Action.SAY_FAREWELL, Action.TELL_GONE, Action.END_FAREWELL)


class Transition(NamedTuple):
    """Where an event leads to, and by which action."""

    state: SessionState
    action: Action


TRANSITIONS: dict[tuple[SessionState, SessionEvent], Transition] = {
    (SessionState.POLLING, SessionEvent.OPENED): Transition(SessionState.OPEN, Action.NONE),
    (SessionState.POLLING, SessionEvent.PROBE): Transition(SessionState.PROBING, Action.LIMIT_PROBE),
    (SessionState.PROBING, SessionEvent.PROBED): Transition(SessionState.SWITCHING, Action.NONE),
    (SessionState.PROBING, SessionEvent.PROBE_FAILED): Transition(SessionState.POLLING, Action.END_PROBE),
    (SessionState.SWITCHING, SessionEvent.UPGRADED): Transition(SessionState.OPEN, Action.END_PROBE),
    (SessionState.SWITCHING, SessionEvent.PROBE_FAILED): Transition(SessionState.POLLING, Action.END_PROBE),
    (SessionState.POLLING, SessionEvent.CLOSE): Transition(SessionState.CLOSING, Action.SAY_FAREWELL),
    (SessionState.SWITCHING, SessionEvent.CLOSE): Transition(SessionState.CLOSING, Action.SAY_FAREWELL),
    (SessionState.OPEN, SessionEvent.CLOSE): Transition(SessionState.CLOSING, Action.SAY_FAREWELL),
    (SessionState.POLLING, SessionEvent.FINISH): Transition(SessionState.CLOSED, Action.TELL_GONE),
    (SessionState.PROBING, SessionEvent.FINISH): Transition(SessionState.CLOSED, Action.TELL_GONE),
    (SessionState.SWITCHING, SessionEvent.FINISH): Transition(SessionState.CLOSED, Action.TELL_GONE),
    (SessionState.OPEN, SessionEvent.FINISH): Transition(SessionState.CLOSED, Action.TELL_GONE),
    (SessionState.CLOSING, SessionEvent.FINISH): Transition(SessionState.CLOSED, Action.END_FAREWELL),
}
