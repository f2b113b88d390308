"""Run hostile inputs of every kind against a bridge, in turns, beside honest clients; exit with 1 if one did harm.

The same seed makes the same inputs; `--first` begins at a later one, so that one input can be run again alone.

Use: `make hostile`, or `python -m tests.hostile.run --inputs 10000 --seed 1 --only "two hosts"`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import requests

from tests.hostile.attempts import SECRET, Attempt, Kind, Outcome
from tests.hostile.honest import Honest, arrived
from tests.hostile.http_kinds import HTTP_KINDS
from tests.hostile.name_kinds import NAME_KINDS
from tests.hostile.packet_kinds import PACKET_KINDS
from tests.hostile.wire import NotLetIn, perform
from tests.process import ROOT, Bridge
from tests.sites import memory
from tests.soak.bounds import grown
from tests.tcpserver import TcpServer
from tests.viewer import until
from tests.waiting import PATIENCE

__all__ = ["KINDS", "Report", "main", "run"]

KINDS: tuple[Kind, ...] = (*HTTP_KINDS, *PACKET_KINDS, *NAME_KINDS)

AT_ONCE = 6
WARM = 0.2  # of the inputs come before memory is looked at for the first time: caches and allocators fill
SAMPLES, SAMPLE_EVERY = 8, 0.25  # looks at what is in use, and seconds between two
SETTLED = 20.0  # seconds in which what a hostile client left behind has to be gone
FLAGS = (
    "--identity", "register", "--site", ".", "--handlers", "game.py",
    "--handlers", str(ROOT / "tests" / "soak" / "inside.py"),
    "--grace", "0.2", "--recovery-window", "1", "--recovery-size", "16k", "--connect-timeout", "5",
)  # fmt: skip
LOG = ROOT / "build" / "hostile.log"
KEY = b"-----BEGIN PRIVATE KEY-----\n"


@dataclass
class Report:
    """What has come of a run. `problems`: whatever is not right, in words."""

    problems: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowness: str = ""
    log: list[str] = field(default_factory=list)


def lay_out(folder: Path) -> None:
    """Make a site with everything in it that must not be served."""
    site, outside = folder / "site", folder / "outside"
    for path in (site / ".bridge", site / ".git", site / "templates", outside):
        path.mkdir(parents=True)
    setup = b"def setup(bridge):\n    bridge.app.config['MAX'] = 1\n"
    files = {
        site / ".bridge" / "key": SECRET * 8, site / ".env": SECRET, site / ".git" / "config": SECRET,
        outside / "a.txt": SECRET, site / "templates" / "a.html": SECRET,
        site / "game.py": b"# " + SECRET + b"\n" + setup,
        site / "game.py~": SECRET, site / "bridge.toml": b"# " + SECRET + b"\n", site / "key.pem": SECRET,
        site / "id_rsa": KEY + SECRET,
        site / "index.html": b"home",
    }  # fmt: skip
    for path, content in files.items():
        path.write_bytes(content)
    (site / "out").symlink_to("../outside")
    (site / "out.txt").symlink_to("../outside/a.txt")
    (site / "linked.txt").symlink_to("game.py")
    os.link(site / ".bridge" / "key", site / "hard.txt")


class Run:
    """One run against one bridge."""

    def __init__(self, bridge: Bridge, seed: int, kinds: Sequence[Kind]) -> None:
        self._bridge, self._seed, self.kinds = bridge, seed, kinds
        self.report = Report()

    def attempt(self, number: int) -> tuple[Kind, Attempt]:
        """The input with this number; always the same."""
        kind = self.kinds[number % len(self.kinds)]
        return kind, kind.make(Random(f"{self._seed} {number}"), f"x{number}x")

    def attempts(self, numbers: range) -> None:
        """Send these, some at once."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for problem in pool.map(self._one, numbers):
                self.report.problems += [problem] if problem else []

    def used(self) -> dict[str, int]:
        """What the bridge has in use."""
        found = requests.get(f"{self._bridge.url}/soak/inside", timeout=PATIENCE).json()
        descriptors = len(os.listdir(f"/proc/{self._bridge.process.pid}/fd"))
        inside = {"malloc": found["malloc"], "blocks": found["blocks"], "green threads": found["green_threads"]}
        return {**inside, "descriptors": descriptors, "memory": memory(self._bridge)}

    def most_used(self) -> dict[str, int]:
        """The most of a few looks: honest clients that poll have a connection more or less from one to the next."""
        looks = []
        for _ in range(SAMPLES):
            looks.append(self.used())
            time.sleep(SAMPLE_EVERY)
        return {what: max(look[what] for look in looks) for what in looks[0]}

    def settled(self, before: dict[str, int]) -> Iterator[str]:
        """Wait until no more is in use than before; say what is, if that does not come."""
        try:
            until(lambda: not list(grown(before, self.used())), SETTLED, 0.5)
        except AssertionError:
            yield from grown(before, self.used())

    def _tried(self, attempt: Attempt, number: int) -> Outcome:
        """Do it; once more if the machine was so busy that its sender was too late to become a client."""
        for again in (True, True, False):
            try:
                return perform(attempt, self._bridge.port, f"h{number}")
            except NotLetIn:
                if not again:
                    raise
        raise AssertionError("it is returned or raised above")

    def _one(self, number: int) -> str:
        kind, attempt = self.attempt(number)
        self.report.kinds[kind.name] += 1
        try:
            outcome = self._tried(attempt, number)
        except TimeoutError:
            problem = "neither an answer nor an end came"
        except (OSError, AssertionError) as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            secret = "it was sent a secret" if SECRET in outcome.body else ""
            unmarked = outcome.body.lower().count(b"nosniff") < len(outcome.statuses)
            bare = "it was answered without the headers that every answer has" if unmarked else ""
            problem = secret or bare or ("" if attempt.leaves else attempt.right(outcome))
        return problem and f"{number}, {kind.name}: {problem}; sent {b''.join(attempt.data)[:300]!r}"


