"""Pressed keys become a velocity: the page says what is held, the server hears x and y.

Three kinds of events (`keys`, `fire`, `stop`), a little state for each client, and a notice of
coming that is more than one frame. What the server says goes to everybody unchanged.

Use: `.venv/bin/python app.py --server localhost:8000 --handlers examples/handlers/keys/keys.py
--site examples/handlers/keys/page`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge import Bridge, Client

__all__ = ["setup", "velocity"]

Velocity = tuple[float, float]

STILL: Velocity = (0.0, 0.0)


def velocity(pressed: dict[str, Any]) -> Velocity:
    """x to the right and y down, the length 0 or 1, of {"left": …, "right": …, "up": …, "down": …}."""

    def held(key: str) -> bool:
        return pressed.get(key) is True

    x, y = held("right") - held("left"), held("down") - held("up")
    length = (x * x + y * y) ** 0.5 or 1.0  # so that a diagonal is no faster
    return round(x / length, 3), round(y / length, 3)


def moves(client: Client) -> Velocity:
    now: Velocity = client.state.get("velocity", STILL)
    return now


def message(client: Client, action: str, **more: object) -> dict[str, object]:
    return {"username": client.user, "action": action, **more}


def move(client: Client) -> dict[str, object]:
    x, y = moves(client)
    return message(client, "move", x=x, y=y)


def turn(client: Client, wanted: Velocity) -> dict[str, object] | None:
    if wanted == moves(client):
        return None  # key repeat, or a second key for the same: the server need not hear it
    client.state["velocity"] = wanted
    return move(client)


def setup(bridge: Bridge) -> None:
    """Called once, at start."""

    @bridge.on_event("keys")
    def keys(client: Client, pressed: object = None) -> dict[str, object] | None:
        if not isinstance(pressed, dict):
            raise bridge.Refused("bad-event", 'keys takes an object, for example {"left": true}')
        return turn(client, velocity(pressed))

    @bridge.on_event("stop")
    def stop(client: Client) -> dict[str, object] | None:
        return turn(client, STILL)

    @bridge.on_event("fire")
    def fire(client: Client) -> dict[str, object]:
        return message(client, "fire")

    @bridge.on_connect
    def came(client: Client) -> Iterator[dict[str, object]]:
        # Called again when the link was made anew. A server that was restarted has forgotten who
        # moves, and a page says nothing while a key is held.
        yield message(client, "connected")
        if moves(client) != STILL:
            yield move(client)
