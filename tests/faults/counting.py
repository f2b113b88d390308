"""A TCP server that numbers what it sends, and keeps a log of what it got that outlives its being killed.

Messages are {"n": number} for all and {"username": …, "u": number, "after": n} for one user, whose numbers are its own.
With `confirm` it confirms what it has logged, after a moment, and logs nothing twice, as docs/protocol.md has it.

Use: `server = CountingServer(); server.feed(200); server.kill(); server.start()`; `server.log`; `server.sendings`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

from tests.waiting import PATIENCE

__all__ = ["TICK", "CountingServer", "Sending"]

TICK = 0.025  # seconds between two writes
OWN = 0.05  # of the messages, for one user alone
WITHHELD = 0.05  # seconds until a confirmation goes out, at most: an ack that does not wait for it comes before it


@dataclass
class Sending:
    """What was sent over one connection. `own`: of each user the numbers, with the last number for all before each."""

    first: int
    end: int
    own: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


class CountingServer:
    """`log`: (client's name, number) of each event. `present`: who is there, as it was told since the link came up.

    `left`: who has left, in order; `again`: frames that it had already; `strange`: what it should never have got;
    `absent`: events of users who were not there; `links`: connections so far; `begun`: how long the log was when each
    of them began; `frames`: those that it has read; `confirmed`: of each event of the log when it was first confirmed,
    in microseconds of the machine's monotonic clock.
    """

    def __init__(self, confirm: bool = False, seed: int = 0) -> None:
        self._confirm, self._random = confirm, Random(seed)
        self.log: list[tuple[str, int]] = []
        self.present: set[str] = set()
        self.sendings: list[Sending] = []
        self.left: list[str] = []
        self.strange: list[str] = []
        self.begun: list[int] = []
        self.confirmed: dict[tuple[str, int], int] = {}
        self.absent = self.again = self.links = self.next = self.port = self.frames = 0
        self._to_confirm: list[tuple[str, int]] = []
        self._withhold = Random(seed)
        self._own: Counter[str] = Counter()
        self._applied: Counter[str] = Counter()  # by epoch
        self._epoch, self._seq = "", 0
        self._lock = threading.RLock()
        self._writing = threading.Lock()  # what is numbered first is sent first
        self._sock: socket.socket | None = None
        self._feeding = threading.Event()
        self._feeder: threading.Thread | None = None
        self.start()

    # Its life.

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """As SIGKILL does: the connection and the listener are gone; the log is on disk, so to speak."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()
        self._hang_up()

    def close(self) -> None:
        """For good."""
        self.pause()
        self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What it sends.

    def send(self, count: int) -> int:
        """So many numbers for all, with some for one user between them; the last number. Nothing while nobody calls."""
        with self._writing:
            with self._lock:
                sock = self._sock
                if sock is None:
                    return self.next - 1
                texts = []
                for _ in range(count):
                    if self.present and self._random.random() < OWN:
                        texts.append(self._own_text(self._random.choice(sorted(self.present))))
                    texts.append(f'{{"n":{self.next},"pad":"{"x" * self._random.randrange(60)}"}}~')
                    self.next += 1
                self.sendings[-1].end = self.next
            with contextlib.suppress(OSError):
                sock.sendall("".join(texts).encode())
            return self.next - 1

    def send_large(self, size: int) -> None:
        """A message of so many characters for one user."""
        with self._writing:
            with self._lock:
                sock = self._sock
                if sock is None or not self.present:
                    return
                text = self._own_text(self._random.choice(sorted(self.present)), size)
            with contextlib.suppress(OSError):
                sock.sendall(text.encode())

    @property
    def sent(self) -> int:
        """How many numbers for all there are to account for."""
        return self.next - (self.sendings[0].first if self.sendings else 0)

    def forget(self) -> None:
        """What was sent before is not accounted for: nobody was there."""
        with self._lock:
            self.sendings[:] = [Sending(self.next, self.next)]

    def feed(self, a_second: float) -> None:
        """So many numbers a second, until `pause()`."""
        self._feeding.set()
        self._feeder = threading.Thread(target=self._feed, args=(a_second,), daemon=True)
        self._feeder.start()

    def pause(self) -> int:
        """Send no more; the last number."""
        self._feeding.clear()
        if self._feeder is not None:
            self._feeder.join(PATIENCE)
        return self.next - 1

    def _own_text(self, user: str, size: int = 0) -> str:
        sending = self.sendings[-1]
        number, after = self._own[user], self.next - 1 if self.next > sending.first else -1
        self._own[user] += 1
        sending.own.setdefault(user, []).append((number, after))
        more = {"pad": "x" * size} if size else {}
        return json.dumps({"username": user, "u": number, "after": after, **more}) + "~"

    def _feed(self, a_second: float) -> None:
        pace, due, before = threading.Event(), 0.0, time.monotonic()
        while self._feeding.is_set():
            pace.wait(TICK)
            now = time.monotonic()
            due, before = due + (now - before) * a_second, now
            if due >= 1:
                self.send(int(due))
                due -= int(due)

    # What it gets.

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._hang_up()  # there is one bridge, and it would not call twice
            with self._lock:
                self.links += 1
                self.begun.append(len(self.log))
                self.present.clear()
                self._epoch, self._seq = "", 0
                self.sendings.append(Sending(self.next, self.next))
                self._sock = sock
            threading.Thread(target=self._read, args=(sock,), daemon=True).start()

    def _hang_up(self) -> None:
        with self._lock:
            sock, self._sock = self._sock, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # which wakes who waits in it

    def _read(self, sock: socket.socket) -> None:
        pace, pending = threading.Event(), b""
        try:
            while data := sock.recv(65536):
                *frames, pending = (pending + data).split(b"~")
                with self._lock:
                    if self._sock is not sock:
                        break
                    for frame in frames:
                        self._frame(frame)
                    self.frames += len(frames)
                    confirms = self._confirm and self._seq > 0
                if confirms:
                    pace.wait(self._withhold.uniform(0, WITHHELD))
                    sock.sendall(self._confirmation())
        except OSError:
            pass
        with self._lock:
            if self._sock is sock:
                self._sock = None
        sock.close()

    def _confirmation(self) -> bytes:
        """Of everything in the log. When it was is noted before it is sent: no ack can be earlier."""
        with self._lock:
            now = time.monotonic_ns() // 1000
            self.confirmed.update(dict.fromkeys(self._to_confirm, now))
            self._to_confirm.clear()
            return b'{"confirm":%d}~' % self._applied[self._epoch]

    def _frame(self, frame: bytes) -> None:
        try:
            message = json.loads(frame)
        except ValueError:
            self.strange.append(f"no JSON: {frame!r:.200}")
            return
        user, action, seq = message.get("username"), message.get("action"), message.get("seq")
        if action == "hello" and self._confirm:
            if self._epoch or self.present:
                self.strange.append("a hello that is not the first frame")
            self._epoch = message["epoch"]
        elif action in ("connected", "disconnected"):
            if (action == "connected") == (user in self.present):
                self.strange.append(f"{action} of {user}, who had done so already")
            (self.present.add if action == "connected" else self.present.discard)(user)
            self.left += [user] if action == "disconnected" else []
        else:
            self.absent += user not in self.present
            if self._is_new(message, seq) and action == "tick":
                self.log.append((message["c"], message["n"]))
                self._to_confirm.append(self.log[-1])

    def _is_new(self, message: dict[str, Any], seq: object) -> bool:
        if not self._confirm:
            return True
        if not isinstance(seq, int) or not self._epoch or seq <= self._seq:
            self.strange.append(f"after seq {self._seq} of epoch {self._epoch!r}: {message!r:.200}")
            return False
        self._seq = seq
        if seq <= self._applied[self._epoch]:
            self.again += 1
            return False
        self._applied[self._epoch] = seq
        return True
