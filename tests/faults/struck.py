"""All browsers are cut off at once, and come back.

Use: `strike(at, "reset"); came_back(crowd, 4)`.
"""

from __future__ import annotations

from tests.faults.crowd import Crowd
from tests.faults.proxy import BLACK_HOLE, DOWN, UP
from tests.faults.sites import Between
from tests.viewer import until
from tests.waiting import PATIENCE

__all__ = ["SOON", "came_back", "strike"]

#: So that a black hole is noticed soon, by both sides.
SOON = ("--ping-interval", "1", "--ping-timeout", "1")


def came_back(crowd: Crowd, times: int, timeout: float = PATIENCE) -> None:
    """Wait until so many connections were made anew, and everybody is there."""
    until(lambda: crowd.status()[0]["came_back"] >= times, timeout, 0.1)
    crowd.all_there()


def strike(at: Between, kind: str) -> None:
    """All browsers' connections that there are now."""
    for line in at.browsers.lines:
        if kind == "reset":
            line.reset()
        elif kind == "black hole":
            line.set(BLACK_HOLE)
        else:
            line.cut(UP if kind == "cut up" else DOWN)
