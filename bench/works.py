"""The works that are measured, each as steps over growing numbers of clients.

Must not know who does them, nor what becomes of the figures.

Use: `for work in works(FULL): for step in work.steps: values = step.measure(session)`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from bench.outcome import Outcome
from bench.processes import Failed, Session

__all__ = ["FULL", "QUICK", "Measured", "Plan", "Step", "Work", "works"]

MESSAGE = 64  # bytes
GROWTH = 20.0  # how much more a burst may be than the one before it
FIRST = 40_000  # deliveries of the first burst
MOST = 30_000_000  # messages of the last; a number has eight digits
PING_INTERVAL = 25.0  # seconds, Engine.IO's own
SETTLE = 2.0
ROUNDS_EACH, ROUNDS = 20.0, 1000  # events a second of each client, and of all where they are many
FEW = 10  # clients before the memory without clients is taken, so that what is loaded late is loaded


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it all: seconds a burst and a fixed rate take, repeats, numbers of clients."""

    name: str
    burst: float
    rate: float
    cost: float
    repeats: int
    bursts_64: tuple[int, ...]
    bursts_512: tuple[int, ...]
    costs: tuple[int, ...]
    rounds: tuple[int, ...]
    idle: tuple[int, ...]
    watched: float  # seconds that the most idle clients are watched for; 0: not at all
    once: int = 2000  # from so many clients on, one repeat is enough


FULL = Plan(
    "full", 1.2, 5.0, 3.0, 3, (1, 10, 100, 500, 2000), (1, 10, 100, 500, 2000), (100, 500, 1000, 2000, 5000),
    (1, 20, 100, 500), (1000, 10000), PING_INTERVAL,
)  # fmt: skip
QUICK = Plan("quick", 0.5, 2.5, 1.5, 1, (1, 10, 100), (100,), (100, 1000), (1, 20, 100), (1000,), 0.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """Named values, and latencies by percentile in ms."""

    values: dict[str, float]
    latency_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """With so many clients; `once`: in the first repeat only; `always`: also if other numbers are asked for."""

    clients: int
    measure: Callable[[Session], Measured]
    once: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """Steps for one process of a contestant's, over growing numbers of clients."""

    name: str
    steps: tuple[Step, ...]

    def only(self, clients: Collection[int]) -> Work:
        """With these numbers of clients alone."""
        return Work(self.name, tuple(step for step in self.steps if step.always or step.clients in clients))


def works(plan: Plan) -> list[Work]:
    """All of them, in the table's order."""

    def over(name: str, counts: tuple[int, ...], measure: Callable[[Session], Measured]) -> Work:
        return Work(name, tuple(Step(count, measure, count >= plan.once) for count in counts))

    def broadcast(size: int) -> Callable[[Session], Measured]:
        return partial(_burst, f"burst {size}", plan.burst, True)

    return [
        over("burst-64", plan.bursts_64, broadcast(64)),
        over("burst-512", plan.bursts_512, broadcast(512)),
        over("users-64", (100,), partial(_burst, f"users {MESSAGE}", plan.burst, False)),
        over("rate-1000", (100,), partial(_rate, 1000, plan.rate)),
        over("rate-60", (200,), partial(_rate, 60, plan.rate)),
        over("events", (50,), partial(_events, plan.burst, False)),
        over("events-ack", (50,), partial(_events, plan.burst, True)),
        over("round-trip", plan.rounds, partial(_round, plan.rate)),
        Work("idle", _idle_steps(plan)),
        over("cost", plan.costs, partial(_rate, 60, plan.cost)),
    ]


def _sound(outcome: Outcome) -> Outcome:
    if outcome.problem:
        raise Failed(outcome.problem)
    return outcome


def _grown(ask: Callable[[int], Outcome], first: int, seconds: float) -> Outcome:
    """The first of ever longer runs that takes long enough; those before it, at least one, warm the contestant up."""
    outcome, total = _sound(ask(first)), first
    while True:
        total = min(MOST, max(first, int(total * min(GROWTH, seconds / outcome.seconds))))
        outcome = _sound(ask(total))
        if outcome.seconds >= 0.6 * seconds or total == MOST:
            return outcome


def _shares(outcome: Outcome) -> dict[str, float]:
    return {
        "core": outcome.server_cpu / outcome.seconds,
        "generator_core": outcome.generator_cpu / outcome.seconds,
    }


def _burst(command: str, seconds: float, to_all: bool, session: Session) -> Measured:
    clients = session.clients
    first = max(20, FIRST // clients) if to_all else FIRST // 10
    outcome = _grown(lambda total: session.ask(f"{command} {total}"), first, seconds)
    values = {"per_second": outcome.delivered / outcome.seconds, "bytes": outcome.bytes / outcome.seconds}
    return Measured(values | _shares(outcome))


def _rate(per_second: int, seconds: float, session: Session) -> Measured:
    return _paced(f"rate {MESSAGE} {per_second}", seconds, session)


def _paced(command: str, seconds: float, session: Session) -> Measured:
    _sound(session.ask(f"{command} 0.5"))
    outcome = _sound(session.ask(f"{command} {seconds}"))
    values = {
        "p50": outcome.latency_ms["50"],
        "p99": outcome.latency_ms["99"],
        "core": outcome.server_cpu / outcome.fed_seconds,
        "generator_core": outcome.generator_cpu / outcome.fed_seconds,
        "late": max(0.0, outcome.seconds - outcome.fed_seconds),
    }
    return Measured(values, outcome.latency_ms)


def _round(seconds: float, session: Session) -> Measured:
    """Each client's events come back to all; a client of many sends fewer, or nothing else would be measured."""
    each = ROUNDS_EACH if session.clients <= 20 else max(1.0, ROUNDS // session.clients)
    return _paced(f"round {MESSAGE} {each}", seconds, session)


def _events(seconds: float, acks: bool, session: Session) -> Measured:
    def ask(total: int) -> Outcome:
        return session.ask(f"events {MESSAGE} {total} {session.clients} {int(acks)}")

    outcome = _grown(ask, 100 * session.clients, seconds)
    return Measured({"per_second": outcome.arrived / outcome.seconds} | _shares(outcome))


def _idle_steps(plan: Plan) -> tuple[Step, ...]:
    steps = [Step(FEW, _without_clients, always=True)]
    for count in plan.idle:
        watched = plan.watched if count == max(plan.idle) else 0.0
        steps.append(Step(count, partial(_idle, watched), count >= plan.once))
    return tuple(steps)


def _without_clients(session: Session) -> Measured:
    session.base_memory = session.memory()
    return Measured({"resident": float(session.base_memory)})


def _idle(watched: float, session: Session) -> Measured:
    """After they have connected: what they cost. In whole ping intervals, as each is pinged once in one."""
    _sound(session.ask(f"idle {SETTLE}"))
    memory = session.memory()
    values = {
        "resident": float(memory),
        "memory": (memory - session.base_memory) / (session.clients - FEW),
        "connections": session.connections_per_second,
    }
    if watched and session.contestant.pings:
        outcome = _sound(session.ask(f"idle {watched}", watched))
        values |= {"pinged": outcome.server_cpu / outcome.seconds, "watched": outcome.seconds}
    return Measured(values)
