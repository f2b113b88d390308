"""The benchmark: `python -m bench`, `--quick`, `--only burst-64 --contestants ours,node`; `check`.

Measures, and writes JSON to build/bench/. `check` only sees that all contestants are correct and that
the load generator notices those that are not.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import time
from pathlib import Path

from bench import machine, report
from bench.build import BUILT, BuildError, build, parts_of
from bench.check import check
from bench.contestants import CONTESTANTS
from bench.processes import Failed, cores
from bench.run import measure
from bench.works import FULL, QUICK, works

FILES = 10_300  # open files that 10,000 clients need, on each side


def main(argv: list[str]) -> int:
    """0 if all that was asked for was measured, 1 if a contestant failed, 2 if nothing could be run."""
    options = _options(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    try:
        cores()
        _allow_files()
        names = _chosen(options.contestants, list(CONTESTANTS), "contestant")
        build(parts_of([*names, "limit"] if options.command == "check" else names))
        if options.command == "check":
            return 0 if check([CONTESTANTS[name] for name in names], _say) else 1
        return _measure(options, names)
    except (BuildError, Failed, ValueError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _measure(options: argparse.Namespace, names: list[str]) -> int:
    plan = QUICK if options.quick else FULL
    known = {work.name: work for work in works(plan)}
    chosen = _chosen(options.only, list(known), "work")
    complete = len(chosen) == len(known) and len(names) == len(CONTESTANTS)
    target = options.json or BUILT / (f"{plan.name}.json" if complete else "part.json")
    about = machine.about(plan.name, names)
    _say(f"{about['machine']}; load {about['load']}; {len(chosen)} works, {len(names)} contestants")
    began = time.monotonic()
    runs = list(measure([known[name] for name in chosen], [CONTESTANTS[name] for name in names], plan.repeats, _say))
    about["minutes"] = round((time.monotonic() - began) / 60, 1)
    report.save(target, about, runs)
    _say(f"\n{about['minutes']} min; figures in {target}")
    return 1 if any(run.problem for run in runs) else 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("command", nargs="?", choices=("measure", "check"), default="measure")
    parser.add_argument("--quick", action="store_true", help="less of everything, in under four minutes")
    parser.add_argument("--only", default="", metavar="WORK,…", help=f"these works: {_names()}")
    parser.add_argument("--contestants", default="", metavar="NAME,…", help="these: " + ", ".join(CONTESTANTS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go (build/bench/)")
    return parser.parse_args(argv)


def _names() -> str:
    return ", ".join(work.name for work in works(FULL))


def _chosen(text: str, known: list[str], what: str) -> list[str]:
    names = [name for name in text.split(",") if name] or known
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"no {what} is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        if 0 <= hard < FILES:
            raise Failed(f"10,000 clients need {FILES} open files, and {hard} are allowed (ulimit -n)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
