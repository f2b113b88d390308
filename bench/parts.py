"""Where the bridge's own time goes, message by message: its parts, one after another, without sockets.

The parts are those that a burst of the server's passes on its way to the clients, made as the process makes them, and
clients whose sockets take everything. What is not here is the system's: reading, and a send for each client.

Use: `python -m bench.parts`.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bridge.counters import Counters
from bridge.decoding import DECODE
from bridge.delivery.burst_encoder import BurstEncoder
from bridge.delivery.client_registry import ClientRegistry
from bridge.delivery.fanout import Fanout, Recording
from bridge.delivery.history import History
from bridge.delivery.limits import Limits
from bridge.delivery.outbox import Outbox
from bridge.delivery.slow_policies import POLICIES
from bridge.link.framing.registry import framing_in
from bridge.link.json_key_reader import JsonKeyReader
from bridge.messages import Delivery, PayloadMode, Texts
from bridge.relay.routing import Routing, RoutingOptions
from bridge.relay.undelivered import Undelivered
from bridge.wire.offsets import Offsets
from bridge.wire.socketio_packets import escape

__all__ = ["Parts", "main"]

BURST = 4000  # messages: what one read of 256 KiB brings
ROUNDS = 30  # of which the quickest counts: what is looked for is the work, not the machine's other affairs
CLIENTS = 100


class _Port:
    """A client whose socket is never full."""

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        return sum(map(len, parts))

    def blocked(self) -> None:
        raise AssertionError("it takes everything")

    too_slow = behind = stop_reading = start_reading = blocked


class _Wire:
    """The same, reached directly."""

    direct_write = (len, -1)


@dataclass(frozen=True, slots=True)
class _Work:
    """`frames`: makes the messages of a burst, for these users; `recovery`: whether events have offsets."""

    name: str
    frames: Callable[[Sequence[str]], list[bytes]]
    recovery: bool


class Parts:
    """All that a message passes, for one kind of work."""

    def __init__(self, work: _Work) -> None:
        counters, self.users = Counters(), [secrets.token_urlsafe(15) for _ in range(CLIENTS)]
        sids = {user: (secrets.token_urlsafe(15),) for user in self.users}
        self.decoder = framing_in("~", 1 << 20)
        options = RoutingOptions(PayloadMode.TEXT, "message", None, "username")
        undelivered = Undelivered(counters, lambda most: ())
        self.outbound = Routing(options, DECODE, lambda names: (sids[names[0]], 0), counters, undelivered)
        self.offsets = Offsets() if work.recovery else None
        self.fanout = self._fanout(counters, [sid for (sid,) in sids.values()])
        self.read = b"".join(frame + b"~" for frame in work.frames(self.users))

    def _fanout(self, counters: Counters, sids: Iterable[str]) -> Fanout:
        history, limits = History(120, 16 << 20), Limits(1 << 20, POLICIES["disconnect"], counters)
        registry = ClientRegistry(history, counters)
        there = registry.plain if self.offsets is None else registry.live
        for sid in sids:
            there[sid] = outbox = Outbox(_Port(), limits)
            outbox.connect(_Wire())
        recording = None if self.offsets is None else Recording(self.offsets, history, lambda: True)
        return Fanout(registry, limits.pressure, counters, recording=recording)

    def encoded(self, deliveries: Iterable[Delivery | Texts]) -> None:
        """Into frames, as far as they are the same for all, and of each client's own."""
        shares = BurstEncoder(None, self.offsets)
        for delivery in deliveries:
            shares.add(delivery)
        list(shares.common())

    def figures(self) -> dict[str, float]:
        """Nanoseconds a message, by part; those that are a part of another are indented."""
        frames = self.decoder.feed(self.read)
        deliveries = self.outbound.burst(frames)
        texts = [each for each in deliveries if isinstance(each, Texts)]
        users = JsonKeyReader("username")
        figures = {
            "cut into frames": _best(lambda: self.decoder.feed(self.read)),
            "whom they are for": _best(lambda: self.outbound.burst(frames)),
            "  reading the user's name": _best(lambda: users(frames)) if texts and texts[0].to else 0.0,
            "encode, number, store, send": _best(lambda: self.fanout.publish(deliveries, paced=True)),
            "  encode and number": _best(lambda: self.encoded(deliveries)),
            "    escape": _best(lambda: [escape(each.frames, each.joined) for each in texts]),
        }
        return {**figures, "all": sum(value for name, value in figures.items() if not name.startswith(" "))}


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - began)
    return min(times) / BURST


def _for_all(_: Sequence[str]) -> list[bytes]:
    return [b"#%08d%b!%08d" % (number, b"." * 46, number) for number in range(BURST)]


def _for_one(users: Sequence[str]) -> list[bytes]:
    some = random.Random(1)
    return [b'{"username":"%b","n":"#%08d!%08d"}' % (some.choice(users).encode(), n, n) for n in range(BURST)]


WORKS = [
    _Work(name, frames, recovery)
    for name, frames in (("to all", _for_all), ("each to one of 100", _for_one))
    for recovery in (True, False)
]


def main() -> None:
    """Print a table."""
    columns = {f"{work.name}{'' if work.recovery else ', recovery off'}": Parts(work).figures() for work in WORKS}
    print(f"nanoseconds a message of 64 bytes, the best of {ROUNDS} bursts of {BURST:,}\n")
    print(f"{'':32}", *(f"{name:>34}" for name in columns))
    for part in next(iter(columns.values())):
        print(f"{part:32}", *(f"{figures[part] or '–':>34.4}" for figures in columns.values()))


if __name__ == "__main__":
    main()
