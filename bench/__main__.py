"""The benchmark: `python -m bench`, `--quick`, `--only burst-64 --contestants ours,node`; `check`; `report`.

`measure`, which is what it does unless told otherwise, prints the table and writes JSON and charts to
build/bench/. `check` only sees that all contestants are correct and that the load generator notices
those that are not. `show` prints the table of an earlier run, `report` puts it and its charts into
bench/README.md.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from bench import machine, report
from bench.build import BUILT, BuildError, build, parts_of
from bench.charts import NoCharts, draw
from bench.check import check
from bench.contestants import CONTESTANTS
from bench.processes import Failed, cores
from bench.results import Results, load, save
from bench.run import measure
from bench.works import FULL, QUICK, Plan, Work, works

FILES = 10_300  # open files that 10,000 clients need, on each side


def main(argv: list[str]) -> int:
    """0 if all that was asked for was done, 1 if a contestant failed, 2 if nothing could be run."""
    options = _options(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    try:
        return _command(options)
    except (BuildError, Failed, NoCharts, ValueError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _command(options: argparse.Namespace) -> int:
    if options.command == "show":
        report.show(load(options.source), _say)
        return 0
    if options.command == "report":
        report.write(load(options.source), Path(__file__).parent)
        return 0
    cores()
    _allow_files()
    names = _chosen(options.contestants, list(CONTESTANTS), "contestant")
    build(parts_of([*names, "limit"]))  # whose faulty variants the load generator is tried with
    if options.command == "check":
        return 0 if check([CONTESTANTS[name] for name in names], _say) else 1
    return _measure(options, names)


def _measure(options: argparse.Namespace, names: list[str]) -> int:
    plan = _plan(options)
    chosen = _works(plan, options)
    complete = len(names) == len(CONTESTANTS) and not (options.only or options.clients)
    target = options.json or BUILT / (f"{plan.name}.json" if complete else "part.json")
    about = machine.about(plan.name, names)
    _say(f"{about['machine']}; load {about['load']}; {len(chosen)} works, {len(names)} contestants")
    began = time.monotonic()
    if complete and not check([], _say):
        raise Failed("the load generator does not notice every fault: its figures would prove nothing")
    runs = tuple(measure(chosen, [CONTESTANTS[name] for name in names], plan.repeats, _say))
    about["minutes"] = round((time.monotonic() - began) / 60, 1)
    results = Results(about, runs)
    save(target, results)
    report.show(results, _say)
    _say(f"\nFigures: {target}")
    try:
        _say("Charts: " + " ".join(str(chart) for chart in draw(results, target.parent / "charts")))
    except NoCharts as error:
        _say(str(error))
    return 1 if any(run.problem for run in runs) else 0


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    if options.repeats:
        plan = replace(plan, repeats=options.repeats)
    return replace(plan, watched=options.idle_seconds) if options.idle_seconds else plan


def _works(plan: Plan, options: argparse.Namespace) -> list[Work]:
    known = {work.name: work for work in works(plan)}
    chosen = [known[name] for name in _chosen(options.only, list(known), "work")]
    if options.clients:
        counts = {int(count) for count in options.clients.split(",")}
        chosen = [work.only(counts) for work in chosen]
    return [work for work in chosen if any(not step.always for step in work.steps)]


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    commands = ("measure", "check", "show", "report")
    add = parser.add_argument
    add("command", nargs="?", choices=commands, default="measure")
    add("--quick", action="store_true", help="less of everything, in under four minutes")
    add("--only", default="", metavar="WORK,…", help=f"these works: {', '.join(work.name for work in works(FULL))}")
    add("--contestants", default="", metavar="NAME,…", help=f"these: {', '.join(CONTESTANTS)}")
    add("--clients", default="", metavar="N,…", help="the works' steps with these numbers of clients alone")
    add("--repeats", type=int, metavar="N", help=f"{FULL.repeats}, {QUICK.repeats} with --quick")
    add("--idle-seconds", type=float, metavar="S", help=f"how long idle clients are watched: {FULL.watched:g}")
    add("--json", type=Path, metavar="FILE", help="where the figures go; build/bench/ if not given")
    full = BUILT / f"{FULL.name}.json"
    add("--from", type=Path, default=full, dest="source", metavar="FILE", help="show, report: the figures")
    return parser.parse_args(argv)


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
