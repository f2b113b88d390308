"""Recovery, put together: who connects is greeted, is given what it missed, and is remembered when it goes.

Must not know Socket.IO's packets, users or sockets.

Use: `greeting = recovery.greet(auth)`; `recovery.pid(greeting, sid)`; `recovery.joined(greeting, sid, outbox)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.counters import Counters
from bridge.delivery.client_registry import ClientRegistry
from bridge.delivery.fanout import Recording
from bridge.delivery.history import History
from bridge.delivery.outbox import Outbox
from bridge.recovery.session_registry import Greeting, SessionRegistry
from bridge.recovery.session_token import TokenSigner
from bridge.wire.offsets import Offsets

__all__ = ["Greeter", "RecoveryOptions"]


@dataclass(frozen=True, slots=True)
class RecoveryOptions:
    """`window`: seconds; `size`: bytes that are kept for those who come back; `key`: see session_token.py."""

    window: float
    size: int
    key: bytes


class Greeter:
    """`options`: None if it is off; then everybody is plain."""

    def __init__(self, options: RecoveryOptions | None, counters: Counters) -> None:
        self._counters = counters
        history = History(options.window, options.size) if options else History(0, 0)
        self.audience = ClientRegistry(history, counters)
        self._sessions: SessionRegistry | None = None
        self.recording: Recording | None = None
        if options is not None:
            offsets = Offsets()
            self._sessions = SessionRegistry(TokenSigner(options.key), offsets, history, options.window)
            self.recording = Recording(offsets, history, lambda: sessions.any)
            sessions = self._sessions

    def sid_of(self, auth: object) -> str | None:
        """Whose connection the client says it had."""
        return self._sessions.sid_of(auth) if self._sessions else None

    def greet(self, auth: object) -> Greeting:
        """What a client that connects with this is answered."""
        return self._sessions.greet(auth) if self._sessions else Greeting("", plain=True)

    def pid(self, greeting: Greeting, sid: str) -> str | None:
        """The client is as good as there: its pid, if it is to have one."""
        return self._sessions.joined(greeting, sid) if self._sessions else None

    def joined(self, greeting: Greeting, sid: str, outbox: Outbox) -> None:
        """The client has its CONNECT: from now on it gets what is published, after what it missed."""
        if greeting.plain:
            self.audience.plain[sid] = outbox
        elif greeting.after is None:
            if greeting.sid is None:
                self._counters.count("sessions_new")
            else:
                self._counters.count("sessions_lost")
            self.audience.live[sid] = outbox
        else:
            self._counters.count("sessions_recovered")
            self.audience.catch_up(sid, outbox, greeting.after)

    def now(self) -> dict[str, int]:
        """What is kept just now."""
        return {
            "catching_up": self.audience.catching_up,
            "sessions_away": self._sessions.away if self._sessions else 0,
            "bytes_of_history": self.recording.history.size if self.recording else 0,
        }

    def cut_off(self, sid: str) -> None:
        """The client is slow, and does not recover."""
        if self._sessions:
            self._sessions.cut_off(sid)

    def left(self, sid: str, for_good: bool) -> Outbox | None:
        """The client has gone; its outbox, if it was there."""
        if self._sessions:
            self._sessions.left(sid, for_good)
        return self.audience.pop(sid)
