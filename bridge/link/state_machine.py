"""Move the link through its states, tell others, and wait between two attempts to connect.

Must not know sockets, nor why a state is entered.

Use: `machine = StateMachine(server, status, on_state=…, on_change=…, counters=…)`; `machine.happened(LinkEvent.OPEN)`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from bridge.counters import Counters
from bridge.errors import LinkError
from bridge.link.backoff import REFUSED_DELAY, Backoff
from bridge.link.state_log import StateLog
from bridge.link.states import TRANSITIONS, CurrentState, LinkAction, LinkEvent, LinkState, LinkStatus, sentence

__all__ = ["StateMachine"]

log = logging.getLogger("bridge.link")

LOOK = 0.25  # seconds between two checks if something waits for a server that refuses connections


class StateMachine:
    """The states of one link.

    `server`: for the log; `status`: returns the link's whole status; `on_state`: gets it at each change of state;
    `on_change`: called when the next attempt comes earlier. Only one thread at a time may change the state: the link's
    own, or the writer's during the first exchange of a connection.
    """

    def __init__(
        self,
        server: str,
        status: Callable[[], LinkStatus],
        *,
        on_state: Callable[[LinkStatus], None],
        on_change: Callable[[], None],
        counters: Counters,
    ) -> None:
        self._server, self._status, self._counters = server, status, counters
        self._on_state, self._on_change = on_state, on_change
        self._now = CurrentState(LinkState.CLOSED, "not started yet", time.time(), None)
        self._changes = StateLog(log)

    @property
    def now(self) -> CurrentState:
        """The present state."""
        return self._now

    def happened(self, event: LinkEvent, reason: str = "", next_try: float | None = None) -> None:
        """Enter the state that the table of transitions gives, act, and tell. `next_try`: by the monotonic clock."""
        found = TRANSITIONS.get((self._now.state, event))
        if found is None:
            raise AssertionError(f"the event {event.value!r} can't happen to a link that is {self._now.state.value}")
        state, action = found
        self._act(action)
        self._now = CurrentState(state, reason, time.time(), next_try)
        status = self._status()
        line = sentence(self._server, status)
        if state is LinkState.CONNECTING:
            log.debug("= %s", line)
        else:
            level = logging.WARNING if state is LinkState.WAITING else logging.INFO
            self._changes.say(level, f"{state.value} {reason}", line)
        self._on_state(status)

    def _act(self, action: LinkAction) -> None:
        if action is LinkAction.COUNT_CONNECT:
            self._counters.count("link_connects")
        elif action is LinkAction.COUNT_FAILURE:
            self._counters.count("link_failures")
        elif action is LinkAction.COUNT_DROP:
            self._counters.count("link_drops")

    def dial(self) -> None:
        """Enter CONNECTING. The reason of the last failure stays shown."""
        self.happened(LinkEvent.DIAL, self._now.reason if self._now.state is LinkState.WAITING else "")

    def pause(self, error: LinkError, delays: Backoff, over: threading.Event, waited_for: Callable[[], bool]) -> None:
        """Wait for the next attempt, or until `over` is set.

        If the last attempt was refused and something waits for the connection, the wait is shorter, also if that begins
        meanwhile.
        """
        began, refused = time.monotonic(), error.code == "refused"
        next_try = began + delays.next(refused, waited_for())
        self.happened(LinkEvent.BREAK, error.reason, next_try)
        while (left := next_try - time.monotonic()) > 0 and not over.wait(min(left, LOOK) if refused else left):
            soon = began + REFUSED_DELAY
            if refused and soon < next_try and waited_for():
                next_try = soon
                self._now = self._now._replace(next_try=soon)
                self._on_change()

    def end(self) -> None:
        """Enter CLOSED, and log what is pending."""
        if self._now.state is not LinkState.CLOSED:
            self.happened(LinkEvent.CLOSE, "the bridge is stopping")
        self._changes.close()
