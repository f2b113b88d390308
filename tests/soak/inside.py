"""A handlers file that says what is in use in the bridge that has loaded it: green threads and memory.

Use: `Bridge("--handlers", INSIDE)`; `requests.get(f"{bridge.url}/soak/inside").json()["green_threads"]`.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any

from greenlet import greenlet  # type: ignore[import-untyped]

__all__ = ["setup"]

LIBC = ctypes.CDLL(None)


class _Mallinfo(ctypes.Structure):
    """What glibc's mallinfo2(3) returns, of 2.33 and later."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = [(name, ctypes.c_size_t) for name in _names]


def live() -> dict[str, int]:
    """Bytes that are in use of what malloc has, and blocks of Python's own allocator; garbage is none of it."""
    gc.collect()
    info = LIBC.mallinfo2()
    return {"malloc": info.uordblks + info.hblkhd, "blocks": sys.getallocatedblocks()}


def inside() -> dict[str, int]:
    """How many green threads there are, too, when everything was given back that can be."""
    used = live()
    LIBC.malloc_trim(0)
    found = [each for each in gc.get_objects() if isinstance(each, greenlet) and not each.dead]
    return {"green_threads": len(found), **used}


def setup(bridge: Any) -> None:
    """Called by the bridge."""
    LIBC.mallinfo2.restype = _Mallinfo
    bridge.app.get("/soak/live")(live)
    bridge.app.get("/soak/inside")(inside)
