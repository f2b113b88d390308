"""Define the states of an outbox and the transitions between them. docs/architecture.md has the diagram.

Use: `if new not in TRANSITIONS[old]: …`.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "OutboxState"]


class OutboxState(enum.Enum):
    """What an outbox does with what is put."""

    TAKING = "taking"  # sends or keeps it
    OVER = "over"  # throws it away: the client is over its limit, and is being ended
    SEALED = "sealed"  # throws it away: the last frames are there
    SHUT = "shut"  # throws it away, and sends nothing any more


#: State -> the states that may follow.
TRANSITIONS: dict[OutboxState, frozenset[OutboxState]] = {
    OutboxState.TAKING: frozenset({OutboxState.OVER, OutboxState.SEALED, OutboxState.SHUT}),
    OutboxState.OVER: frozenset({OutboxState.SEALED, OutboxState.SHUT}),
    OutboxState.SEALED: frozenset({OutboxState.SHUT}),
    OutboxState.SHUT: frozenset(),
}
