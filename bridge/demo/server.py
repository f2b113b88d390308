"""Serve the demo world over TCP inside the process, for a first look without a server of one's own.

It listens on a free port of 127.0.0.1, moves a small world (`world.py`) 30 times a second and speaks the default
wire: JSON, each frame ended by `~`, both ways. It addresses messages in every way: to all, to one user, to a list.
It runs on plain threads as well as on green ones. Must not know the bridge beyond framing and codec: it is the other
end of the link, like anybody's server.

Use: `server = DemoServer(); host, port = server.start(); ...; server.close()`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from random import Random

import orjson

from bridge.demo.world import EVERYBODY, Message, World
from bridge.errors import BridgeError, FramingError
from bridge.link.codec import JsonEncoder
from bridge.link.framing.registry import framing_in, framing_out

__all__ = ["MAX_CONNECTIONS", "MAX_WAITING", "Connection", "DemoServer"]

HOST = "127.0.0.1"
DELIMITER = "~"
#: No honest event is longer; the framing skips longer ones.
MAX_FRAME = 65_536
#: Ten times a full field whose users have the longest names.
MAX_OUT = 1_048_576
#: Bytes that may wait for one connection besides the newest world: some thousand answers.
MAX_WAITING = 262_144
#: Bytes that the kernel may hold for a bridge that pauses, so that it does not show an old world for long.
STALE = 65_536
#: A bridge needs one. More than one is for those who try several bridges at once.
MAX_CONNECTIONS = 16
#: Users to whom answers can be addressed; bounds the memory that a bridge without `disconnected` can fill.
MAX_OWNERS = 10_000
#: After a pause (a suspended laptop) the world goes on from where it is instead of catching up.
MAX_LAG = 0.25


class DemoServer:
    """The demo server. `hz`: steps of the world, and world messages, a second."""

    def __init__(self, hz: float = 30.0) -> None:
        self._period = 1.0 / hz
        self._encoder = framing_out(DELIMITER, MAX_OUT)
        self._json = JsonEncoder(self._encoder.escapes)
        self._world = World(Random())  # noqa: S311 (a game's coins, no secret)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._connections: set[Connection] = set()
        self._owners: dict[str, Connection] = {}

    def start(self) -> tuple[str, int]:
        """Listen and set the world in motion. Return the address. Raises OSError if no port is free."""
        self._listener = socket.create_server((HOST, 0))
        self._threads = [_thread("accept", self._accept, self._listener), _thread("world", self._run)]
        return HOST, self._listener.getsockname()[1]

    @property
    def connections(self) -> list[Connection]:
        """The connections that are open now."""
        with self._lock:
            return list(self._connections)

    def close(self) -> None:
        """Stop, and wait for every thread. May be called again, and before `start`."""
        self._stop.set()
        if self._listener is not None:
            _shut(self._listener)
        for thread in self._threads:
            thread.join()
        for connection in self.connections:
            connection.close()
            connection.join()
        if self._listener is not None:
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:  # shut by close(), or out of descriptors: wait, so that the loop is not busy
                self._stop.wait(self._period)
                continue
            self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STALE)
            connection = Connection(sock, self._received, self._gone)
            self._connections.add(connection)
            connection.start()

    def _run(self) -> None:
        """Step the world by deadlines of a monotonic clock, so that oversleeping does not add up."""
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            with self._lock:
                self._send(self._world.step(self._period))
                world = self._frame(self._world.snapshot())
                for connection in self._connections:
                    connection.show(world)
            due = max(due + self._period, time.monotonic() - MAX_LAG)

    def _received(self, connection: Connection, frame: bytes) -> None:
        message = _decoded(frame)
        with self._lock:
            self._note_owner(connection, message)
            self._send(self._world.handle(message))

    def _note_owner(self, connection: Connection, message: object) -> None:
        """Note the connection that a user was last heard on: answers to the user go there."""
        if not isinstance(message, dict) or not isinstance(name := message.get("username", EVERYBODY), str):
            return
        if message.get("action") == "disconnected":
            self._owners.pop(name, None)
        elif len(self._owners) < MAX_OWNERS:
            self._owners[name] = connection

    def _gone(self, connection: Connection) -> None:
        """Remove everybody who came by a connection that has ended."""
        with self._lock:
            self._connections.discard(connection)
            for name in [name for name, owner in self._owners.items() if owner is connection]:
                del self._owners[name]
                self._send(self._world.leave(name))

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            frame = self._frame(message)
            for connection in self._addressees(message):
                connection.say(frame)

    def _addressees(self, message: Message) -> set[Connection]:
        to = message.get("username")
        if to is None:
            return self._connections
        names = [to] if isinstance(to, str) else to
        return {self._owners[name] for name in names if name in self._owners}

    def _frame(self, message: Message) -> bytes:
        """Encode the message; no bytes at all for an echo that is nested too deeply to be written."""
        try:
            return self._encoder.frame(self._json.encode(message))
        except BridgeError:
            return b""


class Connection:
    """One bridge: a reader thread, a writer thread, and a bounded queue between world and writer.

    A bridge that does not read blocks its own writer only: worlds replace one another,
    answers over MAX_WAITING are dropped.
    """

    def __init__(
        self,
        sock: socket.socket,
        received: Callable[[Connection, bytes], None],
        gone: Callable[[Connection], None],
    ) -> None:
        self._sock = sock
        self._received, self._gone = received, gone
        self._decoder = framing_in(DELIMITER, MAX_FRAME)
        self._ready = threading.Condition()
        self._answers: deque[bytes] = deque()
        self._waiting = 0
        self._world = b""
        self._closed = False
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start reading and writing, until the other side or `close` ends it."""
        self._reader = _thread("reader", self._read)

    def join(self) -> None:
        """Wait for the end of the reader."""
        if self._reader is not None:
            self._reader.join()

    def close(self) -> None:
        """End both threads; the reader then closes the socket."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        _shut(self._sock)

    @property
    def waiting(self) -> int:
        """Bytes of answers that wait for the bridge to read."""
        return self._waiting

    def say(self, frame: bytes) -> None:
        """Queue an answer, unless too much waits already."""
        with self._ready:
            if self._waiting + len(frame) <= MAX_WAITING:
                self._answers.append(frame)
                self._waiting += len(frame)
                self._ready.notify()

    def show(self, world: bytes) -> None:
        """Queue the newest world, in place of one that was not sent yet."""
        with self._ready:
            self._world = world
            self._ready.notify()

    def _read(self) -> None:
        writer = _thread("writer", self._write)
        try:
            while data := self._sock.recv(MAX_FRAME):
                for frame in self._frames(data):
                    self._received(self, frame)
        except OSError:  # reset by the bridge, which ends the connection as well
            pass
        self.close()
        writer.join()
        self._sock.close()
        self._gone(self)

    def _frames(self, data: bytes) -> list[bytes]:
        try:
            return self._decoder.feed(data)
        except FramingError as error:  # a frame over the limit; the framing goes on after it
            return error.frames

    def _write(self) -> None:
        try:
            while chunk := self._next():
                self._sock.sendall(chunk)
        except OSError:
            self.close()

    def _next(self) -> bytes:
        """Wait for something to send, and return all of it joined; empty at the end."""
        with self._ready:
            self._ready.wait_for(lambda: self._closed or self._answers or self._world)
            chunk = b"" if self._closed else b"".join((*self._answers, self._world))
            self._answers.clear()
            self._waiting, self._world = 0, b""
            return chunk


def _decoded(frame: bytes) -> object:
    """Return the frame's JSON value, or None if it has none."""
    try:
        value: object = orjson.loads(frame)  # refuses NaN and lone surrogates, which could not be written again
    except ValueError:
        return None
    return value


def _thread(name: str, run: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=run, args=args, name=f"demo-{name}", daemon=True)
    thread.start()
    return thread


def _shut(sock: socket.socket) -> None:
    """Wake the threads that wait in accept, recv or sendall; closing alone would not."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
