"""A small arena over TCP, for trying keys.py: ships that move by a velocity, and shots.

JSON, each message ended by `~`, both ways; one bridge at a time. The state goes out 30 times a second.

Use: `python3 server.py [port]` (8000 if not given; 0 takes a free one).
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from typing import Any

STEP = 1 / 30  # seconds
WIDTH, HEIGHT = 640, 400
SPEED, SHOT_SPEED, SHOT_LIFE = 200, 420, 1.2  # units a second; seconds
SHIP, START = 12, (WIDTH / 2, HEIGHT / 2)


class Arena:
    """The ships by user, and the shots. Knows no sockets."""

    def __init__(self) -> None:
        self.ships: dict[str, dict[str, Any]] = {}
        self.shots: list[dict[str, Any]] = []

    def act(self, said: dict[str, Any]) -> None:
        """One message of the bridge."""
        user, action = said["username"], said["action"]
        if action == "disconnected":
            self.ships.pop(user, None)
            return
        new = {"name": user, "x": START[0], "y": START[1], "move": (0, 0), "aim": (1, 0), "hits": 0}
        ship = self.ships.setdefault(user, new)
        if action == "move":
            ship["move"] = (said["x"], said["y"])
            ship["aim"] = ship["move"] if any(ship["move"]) else ship["aim"]
        elif action == "fire":
            shot = {"by": user, "x": ship["x"], "y": ship["y"], "aim": ship["aim"], "left": SHOT_LIFE}
            self.shots.append(shot)

    def step(self) -> None:
        """One step of time."""
        for ship in self.ships.values():
            ship["x"] = min(max(ship["x"] + ship["move"][0] * SPEED * STEP, SHIP), WIDTH - SHIP)
            ship["y"] = min(max(ship["y"] + ship["move"][1] * SPEED * STEP, SHIP), HEIGHT - SHIP)
        for shot in self.shots:
            shot["x"] += shot["aim"][0] * SHOT_SPEED * STEP
            shot["y"] += shot["aim"][1] * SHOT_SPEED * STEP
            shot["left"] = 0 if self.hit(shot) else shot["left"] - STEP
        self.shots = [shot for shot in self.shots if shot["left"] > 0]

    def hit(self, shot: dict[str, Any]) -> bool:
        """Whether it hit somebody else's ship, which then starts again in the middle."""
        for ship in self.ships.values():
            near = abs(ship["x"] - shot["x"]) < SHIP and abs(ship["y"] - shot["y"]) < SHIP
            if near and ship["name"] != shot["by"] and shot["by"] in self.ships:
                self.ships[shot["by"]]["hits"] += 1
                ship["x"], ship["y"] = START
                return True
        return False

    def state(self) -> bytes:
        """The message to everybody: no username in it."""
        said = {"action": "state", "ships": list(self.ships.values()), "shots": self.shots}
        return json.dumps({**said, "width": WIDTH, "height": HEIGHT}).encode() + b"~"


def serve(connection: socket.socket) -> None:
    """One bridge, until it goes."""
    arena, pending, due = Arena(), b"", time.monotonic()
    while True:
        if select.select([connection], [], [], max(0.0, due - time.monotonic()))[0]:
            data = connection.recv(65536)
            if not data:
                return
            *frames, pending = (pending + data).split(b"~")
            for frame in frames:
                arena.act(json.loads(frame))
        if time.monotonic() >= due:
            arena.step()
            connection.sendall(arena.state())
            due = time.monotonic() + STEP


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
