"""The benchmark's report: what is said beside the figures, and what becomes of README.md."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.charts import NoCharts, draw
from bench.outcome import Run
from bench.report import about, write
from bench.results import Results

README = "# Benchmarks\n\n<!-- results -->\nold\n<!-- /results -->\n\n## After\n"
RUNS = (
    Run("burst-64", "ours", 1, 0, {"per_second": 2e6, "core": 1.0, "others": 0.0}),
    Run("burst-64", "ours", 100, 0, {"per_second": 4e7, "core": 1.0, "others": 0.0}),
    Run("burst-64", "node", 100, 0, {"per_second": 1e5, "core": 1.0, "others": 0.6}),
)
FOUND = Results(
    {"plan": "quick", "date": "2026-11-25", "minutes": 3, "machine": "two cores", "versions": {"Go": "1.26"}}, RUNS
)


def test_beside_the_figures_stand_date_machine_versions_and_how_disturbed_it_was() -> None:
    said = "\n".join(about(FOUND))
    for words in ("2026-11-25", "quick", "two cores", "Go 1.26", "1 of 3 measurements"):
        assert words in said


def test_the_figures_go_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.report.draw", lambda _, folder: [folder / "throughput.svg"])
    (tmp_path / "README.md").write_text(README)
    write(FOUND, tmp_path)
    once = (tmp_path / "README.md").read_text()
    assert once.startswith("# Benchmarks\n\n<!-- results -->\n")
    assert once.endswith("<!-- /results -->\n\n## After\n")
    assert "old" not in once
    assert "reached: 400 × Node (>= 200)" in once
    assert "](charts/throughput.svg)" in once
    write(FOUND, tmp_path)
    assert (tmp_path / "README.md").read_text() == once, "a second time changes nothing"


def test_a_readme_without_marks_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Benchmarks\n")
    with pytest.raises(ValueError, match="README"):
        write(FOUND, tmp_path)
    assert (tmp_path / "README.md").read_text() == "# Benchmarks\n"


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is installed by make bench alone")
def test_only_charts_of_which_there_are_figures_are_drawn_and_always_the_same(tmp_path: Path) -> None:
    (chart,) = draw(FOUND, tmp_path / "charts")
    before = chart.read_bytes()
    assert b"<svg" in before
    draw(FOUND, tmp_path / "charts")
    assert chart.read_bytes() == before
    assert draw(Results({}, FOUND.runs[:1]), tmp_path) == [], "a point is no chart"


@pytest.mark.skipif(find_spec("matplotlib") is not None, reason="matplotlib is installed")
def test_without_matplotlib_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(NoCharts, match=r"requirements-bench\.txt"):
        draw(FOUND, tmp_path)
