"""Move the demo server's world: bodies on a bounded field, steered by users' messages.

Bodies move, touch, collect coins and talk; the methods return the messages to be sent for that. A message is the
object that goes on the wire: with the user key it is for that user or those users, without it for everybody.
Must not know sockets, threads, clocks or framing: time comes in as `step(dt)`.

Use: `world = World(Random()); out = world.handle({"username": "ada", "action": "connected"})`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from zlib import crc32

__all__ = ["EVERYBODY", "HEIGHT", "MAX_USERS", "WIDTH", "Message", "World"]

#: One JSON object of the wire.
Message = dict[str, Any]

WIDTH, HEIGHT = 960.0, 540.0
#: A user's or bot's radius and a coin's, in the field's units; the page draws the same sizes.
RADIUS = {"user": 18.0, "bot": 18.0, "coin": 9.0}
#: Units a second, and the share of the missing speed that is gained in a second.
SPEED, AGILITY = 260.0, 9.0
WANDER = {"bot": 90.0, "coin": 18.0}
BOTS, COINS = ("Juno", "Pico"), 5
#: Every pair of bodies is looked at 30 times a second, and every body is in every world message.
MAX_USERS = 60
MAX_NAME, MAX_CHAT = 128, 200
#: The name of a user without one: under identity `none` the bridge sends no names at all.
EVERYBODY = "everybody"
COIN_COLOUR, BOT_COLOUR = "#c9921e", "#7d8796"
COLOURS = ("#d1495b", "#2a8f8f", "#7a5bc7", "#d0722a", "#3f7fd0", "#5c9440", "#c2559d", "#a5743b")
STEERING = {
    "left": (-1, 0), "a": (-1, 0), "right": (1, 0), "d": (1, 0),
    "up": (0, -1), "w": (0, -1), "down": (0, 1), "s": (0, 1),
}  # fmt: skip


@dataclass
class Body:
    """One thing on the field: position and speed in its units (a second), steering from -1 to 1."""

    name: str
    kind: str
    colour: str
    x: float
    y: float
    vx: float = 0.0
    vy: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    score: int = 0

    def said(self) -> Message:
        """Describe the body for a world message; rounded, because 30 of them go out a second."""
        return {
            "name": self.name,
            "x": round(self.x, 1),
            "y": round(self.y, 1),
            "colour": self.colour,
            "score": self.score,
            "kind": self.kind,
        }


class World:
    """The field and who is on it. Not thread-safe: its owner holds a lock.

    `handle` and `step` return the messages to be sent, oldest first; neither raises, whatever the message is.
    """

    def __init__(self, random: Random) -> None:
        self.tick = 0
        self._random = random
        self._users: dict[str, Body] = {}
        self._bots = [self._new(name, "bot", BOT_COLOUR) for name in BOTS]
        self._coins = [self._new(f"coin {n + 1}", "coin", COIN_COLOUR) for n in range(COINS)]
        self._touching: set[tuple[str, str]] = set()
        self._actions: dict[str, Callable[[str, Message], list[Message]]] = {
            "connected": self._connected,
            "disconnected": self._disconnected,
            "move": self._move,
            "chat": self._chat,
            "echo": lambda name, message: [message],
        }

    def handle(self, message: object) -> list[Message]:
        """Answer one decoded frame; a frame that is no message of a user has no answer."""
        if not isinstance(message, dict):
            return []
        name, action = message.get("username", EVERYBODY), message.get("action")
        if not isinstance(name, str) or not isinstance(action, str) or not 0 < len(name) <= MAX_NAME:
            return []
        answer = self._actions.get(action)
        if answer is None:
            return [_to(name, action="unknown", got=action[:MAX_CHAT], known=sorted(self._actions))]
        return answer(name, message)

    def leave(self, name: str) -> list[Message]:
        """Take a user off the field; nothing if it is not on it."""
        if self._users.pop(name, None) is None:
            return []
        return [{"action": "left", "name": name}]

    def step(self, dt: float) -> list[Message]:
        """Let `dt` seconds pass: bodies move, collect coins and touch. Return the messages."""
        self.tick += 1
        for body in self._wanderers():
            self._wander(body, dt)
        for body in itertools.chain(self._users.values(), self._wanderers()):
            _move(body, dt)
        return [*self._collect(), *self._bump()]

    def snapshot(self) -> Message:
        """Make the world message: the field's size and every body, coins first, so that users are drawn over them."""
        bodies = [body.said() for body in (*self._coins, *self._bots, *self._users.values())]
        return {"action": "world", "tick": self.tick, "width": WIDTH, "height": HEIGHT, "bodies": bodies}

    # -- what users say

    def _connected(self, name: str, _: Message) -> list[Message]:
        out = self._join(name)
        body = self._users.get(name)
        colour = body.colour if body else None
        return [_to(name, action="welcome", name=name, colour=colour, known=sorted(self._actions)), *out]

    def _disconnected(self, name: str, _: Message) -> list[Message]:
        return self.leave(name)

    def _move(self, name: str, message: Message) -> list[Message]:
        """Steer a user. One whose `connected` was never seen joins first."""
        out = self._join(name)
        if body := self._users.get(name):
            body.dx, body.dy = _direction(message)
        return out

    def _chat(self, name: str, message: Message) -> list[Message]:
        text = message.get("data")
        if not isinstance(text, str) or not text.strip():
            return [_to(name, action="unknown", got="chat", why="chat takes one string")]
        return [{"action": "chat", "from": name, "text": text.strip()[:MAX_CHAT]}]

    def _join(self, name: str) -> list[Message]:
        if name in self._users:
            return []
        if len(self._users) >= MAX_USERS:
            return [_to(name, action="full", users=MAX_USERS)]
        self._users[name] = self._new(name, "user", COLOURS[crc32(name.encode()) % len(COLOURS)])
        return [{"action": "joined", "name": name}]

    # -- what bodies do

    def _new(self, name: str, kind: str, colour: str) -> Body:
        return Body(name, kind, colour, *self._somewhere())

    def _somewhere(self) -> tuple[float, float]:
        return self._random.uniform(40, WIDTH - 40), self._random.uniform(40, HEIGHT - 40)

    def _wanderers(self) -> Iterator[Body]:
        return itertools.chain(self._bots, self._coins)

    def _wander(self, body: Body, dt: float) -> None:
        """Turn the heading at random, away from the walls: smooth, and never twice the same."""
        heading = math.atan2(body.dy, body.dx) + self._random.gauss(0, 2.4) * math.sqrt(dt)
        pull = WANDER[body.kind] / SPEED
        body.dx = math.cos(heading) * pull + _away(body.x, WIDTH) * dt
        body.dy = math.sin(heading) * pull + _away(body.y, HEIGHT) * dt

    def _collect(self) -> list[Message]:
        return [
            message
            for coin in self._coins
            for body in (*self._users.values(), *self._bots)
            if _touch(coin, body)
            for message in self._score(coin, body)
        ]

    def _score(self, coin: Body, body: Body) -> list[Message]:
        coin.x, coin.y = self._somewhere()
        body.score += 1
        return [_to(body.name, action="scored", score=body.score)] if body.kind == "user" else []

    def _bump(self) -> list[Message]:
        """Make a message at the start of each touch, for the users among the two bodies."""
        before, self._touching = self._touching, set()
        out: list[Message] = []
        for one, other in itertools.combinations((*self._users.values(), *self._bots), 2):
            if not _touch(one, other):
                continue
            pair = (one.name, other.name)
            self._touching.add(pair)
            _push_apart(one, other)
            users = [body.name for body in (one, other) if body.kind == "user"]
            if pair not in before and users:
                out.append(_to(users, action="bump", between=list(pair)))
        return out


