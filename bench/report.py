"""What a run measured, said: on the terminal, and in README.md with its charts.

Use: `show(results, print)`; `write(results, Path("bench"))`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.charts import draw
from bench.results import Results
from bench.table import BUSY, as_markdown, as_text

__all__ = ["show", "write"]

BEGIN, END = "<!-- results -->\n", "<!-- /results -->"
CAPTIONS = {
    "throughput": "Deliveries a second over clients, burst of 64 B",
    "latency": "Latency by percentile, 1,000 messages a second to 100 clients",
    "cost": "Processor time over clients, 60 messages a second",
}

Say = Callable[[str], None]


def show(results: Results, say: Say) -> None:
    """Print the table, and on what it was measured."""
    say("")
    say(as_text(results))
    say("")
    for line in about(results):
        say(line)


def about(results: Results) -> list[str]:
    """Date, machine, versions, and how much else went on."""
    facts = results.about
    found = facts.get("versions")
    versions = found if isinstance(found, dict) else {}
    return [
        f"{facts.get('date')}, plan {facts.get('plan')}, {facts.get('minutes')} min",
        f"{facts.get('machine')}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        _disturbed(results),
    ]


def _disturbed(results: Results) -> str:
    others = [run.values["others"] for run in results.runs if "others" in run.values]
    count = sum(busy > BUSY for busy in others)
    return f"During {count} of {len(others)} measurements, other programs used more than {BUSY:g} of a core"


def write(results: Results, folder: Path) -> None:
    """Put the figures between README.md's marks, and its charts into charts/. Raises NoCharts, ValueError."""
    readme = folder / "README.md"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has no {BEGIN.strip()} … {END}")
    charts = [f"![{CAPTIONS[chart.stem]}](charts/{chart.name})" for chart in draw(results, folder / "charts")]
    facts = "\n".join(f"- {line}" for line in about(results))
    parts = [facts, as_markdown(results).rstrip(), *charts]
    readme.write_text(before + begin + "\n" + "\n\n".join(parts) + "\n\n" + end + after, encoding="utf-8")
