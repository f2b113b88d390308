"""What runs measured, as one JSON file and by work, contestant and number of clients.

Must not know how it is shown.

Use: `results = load(path); results.median("burst-64", "ours", 100, "per_second")`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.outcome import Cell, Run

__all__ = ["Results", "load", "save"]


@dataclass(frozen=True)
class Results:
    """`about`: on what it was measured, see bench/machine.py."""

    about: Mapping[str, object]
    runs: tuple[Run, ...]
    _cells: dict[tuple[str, str, int], Cell] = field(default_factory=dict, repr=False, compare=False)

    def cell(self, work: str, contestant: str, clients: int) -> Cell:
        """All repeats of it; none if it was not measured."""
        if not self._cells:
            grouped: dict[tuple[str, str, int], list[Run]] = {}
            for run in self.runs:
                grouped.setdefault((run.work, run.contestant, run.clients), []).append(run)
            self._cells.update((key, Cell(tuple(runs))) for key, runs in grouped.items())
        return self._cells.get((work, contestant, clients), Cell(()))

    def median(self, work: str, contestant: str, clients: int, value: str) -> float | None:
        """None if it was not measured, or every repeat had a problem."""
        found = self.cell(work, contestant, clients).value(value)
        return found.median if found else None

    def clients(self, work: str) -> list[int]:
        """The numbers of clients that this work was done with."""
        return sorted({run.clients for run in self.runs if run.work == work})

    @property
    def contestants(self) -> list[str]:
        """Who took part."""
        return list(dict.fromkeys(run.contestant for run in self.runs))


def save(path: Path, results: Results) -> None:
    """Write the file."""
    content = {"about": results.about, "runs": [asdict(run) for run in results.runs]}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """Read the file. Raises OSError, or ValueError if it is none of these."""
    content = json.loads(path.read_text(encoding="utf-8"))
    try:
        return Results(content["about"], tuple(Run(**run) for run in content["runs"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} has no figures of the benchmark: {error!r}") from None
