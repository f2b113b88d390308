"""Charts of a run, as SVG: throughput and cost over clients, latencies by percentile.

Must not be needed for anything else: matplotlib is asked for when something is drawn.

Use: `draw(results, folder)`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from bench.contestants import CONTESTANTS
from bench.results import Results
from bench.table import ORDER
from bench.targets import OURS

__all__ = ["CHARTS", "NoCharts", "draw"]

#: Colours that those who see few can tell apart (Okabe and Ito), and markers for those who see none.
STYLES = {
    "plain": ("#999999", "v"),
    "node": ("#009e73", "s"),
    "go": ("#56b4e9", "D"),
    "node-joined": ("#e69f00", "s"),
    "go-joined": ("#0072b2", "D"),
    OURS: ("#d55e00", "o"),
    "ours-off": ("#cc79a7", "o"),
    "ours-apart": ("#cc79a7", "o"),
    "limit": ("#000000", "^"),
}
PERCENTILES = ("50", "75", "90", "95", "99", "99.5", "99.9", "99.99")
#: Text as text, and the same bytes for the same figures. All is on white, to be read on a dark page too.
SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif", "font.size": 10}


class NoCharts(Exception):
    """matplotlib is not installed."""


def draw(results: Results, folder: Path) -> list[Path]:
    """The charts of which there are figures. Raises NoCharts."""
    try:
        matplotlib, figure = import_module("matplotlib"), import_module("matplotlib.figure")
    except ModuleNotFoundError:
        raise NoCharts("charts need matplotlib: pip install -r requirements-bench.txt") from None
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Path] = []
    with matplotlib.rc_context(SETTINGS):
        for name, fill in CHARTS.items():
            chart = figure.Figure(figsize=(8, 4.5), facecolor="white", layout="constrained")
            axes = chart.add_subplot()
            if fill(results, axes):
                _finish(axes)
                drawn.append(folder / f"{name}.svg")
                chart.savefig(drawn[-1], metadata={"Date": None, "Creator": None})
    return drawn


def _throughput(results: Results, axes: Any) -> bool:
    axes.set(title="A burst of 64 B messages", xlabel="clients", ylabel="deliveries a second")
    axes.set(xscale="log", yscale="log")
    return _over_clients(results, axes, "burst-64", "per_second", 1)


def _cost(results: Results, axes: Any) -> bool:
    axes.set(title="60 messages a second to all", xlabel="clients", ylabel="% of a core")
    axes.set(xscale="log", yscale="log")
    return _over_clients(results, axes, "cost", "core", 100)


def _latency(results: Results, axes: Any) -> bool:
    axes.set(title="1,000 messages a second to 100 clients", xlabel="percentile", ylabel="latency, ms", yscale="log")
    axes.set_xticks(range(len(PERCENTILES)), PERCENTILES)
    drawn = False
    for name in _present(results):
        found = [results.cell("rate-1000", name, 100).latency(percentile) for percentile in PERCENTILES]
        points = [(at, spread) for at, spread in enumerate(found) if spread]
        drawn |= _line(axes, name, points, 1)
    return drawn


CHARTS = {"throughput": _throughput, "latency": _latency, "cost": _cost}


def _over_clients(results: Results, axes: Any, work: str, value: str, factor: float) -> bool:
    counts = results.clients(work)
    if len(counts) < 2:
        return False  # a point is no chart
    drawn = False
    for name in _present(results):
        found = [(count, results.cell(work, name, count).value(value)) for count in counts]
        drawn |= _line(axes, name, [(count, spread) for count, spread in found if spread], factor)
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    return drawn


def _line(axes: Any, name: str, points: list[tuple[int, Any]], factor: float) -> bool:
    """Medians, with their ranges as bars."""
    if not points:
        return False
    colour, marker = STYLES[name]
    medians = [spread.median * factor for _, spread in points]
    below = [(spread.median - spread.least) * factor for _, spread in points]
    above = [(spread.most - spread.median) * factor for _, spread in points]
    axes.errorbar(
        [at for at, _ in points], medians, yerr=(below, above), label=CONTESTANTS[name].title, color=colour,
        marker=marker, markersize=5, linewidth=2.4 if name == OURS else 1.4, capsize=3, elinewidth=1,
        linestyle="--" if name == "limit" else "-",
    )  # fmt: skip
    return True


def _finish(axes: Any) -> None:
    axes.grid(color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    ticker = import_module("matplotlib.ticker")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(_plain))
    axes.tick_params(axis="y", which="minor", left=False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _plain(value: float, _: object) -> str:
    """`10 M`, `0.1`: no powers."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _present(results: Results) -> list[str]:
    return [name for name in ORDER if name in results.contestants]
