"""A scripted TCP server on a real socket: it accepts, refuses, resets, stalls and comes back.

Use: `server = TcpServer(); peer = server.accept(); peer.send(b"hi~"); peer.frames.wait(…)`.
"""

from __future__ import annotations

import json
import queue
import socket
import struct
import threading
from typing import Any

from tests.waiting import PATIENCE, Log

__all__ = ["Peer", "TcpServer"]


class Peer:
    """One connection that the bridge has made. Reads all the time, unless it is told to stall."""

    def __init__(self, sock: socket.socket, delimiter: bytes, stalled: bool) -> None:
        self._sock, self._delimiter = sock, delimiter
        self.raw: Log[bytes] = Log()
        self.frames: Log[bytes] = Log()
        self.ended = threading.Event()
        self._go = threading.Event()
        self._a_second = 0
        if not stalled:
            self._go.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._sock.sendall(data)

    def send_json(self, *values: object) -> None:
        """Send each value as one frame with the delimiter `~`, all in one write."""
        self.send(b"".join(json.dumps(value).encode() + b"~" for value in values))

    def resume(self) -> None:
        """Read, after having been stalled."""
        self._go.set()

    def read_slowly(self, a_second: int) -> None:
        """Read so many bytes a second from now on."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, a_second // 20)
        self._a_second = a_second

    def message(self, **wanted: object) -> dict[str, Any]:
        """Wait for a JSON object that has all these keys and values."""
        frame = self.frames.wait(lambda f: wanted.items() <= _object(f).items())
        return _object(frame)

    @property
    def messages(self) -> list[Any]:
        """Every frame so far, parsed."""
        return [json.loads(frame) for frame in self.frames.entries]

    def first(self, count: int) -> list[Any]:
        """Every frame so far, parsed, once there are at least `count`: an ack can be here before its frame."""
        self.frames.wait_count(count)
        return self.messages

    def close(self) -> None:
        """Close in order: the bridge reads EOF."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._go.set()
        self._thread.join(PATIENCE)
        self._sock.close()

    def reset(self) -> None:
        """Close with RST."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._go.set()
        # The reader may be inside recv(), which keeps the descriptor; shutting down the read side wakes it.
        try:
            self._sock.shutdown(socket.SHUT_RD)
        except OSError:
            pass
        self._thread.join(PATIENCE)
        self._sock.close()

    def _read(self) -> None:
        self._go.wait()
        pending = b""
        try:
            while data := self._sock.recv(65536):
                self.raw.add(data)
                if self._a_second:
                    self.ended.wait(len(data) / self._a_second)
                *frames, pending = (pending + data).split(self._delimiter)
                for frame in frames:
                    self.frames.add(frame)
        except OSError:
            pass
        self.ended.set()


class TcpServer:
    """Listens on a free loopback port, or again on a given one."""

    def __init__(self, port: int = 0, delimiter: bytes = b"~", stalled: bool = False, host: str = "127.0.0.1") -> None:
        self._delimiter, self._stalled = delimiter, stalled
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.peers: list[Peer] = []
        self._accepted: queue.Queue[Peer] = queue.Queue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def accept(self, timeout: float = PATIENCE) -> Peer:
        """The next connection."""
        try:
            return self._accepted.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"the bridge did not connect within {timeout} s") from None

    def refuse(self) -> None:
        """Stop listening; the connections that are there stay."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(PATIENCE)
        self._listener.close()

    def close(self) -> None:
        """Stop listening and close every connection."""
        self.refuse()
        for peer in self.peers:
            peer.close()

    def __enter__(self) -> TcpServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            peer = Peer(sock, self._delimiter, self._stalled)
            self.peers.append(peer)
            self._accepted.put(peer)


def _object(frame: bytes) -> dict[str, Any]:
    try:
        value = json.loads(frame)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
