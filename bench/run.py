"""Runs works with contestants in turn, and collects what they did.

Must not know how a work is measured or shown.

Use: `runs = measure(works(QUICK), contestants, repeats=1, say=print)`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from bench.contestants import Contestant
from bench.outcome import Run
from bench.processes import Failed, Session
from bench.works import Step, Work

__all__ = ["measure"]

Say = Callable[[str], None]


def measure(works: Sequence[Work], contestants: Sequence[Contestant], repeats: int, say: Say) -> Iterator[Run]:
    """Repeat by repeat, work by work, contestants in turn; whoever began comes last in the next repeat."""
    for repeat in range(repeats):
        start = repeat % len(contestants)
        for work in works:
            for contestant in [*contestants[start:], *contestants[:start]]:
                if not contestant.works or work.name in contestant.works:
                    yield from _work(work, contestant, repeat, say)


def _work(work: Work, contestant: Contestant, repeat: int, say: Say) -> Iterator[Run]:
    """One process of the contestant's does all steps. After a failure the rest is not tried."""
    step: Step | None = None
    try:
        with Session(contestant) as session:
            for step in work.steps:
                if repeat == 0 or not step.once:
                    run = _step(work, step, session, repeat)
                    _tell(run, work, say)
                    yield run
    except Failed as failure:
        clients = step.clients if step else work.steps[0].clients
        run = Run(work.name, contestant.name, clients, repeat, problem=str(failure))
        _tell(run, work, say)
        yield run


def _step(work: Work, step: Step, session: Session, repeat: int) -> Run:
    began, before = time.monotonic(), session.others()
    session.connect(step.clients)
    measured = step.measure(session)
    others = session.others() - before
    seconds = time.monotonic() - began
    # What else ran on the machine meanwhile, in cores: a figure beside which much ran is worth little.
    values = measured.values | {"others": max(0.0, others / seconds), "took": seconds}
    return Run(work.name, session.contestant.name, step.clients, repeat, values, measured.latency_ms)


def _tell(run: Run, work: Work, say: Say) -> None:
    head = f"{run.repeat + 1}  {run.work:<10} {run.contestant:<12} {run.clients:>6}"
    shown = ("per_second", "p50", "p99", "core", "memory", "connections", "others")
    values = "  ".join(f"{name} {run.values[name]:,.2f}" for name in shown if name in run.values)
    say(f"{head}  {run.problem or values}")
