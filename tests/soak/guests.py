"""What else befalls a bridge in a soak: clients that are suspended or slow, frames of some size, a server that stalls.

The suspended ones are stock clients in a process of their own, which is stopped again and again; they keep account
as the others do. The slow ones come back whenever they were cut off, and what they got has to be in order.

Use: `sleepers = Sleepers(at, "plain", random)`; `sleepers.begin()`; …; `sleepers.end()`; `sleepers.members()`.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from tests.faults.crowd import QUICK, Crowd, Member
from tests.faults.sites import Between
from tests.process import Bridge
from tests.sites import SMALL
from tests.soak.slow import Counted
from tests.viewer import until
from tests.waiting import PATIENCE

__all__ = ["Laggard", "Large", "Sleepers", "Stall", "Worker"]

SLEEPERS = 4
ASLEEP, AWAKE = (0.5, 12.0), (3.0, 10.0)  # seconds; who sleeps for longer than its pings may be late is cut off
LARGE, OFTEN = 600_000, 20.0  # characters of a message, and seconds between two of them
STALLS = 40.0  # seconds; longer than a machine that is gone may go unnoticed


class Worker(ABC):
    """Something that is done again and again on a thread, until `end()`."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        """From now on."""
        self._thread.start()

    def end(self) -> None:
        """No more."""
        self.ended.set()
        if self._thread.is_alive():
            self._thread.join(3 * PATIENCE)

    @abstractmethod
    def turn(self) -> None:
        """Do it once."""

    def _run(self) -> None:
        while not self.ended.is_set():
            self.turn()


class Sleepers(Worker):
    """Stock clients that are suspended. `times`: how often."""

    def __init__(self, at: Between, name: str, random: Random) -> None:
        super().__init__()
        self._at, self._random, self.times = at, random, 0
        group = at.group(f"{name}-asleep", SLEEPERS, 0, transports=[["websocket"], ["polling"]], options=QUICK)
        self.crowd = Crowd(replace(group, url=at.bridge.url))  # no proxy reads for them while they sleep

    def turn(self) -> None:
        """Sleep and wake up."""
        self.ended.wait(self._random.uniform(*AWAKE))
        self.crowd.process.send_signal(signal.SIGSTOP)
        self.times += 1
        self.ended.wait(self._random.uniform(*ASLEEP))
        self.crowd.process.send_signal(signal.SIGCONT)

    def members(self) -> list[Member]:
        """The accounts of all of them; their witness sleeps, too, and is one of them."""
        return [replace(member, witness=False) for member in self.crowd.report()]

    def settle(self, last: Sequence[int] | None = None) -> None:
        """Wait until they have the last number; one is sent, unless it is known."""
        self.crowd.all_there(60)
        self.crowd.settled(lambda: last or [self._at.server.send(1)], 60)

    def leave(self) -> None:
        """For good."""
        self.crowd.leave()
        self.crowd.close()


class Laggard(Worker):
    """A client that reads slowly, or not at all, and comes back. `times`: how often it came."""

    def __init__(self, bridge: Bridge, a_second: int) -> None:
        super().__init__()
        self._bridge, self._a_second = bridge, a_second
        self.times = self.disorder = 0

    def turn(self) -> None:
        """Come, and stay until it is cut off."""
        with contextlib.suppress(OSError, AssertionError):  # while the server is not there nobody is welcomed
            viewer = self._viewer()
            self.times += 1
            while not self.ended.wait(0.2) and not viewer.closed.is_set() and not self._is_over(viewer):
                pass
            viewer.close()
            self.disorder += viewer.disorder
        self.ended.wait(0.2)

    def _viewer(self) -> Counted:
        if self._a_second:
            return Counted(self._bridge, rcvbuf=SMALL, at_most=self._a_second // 20, pause=0.05)
        return Counted(self._bridge, rcvbuf=SMALL, stalled=True)

    def _is_over(self, viewer: Counted) -> bool:
        """Whether one that does not read has been cut off, of which it hears nothing."""
        return not self._a_second and viewer.is_cut_off()


class Large(Worker):
    """Now and then a message of some size, for one user or another."""

    def __init__(self, at: Between) -> None:
        super().__init__()
        self._at = at

    def turn(self) -> None:
        """One more."""
        if not self.ended.wait(OFTEN):
            self._at.server.send_large(LARGE)


class Stall:
    """A server that does not read for `STALLS` seconds, though its kernel answers. `wrong`: what came of that."""

    def __init__(self, at: Between) -> None:
        self._at = at
        self.wrong: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        """Nothing else is to befall the link meanwhile."""
        until(self._at.linked, 3 * PATIENCE)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the server reads again, or it has gone wrong."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        before = self._figures()
        [line] = self._at.link.lines
        line.stall()
        line.ended.wait(STALLS)
        self._at.link.heal()
        threading.Event().wait(3.0)  # what waited goes out
        self.wrong = list(self._changed(before, self._figures()))

    def _figures(self) -> dict[str, int]:
        counters = self._at.bridge.status()["counters"]
        return {"links": self._at.server.links, **{name: counters[name] for name in ("link_drops", "link_connects")}}

    def _changed(self, before: dict[str, int], now: dict[str, int]) -> Iterator[str]:
        if before != now:
            yield f"the link did not outlive a server that did not read for {STALLS:g} s: {before}, then {now}"
