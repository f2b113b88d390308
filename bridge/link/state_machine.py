"""Where the link is in its states, who is told of it, and the wait between two attempts to connect.

Must not know sockets, nor why a state is entered.

Use: `standing = StateMachine(server); standing.run(status, on_state, on_change)`;
`standing.enter(LinkState.CONNECTED)`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from bridge.errors import LinkError
from bridge.link.backoff import REFUSED_DELAY, Backoff
from bridge.link.state_log import StateLog
from bridge.link.states import TRANSITIONS, LinkState, LinkStatus, Now, sentence

__all__ = ["StateMachine"]

log = logging.getLogger("bridge.link")

LOOK = 0.25  # seconds between two looks whether something waits for a server that refuses connections


class StateMachine:
    """Of one link. `server`: for the log. Its state is changed by the link's own thread alone."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._now = Now(LinkState.CLOSED, "not started yet", time.time(), None)
        self._changes = StateLog(log)

    def run(
        self,
        status: Callable[[], LinkStatus],
        on_state: Callable[[LinkStatus], None],
        on_change: Callable[[], None],
    ) -> None:
        """From now on `on_state` is told the `status` at each change of state, `on_change` is called when the next
        attempt comes sooner."""
        self._status, self._on_state, self._on_change = status, on_state, on_change

    @property
    def now(self) -> Now:
        """Where it is."""
        return self._now

    def attempt(self) -> None:
        """It connects. Why it has to, stays said."""
        self.enter(LinkState.CONNECTING, self._now.reason if self._now.state is LinkState.WAITING else "")

    def enter(self, state: LinkState, reason: str = "", next_try: float | None = None) -> None:
        """Go there, if the table of transitions has it, and tell. `next_try`: by the monotonic clock."""
        if state not in TRANSITIONS[self._now.state]:
            raise AssertionError(f"the link can't go from {self._now.state.value} to {state.value}")
        self._now = Now(state, reason, time.time(), next_try)
        status = self._status()
        line = sentence(self._server, status)
        if state is LinkState.CONNECTING:
            log.debug("= %s", line)
        else:
            level = logging.WARNING if state is LinkState.WAITING else logging.INFO
            self._changes.say(level, f"{state.value} {reason}", line)
        self._on_state(status)

    def pause(self, error: LinkError, delays: Backoff, over: threading.Event, waited_for: Callable[[], bool]) -> None:
        """Wait for the next attempt, or until it is `over`; less long if the last one was refused and something waits
        for the connection, also if that begins meanwhile."""
        began, refused = time.monotonic(), error.code == "refused"
        next_try = began + delays.next(refused, waited_for())
        self.enter(LinkState.WAITING, error.reason, next_try)
        while (left := next_try - time.monotonic()) > 0 and not over.wait(min(left, LOOK) if refused else left):
            soon = began + REFUSED_DELAY
            if refused and soon < next_try and waited_for():
                next_try = soon
                self._now = self._now._replace(next_try=soon)
                self._on_change()

    def end(self) -> None:
        """The link has ended; what the log has not been told yet, it is told."""
        if self._now.state is not LinkState.CLOSED:
            self.enter(LinkState.CLOSED, "the bridge is stopping")
        self._changes.close()
