"""A handlers file that says how many green threads there are in the bridge that has loaded it.

Use: `Bridge("--handlers", INSIDE)`; `requests.get(f"{bridge.url}/soak/inside").json()["green_threads"]`.
"""

from __future__ import annotations

import gc
from typing import Any

from greenlet import greenlet  # type: ignore[import-untyped]

__all__ = ["setup"]


def setup(bridge: Any) -> None:
    """Called by the bridge."""

    @bridge.app.get("/soak/inside")  # type: ignore[untyped-decorator]
    def inside() -> dict[str, int]:
        gc.collect()
        found = [each for each in gc.get_objects() if isinstance(each, greenlet) and not each.dead]
        return {"green_threads": len(found)}
