"""The states of an outbox, and which follows which. The picture is in docs/architecture.md.

Use: `if new not in TRANSITIONS[old]: …`.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "OutboxState"]


class OutboxState(enum.Enum):
    """What becomes of what is put."""

    TAKING = "taking"  # it is sent, or waits
    OVER = "over"  # it is thrown away: the client is over its limit, and is being ended
    SEALED = "sealed"  # the same: the last frames are there
    SHUT = "shut"  # the same, and nothing is sent any more


#: Which follows which. The picture is in docs/architecture.md.
TRANSITIONS: dict[OutboxState, frozenset[OutboxState]] = {
    OutboxState.TAKING: frozenset({OutboxState.OVER, OutboxState.SEALED, OutboxState.SHUT}),
    OutboxState.OVER: frozenset({OutboxState.SEALED, OutboxState.SHUT}),
    OutboxState.SEALED: frozenset({OutboxState.SHUT}),
    OutboxState.SHUT: frozenset(),
}