def run(inputs: int, seed: int, kinds: Sequence[Kind] = KINDS, first: int = 0) -> Report:
    """Run so many inputs, from the one with number `first` on."""
    with tempfile.TemporaryDirectory() as name, TcpServer() as server:
        folder = Path(name)
        lay_out(folder)
        with Bridge("--server", server.address, *FLAGS, cwd=folder / "site", BRIDGE_STATE_DIR=".bridge") as bridge:
            return _run(Run(bridge, seed, kinds), bridge, server, range(first, first + inputs))


def _run(run: Run, bridge: Bridge, server: TcpServer, numbers: range) -> Report:
    peer = server.accept()
    honest = Honest(bridge, peer)
    honest.begin()
    began = time.monotonic()
    warm = numbers[: max(int(len(numbers) * WARM), 2 * len(run.kinds))]
    run.attempts(warm)
    before = run.most_used()
    run.attempts(numbers[len(warm) :])
    report = run.report
    report.seconds = time.monotonic() - began
    report.problems += [f"more is in use than before: {text}" for text in run.settled(before)]
    report.problems += honest.end()
    report.problems += arrived(peer, lambda number: run.attempt(number)[1].reaches)
    report.problems += [f"the log has {line!r}" for line in bridge.log.entries if not line.isprintable()]
    report.problems += [line for line in bridge.log.entries if "Traceback" in line or "! a bug" in line]
    if (code := bridge.stop()) != 0:
        report.problems.append(f"the bridge ended with {code}")
    report.slowness = honest.slowness()
    report.log = bridge.log.entries
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", help="a kind, by a part of its name")
    given = parser.parse_args(argv)
    kinds = [kind for kind in KINDS if not given.only or given.only in kind.name]
    report = run(given.inputs, given.seed, kinds, given.first)
    print(f"{given.inputs} inputs of {len(report.kinds)} kinds in {report.seconds:.0f} s, seed {given.seed}")
    print(f"honest clients beside them had their acks in {report.slowness} (median, p99)")
    print(*report.problems[:50], f"{len(report.problems)} problems", sep="\n")
    if report.problems:
        LOG.parent.mkdir(exist_ok=True)
        LOG.write_text("\n".join(report.log), encoding="utf-8")
        print(f"the bridge's log is in {LOG.relative_to(ROOT)}")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
