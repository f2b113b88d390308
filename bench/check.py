"""Sees that contestants are correct before they are measured, and that one that is not is noticed.

Use: `check(contestants, print)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.contestants import Contestant, faulty
from bench.processes import Failed, Session

__all__ = ["check"]

CLIENTS = 20
COMMANDS = (
    "burst 64 5000",
    "burst 512 2000",
    "users 64 5000",
    "rate 64 500 0.5",
    f"events 64 4000 {CLIENTS} 0",
    f"events 64 4000 {CLIENTS} 1",
    "round 64 20 0.5",
    "burst 1000 1000",
    "idle 0.2",
)
#: What the C program can spoil, and how the load generator must call it, both ways.
FAULTS = {"lose": "lost", "double": "repeated", "swap": "repeated", "mix": "malformed"}
SPOILT = ("burst 64 5500", f"events 64 5500 {CLIENTS} 0")  # not a multiple of 1,000, or the last one would be spoilt
SOON = 1.0  # seconds that are waited for what was lost

Say = Callable[[str], None]


def check(contestants: Sequence[Contestant], say: Say) -> bool:
    """Whether all is well; says what was seen."""
    fine = [_is_correct(contestant, say) for contestant in contestants]
    noticed = [_is_noticed(fault, command, say) for fault in FAULTS for command in SPOILT]
    return all(fine + noticed)


def _is_correct(contestant: Contestant, say: Say) -> bool:
    try:
        with Session(contestant) as session:
            session.connect(CLIENTS)
            problems = [f"{command}: {session.ask(command).problem}" for command in COMMANDS]
            problems = [problem for problem in problems if not problem.endswith(": ")]
    except Failed as failure:
        problems = [str(failure)]
    say(f"{contestant.name:<21} {'; '.join(problems) or 'correct'}")
    return not problems


def _is_noticed(fault: str, command: str, say: Say) -> bool:
    with Session(faulty(fault), SOON) as session:
        session.connect(CLIENTS)
        outcome = session.ask(command)
    noticed = bool(getattr(outcome, FAULTS[fault]))
    what = f"limit, {fault}, {command.partition(' ')[0]}"
    say(f"{what:<21} {'noticed' if noticed else 'NOT NOTICED'}: {outcome.problem}")
    return noticed
