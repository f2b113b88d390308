"""A hundred stock clients, two servers that are killed again and again, and a network that breaks all the time.

Two bridges side by side, one plain and one with `--confirm`, half of the clients each; between each bridge and its
server, and between it and its browsers, a proxy with a storm of its own; besides what is in guests.py. At the end
everything comes to rest, and every number is accounted for: see tests/faults/verdict.py. Then all leave, and memory,
descriptors and green threads have to be back where they were: see bounds.py. Exits with 1 and says why if anything is
wrong.

Use: `make soak`, `make soak SOAK=3600`, or `python -m tests.soak.faults --seconds 60 --seed 7`.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random, SystemRandom

import requests

from tests.client import Client
from tests.faults.counting import TICK
from tests.faults.crowd import QUICK, Crowd, Group, Member
from tests.faults.proxy import CLEAR
from tests.faults.sites import Between
from tests.faults.storm import Storm
from tests.process import ROOT, Bridge
from tests.sites import memory
from tests.soak.bounds import EVERY, RISE, grown, recovered, rising
from tests.soak.guests import Laggard, Large, Sleepers, Stall, Worker
from tests.viewer import until
from tests.waiting import PATIENCE

CLIENTS, RATE, EVENTS = 100, 200, 200  # together; messages a second of each server; events a second together
FAULTS = 1.0  # a second, together
OF_LINKS = 0.25  # of the faults; a browser has a network that is worse than a server's
KILLED = 20.0  # seconds between two deaths of a server
TRANSPORTS = [["websocket"]] * 7 + [["polling", "websocket"]] * 2 + [["polling"]]
LAGGARDS = (5_000, 20_000, 0)  # bytes a second that slow clients read, of some 26,000
SLEEPING = 4.0  # events a second of those that are suspended now and then
STALLS_AT = (0.1, 0.6)  # of the run
STALLS_FROM = 150.0  # seconds of a run that has time for a server that stalls
MIB = 1024 * 1024
HISTORY = 4 * MIB  # bytes that are kept for recovery, of some 40 s: longer than anybody is away, and soon full
WINDOW = 60  # seconds; who has not left for good is remembered for so long, or until somebody comes after that
PIECE = 600  # bytes of it that a piece of the history is, at least


def look(bridge: Bridge) -> dict[str, int]:
    """What it uses: descriptors, green threads, memory as bounds.py has it."""
    inside: dict[str, int] = requests.get(f"{bridge.url}/soak/inside", timeout=PATIENCE).json()
    descriptors = len(os.listdir(f"/proc/{bridge.process.pid}/fd"))
    green_threads = inside.pop("green_threads")
    return {"descriptors": descriptors, "green threads": green_threads, "memory": memory(bridge), **inside}


class Killer:
    """Kills a server and starts it again. `times`: how often. Now and then nothing listens in between."""

    def __init__(self, at: Between, random: Random) -> None:
        self._at, self._random = at, random
        self.times = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """The server lives."""
        self._ended.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._ended.wait(KILLED * self._random.uniform(0.8, 1.2)):
            refuse = self._random.random() < 0.5
            if refuse:
                self._at.link.refuse()
            self._at.server.kill()
            self.times += 1
            self._ended.wait(self._random.uniform(0.05, 4.0))
            self._at.server.start()
            if refuse:
                self._at.link.listen()


class Half:
    """One bridge with its server and what befalls it."""

    def __init__(self, stack: ExitStack, name: str, flags: Sequence[str], clients: int, random: Random) -> None:
        self.name, self._random, self._pace = name, random, threading.Event()
        pings = ("--ping-interval", "2", "--ping-timeout", "3")
        inside = ("--handlers", str(Path(__file__).with_name("inside.py")))
        history = ("--recovery-size", str(HISTORY), "--recovery-window", str(WINDOW))
        self.at = Between(stack, *flags, *pings, *inside, *history, seed=random.getrandbits(32))
        with Client(self.at.bridge.url) as warming_up:  # whoever could recover: for nobody nothing is kept
            warming_up.linked()
            self.at.server.kill()  # what is loaded at the first fault is no growth
            self.at.server.start()
            until(self.at.linked)
            self._fill_history()
        until(lambda: self.at.bridge.status()["clients"] == 0)
        self.at.server.forget()
        self.before = look(self.at.bridge)
        self.sleepers = Sleepers(self.at, name, random)
        self.laggards = [Laggard(self.at.bridge, a_second) for a_second in LAGGARDS]
        self.large = Large(self.at)
        self.stalls: list[Stall] = []
        self.group: Group = self.at.group(name, clients, 0, transports=TRANSPORTS, options=QUICK)
        self.samples: dict[str, list[int]] = {what: [] for what in RISE}
        self.struck: Counter[str] = Counter()
        self.killed = 0

    def _fill_history(self) -> None:
        """With pieces as small as those that follow, and nothing else: what it takes is not what is looked at."""
        for _ in range(HISTORY // PIECE):
            self.at.server.send(round(RATE * TICK))
            self._pace.wait(0.002)

    def begin(self, storms: float) -> None:
        """From now on nothing can be relied on. `storms`: faults a second."""
        self.at.server.feed(RATE)
        self._storms_a_second = storms
        self._storm = Storm(self.at.browsers, self._random.getrandbits(32), 1 / (storms * (1 - OF_LINKS)))
        self._begin_at_link()
        for guest in self._guests:
            guest.begin()

    def begin_stall(self) -> None:
        """The server reads nothing for a while, and nothing else befalls the link."""
        self._end_at_link()
        self.at.link.heal()
        self.stalls.append(Stall(self.at))
        self.stalls[-1].begin()

    def end_stall(self) -> None:
        """Once it is over, the link has what it had before."""
        self._begin_at_link()

    def end(self) -> None:
        """From now on everything works."""
        self._end_at_link()
        self._storm.end()
        self.struck += self._storm.struck
        for guest in self._guests:
            guest.end()

    @property
    def _guests(self) -> list[Worker]:
        return [self.sleepers, *self.laggards, self.large]

    def _begin_at_link(self) -> None:
        self._at_link = Storm(self.at.link, self._random.getrandbits(32), 1 / (self._storms_a_second * OF_LINKS))
        self._killer = Killer(self.at, self._random)

    def _end_at_link(self) -> None:
        self._killer.end()
        self.killed += self._killer.times
        self._at_link.end()
        self.struck += self._at_link.struck

    def look(self) -> None:
        """Once a second."""
        if len(self.samples["memory"]) % EVERY["malloc"] == 0:
            for what, amount in requests.get(f"{self.at.bridge.url}/soak/live", timeout=PATIENCE).json().items():
                self.samples[what].append(amount)
        self.samples["memory"].append(memory(self.at.bridge))

    def line(self, status: dict[str, int]) -> str:
        """How it is now."""
        server = self.at.server
        return (
            f"{self.name:8} {self.samples['memory'][-1] / MIB:6.1f} MiB; sent {server.sent}, links {server.links}, log "
            f"{len(server.log)}; connected {status['connected']}, came back {status['came_back']}, recovered "
            f"{status['recovered']}"
        )

    def figures(self, members: Sequence[Member]) -> Iterator[str]:
        """What happened, in numbers."""
        server, browsers = self.at.server, [each for each in members if not each.witness]
        connections = [one for each in browsers for one in each.connections[1:]]
        got = sum(last - first + 1 for each in browsers for one in each.connections for first, last in one.all)
        acked = sum(len(each.ok) for each in browsers)
        logged = set(server.log)
        missing = sum((each.name, number) not in logged for each in browsers for number in each.ok)
        refused: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for each in browsers:
            refused.update(refusal.code for refusal in each.refused)
            reasons.update(each.reasons)
        yield f"struck: {dict(self.struck)}; server killed {self.killed} times; links {server.links}"
        came = [laggard.times for laggard in self.laggards]
        yield f"suspended {self.sleepers.times} times; slow ones and one that does not read came {came} times"
        yield f"clients came back {len(connections)} times, {sum(one.recovered for one in connections)} recovered;"
        yield f"  cut off by {dict(reasons)}"
        yield f"messages sent {server.sent}, got {got}"
        yield f"events emitted {sum(each.emitted for each in browsers)}, acked ok {acked} ({missing} not in the log;"
        yield f"  {self.at.lost} frames were or may be lost),"
        yield f"  refused {dict(refused)}, no answer {sum(len(each.unknown) for each in browsers)}"
        yield f"log {len(server.log)}, frames that came again {server.again}, of users who had left {server.absent}"
        used = self.samples["memory"]
        yield f"memory {self.before['memory'] / MIB:.1f} MiB at the start, {max(used) / MIB:.1f} at most"

    def wrong(self, members: Sequence[Member]) -> Iterator[str]:
        """What is wrong while all are there."""
        yield from self.at.judged(members)
        for stall in self.stalls:
            yield from stall.wrong
        if any(laggard.disorder for laggard in self.laggards):
            yield "a slow client got messages out of order"
        awake = [each for each in members if each.group == self.name]
        connections = [one.recovered for each in awake for one in each.connections[1:]]
        yield from recovered(connections, self.at.bridge.status()["counters"])
        yield from rising(self.samples)

    def keep_log(self) -> Path:
        """The file that the bridge's log has been written to."""
        path = ROOT / "build" / f"soak-{self.name}.log"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(self.at.bridge.log.entries) + "\n", encoding="utf-8")
        return path

    def remains(self) -> Iterator[str]:
        """What is wrong when all have left."""
        self._pace.wait(WINDOW)
        with Client(self.at.bridge.url) as last:
            last.linked()
            self._fill_history()
        now: dict[str, int] = {}

        def back() -> bool:
            now.update(look(self.at.bridge))
            return not (self.at.server.present or list(grown(self.before, now)))

        try:
            until(back, 2 * WINDOW, 0.5)
        except AssertionError:
            yield from (f"all have left, and there are still {text}" for text in grown(self.before, now))
        if tracebacks := [line for line in self.at.bridge.log.entries if "Traceback" in line]:
            yield f"the log has {len(tracebacks)} tracebacks"
        if self.at.server.present:
            yield f"all have left, and the server was not told of {self.at.server.present}"
        kept = self.at.bridge.status()["now"]
        print(f"{self.name}: all have left: {now}; at the start {self.before}; kept: {kept}", flush=True)


