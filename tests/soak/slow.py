"""Stalled, slow and healthy clients under a steady stream for minutes: memory is flat, and the healthy lose nothing.

Each policy has a bridge of its own, side by side. Exits with 1 and says why if memory is not flat, a client costs
more than its limit, or a healthy client was sent something out of order or, but under `latest`, not at all.

Use: `make soak-slow`, `make soak-slow SOAK=60`, or `python -m tests.soak.slow --seconds 60 --policy latest`.
"""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Any

from bridge.delivery.slow_policies import POLICIES
from tests.process import Bridge
from tests.sites import SMALL, connected, memory, queued
from tests.tcpserver import Peer, TcpServer
from tests.viewer import Viewer, until

RATE = 1000  # messages a second
SIZE = 1000  # characters of one
KEYS = 50
HEALTHY, SLOW, STALLED = 3, 2, 5
SLOW_RATE = 250_000  # bytes a second that a slow one reads, of 1,000,000
OUTBOX = 1024 * 1024
MIB = 1024 * 1024
HISTORY = 2 * MIB  # bytes that are kept for recovery: full before the first look, so what it takes is not looked at
SLACK = 8 * MIB  # of the process's own: what a burst takes, and what the allocator keeps
FLAT = 2 * MIB  # how much more there may be in the last quarter than in the second
_NUMBER = re.compile(r'\\"n\\":(\d+)')


class Counted(Viewer):
    """Keeps no packets but those of its handshake: counts messages, and what is missing or out of order."""

    count = missing = disorder = 0
    last = -1

    def __init__(self, bridge: Bridge, **options: Any) -> None:
        self._bridge = bridge
        super().__init__(bridge, **options)

    def is_cut_off(self) -> bool:
        """Whether the bridge has ended the connection, of which one that does not read hears nothing."""
        return self.port not in connected(self._bridge)

    def keep(self, packets: list[str]) -> None:
        """Look at each, and forget it."""
        for packet in packets:
            found = _NUMBER.search(packet, 0, 80) if packet.startswith('42["message"') else None
            if found is None:
                self.packets = [*self.packets[:3], *self.packets[3:][-3:], packet]  # how it began, and how it ends
                continue
            number = int(found[1])
            if number <= self.last:
                self.disorder += 1
            elif self.count:
                self.missing += number - self.last - 1
            self.last, self.count = number, self.count + 1


