"""Answer /healthz, /readyz and /bridge/status.

All three read the same sources. Must not know where the numbers come from.

Use: `add_status(app, StatusSources(link=…, server="localhost:8000", …))`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, jsonify

__all__ = ["StatusSources", "add_status"]


@dataclass(frozen=True)
class StatusSources:
    """Where the numbers come from.

    `link()`: {state, reason, since (epoch s), next_try_s, silent, hint}; `clients()`, `users()`: how many there are.
    """

    server: str
    version: str
    link: Callable[[], dict[str, object]]
    clients: Callable[[], int]
    users: Callable[[], int]
    counters: Callable[[], dict[str, int]]
    now: Callable[[], dict[str, int]]  # what waits or is kept now, by name
    undelivered: Callable[[], list[dict[str, object]]] = list  # the last messages that reached nobody
    refused_origins: Callable[[], list[dict[str, object]]] = list  # the last pages that were refused
    hub_blocked: Callable[[], dict[str, object] | None] = lambda: None  # the last code that held all others up


def add_status(app: Flask, sources: StatusSources) -> None:
    """Add the three routes."""
    app.add_url_rule("/healthz", "healthz", lambda: _answer(200, {"status": "ok"}))
    app.add_url_rule("/readyz", "readyz", lambda: _ready(sources.link()))
    app.add_url_rule("/bridge/status", "bridge_status", lambda: _answer(200, _status(sources)))


def _status(sources: StatusSources) -> dict[str, object]:
    return {
        "version": sources.version,
        "link": {"server": sources.server, **sources.link()},
        "clients": sources.clients(),
        "users": sources.users(),
        "now": sources.now(),
        "hub_blocked": sources.hub_blocked(),
        "counters": sources.counters(),
        "undelivered": sources.undelivered(),
        "refused_origins": sources.refused_origins(),
    }


def _ready(link: dict[str, object]) -> Response:
    if link["state"] == "connected":  # a server that only sends is ready, but the reason says it
        return _answer(200, {"status": "ok"} | ({"reason": link["reason"]} if link["reason"] else {}))
    return _answer(503, {"status": link["state"], "reason": link["reason"] or f"the link is {link['state']}"})


def _answer(code: int, body: dict[str, object]) -> Response:
    response = jsonify(body)
    response.status_code = code
    response.headers["Cache-Control"] = "no-store"
    return response
