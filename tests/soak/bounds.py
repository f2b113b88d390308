"""How much more there may be of anything at the end of a soak than there was, and how many clients may not recover.

What the process has from its system never shrinks much: the allocators keep what a moment of many held events once
took, in pieces. So what is in use of it is looked at too, which a leak can't hide in: bytes of the C library's
`malloc`, and blocks of Python's own allocator.

Use: `violations = [*grown(before, now), *rising(samples), *recovered(connections, counters)]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["EVERY", "GROWTH", "LONG", "RISE", "grown", "recovered", "rising"]

MIB = 1024 * 1024

#: How much more there may be when all have left than before anybody came, however long it took.
GROWTH: Mapping[str, int] = {
    "descriptors": 0,
    "green threads": 0,
    "memory": 8 * MIB,
    "malloc": MIB,
    "blocks": 8_000,  # 2 % of them
}
#: How much more there may be in the last quarter of a run than in the second, in one of LONG seconds. The least of each
#: quarter counts: while the link is down there are a thousand held events more.
RISE: Mapping[str, int] = {"malloc": MIB, "blocks": 8_000, "memory": 4 * MIB}
LONG: Mapping[str, int] = {"malloc": 120, "blocks": 120, "memory": 480}
#: Seconds between two samples: what is in use is known only after garbage was collected, which takes a moment.
EVERY: Mapping[str, int] = {"malloc": 5, "blocks": 5, "memory": 1}

RECOVERED = 0.95  # of the clients that came back; one may be cut off before it has got its pid, or be too slow
REASONS = ("sessions_new", "sessions_lost", "clients_slow")


def grown(before: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    """Of what there is too much."""
    for what, most in GROWTH.items():
        if now[what] > before[what] + most:
            yield f"{what}: {now[what]:,}, at the start {before[what]:,}"


def rising(samples: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """What becomes more and more."""
    for what, most in RISE.items():
        of_it = samples[what]
        quarter = len(of_it) // 4
        if len(of_it) * EVERY[what] >= LONG[what]:
            rose = min(of_it[-quarter:]) - min(of_it[quarter : 2 * quarter])
            if rose > most:
                yield f"{what} rose by {rose:,} from the second quarter to the last"


def recovered(connections: Sequence[bool], counters: Mapping[str, int]) -> Iterator[str]:
    """Whether of the clients that came back, each with whether it recovered, enough did. `counters`: the bridge's."""
    if not connections:
        yield "no client was cut off, so nothing was tried"
    elif sum(connections) < RECOVERED * len(connections):
        reasons = {name: counters[name] for name in REASONS}
        yield f"of {len(connections)} clients that came back only {sum(connections)} recovered: {reasons}"
