"""A clicker game with names: a posted form, templates, and what the bridge remembers of each user.

The form is a Flask route; the page that it answers with registers the name. Fits the Scala
example's game, with a delimiter and without, and the `server.py` beside this file.

Use: `.venv/bin/python app.py --identity register --payload json --event-key action --framing-in json --framing-out none
--handlers examples/handlers/clicker/clicker.py`.
"""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from bridge import Bridge, Client, ToClients

__all__ = ["setup"]

LONGEST_NAME = 30  # characters; the bridge itself allows 128
LONGEST_ID = 30


def pages(bridge: Bridge) -> None:
    """The form, and the game for who has filled it in."""

    @bridge.app.get("/")
    def welcome() -> str:
        return render_template("join.html")

    @bridge.app.post("/join")
    def join() -> str | tuple[str, int]:
        name = request.form.get("name", "").strip()
        if 1 <= len(name) <= LONGEST_NAME:
            return render_template("game.html", name=name)
        problem = f"A name has 1 to {LONGEST_NAME} characters."
        return render_template("join.html", name=name, problem=problem), 400


def setup(bridge: Bridge) -> None:
    """Called once, at start."""
    pages(bridge)
    newest: dict[str, object] = {}  # user -> the last gameState that the server told

    @bridge.on_event("click")
    def click(client: Client) -> dict[str, object]:
        client.state["clicks"] = client.state.get("clicks", 0) + 1
        bridge.emit("clicks", client.state["clicks"], to=client)
        return {"username": client.user, "action": "clickGold"}

    @bridge.on_event("buy")
    def buy(client: Client, equipment: object = None) -> dict[str, object]:
        if not isinstance(equipment, str) or not 1 <= len(equipment) <= LONGEST_ID:
            raise bridge.Refused("bad-event", "buy takes the id of what you want")
        return {"username": client.user, "action": "buy", "data": equipment}

    @bridge.on_event("look")
    def look(client: Client) -> None:
        # The server tells a user's state when it changes. A second tab wants to see it now.
        if client.user in newest:
            bridge.emit("gameState", newest[client.user], to=client)

    @bridge.on_message
    def said(message: Any) -> ToClients:
        if isinstance(message, dict) and message.get("action") == "gameState":
            user = message.get("username")
            if isinstance(user, str) and user in bridge.users:
                newest[user] = message
        return bridge.DEFAULT

    @bridge.on_disconnect
    def gone(client: Client) -> dict[str, object]:
        newest.pop(client.user or "", None)
        return {"username": client.user, "action": "disconnected"}
