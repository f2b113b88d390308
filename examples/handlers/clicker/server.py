"""A small clicker game over TCP that knows no delimiter, for trying clicker.py.

It takes what one read brings for one message and ends none of its own: the mistake that nearly
every first server makes. The bridge lives with it (`--framing-in json --framing-out none`).

Use: `python3 server.py [port]` (8000 if not given; 0 takes a free one).
"""

from __future__ import annotations

import json
import math
import socket
import sys
from typing import Any

PRICE, GROWTH = 10, 1.1  # of the first shovel, and by what each further one is dearer


class Game:
    """Gold and shovels by user. Knows no sockets."""

    def __init__(self) -> None:
        self.gold: dict[str, int] = {}
        self.shovels: dict[str, int] = {}
        self.online: set[str] = set()

    def act(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        """One message of the bridge; what is said to it."""
        user, action = said["username"], said["action"]
        if action == "disconnected":
            self.online.discard(user)
            return [self.players()]
        self.online.add(user)
        refused: list[dict[str, Any]] = []
        if action == "clickGold":
            self.gold[user] = self.gold.get(user, 0) + 1 + self.shovels.get(user, 0)
        elif action == "buy":
            refused = self.buy(user, said.get("data"))
        return [*refused, self.state(user), self.players()]

    def buy(self, user: str, wanted: object) -> list[dict[str, Any]]:
        """Buy one, or say why not."""
        reason = f"there is no equipment {wanted!r}" if wanted != "shovel" else ""
        if not reason and self.gold.get(user, 0) < self.price(user):
            reason = f"Shovel costs {self.price(user)} gold, you have {self.gold.get(user, 0)}"
        if reason:
            return [{"username": user, "action": "refused", "reason": reason}]
        self.gold[user] -= self.price(user)
        self.shovels[user] = self.shovels.get(user, 0) + 1
        return []

    def price(self, user: str) -> int:
        """Of the user's next shovel."""
        return math.ceil(PRICE * GROWTH ** self.shovels.get(user, 0))

    def state(self, user: str) -> dict[str, Any]:
        """For the user alone."""
        shovels = self.shovels.get(user, 0)
        shovel = {"name": "Shovel", "count": shovels, "price": self.price(user)}
        figures = {"gold": self.gold.get(user, 0), "goldPerClick": 1 + shovels, "goldPerSecond": 0}
        return {"username": user, "action": "gameState", **figures, "equipment": {"shovel": shovel}}

    def players(self) -> dict[str, Any]:
        """For everybody: who is here, the richest first."""
        richest = sorted(self.online, key=lambda user: (-self.gold.get(user, 0), user))
        listed = [{"name": user, "gold": self.gold.get(user, 0)} for user in richest]
        return {"action": "players", "online": len(listed), "players": listed}


def serve(connection: socket.socket, game: Game) -> None:
    """One bridge, until it goes."""
    game.online.clear()  # whoever is there is announced anew
    while data := connection.recv(65536):
        try:
            said = json.loads(data)
        except ValueError:
            print(f"lost, as it is not one message: {data!r}", flush=True)
            continue
        for answer in game.act(said):
            connection.sendall(json.dumps(answer).encode())


def main(port: int) -> None:
    """Listen and serve for ever, one bridge at a time."""
    game = Game()
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    serve(connection, game)
                except OSError as error:
                    print(f"the bridge has gone: {error}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
