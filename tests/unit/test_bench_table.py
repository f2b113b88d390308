"""The benchmark's table: what is shown of a run, and what is said of its targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.contestants import CONTESTANTS
from bench.figures import SHOWN, digits, kilobytes, many, milliseconds, of_a_core
from bench.outcome import Run
from bench.results import Results, load, save
from bench.table import ORDER, as_markdown, as_text, rows
from bench.targets import TARGETS, Target, counters
from bench.works import FULL, works

ABOUT = {"date": "2026-11-25", "machine": "one of ours", "versions": {"Python": "3.11"}}


def burst(contestant: str, *figures: float, clients: int = 100, problem: str = "") -> list[Run]:
    """A run a figure."""
    return [
        Run("burst-64", contestant, clients, repeat, {"per_second": figure, "core": 1.0}, problem=problem)
        for repeat, figure in enumerate(figures)
    ]


def results(*runs: list[Run]) -> Results:
    return Results(ABOUT, tuple(run for some in runs for run in some))


@pytest.mark.parametrize(
    ("written", "figure"),
    [
        (many(56_540_000), "56.5 M"), (many(999_600), "1.00 M"), (many(210_400), "210 k"), (many(12.34), "12.3"),
        (digits(0.00131), "0.0013"),
        (milliseconds(0.5812), "0.58 ms"), (of_a_core(0.384), "38 %"), (of_a_core(0.0312), "3.1 %"),
        (kilobytes(2449), "2.45 kB"),
    ],
)  # fmt: skip
def test_figures_have_three_digits(written: str, figure: str) -> None:
    assert written == figure


def test_every_work_and_every_target_is_in_the_table() -> None:
    plan = {work.name: {step.clients for step in work.steps} for work in works(FULL)}
    assert list(plan) == list(SHOWN)
    for target in TARGETS:
        assert target.clients in plan[target.work]
        assert target.value in {shown.value for shown in SHOWN[target.work]}
        assert target.of in {"", *CONTESTANTS}
    assert set(ORDER) == set(CONTESTANTS)


def test_a_row_has_medians_and_below_them_ranges() -> None:
    text = as_text(results(burst("node", 100e3, 300e3, 110e3), burst("ours", 40e6, 50e6, 44e6)))
    head, medians, ranges, *_ = text.splitlines()
    assert head.split() == ["Node", "the", "bridge"]
    assert " ".join(medians.split()) == "burst, 64 B, to 100: deliveries/s 110 k 44.0 M"
    assert " ".join(ranges.split()) == "100–300 k 40.0–50.0 M"


def test_what_was_reached_stands_below_its_row() -> None:
    text = as_text(results(burst("node", 100e3), burst("ours", 40e6), burst("limit", 50e6)))
    assert "    reached: 400 × Node (>= 200)" in text.splitlines()
    assert "    reached, the aim not: 0.80 × C limit (>= 0.7, aim >= 0.85)" in text.splitlines()
    assert "Targets: 2 reached, 30 not measured. Aims: 1 not reached, 14 not measured." in text


def test_nothing_is_asked_where_nobody_is_there_to_compare_with() -> None:
    alone = as_text(results(burst("ours", 40e6)))
    assert "Node" not in alone
    without = as_text(results(burst("node", 100e3)))
    assert "reached" not in without
    assert "Targets" not in without


def test_who_failed_has_a_number_in_its_cell_and_its_problem_below() -> None:
    broken = [Run("burst-64", "ours", 10, 0, problem="3 lost")]
    found = results(burst("node", 100e3, clients=10), broken)
    lines = as_text(found).splitlines()
    assert lines[1].endswith("failed [1]")
    assert "[1] ours, burst-64, 10 clients: 3 lost" in lines
    assert "    not reached: – × Node (>= 80)" in lines
    assert [row.title for row in rows(found)] == ["burst, 64 B, to 10: deliveries/s"]


def test_a_target_is_not_reached_if_one_of_the_repeats_failed() -> None:
    found = results(burst("node", 100e3), burst("ours", 40e6), burst("ours", 40e6, problem="1 lost"))
    target = Target("burst-64", 100, "per_second", "node", 200)
    assert target.figure(found) == 400
    assert target.verdict(found) == "not reached"
    assert "40.0 M [1]" in as_text(found)


@pytest.mark.parametrize(
    ("must", "aim", "verdict"),
    [
        (3, 2, "reached, the aim too"), (3, 1, "reached, the aim not"), (1, 0.5, "not reached"), (3, None, "reached"),
        (None, 2, "aim reached"), (None, 1, "aim not reached"),
    ],
)  # fmt: skip
def test_verdicts_of_what_is_to_be_small(must: float | None, aim: float | None, verdict: str) -> None:
    found = results(burst("node", 10), burst("ours", 20))
    assert Target("burst-64", 100, "per_second", "node", must, aim, at_most=True).verdict(found) == verdict


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    assert Target("burst-64", 100, "per_second", "node", 1).verdict(results(burst("ours", 1))) == "not measured"
    assert (
        counters(results())
        == f"Targets: 32 not measured. Aims: {sum(t.aim is not None for t in TARGETS)} not measured."
    )


def test_who_falls_behind_where_the_generator_is_the_limit_and_disturbances_are_marked() -> None:
    behind = Run("rate-60", "plain", 200, 0, {"p99": 900.0, "core": 1.0, "late": 2.0})
    busy = Run("burst-64", "limit", 1, 0, {"per_second": 2e7, "core": 0.8, "generator_core": 0.98})
    disturbed = Run("events", "go", 50, 0, {"per_second": 1e5, "others": 0.5})
    text = as_text(results([behind], [busy], [disturbed]))
    assert "100 k~" in text
    assert "~ other programs" in text
    assert "900 ms*" in text
    assert "20.0 M°" in text
    assert "* could not keep up" in text
    assert "° the load generator" in text


def test_the_bridge_s_figures_stand_out_with_and_without_a_range() -> None:
    assert " | **44.0 M**<br><sub>40.0–50.0 M</sub> | " in as_markdown(
        results(burst("node", 1e3), burst("ours", 40e6, 50e6, 44e6))
    )
    assert " | **44.0 M** | " in as_markdown(results(burst("node", 1e3), burst("ours", 44e6)))


def test_the_markdown_has_one_line_a_row_and_as_many_columns_everywhere() -> None:
    text = as_markdown(results(burst("node", 100e3, 120e3), burst("ours", 40e6)))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 3
    assert {line.count("|") for line in lines} == {5}
    assert "| 110 k<br><sub>100–120 k</sub> | **40.0 M** | reached: 364 × Node (>= 200) |" in lines[2]


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    saved = results(burst("ours", 1.0, 2.0))
    save(tmp_path / "figures.json", saved)
    assert load(tmp_path / "figures.json") == saved
    (tmp_path / "other.json").write_text('{"runs": [{"speed": 1}]}')
    with pytest.raises(ValueError, match=r"other\.json"):
        load(tmp_path / "other.json")