def _to(who: str | list[str], **fields: Any) -> Message:
    """Address a message to one user or several; to all if one of them has no name."""
    nameless = EVERYBODY in ([who] if isinstance(who, str) else who)
    return fields if nameless else {"username": who, **fields}


def _number(value: object) -> float:
    """Return a steering value between -1 and 1; 0 for anything that is no number."""
    if not isinstance(value, (int, float)) or math.isnan(value):
        return 0.0
    return float(max(-1, min(1, value)))  # compared first: an int may be too large for a float


def _direction(message: Message) -> tuple[float, float]:
    """Return the steering that a `move` asks for: `dx` and `dy`, or an object of pressed keys; one unit at most."""
    dx, dy = _number(message.get("dx")), _number(message.get("dy"))
    keys = message.get("keys")
    if isinstance(keys, dict):
        held = {str(key).lower().removeprefix("arrow") for key, down in keys.items() if down}
        dx = _number(sum(STEERING[key][0] for key in held if key in STEERING))
        dy = _number(sum(STEERING[key][1] for key in held if key in STEERING))
    length = math.hypot(dx, dy)
    return (dx / length, dy / length) if length > 1 else (dx, dy)


def _move(body: Body, dt: float) -> None:
    gain = min(1.0, AGILITY * dt)
    body.vx += (body.dx * SPEED - body.vx) * gain
    body.vy += (body.dy * SPEED - body.vy) * gain
    body.x = _inside(body.x + body.vx * dt, WIDTH, RADIUS[body.kind])
    body.y = _inside(body.y + body.vy * dt, HEIGHT, RADIUS[body.kind])


def _inside(value: float, size: float, radius: float) -> float:
    return max(radius, min(size - radius, value))


def _away(value: float, size: float) -> float:
    """Return the pull back from a wall that is less than 80 units away."""
    return max(0.0, 80 - value) * 0.08 - max(0.0, value - size + 80) * 0.08


def _touch(one: Body, other: Body) -> bool:
    return math.hypot(one.x - other.x, one.y - other.y) < RADIUS[one.kind] + RADIUS[other.kind]


def _push_apart(one: Body, other: Body) -> None:
    """Let two bodies bounce: each leaves at a fixed speed along the line between them."""
    x, y = one.x - other.x, one.y - other.y
    length = math.hypot(x, y)
    x, y = (x / length, y / length) if length else (1.0, 0.0)
    one.vx, one.vy, other.vx, other.vy = x * SPEED, y * SPEED, -x * SPEED, -y * SPEED
