"""Answer /healthz, /readyz and /bridge/status; the whole to who asks on this machine itself, one word to others.

Must not know where what they say comes from.

Use: `add_status(app, link=…, status=…)`.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, jsonify, request

from bridge.admission.visitors import is_local

__all__ = ["add_status"]

_FOR_LOCALS = "The status is told on the bridge's own machine alone: ask there, at localhost and not through a proxy."


def add_status(app: Flask, *, link: Callable[[], dict[str, object]], status: Callable[[], dict[str, object]]) -> None:
    """Add the three routes. `link()`: state and reason among others; `status()`: all that /bridge/status shows."""
    app.add_url_rule("/healthz", "healthz", lambda: _answer(200, {"status": "ok"}))
    app.add_url_rule("/readyz", "readyz", lambda: _ready(link()))
    app.add_url_rule("/bridge/status", "bridge_status", lambda: _status(status))


def _status(status: Callable[[], dict[str, object]]) -> Response:
    if is_local(request.environ):
        return _answer(200, status())
    return Response(f"{_FOR_LOCALS}\n", 403, {"Cache-Control": "no-store"}, "text/plain")


def _ready(link: dict[str, object]) -> Response:
    is_up = link["state"] == "connected"
    if not is_local(request.environ):
        return _answer(200, {"status": "ok"}) if is_up else _answer(503, {"status": "not ok"})
    if is_up:  # a server that only sends is ready, but the reason says it
        return _answer(200, {"status": "ok"} | ({"reason": link["reason"]} if link["reason"] else {}))
    return _answer(503, {"status": link["state"], "reason": link["reason"] or f"the link is {link['state']}"})


def _answer(code: int, body: dict[str, object]) -> Response:
    response = jsonify(body)
    response.status_code = code
    response.headers["Cache-Control"] = "no-store"
    return response
