"""Write which lines of the bridge each test runs, and how long it takes.

A plugin of pytest, for runs that `tests.mutants.coverage_map` begins in processes of their own.

Use: `MUTANTS_MAP=FILE python -m pytest -p tests.mutants.plugin tests/unit/test_outbox.py`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

__all__: list[str] = []

_RAN = coverage.Coverage(data_file=None, include=["*/bridge/*"], config_file=False)
_RAN.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured"])
_TIMES: dict[str, float] = {}
_FAILED: set[str] = set()
_RAN.start()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if sys.gettrace() is None:  # a test before has taken it away
        _RAN.stop()
        _RAN.start()
    _RAN.switch_context(item.nodeid)
    try:
        yield
    finally:
        _RAN.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _TIMES[report.nodeid] = _TIMES.get(report.nodeid, 0.0) + report.duration
    if not report.passed:
        _FAILED.add(report.nodeid)


def pytest_sessionfinish() -> None:
    _RAN.stop()
    data, root = _RAN.get_data(), Path.cwd()
    lines: dict[str, dict[str, list[int]]] = {}
    for file in data.measured_files():
        for line, contexts in data.contexts_by_lineno(file).items():
            for test in contexts:
                if test:
                    lines.setdefault(test, {}).setdefault(str(Path(file).relative_to(root)), []).append(line)
    answer = {"times": _TIMES, "failed": sorted(_FAILED), "lines": lines}
    Path(os.environ["MUTANTS_MAP"]).write_text(json.dumps(answer), encoding="utf-8")