class Soak:
    """Both halves, and the clients of both in one process."""

    def __init__(self, stack: ExitStack, clients: int, seed: int) -> None:
        random = Random(seed)
        kinds = {"plain": ["--identity", "sid"], "confirm": ["--identity", "register", "--confirm"]}
        self.halves = [Half(stack, name, flags, clients // 2, random) for name, flags in kinds.items()]
        self.crowd = stack.enter_context(Crowd(*[half.group for half in self.halves]))
        self.crowd.ready()
        for half in self.halves:
            half.sleepers.crowd.ready()
        self._stalls = False  # whether the servers do now
        self._due = list(STALLS_AT)

    def run(self, seconds: float) -> None:
        """All that befalls them."""
        pace, every, began, said = threading.Event(), max(10.0, seconds / 20), time.monotonic(), 0.0
        self._emit(EVENTS / len(self.halves))
        for half in self.halves:
            half.begin(FAULTS / len(self.halves))
        while (now := time.monotonic() - began) < seconds:
            self._stall(now, seconds)
            for half in self.halves:
                half.look()
            if now - said >= every:
                said = now
                for half, status in zip(self.halves, self.crowd.status(), strict=True):
                    print(f"{now:5.0f} s  {half.line(status)}", flush=True)
            pace.wait(1.0)
        for half in self.halves:
            half.end()

    def _emit(self, a_second: float) -> None:
        self.crowd.emit(a_second)
        for half in self.halves:
            half.sleepers.crowd.emit(min(a_second, SLEEPING))

    def _stall(self, now: float, seconds: float) -> None:
        """In a run of some length, the servers stall. What waits for them is the most that the bridge ever has, and by
        that much its memory grows, once, before it is looked at; it may not grow by that again."""
        if not self._stalls and self._due and seconds >= STALLS_FROM and now > seconds * self._due[0]:
            self._stalls = True
            self._due.pop(0)
            for half in self.halves:
                half.begin_stall()
        elif self._stalls and all(half.stalls[-1].over for half in self.halves):
            self._stalls = False
            for half in self.halves:
                half.end_stall()

    def rest(self) -> dict[str, list[Member]]:
        """Let everything come to rest; the accounts, by half. Raises AssertionError if it does not."""
        for half in self.halves:
            half.at.browsers.set(CLEAR)
        self.crowd.all_there(60)
        self._emit(0)
        for half in self.halves:
            half.at.rest(60)
            half.sleepers.settle()
        self.crowd.settled(lambda: [half.at.server.send(1) for half in self.halves], 60)
        for half in self.halves:
            half.sleepers.settle([half.at.server.next - 1])
        members: dict[str, list[Member]] = {}

        def told() -> bool:
            members.update({half.name: [] for half in self.halves})
            for member in self.crowd.report():
                members[member.group].append(member)
            for half in self.halves:
                members[half.name] += half.sleepers.members()
            return all(half.at.server.present == {each.user for each in members[half.name]} for half in self.halves)

        try:
            until(told, 30, 0.5)
        except AssertionError:
            pass  # the verdict says it better
        return members

    def leave(self) -> Iterator[str]:
        """All leave; what remains and should not."""
        self.crowd.leave()
        self.crowd.close()
        for half in self.halves:
            half.sleepers.leave()
        for half in self.halves:
            yield from (f"{half.name}: {text}" for text in half.remains())


def run(seconds: float, clients: int, seed: int) -> int:
    """The exit code."""
    print(f"seed {seed}", flush=True)
    wrong: list[str] = []
    with ExitStack() as stack:
        soak = Soak(stack, clients, seed)
        soak.run(seconds)
        try:
            members = soak.rest()
        except AssertionError as error:
            members, wrong = {}, [str(error)]
        for half in soak.halves:
            if members:
                print(*(f"{half.name}: {text}" for text in half.figures(members[half.name])), sep="\n", flush=True)
                wrong += [f"{half.name}: {text}" for text in half.wrong(members[half.name])]
        wrong += soak.leave()
        for half in soak.halves if wrong else []:
            print(f"the log of {half.name} is {half.keep_log()}", flush=True)
    print(*(wrong[:100] or ["every number is accounted for"]), sep="\n", flush=True)
    print(f"{len(wrong)} violations with seed {seed}" if wrong else "all is well", flush=True)
    return 1 if wrong else 0


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600, help="how long it takes (600)")
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"how many ({CLIENTS})")
    parser.add_argument("--seed", type=int, default=SystemRandom().getrandbits(32), help="of all that is random")
    given = parser.parse_args()
    return run(given.seconds, given.clients, given.seed)


if __name__ == "__main__":
    sys.exit(main())
