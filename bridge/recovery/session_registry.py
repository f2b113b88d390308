"""Remember sessions, and decide whether a client that comes back can be sent what it missed.

A session outlives its client's connections and is recognised by the pid that the client shows. It is remembered
while its client is connected, and for the window after that. Sans-IO. Must not know outboxes, users or Socket.IO's
packets.

Use: `greeting = sessions.greet({"pid": …, "offset": …})`; `sessions.joined(greeting, sid)`;
`sessions.left(sid, for_good)`.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.delivery.history import History
from bridge.random_bytes import RandomBytes
from bridge.recovery.session_ages import SessionAges
from bridge.recovery.session_token import SessionToken, TokenSigner
from bridge.wire.offsets import Offsets

__all__ = ["Greeting", "SessionRegistry"]

_NO = frozenset(("false", "no", "off", "0"))  # the words for no of the settings, and of --recovery
_nine = RandomBytes(9)
MOST_AWAY = 50_000  # sessions without a client that are remembered; 15 MB


@dataclass(slots=True)
class _Session:
    """One session.

    `name`: what its pids have in common; `mark`: of the last one; `since`: the last number before its client was told
    that pid; `lost`: it was cut off as slow, so it has gaps; `left_at`: by the registry's clock.
    """

    name: str
    mark: str
    since: int
    lost: bool = False
    left_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Greeting:
    """How to answer a client that connects.

    `session`: its name; `sid`: the one it had, or None for a new one; `pid`: the one it keeps if it has recovered;
    `after`: if it has recovered, the number after which it has missed messages, else None; `plain`: it can't have
    offsets.
    """

    session: str
    sid: str | None = None
    pid: str | None = None
    after: int | None = None
    plain: bool = False


class SessionRegistry:
    """The sessions of one process, by the Socket.IO ids of their clients.

    `window`: seconds in which a client gets what it missed; `ages`: says for how long it is known who it was.
    """

    def __init__(
        self,
        tokens: TokenSigner,
        offsets: Offsets,
        history: History,
        window: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        ages: SessionAges | None = None,
    ) -> None:
        self._tokens, self._offsets, self._history = tokens, offsets, history
        self._ages = SessionAges() if ages is None else ages
        self._window, self._clock = window, clock
        self._here: dict[str, _Session] = {}
        self._away: dict[str, _Session] = {}  # in the order of leaving

    @property
    def any(self) -> bool:
        """Whether any session could miss something."""
        self._forget()
        return bool(self._here or self._away)

    @property
    def away(self) -> int:
        """How many sessions have no client at present."""
        return len(self._away)

    def sid_of(self, auth: object) -> str | None:
        """Return the sid of the connection that the client says it had: no two clients may share it."""
        token = self._token(auth) if isinstance(auth, Mapping) else None
        return token.sid if token else None

    def _token(self, auth: Mapping[object, object]) -> SessionToken | None:
        """Return what the client shows, unless it is no pid, or one that is too old."""
        token = self._tokens.read(auth.get("pid"))
        return None if token is None or self._is_over(token) else token

    def _is_over(self, token: SessionToken) -> bool:
        """Tell whether the session was here too long ago. While it is away, this clock counts, which nobody sets."""
        session = self._away.get(token.sid)
        if session is None:
            return self._ages.is_over(token)
        return self._clock() - session.left_at > self._ages.lifetime

    def greet(self, auth: object) -> Greeting:
        """Decide how to answer a CONNECT with this `auth`, which may be anything."""
        asked: Mapping[object, object] = auth if isinstance(auth, Mapping) else {}
        if _declined(asked.get("recovery")):
            return Greeting("", plain=True)
        token = self._token(asked)
        if token is None or token.sid in self._here:
            return Greeting(_new_name())
        after = self._after(token, asked.get("offset"))
        return Greeting(token.session, token.sid, None if after is None else str(asked["pid"]), after)

    def _after(self, token: SessionToken, offset: object) -> int | None:
        """Return the number up to which the client has had everything, if all later messages are still here."""
        self._forget()
        session = self._away.get(token.sid)
        if session is None or session.lost:
            return None
        if session.mark != token.mark:
            return None  # who shows an older pid has not heard that it did not recover, and would not hear of its gap
        number = session.since if offset is None else self._offsets.number(offset)
        if number is None:
            return None
        number = max(number, session.since)
        return number if self._history.holds(number) else None

    def joined(self, greeting: Greeting, sid: str) -> str | None:
        """Note that the client is connected. Return its pid; None if it is plain."""
        if greeting.plain:
            return None
        old = self._away.pop(sid, None)
        if greeting.pid is not None:
            # Without a mark if its window has ended since it was greeted: next time it does not recover.
            self._here[sid] = old = old or _Session(greeting.session, "", 0)
            self._ages.came(greeting.session, old.mark)
            return greeting.pid
        mark = self._ages.new_mark()
        self._here[sid] = _Session(greeting.session, mark, self._offsets.next - 1)
        self._ages.came(greeting.session, mark)
        return self._tokens.make(SessionToken(greeting.session, sid, mark))

    def cut_off(self, sid: str) -> None:
        """Note that the client has gaps and would be slow again: it does not recover."""
        if sid in self._here:
            self._here[sid].lost = True

    def forget(self, sid: str) -> None:
        """Forget a session without a client. An unknown sid is no error."""
        self._away.pop(sid, None)
        self._forget()

    def left(self, sid: str, for_good: bool) -> None:
        """Note that the client has gone. `for_good`: it will not come back."""
        session = self._here.pop(sid, None)
        if session is not None:
            self._ages.left(session.name)
        if session is not None and not for_good:
            session.left_at = self._clock()
            self._away[sid] = session
            if len(self._away) > MOST_AWAY:
                del self._away[next(iter(self._away))]
        self._forget()

    def _forget(self) -> None:
        before = self._clock() - self._window
        while self._away:
            sid, session = next(iter(self._away.items()))
            if session.left_at >= before:
                break
            del self._away[sid]
        if not self._here and not self._away:
            self._history.clear()


def _declined(recovery: object) -> bool:
    """Tell whether a client declines offsets: by false, or by a word for it, as Java's auth has strings only."""
    if isinstance(recovery, str):
        return recovery.strip().lower() in _NO
    return isinstance(recovery, int) and not recovery


def _new_name() -> str:
    return base64.urlsafe_b64encode(_nine()).decode()  # without padding, as nine bytes are twelve characters
