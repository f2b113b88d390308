"""Log what goes wrong in a route: its traceback once, then one line of a kind in a while, however often that happens.

Must not know the routes.

Use: `log_failures(app, counters)`.
"""

from __future__ import annotations

from flask import Flask, request

from bridge.counters import Counters, shorten

__all__ = ["log_failures"]


def log_failures(app: Flask, counters: Counters) -> None:
    """Have the app log exceptions so, and count them."""

    def log(_: object) -> None:
        counters.fail("route_errors", "! %s %s failed", request.method, shorten(request.path))

    vars(app)["log_exception"] = log
