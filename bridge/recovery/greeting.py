"""Greet each client that connects, send it what it missed, and remember it when it goes.

Must not know Socket.IO's packets, users or sockets.

Use: `greeting = greeter.greet(auth)`; `greeter.pid(greeting, sid)`; `greeter.joined(greeting, sid, outbox)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.counters import Counters
from bridge.delivery.client_registry import ClientRegistry
from bridge.delivery.fanout import Recording
from bridge.delivery.history import History
from bridge.delivery.outbox import Outbox
from bridge.recovery.session_ages import SessionAges
from bridge.recovery.session_registry import Greeting, SessionRegistry
from bridge.recovery.session_token import TokenSigner
from bridge.wire.offsets import Offsets

__all__ = ["Greeter", "RecoveryOptions"]


@dataclass(frozen=True, slots=True)
class RecoveryOptions:
    """`window`: seconds; `size`: bytes of messages that are kept; `key`: signs pids, see session_token.py; `ages`: None
    for those of one process, for a day."""

    window: float
    size: int
    key: bytes
    ages: SessionAges | None = None


class Greeter:
    """Recovery of one process. `options`: None if it is off; then every client is plain."""

    def __init__(self, options: RecoveryOptions | None, counters: Counters) -> None:
        self._counters = counters
        history = History(options.window, options.size) if options else History(0, 0)
        self.clients = ClientRegistry(history, counters)
        self._sessions: SessionRegistry | None = None
        self.recording: Recording | None = None
        if options is not None:
            offsets = Offsets()
            signer = TokenSigner(options.key)
            self._sessions = sessions = SessionRegistry(signer, offsets, history, options.window, ages=options.ages)
            self.recording = Recording(offsets, history, lambda: sessions.any)

    def sid_of(self, auth: object) -> str | None:
        """Return the sid of the connection that the client says it had, or None."""
        return self._sessions.sid_of(auth) if self._sessions else None

    def greet(self, auth: object) -> Greeting:
        """Decide how to answer a client that connects with this `auth`."""
        return self._sessions.greet(auth) if self._sessions else Greeting("", plain=True)

    def pid(self, greeting: Greeting, sid: str) -> str | None:
        """Register the client, just before its CONNECT is answered. Return its pid; None if it is plain."""
        return self._sessions.joined(greeting, sid) if self._sessions else None

    def joined(self, greeting: Greeting, sid: str, outbox: Outbox) -> None:
        """Let the client receive, now that its CONNECT is answered: first what it missed, then what is published."""
        if greeting.plain:
            self.clients.plain[sid] = outbox
        elif greeting.after is None:
            if greeting.sid is None:
                self._counters.count("sessions_new")
            else:
                self._counters.count("sessions_lost")
            self.clients.live[sid] = outbox
        else:
            self._counters.count("sessions_recovered")
            self.clients.catch_up(sid, outbox, greeting.after)

    def now(self) -> dict[str, int]:
        """Return the gauges of recovery, for the status."""
        return {
            "catching_up": self.clients.catching_up,
            "sessions_away": self._sessions.away if self._sessions else 0,
            "bytes_of_history": self.recording.history.size if self.recording else 0,
        }

    def cut_off(self, sid: str) -> None:
        """Note that the client is cut off as slow, and will not recover."""
        if self._sessions:
            self._sessions.cut_off(sid)

    def forget(self, sid: str) -> None:
        """Let a client that is away not recover."""
        if self._sessions:
            self._sessions.forget(sid)

    def left(self, sid: str, for_good: bool) -> Outbox | None:
        """Note that the client has gone. Return its outbox, if it had one."""
        if self._sessions:
            self._sessions.left(sid, for_good)
        return self.clients.pop(sid)
