"""Clients that must notice nothing of what goes on beside them, and the server that knows what must never arrive.

Use: `honest = Honest(bridge, peer)`; `honest.begin()`; …; `problems = [*honest.end(), *arrived(peer, reaches)]`.
"""

from __future__ import annotations

import json
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator

from engineio import payload

from tests.client import Client
from tests.hostile.attempts import SECRET
from tests.process import Bridge
from tests.tcpserver import Peer
from tests.waiting import PATIENCE

__all__ = ["Honest", "arrived"]

WAYS = (["websocket"], ["websocket"], ["polling"])
payload.Payload.max_decode_packets = (
    10_000  # of python-engineio's client, which else leaves at more than 16 in one poll
)
PAUSE = 0.02  # seconds between two events of a client, and between two messages of the server
OWN = ("username", "action")
USERS = re.compile(r"honest-\d|h\d+|nobody")


class Honest:
    """Clients named honest-0 and so on, each sending numbered events, and a server that sends numbered messages, to all
    and to honest-0 alone. `waits`: seconds until each ack."""

    def __init__(self, bridge: Bridge, peer: Peer) -> None:
        self._peer = peer
        self.clients = [Client(bridge.url, ways) for ways in WAYS]
        self.sent = [0] * len(WAYS)
        self.ticks = 0
        self.waits: list[float] = []
        self._problems: list[str] = []
        self._ended = threading.Event()
        works: list[Callable[[], None]] = [self._tick, *(lambda n=n: self._speak(n) for n in range(len(WAYS)))]
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]

    def begin(self) -> None:
        """From now on."""
        for number, client in enumerate(self.clients):
            assert client.ask("register", f"honest-{number}")["ok"]
        for thread in self._threads:
            thread.start()

    def end(self) -> list[str]:
        """Stop, and say what was lost, by whom."""
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
        for number, client in enumerate(self.clients):
            self._problems += self._missed(number, client)
            self._problems += self._not_arrived(number)
            client.close()
        return self._problems

    def slowness(self) -> str:
        """How long an ack took, in milliseconds."""
        cuts = statistics.quantiles(self.waits, n=100)
        return f"median {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms"

    def _tick(self) -> None:
        while not self._ended.wait(PAUSE):
            self.ticks += 1
            alone = {"username": "honest-0", "alone": self.ticks, "text": SECRET.decode()}
            self._peer.send_json({"tick": self.ticks}, alone)

    def _speak(self, number: int) -> None:
        client = self.clients[number]
        while not self._ended.wait(PAUSE):
            self.sent[number] += 1
            began = time.monotonic()
            try:
                answer = client.ask("honest", {"n": self.sent[number]}, timeout=2 * PATIENCE)
            except AssertionError:
                answer = {"error": "no ack came"}
            self.waits.append(time.monotonic() - began)
            if answer != {"ok": True}:
                self._problems.append(f"honest-{number}: its event {self.sent[number]} was answered {answer}")
                return

    def _missed(self, number: int, client: Client) -> Iterator[str]:
        last = json.dumps({"tick": self.ticks})
        try:
            client.got("message", last)
            if number == 0:
                client.events.wait(lambda event: f'"alone": {self.ticks},' in str(event[1]))
        except AssertionError:
            yield f"honest-{number}: the last message has not come"
        found = [json.loads(text) for text in client.all("message")]
        for key in ("tick", "alone") if number == 0 else ("tick",):
            numbers = [each[key] for each in found if key in each]
            if numbers != list(range(1, self.ticks + 1)):
                yield f"honest-{number}: of {self.ticks} messages {len(numbers)} came, or not in order"
        if number and any("alone" in each for each in found):
            yield f"honest-{number}: it was sent what was for honest-0 alone"
        if client.gone.is_set():
            yield f"honest-{number}: it was disconnected"

    def _not_arrived(self, number: int) -> Iterator[str]:
        user = f"honest-{number}"
        events = [each["n"] for each in map(json.loads, self._peer.frames.entries) if _is(each, user, "honest")]
        if events != list(range(1, self.sent[number] + 1)):
            yield f"{user}: of {self.sent[number]} events {len(events)} arrived, or not in order"


def _is(frame: object, user: str, action: str) -> bool:
    return isinstance(frame, dict) and (frame.get("username"), frame.get("action")) == (user, action)


def arrived(peer: Peer, reaches: Callable[[int], bool]) -> Iterator[str]:
    """Say what arrived at the server that must not. `reaches(number)`: whether that attempt may."""
    for frame in peer.frames.entries:
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not USERS.fullmatch(str(message.get("username"))):
            yield f"a frame is of nobody: {frame[:200]!r}"
        elif any(key.strip("\0\ufeff ").casefold() in OWN and key not in OWN for key in message):
            yield f"a frame has a key that looks like the bridge's own: {frame[:200]!r}"
        elif "evil" in str(message.get("action")):
            yield f"a frame has a forged action: {frame[:200]!r}"
        for number in map(int, re.findall(rb"x(\d+)x", frame)):
            if not reaches(number):
                yield f"attempt {number} arrived: {frame[:200]!r}"
