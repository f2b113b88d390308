"""What a hostile input is: what is sent by whom, and what may come of it.

Must not know how it is sent.

Use: `attempt = Kind("two hosts", two_hosts).make(random, "x7x")`; `attempt.right(outcome)` -> "" or a problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any

__all__ = [
    "POLLED", "SECRET", "Attempt", "Kind", "Outcome", "Sender", "acked", "answered", "closed",
    "only_its_own", "refused", "unharmed",
]  # fmt: skip

POLLED = 0  # in place of a close code, where a session that polls has ended
SECRET = b"the secret"  # in every file that must not be served


class Sender(Enum):
    """Who sends it."""

    TCP = "a connection that has said nothing"
    SOCKET = "a WebSocket without CONNECT"
    STRANGER = "a client that has not registered"
    CLIENT = "a client that has registered"


@dataclass
class Outcome:
    """What came of it. `closed`: the bridge has ended the connection; `code`: of a WebSocket's close frame, if any."""

    statuses: list[int] = field(default_factory=list)
    body: bytes = b""
    closed: bool = False
    code: int | None = None
    acks: dict[int, Any] = field(default_factory=dict)
    alive: bool = False  # an event that was sent last was acked


Right = Callable[[Outcome], str]


@dataclass(frozen=True)
class Attempt:
    """One input. `data`: bytes as they are sent, in pieces; `polls`: each is the body of a POST instead; `reaches`: the
    server may be told of it; `leaves`: nothing is waited for, the sender goes at once."""

    sender: Sender
    data: tuple[bytes, ...]
    right: Right
    reaches: bool = False
    leaves: bool = False
    polls: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of inputs. `make(random, marker)`: one of them; the marker stands in it, and the server never sees it
    unless the attempt `reaches`."""

    name: str
    make: Callable[[Random, str], Attempt]


def refused(*statuses: int) -> Right:
    """Answered once, with one of these, and nothing behind it is served."""

    def right(outcome: Outcome) -> str:
        fits = len(outcome.statuses) == 1 and outcome.statuses[0] in statuses and outcome.closed
        return "" if fits else f"answered {outcome.statuses}, closed: {outcome.closed}; {statuses} and closed is right"

    return right


def answered(*statuses: int) -> Right:
    """Each answer is one of these, and none has a secret in it."""

    def right(outcome: Outcome) -> str:
        if SECRET in outcome.body:
            return "a secret was served"
        fits = outcome.statuses and set(outcome.statuses) <= set(statuses)
        return "" if fits else f"answered {outcome.statuses}; {statuses} are right"

    return right


def closed(*codes: int) -> Right:
    """The connection ends, with one of these close codes."""

    def right(outcome: Outcome) -> str:
        fits = outcome.closed and not outcome.alive and outcome.code in (*codes, POLLED)
        return "" if fits else f"closed: {outcome.closed} with {outcome.code}; {codes} are right"

    return right


def acked(number: int, *errors: str) -> Right:
    """The event with this number is refused with one of these codes, and its client goes on."""

    def right(outcome: Outcome) -> str:
        answer = outcome.acks.get(number)
        fits = isinstance(answer, dict) and answer.get("error") in errors and outcome.alive
        return "" if fits else f"acked {answer!r}, alive: {outcome.alive}; {errors} is right"

    return right


def unharmed(outcome: Outcome) -> str:
    """Its sender goes on, as if nothing had been."""
    return "" if outcome.alive else f"it was closed with {outcome.code}"


def only_its_own(outcome: Outcome) -> str:
    """Whatever becomes of its own connection, it is an end or an answer, not a wait for ever."""
    return "" if outcome.alive or outcome.closed or outcome.statuses else "it was neither answered nor closed"
