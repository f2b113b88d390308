"""One contestant and one load generator, each on a core of its own, from start to end.

Both are ended by their process ids when the `with` is left, however it is left.

Use: `with Session(contestant) as session: session.connect(100); outcome = session.ask("burst 64 5000")`.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from bench.build import BUILT
from bench.contestants import Contestant
from bench.outcome import Outcome

__all__ = ["Failed", "Session", "cores"]

START = 20.0  # seconds for a contestant to say where it listens
PATIENCE = 15.0  # seconds without anything that is awaited: the generator gives up
ANSWER = 240.0  # seconds for one command besides those that it is asked to take
GOODBYE = 1.0


class Failed(Exception):
    """The contestant did not do the work; the text says in which way."""


def cores() -> tuple[int, int]:
    """The contestant's core and the generator's. Raises Failed with less than two."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise Failed("the benchmark needs two cores: one for the server, one for the load generator")
    return usable[0], usable[1]


def _stolen() -> float:
    """Seconds that all cores have stood still for other virtual machines."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / os.sysconf("SC_CLK_TCK")


class Session:
    """A contestant that runs, linked to a generator that runs."""

    def __init__(self, contestant: Contestant, patience: float = PATIENCE) -> None:
        self.contestant = contestant
        self.patience = patience
        self.clients = 0
        self.connections_per_second = 0.0
        self.base_memory = 0  # bytes, as noted by who wants to compare
        self._stack = ExitStack()

    def __enter__(self) -> Session:
        try:
            server_core, generator_core = cores()
            self._generator = self._start([str(BUILT / "generator"), str(self.patience)], generator_core, "generator")
            feed_port = int(json.loads(self._line())["port"])
            self._server = self._start(self.contestant.command(feed_port), server_core, self.contestant.name)
            self.ask(f"server {self._port()} {self._server.pid}")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def ask(self, command: str, seconds: float = 0.0) -> Outcome:
        """Have the generator do this, which takes about so long. Raises Failed if it can't."""
        assert self._generator.stdin
        try:
            self._generator.stdin.write(command.encode() + b"\n")
            self._generator.stdin.flush()
        except BrokenPipeError:
            raise Failed(self._why()) from None
        return Outcome(**json.loads(self._line(ANSWER + seconds)))

    def connect(self, clients: int) -> None:
        """As many more as it takes for there to be `clients`. Raises Failed if some are refused."""
        outcome = self.ask(f"connect {clients}")
        if outcome.problem or outcome.clients != clients:
            raise Failed(f"{outcome.clients} of {clients} clients connected; {outcome.problem}")
        self.connections_per_second = (clients - self.clients) / outcome.seconds
        self.clients = clients

    def others(self) -> float:
        """Seconds of processor time that all other programs have used, virtual machines beside this one included."""
        # Not /proc/stat's: work at 1,000/s that begins at the clock's tick is seen by it at each tick, or at none.
        mine = {self._server.pid, self._generator.pid, os.getpid()}
        pids = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}
        return _stolen() + sum(_cpu(pid) for pid in pids - mine)

    def memory(self) -> int:
        """Resident bytes of the contestant."""
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) * 1024 if found else 0

    def _start(self, argv: list[str], core: int, name: str) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((BUILT / f"{name}.log").open("wb"))
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        commands, output = (pipe, pipe) if name == "generator" else (nothing, log)
        folder = BUILT / "run"  # no settings file of a user's here
        folder.mkdir(exist_ok=True)
        # Whoever is started ends with the benchmark, even if that is killed.
        alone = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(core), *argv]
        process = subprocess.Popen(alone, stdin=commands, stdout=output, stderr=log, cwd=folder, env=_environment())
        self._stack.callback(_end, process)
        return process

    def _line(self, seconds: float = START) -> bytes:
        """The generator's next line. Raises Failed if it has ended."""
        assert self._generator.stdout
        ready, _, _ = select.select([self._generator.stdout], [], [], seconds)
        line = self._generator.stdout.readline() if ready else b""
        if not line:
            raise Failed(self._why() if ready else "the load generator does not answer")
        return line

    def _port(self) -> int:
        log = BUILT / f"{self.contestant.name}.log"
        until = time.monotonic() + START
        while time.monotonic() < until and self._server.poll() is None:
            found = re.search(r"open https?://[^\s:]+:(\d+)", log.read_text(errors="replace"))
            if found:
                return int(found[1])
            time.sleep(0.02)
        raise Failed(f"it did not start: {_tail(log)}")

    def _why(self) -> str:
        code = self._server.poll()
        ended = "" if code is None else f"it ended with code {code}: {_tail(BUILT / f'{self.contestant.name}.log')}; "
        return ended + _tail(BUILT / "generator.log")


def _environment() -> dict[str, str]:
    """Without settings of a user's: the bridge is measured with its defaults."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "(no output)"


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    process.terminate()
    try:
        process.wait(GOODBYE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