class Returning:
    """A client that comes back whenever it was cut off, as a browser does. `times`: how often it came."""

    def __init__(self, bridge: Bridge, stalled: bool) -> None:
        self._bridge, self._stalled = bridge, stalled
        self.times = self.disorder = 0
        self.viewer = self._new()

    def look(self) -> None:
        """See to it that it is there."""
        if self.viewer.closed.is_set() or self.viewer.is_cut_off():
            self.close()
            self.viewer = self._new()

    def close(self) -> None:
        """For good."""
        self.viewer.close()
        self.disorder += self.viewer.disorder

    def _new(self) -> Counted:
        self.times += 1
        if self._stalled:
            return Counted(self._bridge, stalled=True, rcvbuf=SMALL)
        return Counted(self._bridge, rcvbuf=4 * SMALL, at_most=SLOW_RATE // 20, pause=0.05)


class Stream:
    """The server's messages at a steady rate, on a thread."""

    def __init__(self, peer: Peer, seconds: float) -> None:
        self._peer, self._seconds = peer, seconds
        self.sent = 0
        self._pad = "x" * (SIZE - 40)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        pace, began = threading.Event(), time.monotonic()
        while self.sent < self._seconds * RATE:
            texts = [f'{{"id":{n % KEYS},"n":{n},"pad":"{self._pad}"}}~' for n in range(self.sent, self.sent + 10)]
            self._peer.send("".join(texts).encode())
            self.sent += 10
            pace.wait(max(0.0, began + self.sent / RATE - time.monotonic()))


class Soak:
    """One policy's bridge, its clients and what was seen of it."""

    def __init__(self, stack: ExitStack, policy: str, seconds: float) -> None:
        self.policy, self._seconds = policy, seconds
        server = stack.enter_context(TcpServer())
        key = ("--latest-key", "id") if policy == "latest" else ()
        history = ("--recovery-size", str(HISTORY))
        self.bridge = stack.enter_context(Bridge("--server", server.address, "--slow", policy, *key, *history))
        peer = server.accept()
        self.healthy = [stack.enter_context(Counted(self.bridge)) for _ in range(HEALTHY)]
        until(lambda: self._history_full(peer), 30)
        self.before = memory(self.bridge)
        self.others = [Returning(self.bridge, which >= SLOW) for which in range(SLOW + STALLED)]
        for other in self.others:
            stack.callback(other.close)
        self.stream = Stream(peer, seconds)
        self.samples: list[tuple[int, int]] = []  # memory, and the kernel's

    def _history_full(self, peer: Peer) -> bool:
        """Whether it is, after some messages more, which have no number."""
        peer.send(b'{"pad":"%b"}~' % (b"x" * SIZE) * 20)
        return int(self.bridge.status()["now"]["bytes_of_history"]) > 0.95 * HISTORY

    def look(self) -> None:
        """Once a second."""
        for other in self.others:
            other.look()
        kernel = queued(self.bridge)
        self.samples.append((memory(self.bridge), sum(kernel.values())))

    def line(self) -> str:
        """How it is now."""
        used, kernel = self.samples[-1]
        counters = self.bridge.status()["counters"]
        returned = sum(other.times - 1 for other in self.others)
        return (
            f"{self.policy:12} {used / MIB:6.1f} MiB, kernel {kernel / MIB:4.1f} MiB; sent {self.stream.sent},"
            f" healthy got {min(viewer.count for viewer in self.healthy)}; came back {returned},"
            f" slow {counters['clients_slow']}, dropped {counters['dropped_oldest']},"
            f" superseded {counters['dropped_superseded']}"
        )

    def faults(self) -> Iterator[str]:
        """What was wrong, at the end."""
        used = [used for used, _ in self.samples]
        quarter = max(1, len(used) // 4)
        grown = median(used[-quarter:]) - median(used[quarter : 2 * quarter])
        if grown > FLAT:
            yield f"memory grew by {grown / MIB:.1f} MiB from the second quarter to the last"
        most = max(used + kernel for used, kernel in self.samples) - self.before
        if most > (SLOW + STALLED) * OUTBOX + SLACK:
            yield f"the clients that do not keep up cost {most / MIB:.1f} MiB"
        for viewer in self.healthy:
            if viewer.last != self.stream.sent - 1:
                yield f"a healthy client got nothing after {viewer.last} of {self.stream.sent}"
            if viewer.missing and self.policy != "latest":
                yield f"a healthy client missed {viewer.missing}"
        if any(viewer.disorder for viewer in self.healthy) or any(other.disorder for other in self.others):
            yield "messages were out of order"
        if self.stream.sent < 0.95 * RATE * self._seconds:
            yield f"the server could send only {self.stream.sent} messages"
        counters = self.bridge.status()["counters"]
        if not counters[POLICIES[self.policy].counter]:
            yield "no client was too slow, so nothing was tried"

    def settled(self) -> bool:
        """Whether the healthy clients have the last message."""
        return all(viewer.last == self.stream.sent - 1 for viewer in self.healthy)


def run(policies: list[str], seconds: float) -> int:
    """The exit code."""
    pace, every, began = threading.Event(), max(5, seconds // 20), time.monotonic()
    with ExitStack() as stack:
        soaks = [Soak(stack, policy, seconds) for policy in policies]
        said = 0.0
        while (now := time.monotonic() - began) < seconds:
            for soak in soaks:
                soak.look()
            if now - said >= every:
                said = now
                print(*(f"{now:5.0f} s  {soak.line()}" for soak in soaks), sep="\n", flush=True)
            pace.wait(1.0)
        for soak in soaks:
            soak.stream.thread.join(30)
        for _ in range(100):
            if all(soak.settled() for soak in soaks):
                break
            pace.wait(0.1)
        faults = [f"{soak.policy}: {fault}" for soak in soaks for fault in soak.faults()]
    print(*(faults or ["memory is flat, and the healthy clients got everything"]), sep="\n", flush=True)
    return 1 if faults else 0


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600, help="how long it takes (600)")
    parser.add_argument("--policy", choices=POLICIES, action="append", help="one of them alone; may be repeated")
    given = parser.parse_args()
    return run(given.policy or list(POLICIES), given.seconds)


if __name__ == "__main__":
    sys.exit(main())
