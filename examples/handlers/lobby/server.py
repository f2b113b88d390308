"""A small card game over TCP, for trying lobby.py: five rounds, the highest card has the point.

JSON, each message ended by `~`, both ways; one bridge at a time. It deals at the start of a round and
says the whole table once a second, every player's card included: who may see what, the bridge decides.

Use: `python3 server.py [port]` (8000 if not given; 0 takes a free one).
"""

from __future__ import annotations

import json
import random
import select
import socket
import sys
import time
from typing import Any

ROUNDS, SECONDS = 5, 6
CARDS = range(1, 14)


class Table:
    """One game, or none. Knows no sockets and no clock."""

    def __init__(self) -> None:
        self.round = self.left = 0  # round 0: no game
        self.scores: dict[str, int] = {}
        self.hands: dict[str, int] = {}
        self.swapped: set[str] = set()

    def act(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        """One message of the bridge; what is said to it."""
        kind, player = said["type"], said.get("player", "")
        if kind == "open":
            self.round, self.scores = 0, {}
        elif kind == "seat":
            self.scores[player] = 0
        elif kind == "start":
            return self.deal()
        elif kind == "leave":
            self.scores.pop(player, None)
            self.hands.pop(player, None)
        elif kind == "swap" and player in self.hands and player not in self.swapped:
            self.swapped.add(player)
            self.hands[player] = self.card()
            return [self.tick()]
        return [{"type": "trace", "text": f"{kind} {player}"}]

    def second(self) -> list[dict[str, Any]]:
        """A second has passed."""
        if not self.round:
            return []
        self.left -= 1
        if self.left:
            return [self.tick()]
        best = max(self.hands.values(), default=0)
        for player in [player for player, card in self.hands.items() if card == best]:
            self.scores[player] += 1
        return self.over() if self.round == ROUNDS or not self.hands else self.deal()

    def deal(self) -> list[dict[str, Any]]:
        """The next round."""
        self.round, self.left, self.swapped = self.round + 1, SECONDS, set()
        self.hands = {player: self.card() for player in self.scores}
        return [self.tick()]

    def card(self) -> int:
        """Any card."""
        return random.choice(CARDS)  # noqa: S311 (a game's card, no secret)

    def tick(self) -> dict[str, Any]:
        """The whole table."""
        return {"type": "tick", "round": self.round, "left": self.left, "scores": self.scores, "hands": self.hands}

    def over(self) -> list[dict[str, Any]]:
        """The game has ended."""
        self.round = 0
        best = [player for player, score in self.scores.items() if score == max(self.scores.values())]
        winner = best[0] if len(best) == 1 else None
        return [{"type": "over", "winner": winner, "scores": self.scores}]


def serve(connection: socket.socket) -> None:
    """One bridge, until it goes."""
    table, pending, due = Table(), b"", time.monotonic() + 1

    def say(messages: list[dict[str, Any]]) -> None:
        connection.sendall(b"".join(json.dumps(message).encode() + b"~" for message in messages))

    while True:
        if select.select([connection], [], [], max(0.0, due - time.monotonic()))[0]:
            data = connection.recv(65536)
            if not data:
                return
            *frames, pending = (pending + data).split(b"~")
            for frame in frames:
                say(table.act(json.loads(frame)))
        if time.monotonic() >= due:
            say(table.second())
            due += 1


def main(port: int) -> None:
    """Listen and serve for ever."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    serve(connection)
                except OSError as error:
                    print(f"the bridge has gone: {error}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
