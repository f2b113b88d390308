"""Which values of a work are shown, under which title, and how a figure is written.

Use: `for shown in SHOWN["rate-60"]: print(shown.title.format(200), shown.write(0.00123))`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SHOWN", "Shown", "digits", "kilobytes", "many", "milliseconds", "of_a_core"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One value of a work: `title` with the number of clients in it, and how a figure is written."""

    value: str
    title: str
    write: Callable[[float], str]


def many(figure: float) -> str:
    """`56.5 M`, `210 k`, `950`: three digits."""
    for size, letter in ((1e6, " M"), (1e3, " k"), (1.0, "")):
        if figure >= 0.9995 * size:
            return digits(figure / size) + letter
    return digits(figure)


def milliseconds(figure: float) -> str:
    """`0.58 ms`."""
    return digits(figure) + " ms"


def of_a_core(figure: float) -> str:
    """`38 %`."""
    return f"{100 * figure:.1f} %" if figure < 0.0995 else f"{100 * figure:.0f} %"


def kilobytes(figure: float) -> str:
    """`2.4 kB`, of 1,000 bytes."""
    return digits(figure / 1000) + " kB"


def digits(figure: float) -> str:
    """Three of them, or all before the point; two of what is under a tenth."""
    size = abs(figure)
    if size < 0.0995:
        return f"{figure:.2g}"
    return f"{figure:,.0f}" if size >= 99.95 else f"{figure:.1f}" if size >= 9.995 else f"{figure:.2f}"


#: By work, in the order of the table.
SHOWN = {
    "burst-64": (
        Shown("per_second", "burst, 64 B, to {:,}: deliveries/s", many),
        Shown("bytes", "burst, 64 B, to {:,}: bytes/s", many),
    ),
    "burst-512": (Shown("per_second", "burst, 512 B, to {:,}: deliveries/s", many),),
    "users-64": (
        Shown("per_second", "64 B, each to 1 of {:,} users: /s", many),
        Shown("bytes", "64 B, each to 1 of {:,} users: bytes/s", many),
    ),
    "rate-1000": (
        Shown("p50", "1,000/s to {:,}: p50", milliseconds),
        Shown("p99", "1,000/s to {:,}: p99", milliseconds),
        Shown("core", "1,000/s to {:,}: CPU", of_a_core),
    ),
    "rate-60": (
        Shown("p50", "60/s to {:,}: p50", milliseconds),
        Shown("p99", "60/s to {:,}: p99", milliseconds),
        Shown("core", "60/s to {:,}: CPU", of_a_core),
    ),
    "events": (Shown("per_second", "events from {:,}: /s", many),),
    "events-ack": (Shown("per_second", "events with acks from {:,}: /s", many),),
    "round-trip": (
        Shown("p50", "click to screen, {:,} clients: p50", milliseconds),
        Shown("p99", "click to screen, {:,} clients: p99", milliseconds),
        Shown("core", "click to screen, {:,} clients: CPU", of_a_core),
    ),
    "idle": (
        Shown("memory", "{:,} idle clients: memory of one", kilobytes),
        Shown("connections", "connecting {:,} clients: /s", many),
        Shown("pinged", "{:,} idle clients, pings: CPU", of_a_core),
    ),
    "cost": (Shown("core", "cost of 60/s to {:,}: CPU", of_a_core),),
}
