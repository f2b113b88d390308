"""Change one thing in the bridge, many times, and see whether the tests notice.

Each mutant is run against the unit tests that run its line; who survives these, against what looks at its package from
outside. There it is killed if a test fails with it twice and does not fail without it: the machine may be busy. What
can't be noticed, as it changes nothing, is listed in equivalent.toml with the reason and not counted. Exits with 1 if
fewer than 95 in 100 of the others are killed.

Use: `make mutants`, `make mutants MUTANTS=50 SEED=7`, or `python -m tests.mutants.run --only bridge/wire`.
"""

from __future__ import annotations

import argparse
import difflib
import random
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.coverage_map import Coverage
from tests.mutants.mutations import Mutant, mutants
from tests.mutants.scratch import Fate, Scratch
from tests.process import ROOT

__all__ = ["main"]

PACKAGES = ("link", "relay", "delivery", "wire", "engineio", "socketio_server", "admission")
ENOUGH = 0.95
AT_ONCE = 2
PATIENCE = 60.0  # seconds that a mutant has, besides ten times what its tests took
LONGEST = 600.0  # seconds that the tests from outside have
#: By the folder: the tests that look from outside, without those that compare with other engines or need Node.
SECOND = {
    "link": "test_link test_link_down test_first_words test_hints test_silence test_writer test_confirm test_bad_input",
    "relay": "test_relay test_replies test_undelivered test_once test_names test_handlers_hooks test_handlers_messages "
    "test_handlers_presence test_handlers_refused test_handlers_types test_handlers_threads test_recovery",
    "delivery": "test_slow_clients test_recovery test_payloads test_unread_answers test_stopped_clients",
    "wire": "test_payloads test_recovery test_hostile",
    "engineio": "test_hostile test_chunked test_limits test_same_id test_site test_unread_answers",
    "admission": "test_hosts",
    "socketio_server": "test_hostile test_same_id test_handlers_visits test_handlers_refused test_recovery",
}
BEHAVIOUR = ("wire", "engineio", "socketio_server")  # which tests/behaviour is about
ONLY_OURS = ("-k", "not plain and not node")
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


def every(only: str) -> list[Mutant]:
    """Those of all packages, in an order that lasts."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / "bridge" / package).rglob("*.py"))
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return [one for name in names if name.startswith(only) for one in mutants(name, source_of(name))]


def source_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def chosen(count: int, seed: int, only: str, equivalent: dict[str, str]) -> list[Mutant]:
    """So many, none of which is known to be equivalent."""
    found = every(only)
    random.Random(seed).shuffle(found)
    good: list[Mutant] = []
    for one in found:
        if len(good) < count and one.key not in equivalent and one.is_code(source_of(one.path)):
            good.append(one)
    return good


def listed() -> dict[str, str]:
    """Why, by the mutant's key."""
    return {
        f"{path} {each['where']}: {each['line']} -> {each['mutant']}": each["why"]
        for path, entries in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).items()
        for each in entries
    }


class Trial:
    """Runs mutants, each worker in a copy of its own."""

    def __init__(self, coverage: Coverage, scratches: list[Scratch], units: bool) -> None:
        """`units`: with the unit tests alone."""
        self._coverage, self._units, self._done = coverage, units, 0
        self._unreliable: set[str] = set()  # tests from outside that fail without any mutant
        self._free: SimpleQueue[Scratch] = SimpleQueue()
        for scratch in scratches:
            self._free.put(scratch)

    def fate(self, mutant: Mutant) -> Fate:
        """What becomes of it; said as it happens, if it survives."""
        scratch = self._free.get()
        try:
            fate = self._fate(scratch, mutant)
        finally:
            self._free.put(scratch)
        self._done += 1
        if fate is Fate.SURVIVED:
            print(report(mutant, self._done), flush=True)
        return fate

    def _fate(self, scratch: Scratch, mutant: Mutant) -> Fate:
        source = mutant.source(source_of(mutant.path))
        tests = self._coverage.tests_of(mutant)
        fate = Fate.SURVIVED
        if tests:
            limit = PATIENCE + 10 * sum(self._coverage.times.get(test, 0.0) for test in tests)
            fate = scratch.run(mutant.path, source, tests, limit)
        return fate if self._units or fate is not Fate.SURVIVED else self._from_outside(scratch, mutant, source)

    def _from_outside(self, scratch: Scratch, mutant: Mutant, source: str) -> Fate:
        """The same, of who has survived the unit tests."""
        package = mutant.path.split("/")[1]
        tests = [f"tests/integration/{name}.py" for name in SECOND[package].split()]
        if package in BEHAVIOUR:
            tests.insert(0, "tests/behaviour")
        while True:
            without = [word for one in sorted(self._unreliable) for word in ("--deselect", one)]
            fate = scratch.run(mutant.path, source, tests, LONGEST, *ONLY_OURS, *without)
            failed = scratch.failed
            if fate is Fate.SURVIVED or not failed:
                return fate
            if scratch.run(mutant.path, source_of(mutant.path), failed, LONGEST, *ONLY_OURS) is Fate.SURVIVED:
                return scratch.run(mutant.path, source, failed, LONGEST, *ONLY_OURS)
            self._unreliable.update(failed)


def report(mutant: Mutant, number: int) -> str:
    """Where it is and what it is; `number`: how many are done with."""
    before = source_of(mutant.path)
    lines = difflib.unified_diff(before.splitlines(), mutant.source(before).splitlines(), n=1, lineterm="")
    return "\n".join([f"{number}: {mutant.path}:{mutant.line} survives ({mutant.where})", *list(lines)[2:], ""])


def options(args: Sequence[str] | None) -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser("python -m tests.mutants.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="which ones (default: others each time)")
    parser.add_argument("--only", default="", help="what their path begins with: bridge/wire")
    parser.add_argument("--units", action="store_true", help="with the unit tests alone, in a third of the time")
    parser.add_argument("--map", type=Path, help="where to keep which test runs which line, for the next seed")
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> int:
    """Run so many and say what became of them."""
    wanted, equivalent, began = options(args), listed(), time.monotonic()
    seed = random.randrange(10_000) if wanted.seed is None else wanted.seed
    some = chosen(wanted.mutants, seed, wanted.only, equivalent)
    print(
        f"{len(some)} mutants of seed {seed}; first a run of the unit tests, to see which lines each runs", flush=True
    )
    scratches = [Scratch(ROOT) for _ in range(AT_ONCE)]
    try:
        coverage = Coverage.measured(scratches[0].root, wanted.map)
        if coverage.failed:
            print("these fail without any mutant, and are left out:", *sorted(coverage.failed), sep="\n  ")
        trial = Trial(coverage, scratches, wanted.units)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            fates = Counter(pool.map(trial.fate, some))
    finally:
        for scratch in scratches:
            scratch.__exit__()
    return summary(fates, seed, time.monotonic() - began)


def summary(fates: Counter[Fate], seed: int, seconds: float) -> int:
    """Say it, and whether that is enough."""
    alive, total = fates[Fate.SURVIVED], fates.total()
    share = (total - alive) / total if total else 1.0
    print(*(f"{fates[fate]} {fate.value}" for fate in Fate), sep=", ", end=" ")
    print(f"of {total}, seed {seed}: {share:.1%} noticed, {ENOUGH:.0%} is asked; {seconds / 60:.0f} minutes")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
