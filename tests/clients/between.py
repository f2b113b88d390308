"""What is between clients and the bridge: it hears what they say to each other, and can put a word in.

Use: `with Between(bridge.port) as between: Program(kind, between.url, way); between.heard(rb'"pid":"')`.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import threading
from collections.abc import Iterator
from typing import NamedTuple

from tests.waiting import PATIENCE, Log

__all__ = ["Between", "Pair", "joined"]


class Piece(NamedTuple):
    """What was read at once, and its number among all pieces of all pairs."""

    number: int
    data: bytes


def joined(said: Log[Piece]) -> bytes:
    """All that was said."""
    return b"".join(piece.data for piece in said.entries)


class UpgradeGate:
    """Clients go from polling to a WebSocket when the test says so, if they are `held`."""

    def __init__(self, held: bool) -> None:
        self._probes, self._polls = threading.Event(), threading.Event()
        self._polls.set()
        if not held:
            self._probes.set()

    def let_probe(self) -> None:
        """Let them try a WebSocket, on which they are answered, and hold the answers to their polls meanwhile."""
        self._polls.clear()
        self._probes.set()

    def release(self) -> None:
        """Hold nothing any more."""
        self._polls.set()
        self._probes.set()

    def pass_up(self, by_websocket: bool) -> None:
        """Wait until what a client says is passed on."""
        if by_websocket:
            assert self._probes.wait(PATIENCE)

    def pass_down(self, by_websocket: bool) -> None:
        """Wait until what a client is told is passed on."""
        if not by_websocket:
            assert self._polls.wait(PATIENCE)


class Pair:
    """One client's connection, and its own to the bridge. `up`, `down`: what was said, in pieces.

    `clock`: numbers for the pieces of all pairs, so that it can be told which was said last.
    """

    def __init__(self, client: socket.socket, port: int, clock: Iterator[int], upgrades: UpgradeGate) -> None:
        self._clock, self._upgrades = clock, upgrades
        self._by_websocket = False
        self._client, self._bridge = client, socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._bridge.settimeout(None)
        self.up: Log[Piece] = Log()
        self.down: Log[Piece] = Log()
        self._threads = [
            threading.Thread(target=self._pass, args=args, daemon=True)
            for args in ((client, self._bridge, self.up), (self._bridge, client, self.down))
        ]
        for thread in self._threads:
            thread.start()

    def post_waits(self) -> bool:
        """Whether a POST has been sent that is not answered yet; answers come in the order of their requests."""
        asked = re.findall(rb"(GET|POST) /\S* HTTP/1", joined(self.up))
        return b"POST" in asked[len(re.findall(rb"HTTP/1\.1 \d\d\d ", joined(self.down))) :]

    def last(self, direction: str, pattern: bytes) -> tuple[int, str]:
        """When this was said here for the last time, 0 if never, and the pattern's first group."""
        said: Log[Piece] = getattr(self, direction)
        pieces = said.entries
        found = list(re.finditer(pattern, b"".join(piece.data for piece in pieces)))
        if not found:
            return 0, ""
        ends = itertools.accumulate(len(piece.data) for piece in pieces)
        piece = next(piece for piece, end in zip(pieces, ends, strict=True) if end >= found[-1].end())
        return piece.number, found[-1][1].decode()

    def say(self, data: bytes) -> None:
        """To the bridge, as if it were the client's."""
        self._bridge.sendall(data)

    def close(self) -> None:
        """Both."""
        for sock in (self._client, self._bridge):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._client.close()
        self._bridge.close()

    def _pass(self, source: socket.socket, sink: socket.socket, said: Log[Piece]) -> None:
        """What the bridge has is in `up`, and what a client has is in `down`: for whoever acts on it, it is there."""
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if said is self.down:
                    self._upgrades.pass_down(self._by_websocket)
                    said.add(Piece(next(self._clock), data))
                else:
                    self._upgrades.pass_up(self._by_websocket)  # not the request, but the `2probe` behind it
                    self._by_websocket = self._by_websocket or b"upgrade: websocket" in data.lower()
                sink.sendall(data)
                if said is self.up:
                    said.add(Piece(next(self._clock), data))
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


class Between:
    """`url`: where clients find it; `upgrades`: how clients go from polling to a WebSocket."""

    def __init__(self, port: int, held: bool = False) -> None:
        self._port, self.upgrades = port, UpgradeGate(held)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.pairs: Log[Pair] = Log()
        self._clock = itertools.count(1)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def find(self, direction: str, pattern: bytes) -> tuple[Pair, str]:
        """Who said this last, and the pattern's first group. A client that polls may have several connections."""
        times = [(pair.last(direction, pattern), pair) for pair in self.pairs.entries]
        (_, found), pair = max(times, key=lambda time: time[0])
        assert found, f"nobody has said {pattern!r}"
        return pair, found

    def posts_are_answered(self) -> bool:
        """Whether every POST so far has its answer, be it a refusal."""
        return not any(pair.post_waits() for pair in self.pairs.entries)

    def close(self) -> None:
        """End all."""
        self.upgrades.release()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()
        for pair in self.pairs.entries:
            pair.close()

    def __enter__(self) -> Between:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    self.pairs.add(Pair(client, self._port, self._clock, self.upgrades))
                except ConnectionRefusedError:  # by a bridge that is stopped
                    client.close()
