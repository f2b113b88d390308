"""A lobby kept in the bridge: who is there, who is ready, what was said. The server only plays.

Players log in with an event of the page's own. The server hears of players, not of visitors, and
of a game when all are ready. Of what it says, each player gets a private part, and all a summary.

Use: `.venv/bin/python app.py --server localhost:8000 --payload json --handlers examples/handlers/lobby/lobby.py
--site examples/handlers/lobby/page`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from bridge import Bridge, Client, Emit, ToClients

__all__ = ["Lobby", "setup"]

Message = dict[str, object]

HISTORY = 50  # lines of chat that who comes later gets to see
LONGEST_LINE = 500  # characters
ENOUGH = 2  # players for a game


class Lobby:
    """Players, their ready flags, and the last lines of chat. Knows nobody's connection."""

    def __init__(self) -> None:
        self.ready: dict[str, bool] = {}
        self.chat: deque[Message] = deque(maxlen=HISTORY)
        self.playing = False

    def reset(self) -> None:
        """The game is over, or its server is another one now."""
        self.playing = False
        self.ready = dict.fromkeys(self.ready, False)

    def complete(self) -> bool:
        """Whether a game can begin."""
        return not self.playing and len(self.ready) >= ENOUGH and all(self.ready.values())

    def view(self) -> Message:
        """What every page shows."""
        players = [{"name": name, "ready": ready} for name, ready in self.ready.items()]
        return {"playing": self.playing, "players": players}

    def opening(self) -> Iterator[Message]:
        """What the server hears when a game begins, frame by frame."""
        yield {"type": "open", "players": len(self.ready)}
        for seat, name in enumerate(self.ready):
            yield {"type": "seat", "seat": seat, "player": name}
        yield {"type": "start"}

    def shown(self, tick: dict[str, Any]) -> list[Emit]:
        """The server's `tick` for pages: a hand to whose it is, the rest to all."""
        hands = tick.get("hands", {})
        public = {"round": tick.get("round"), "left": tick.get("left"), "scores": tick.get("scores")}
        private = [Emit("hand", {"card": card}, to=name) for name, card in hands.items() if name in self.ready]
        return [*private, Emit("state", {**public, "hands": len(hands)})]


def setup(bridge: Bridge) -> None:
    """Called once, at start."""
    lobby = Lobby()
    come_and_go(bridge, lobby)
    from_pages(bridge, lobby)
    from_server(bridge, lobby)


def come_and_go(bridge: Bridge, lobby: Lobby) -> None:
    """What the server hears in place of the notices `connected` and `disconnected`."""

    @bridge.on_connect
    def visitor(client: Client) -> None:
        bridge.emit("lobby", lobby.view(), to=client)

    @bridge.on_register
    def came(client: Client) -> Message:
        name = client.user or ""
        if name in lobby.ready:  # known already: the link was made anew, and the game is lost
            lobby.reset()
        lobby.ready.setdefault(name, False)
        bridge.emit("lobby", lobby.view())
        return {"type": "join", "player": name}

    @bridge.on_disconnect
    def went(client: Client) -> Message | None:
        if client.user not in lobby.ready:
            return None  # a visitor, or the visitor that a player was before it logged in
        del lobby.ready[client.user]
        bridge.emit("lobby", lobby.view())
        return {"type": "leave", "player": client.user}


def from_pages(bridge: Bridge, lobby: Lobby) -> None:
    """The page's events: login, chat, ready, swap."""

    def player(client: Client) -> str:
        if client.user not in lobby.ready:
            raise bridge.Refused("not-registered", "log in first")
        return client.user

    @bridge.on_event("login")
    def login(client: Client, name: str = "") -> None:
        client.register(name)
        bridge.emit("history", list(lobby.chat), to=client)

    @bridge.on_event("chat")
    def chat(client: Client, text: object = None) -> None:
        name = player(client)
        if not isinstance(text, str) or not 1 <= len(text) <= LONGEST_LINE:
            raise bridge.Refused("bad-event", f"chat takes 1 to {LONGEST_LINE} characters")
        line: Message = {"from": name, "text": text}
        lobby.chat.append(line)
        bridge.emit("chat", line)

    @bridge.on_event("ready")
    def ready(client: Client, flag: object = True) -> Iterator[Message] | None:
        lobby.ready[player(client)] = flag is True
        bridge.emit("lobby", lobby.view())
        return lobby.opening() if lobby.complete() else None

    @bridge.on_event("swap")
    def swap(client: Client) -> Message:
        return {"type": "swap", "player": player(client)}


def from_server(bridge: Bridge, lobby: Lobby) -> None:
    """The server's messages, reshaped."""

    @bridge.on_message
    def said(message: Any) -> ToClients:
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "trace":
            return None  # the server's talk with itself
        if kind == "tick":
            lobby.playing = True
            return lobby.shown(message)
        if kind == "over":
            lobby.reset()
            return [Emit("over", {"winner": message.get("winner")}), Emit("lobby", lobby.view())]
        return bridge.DEFAULT
