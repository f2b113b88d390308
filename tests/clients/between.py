"""What is between clients and the bridge: it hears what they say to each other, and can put a word in.

Use: `with Between(bridge.port) as between: Program(kind, between.url, way); between.heard(rb'"pid":"')`.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading

from tests.waiting import PATIENCE, Log

__all__ = ["Between", "Pair"]


class Pair:
    """One client's connection, and its own to the bridge. `up`, `down`: what was said, in pieces."""

    def __init__(self, client: socket.socket, port: int) -> None:
        self._client, self._bridge = client, socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._bridge.settimeout(None)
        self.up: Log[bytes] = Log()
        self.down: Log[bytes] = Log()
        self._threads = [
            threading.Thread(target=self._pass, args=args, daemon=True)
            for args in ((client, self._bridge, self.up), (self._bridge, client, self.down))
        ]
        for thread in self._threads:
            thread.start()

    def post_waits(self) -> bool:
        """Whether a POST has been sent that is not answered yet; answers come in the order of their requests."""
        asked = re.findall(rb"(GET|POST) /\S* HTTP/1", b"".join(self.up.entries))
        return b"POST" in asked[len(re.findall(rb"HTTP/1\.1 \d\d\d ", b"".join(self.down.entries))) :]

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

    def _pass(self, source: socket.socket, sink: socket.socket, said: Log[bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
                said.add(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


class Between:
    """`url`: where clients find it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.pairs: Log[Pair] = Log()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def find(self, direction: str, pattern: bytes) -> tuple[Pair, str]:
        """The newest connection on which this has been said, and the pattern's first group."""
        for pair in reversed(self.pairs.entries):
            found = re.findall(pattern, b"".join(getattr(pair, direction).entries))
            if found:
                return pair, found[-1].decode()
        raise AssertionError(f"nobody has said {pattern!r}")

    def posts_are_answered(self) -> bool:
        """Whether every POST so far has its answer, be it a refusal."""
        return not any(pair.post_waits() for pair in self.pairs.entries)

    def close(self) -> None:
        """End all."""
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
                self.pairs.add(Pair(client, self._port))
