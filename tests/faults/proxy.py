"""A TCP proxy that does to connections what networks do to them, when a test says so.

It delays, throttles, splits into single bytes, passes nothing, cuts inside a frame, resets. It never changes, doubles
or reorders a byte: what comes out of a connection is always a beginning of what went in.

Use: `with Proxy(bridge.port) as proxy: client(proxy.port); proxy.set(BLACK_HOLE); proxy.heal(); proxy.reset()`.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Self

from tests.faults.ends import Ends, WebSocketFrames
from tests.waiting import PATIENCE

__all__ = ["BLACK_HOLE", "CLEAR", "DOWN", "UP", "WAYS", "Condition", "Line", "Proxy"]

SIZE = 65536  # bytes of one read
MOST = 8 * 1024 * 1024  # bytes that a kernel keeps for who does not read, and more
TURNS = 20  # pieces a second of what is throttled

UP, DOWN = "up", "down"  # from who has connected to the target, and back
WAYS = (UP, DOWN)


@dataclass(frozen=True, slots=True)
class Condition:
    """What happens to bytes. `delay`: seconds until they go on; `rate`: bytes a second, 0 for as many as there are;
    `single`: each in a send of its own; `stopped`: they wait until that is over."""

    delay: float = 0.0
    rate: int = 0
    single: bool = False
    stopped: bool = False

    def piece(self, data: bytes) -> bytes:
        """What is sent at once of these bytes."""
        size = 1 if self.single else len(data)
        return data[: min(size, max(1, self.rate // TURNS)) if self.rate else size]


CLEAR, BLACK_HOLE = Condition(), Condition(stopped=True)


class _Way:
    """One direction of a line, on a thread."""

    def __init__(self, line: Line, source: socket.socket, sink: socket.socket, ends: Ends, random: Random) -> None:
        self._line, self._source, self._sink, self._ends, self._random = line, source, sink, ends, random
        self.condition = CLEAR
        self.cutting = self.sending = False
        self.sends = self.passed = self.frames = 0

    def run(self) -> None:
        """Until one side or the line ends."""
        try:
            while data := self._received():
                self._pass(data)
            self._line.clear_to(self)
            self._sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._line.reset()

    def _received(self) -> bytes:
        try:
            return self._source.recv(SIZE)
        except OSError:
            self._line.clear_to(self)  # nor does a reset pass a black hole
            raise

    def _pass(self, data: bytes) -> None:
        came, last = time.monotonic(), len(data)
        ends = self._found(data)
        inside = [at for at in range(1, last + 1) if at not in ends] if self.cutting else []
        if inside:
            last = self._random.choice(inside)
        at = 0
        while at < last:
            condition = self._line.clear_to(self, came)
            piece = condition.piece(data[at:last])
            self._send(piece)
            at += len(piece)
            if condition.rate:
                self._line.pause(self, len(piece) / condition.rate)
        if inside:
            self._line.hang_up()
            raise OSError("cut")

    def _found(self, data: bytes) -> frozenset[int]:
        ends = frozenset(self._ends.feed(data))
        self.frames += len(ends)
        return ends

    def count_rest(self) -> None:
        """Count what has come and was never read. It stays where it is, as a close tells who sent it of that."""
        with contextlib.suppress(OSError):
            self._found(self._source.recv(MOST, socket.MSG_PEEK | socket.MSG_DONTWAIT))

    def _send(self, piece: bytes) -> None:
        self.sending = True
        self._sink.sendall(piece)
        self.sending = False
        self.sends += 1
        self.passed += len(piece)


class Line:
    """One connection through the proxy. `ended`: both sides are closed."""

    def __init__(self, proxy: Proxy, near: socket.socket, conditions: dict[str, Condition]) -> None:
        self._proxy, self._near = proxy, near
        self._far = socket.socket()
        self._changed = threading.Condition()
        self._over = False
        ends, random = proxy.ends, proxy.random
        self.up = _Way(self, near, self._far, ends(), random)
        self.down = _Way(self, self._far, near, ends(), random)
        self.ended = threading.Event()
        for way, condition in conditions.items():
            self._of(way).condition = condition
        threading.Thread(target=self._run, daemon=True).start()

    def set(self, condition: Condition, *ways: str) -> None:
        """From now on, in these directions or in both; also for bytes that wait already."""
        with self._changed:
            for way in ways or WAYS:
                self._of(way).condition = condition
            self._changed.notify_all()

    def stall(self) -> None:
        """From now on nothing is read of who has connected, and as little as can be is kept by the kernel for that."""
        self._near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.set(BLACK_HOLE, UP)

    def cut(self, way: str = DOWN) -> None:
        """End it in order, but inside the next frame that passes in this direction."""
        self._of(way).cutting = True

    def reset(self) -> None:
        """End it with RST on both sides; not if it is over already."""
        self._end(socket.SHUT_RD)

    def hang_up(self) -> None:
        """End it with FIN on both sides; what waits is lost."""
        self._end(socket.SHUT_RDWR)

    def clear_to(self, way: _Way, came: float = 0.0) -> Condition:
        """Wait until bytes that came then may go on in this direction; how. Raises OSError if the line is over."""
        with self._changed:
            while not self._over:
                left = came + way.condition.delay - time.monotonic()
                if not way.condition.stopped and left <= 0:
                    return way.condition
                self._changed.wait(None if way.condition.stopped else left)
        raise OSError("over")

    def pause(self, way: _Way, seconds: float) -> None:
        """Wait so long, or until the condition changes."""
        condition = way.condition
        with self._changed:
            self._changed.wait_for(lambda: self._over or way.condition is not condition, seconds)

    def _of(self, way: str) -> _Way:
        return self.up if way == UP else self.down

    def _end(self, how: int) -> None:
        with self._changed:
            if self._over:
                return
            self._over = True
            self._changed.notify_all()
        for sock, way in ((self._near, self.down), (self._far, self.up)):
            with contextlib.suppress(OSError):
                if how == socket.SHUT_RD:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR if way.sending else how)  # which also wakes who waits in it

    def _run(self) -> None:
        try:
            self.clear_to(self.up)  # in a black hole a connection is accepted and goes nowhere
            self._far.connect(("127.0.0.1", self._proxy.target))
            for sock in (self._near, self._far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self.down.run, daemon=True)
            back.start()
            self.up.run()
            back.join()
        except OSError:
            self.reset()
        self.up.count_rest()
        self._near.close()
        self._far.close()
        self._proxy.forget(self)
        self.ended.set()


class Proxy:
    """Listens on a free loopback port for connections to the port `target`.

    `ends`: what tells where frames end, for one direction of one connection.
    """

    def __init__(self, target: int, ends: Callable[[], Ends] = WebSocketFrames, random: Random | None = None) -> None:
        self.target, self.ends, self.random = target, ends, random or Random(0)
        self._conditions: dict[str, Condition] = {}
        self._lines: dict[Line, None] = {}
        self._lock = threading.Lock()
        self.accepted = self._frames = 0
        self.port = 0
        self.listen()
        self.address, self.url = f"127.0.0.1:{self.port}", f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[Line]:
        """The connections that there are, the oldest first."""
        with self._lock:
            return list(self._lines)

    @property
    def frames_up(self) -> int:
        """How many frames came up to here, whatever became of them: who sent them has had them acknowledged."""
        with self._lock:
            return self._frames + sum(line.up.frames for line in self._lines)

    def set(self, condition: Condition, *ways: str) -> None:
        """For all connections, those to come included."""
        with self._lock:
            self._conditions.update(dict.fromkeys(ways or WAYS, condition))
        for line in self.lines:
            line.set(condition, *ways)

    def heal(self) -> None:
        """Everything passes, also what waited."""
        self.set(CLEAR)

    def listen(self) -> None:
        """Accept connections, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
        self._thread.start()

    def refuse(self) -> None:
        """Refuse new connections, as a machine does on which nothing listens."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()

    def reset(self) -> None:
        """Reset every connection."""
        for line in self.lines:
            line.reset()

    def forget(self, line: Line) -> None:
        """It has ended."""
        with self._lock:
            self._lines.pop(line, None)
            self._frames += line.up.frames

    def close(self) -> None:
        """Refuse and reset."""
        self.refuse()
        for line in self.lines:
            line.reset()
            line.ended.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._lines[Line(self, near, dict(self._conditions))] = None
