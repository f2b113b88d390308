"""Figures as rows and columns, for a terminal and as Markdown, with what is asked of the bridge beside them.

Use: `print(as_text(results))`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from bench.contestants import CONTESTANTS
from bench.figures import SHOWN, Shown, digits
from bench.outcome import Cell, Spread
from bench.results import Results
from bench.targets import OURS, TARGETS, Target, counters

__all__ = ["BUSY", "ORDER", "Row", "as_markdown", "as_text", "rows"]

BUSY = 0.15  # cores that others may use before a measurement is called disturbed
BEHIND = 0.5  # seconds between the end of a fixed rate and its last delivery
#: The columns, from the plainest idea to the least that has to be done.
ORDER = ("plain", "node", "go", "node-joined", "go-joined", OURS, "ours-off", "ours-apart", "limit")
LEGEND = {
    "*": "could not keep up with the rate",
    "~": f"other programs used more than {BUSY:g} of a core meanwhile",
    "°": "the load generator was busier than the server: it can do at least this much",
}
LABEL, COLUMN = 38, 14  # characters


@dataclass(frozen=True, slots=True)
class Row:
    """One value with so many clients, of everybody, and what is asked of it."""

    work: str
    clients: int
    shown: Shown
    targets: tuple[Target, ...]

    @property
    def title(self) -> str:
        """What the row measures."""
        return self.shown.title.format(self.clients)


def rows(results: Results) -> Iterator[Row]:
    """Those of which there is a figure, or a problem."""
    for work, values in SHOWN.items():
        for shown in values:
            for clients in results.clients(work):
                cells = [results.cell(work, name, clients) for name in results.contestants]
                # What nobody got through has no figures; the work's first row says why.
                failed = shown is values[0] and any(cell.problem for cell in cells)
                if failed or any(cell.value(shown.value) for cell in cells):
                    yield Row(work, clients, shown, _asked(results, work, clients, shown.value))


def _asked(results: Results, work: str, clients: int, value: str) -> tuple[Target, ...]:
    """What is asked of this figure, as far as all that it takes took part."""
    asked = (target for target in TARGETS if (target.work, target.clients, target.value) == (work, clients, value))
    return tuple(target for target in asked if {OURS, target.of or OURS} <= set(results.contestants))


def as_text(results: Results) -> str:
    """Median, range below it, and below the row what is asked of it."""
    writer = _Writer(results)
    lines = writer.headings()
    for row in rows(results):
        cells = [writer.cell(row, name) for name in writer.columns]
        lines.append(_line(row.title, [median for median, _ in cells]))
        if any(spread for _, spread in cells):
            lines.append(_line("", [spread for _, spread in cells]))
        lines += [f"    {writer.verdict(row, target)}" for target in row.targets]
    return "\n".join([*lines, "", *writer.below()])


def as_markdown(results: Results) -> str:
    """The same; what is asked is in the last column."""
    writer = _Writer(results)
    head = ["", *(CONTESTANTS[name].title for name in writer.columns), "asked of the bridge"]
    lines = [head, ["---", *("--:" for _ in writer.columns), "---"]]
    for row in rows(results):
        cells = [_in_markdown(*writer.cell(row, name), name == OURS) for name in writer.columns]
        lines.append([row.title, *cells, "<br>".join(writer.verdict(row, target) for target in row.targets)])
    below = "".join(f"- {line}\n" for line in writer.below())
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{below}"


class _Writer:
    """Writes cells, and keeps what has to be said below the table."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.columns = [name for name in ORDER if name in results.contestants]
        self.marks: set[str] = set()
        self.problems: list[str] = []

    def headings(self) -> list[str]:
        titles = [textwrap.wrap(CONTESTANTS[name].title, COLUMN - 1) for name in self.columns]
        height = max(map(len, titles))
        return [_line("", [([""] * height + title)[-height:][at] for title in titles]) for at in range(height)]

    def cell(self, row: Row, contestant: str) -> tuple[str, str]:
        """Median and range."""
        cell = self.results.cell(row.work, contestant, row.clients)
        found = cell.value(row.shown.value)
        note = self._note(f"{contestant}, {row.work}, {row.clients:,} clients: {cell.problem}") if cell.problem else ""
        if not found:
            return (f"failed {note}" if note else "–"), ""
        mark = _mark(row, cell)
        self.marks.update(mark)
        return f"{row.shown.write(found.median)}{mark} {note}".rstrip(), _range(found, row.shown)

    def verdict(self, row: Row, target: Target) -> str:
        """`reached, the aim too: 0.91 × C, the limit (>= 0.7, aim >= 0.85)`."""
        figure = target.figure(self.results)
        said = "–" if figure is None else digits(figure) if target.of else row.shown.write(figure)
        against = f" × {CONTESTANTS[target.of].title}" if target.of else ""
        words = target.words("{:g}".format if target.of else row.shown.write)
        return f"{target.verdict(self.results)}: {said}{against} ({words})"

    def below(self) -> list[str]:
        """What marks and numbers in the cells mean, and how many targets were reached."""
        legend = [f"{mark} {words}" for mark, words in LEGEND.items() if mark in self.marks]
        problems = [f"[{number}] {problem}" for number, problem in enumerate(self.problems, 1)]
        return [*legend, *problems, *([counters(self.results)] if OURS in self.columns else [])]

    def _note(self, problem: str) -> str:
        if problem not in self.problems:
            self.problems.append(problem)
        return f"[{self.problems.index(problem) + 1}]"


def _mark(row: Row, cell: Cell) -> str:
    late, busy, core, others = (cell.value(name) for name in ("late", "generator_core", "core", "others"))
    marks = {
        "*": bool(late and late.median > BEHIND),
        "~": bool(others and others.median > BUSY),
        "°": bool(busy and core and busy.median > max(0.9, core.median)) and row.shown.value == "per_second",
    }
    return "".join(mark for mark, holds in marks.items() if holds)


def _range(found: Spread, shown: Shown) -> str:
    if found.least == found.most:
        return ""
    least, most = shown.write(found.least), shown.write(found.most)
    number, _, unit = least.partition(" ")
    return f"{number if most.endswith(f' {unit}') else least}–{most}"


def _in_markdown(median: str, spread: str, ours: bool) -> str:
    median = median.replace("*", "\\*")
    shown = f"**{median}**" if ours else median
    return (f"{shown}<br><sub>{spread}</sub>" if spread else shown).replace("|", "\\|")


def _line(label: str, cells: list[str]) -> str:
    return (f"{label:<{LABEL}}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)).rstrip()
