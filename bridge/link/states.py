"""Define the states of the link and the transitions between them, and say a status in words.

Must not know sockets. docs/architecture.md has the diagram.

Use: `LinkStatus(LinkState.WAITING, "reset", time.time(), 0.4).as_json()`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from bridge.link.hint import Hint

__all__ = [
    "TRANSITIONS", "CurrentState", "LinkAction", "LinkEvent", "LinkState", "LinkStatus", "sentence", "stalled_for",
]  # fmt: skip


class LinkState(enum.Enum):
    """The state of the link."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"


class LinkEvent(enum.Enum):
    """What happens to the link."""

    DIAL = "dial"  # the link is started, or the wait is over
    OPEN = "open"  # there is a connection, and its first exchange is over
    BREAK = "break"  # the attempt failed, or the connection has ended
    CLOSE = "close"  # the bridge stops


class LinkAction(enum.Enum):
    """What is done at a transition, besides logging and telling the new state."""

    NOTHING = "-"
    COUNT_CONNECT = "count a connection"
    COUNT_FAILURE = "count a failure"
    COUNT_DROP = "count a drop"


#: (state, event) -> (next state, action). An event that is not here for a state can't happen in it.
TRANSITIONS: dict[tuple[LinkState, LinkEvent], tuple[LinkState, LinkAction]] = {
    (LinkState.CLOSED, LinkEvent.DIAL): (LinkState.CONNECTING, LinkAction.NOTHING),
    (LinkState.CONNECTING, LinkEvent.OPEN): (LinkState.CONNECTED, LinkAction.COUNT_CONNECT),
    (LinkState.CONNECTING, LinkEvent.BREAK): (LinkState.WAITING, LinkAction.COUNT_FAILURE),
    (LinkState.CONNECTING, LinkEvent.CLOSE): (LinkState.CLOSED, LinkAction.NOTHING),
    (LinkState.CONNECTED, LinkEvent.BREAK): (LinkState.WAITING, LinkAction.COUNT_DROP),
    (LinkState.CONNECTED, LinkEvent.CLOSE): (LinkState.CLOSED, LinkAction.COUNT_DROP),
    (LinkState.WAITING, LinkEvent.DIAL): (LinkState.CONNECTING, LinkAction.NOTHING),
    (LinkState.WAITING, LinkEvent.CLOSE): (LinkState.CLOSED, LinkAction.NOTHING),
}


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The whole status of the link.

    `reason`: why it is not connected, or what is wrong although it is; `since`: epoch seconds; `next_try_s`: seconds
    until the next attempt, when waiting; `silent`: it is connected, and the server is idle; `hint`: what seems wrong.
    """

    state: LinkState
    reason: str | None
    since: float
    next_try_s: float | None
    silent: bool = False
    hint: Hint | None = None

    def as_json(self) -> dict[str, object]:
        """Return the status as in the event `bridge:link`."""
        return {
            "state": self.state.value,
            "reason": self.reason,
            "next_try_s": self.next_try_s,
            "since": self.since,
            "silent": self.silent,
            "hint": self.hint and self.hint.as_json(),
        }


class CurrentState(NamedTuple):
    """The state of the link and when it was entered; replaced as a whole, so that no thread sees half of a change.

    `since`: epoch seconds; `next_try`: by the monotonic clock, when waiting.
    """

    state: LinkState
    reason: str
    since: float
    next_try: float | None

    def status(
        self, monotonic: float, silent: bool = False, hint: Hint | None = None, stalled: float = 0.0
    ) -> LinkStatus:
        """Make the whole status for this time.

        `silent`, and `stalled` (seconds without reading), count only while the link is connected, `hint` always.
        """
        wait = None if self.next_try is None else round(max(0.0, self.next_try - monotonic), 3)
        connected = self.state is LinkState.CONNECTED
        reason = stalled_for(stalled) if connected and stalled else self.reason
        return LinkStatus(self.state, reason or None, round(self.since, 3), wait, silent and connected, hint)


def stalled_for(seconds: float) -> str:
    """Say what is wrong with a link whose server does not read."""
    return f"the server has not read for {seconds:.0f} s; its machine answers, so the link stays"


def sentence(server: str, status: LinkStatus) -> str:
    """Write the status as a line of the log."""
    if status.state is LinkState.CONNECTED:
        return f"connected to {server}"
    if status.state is LinkState.CONNECTING:
        return f"connecting to {server}"
    if status.state is LinkState.WAITING:
        return f"link down: {status.reason}; next try in {status.next_try_s:.1f} s"
    return f"link closed: {status.reason}"
