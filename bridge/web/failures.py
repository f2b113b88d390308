"""Log what goes wrong in a route: its traceback once, then one line of a kind in a while, however often that happens.

A kind is an exception at a line of code. Must not know the routes.

Use: `log_failures(app, counters)`.
"""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any

from flask import Flask, request

from bridge.counters import Counters, shorten

__all__ = ["log_failures"]

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def log_failures(app: Flask, counters: Counters) -> None:
    """Have the app log exceptions so, and count them."""
    vars(app)["log_exception"] = _Failures(counters).log


class _Failures:
    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._kinds: set[str] = set()  # at most one for each line of code and exception

    def log(self, raised: _Raised) -> None:
        """Log an exception that a route has raised, as Flask's `log_exception` does."""
        error = raised[1]
        place = _place(raised[2])
        kind = f"{type(error).__name__} {place}"
        is_new = kind not in self._kinds
        self._kinds.add(kind)
        self._counters.note(
            "route_errors", "! %s %s failed: %s: %s, in %s", request.method, shorten(request.path),
            type(error).__name__, shorten(str(error)), place, kind=kind, traceback=is_new,
        )  # fmt: skip


def _place(at: Any) -> str:
    """File and line of the user's or the bridge's own code that called what failed, if it is known."""
    frames = traceback.extract_tb(at)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    return f"{own[-1].filename}:{own[-1].lineno}" if own else "nowhere"
