"""How soon clients that were cut off have what they missed, and how soon the link is back: `make bench-recovery`.

Three works, each against `app.py` with its defaults in a process of its own: one client that missed a thousand
messages; thousands that are cut off at once and come back at once, while one that was not goes on; a server that is
away and comes back. Clients are raw WebSockets, all in this process, as quick as Python is.

Use: `python -m bench.recovery --clients 5000 --repeats 5`.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from bench.build import PROJECT

__all__ = ["main"]

MISSED = 1_000
SIZE = 64  # bytes of a message
PATIENCE = 60.0
RATE = 50  # messages a second while the crowd comes back
UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_LAST = re.compile(rb'#(\d{8})[^"]*","([\w-]+)"\]\Z')


class Client:
    """One WebSocket on the default namespace. `count`: messages so far; `last`: the number of the newest."""

    def __init__(self, port: int, auth: bytes = b"") -> None:
        self.began = time.monotonic()
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", port))
        self._out = UPGRADE + _masked(b"40" + auth)
        self._in = b""
        self.opened = False
        self.pid = self.offset = b""
        self.count, self.last, self.disorder = 0, -1, 0

    def ready(self) -> None:
        """Write or read what can be."""
        if self._out:
            self.sock.send(self._out)
            self._out = b""
            return
        data = self.sock.recv(1 << 18)
        if not data:
            raise ConnectionResetError("the bridge closed a client's connection")
        self._in += data
        if not self.opened:
            head, found, rest = self._in.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                raise ConnectionError(head.decode(errors="replace"))
            self.opened, self._in = True, rest
        self._take()

    def _take(self) -> None:
        data, at = self._in, 0
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if len(data) < start + size or len(data) < start:
                break
            self._packet(data[start : start + size])
            at = start + size
        self._in = data[at:]

    def _packet(self, packet: bytes) -> None:
        if packet.startswith(b'42["message"'):
            found = _LAST.search(packet)
            assert found, packet
            number = int(found[1])
            self.disorder += self.last >= 0 and number != self.last + 1
            self.last, self.offset = number, found[2]
            self.count += 1
        elif packet == b"2":
            self._out = _masked(b"3")
        elif packet.startswith(b"40"):
            self.pid = json.loads(packet[2:]).get("pid", "").encode()

    @property
    def writes(self) -> bool:
        """Whether it waits to write."""
        return bool(self._out)

    @property
    def auth(self) -> bytes:
        """What it comes back with."""
        return b'{"pid":"%b","offset":"%b"}' % (self.pid, self.offset)

    def cut(self) -> None:
        """Its network is lost."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Site:
    """A TCP server of this process, a bridge in front of it, and its clients."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.number = 0
        self.listen()
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [sys.executable, str(PROJECT / "app.py"), "--server", f"127.0.0.1:{self.port}", "--port", "0"],
            stdout=subprocess.PIPE, text=True, cwd=self.folder.name,
        )  # fmt: skip
        assert self.process.stdout
        line = self.process.stdout.readline()
        found = re.search(r"localhost:(\d+)", line)
        assert found, line
        self.web = int(found[1])
        self.accept()

    def listen(self, port: int = 0) -> None:
        """The server is there."""
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self.listener.getsockname()[1]

    def accept(self) -> float:
        """Wait for the link; when it came."""
        self.listener.settimeout(PATIENCE)
        self.link, _ = self.listener.accept()
        return time.monotonic()

    def say(self, count: int) -> None:
        """Numbered messages."""
        first, self.number = self.number, self.number + count
        text = "".join(f"#{number:08d}".ljust(SIZE, "x") + "~" for number in range(first, first + count))
        self.link.sendall(text.encode())

    def come(self, count: int, auths: list[bytes] | None = None) -> list[Client]:
        """Clients, all at once."""
        made = [Client(self.web, auth) for auth in auths or [b""] * count]
        for client in made:
            self.selector.register(client.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
        return made

    def cut(self, clients: list[Client]) -> None:
        """Their networks are lost."""
        for client in clients:
            self.selector.unregister(client.sock)
            client.cut()

    def until(self, wanted: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> float:
        """Serve the clients until it is so; when it was."""
        ends = time.monotonic() + PATIENCE
        while not wanted():
            assert time.monotonic() < ends, "it takes too long"
            meanwhile()
            for key, _ in self.selector.select(0.01):
                client: Client = key.data
                client.ready()
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.writes else 0)
                if key.events != events:
                    self.selector.modify(client.sock, events, client)
        return time.monotonic()

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        assert self.process.stdout
        self.process.stdout.close()
        self.folder.cleanup()


@contextmanager
def site() -> Iterator[Site]:
    """A bridge that is ended with the `with`."""
    made = Site()
    try:
        yield made
    finally:
        made.close()


def one_comes_back(at: Site) -> float:
    """Milliseconds from a client's CONNECT, with all before it, to the last of the messages that it missed."""
    [client] = at.come(1)
    at.until(lambda: bool(client.pid))
    at.say(1)
    at.until(lambda: client.last == at.number - 1)
    at.cut([client])
    [witness] = at.come(1)
    at.until(lambda: bool(witness.pid))
    at.say(MISSED)
    at.until(lambda: witness.last == at.number - 1)
    [again] = at.come(1, [client.auth])
    done = at.until(lambda: again.last == at.number - 1)
    assert (again.pid, again.count, again.disorder) == (client.pid, MISSED, 0)
    at.cut([again, witness])
    return 1000 * (done - again.began)


def all_come_back(at: Site, count: int) -> tuple[float, float]:
    """Seconds until everybody has what was missed; the longest that a client which was not cut off waited for news."""
    clients = at.come(count)
    at.until(lambda: all(client.pid for client in clients))
    [witness] = at.come(1)
    at.until(lambda: bool(witness.pid))
    at.say(1)
    at.until(lambda: all(client.last == at.number - 1 for client in [*clients, witness]))
    at.cut(clients)
    at.say(100)
    at.until(lambda: witness.last == at.number - 1)
    news = [time.monotonic()]
    gaps, due = [0.0], time.monotonic()

    def meanwhile() -> None:
        nonlocal due
        if witness.last == at.number - 1:
            gaps.append(time.monotonic() - news[-1])
            news.append(time.monotonic())
        if time.monotonic() > due:
            at.say(1)
            due += 1 / RATE

    began = time.monotonic()
    again = at.come(count, [client.auth for client in clients])
    done = at.until(lambda: all(client.last >= at.number - 2 for client in again), meanwhile)
    at.until(lambda: all(client.last == at.number - 1 for client in again))
    lost = [client for client, old in zip(again, clients, strict=True) if client.pid != old.pid or client.disorder]
    assert not lost, f"{len(lost)} of {count} did not recover"
    assert all(client.count == at.number - 1 for client in again)
    return done - began, max(gaps)


def server_comes_back(at: Site) -> float:
    """Milliseconds from a server that listens again to the link, after an absence of a moment."""
    at.link.close()
    at.listener.close()
    time.sleep(0.15)
    at.listen(at.port)
    began = time.monotonic()
    return 1000 * (at.accept() - began)


def main() -> int:
    """Print the figures; the exit code is 1 if one is not what is promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * options.clients + 1000)), hard))
    with site() as at:
        single = [one_comes_back(at) for _ in range(options.repeats)]
    with site() as at:
        links = [server_comes_back(at) for _ in range(options.repeats)]
    crowds = []
    for _ in range(max(1, options.repeats // 2)):
        with site() as at:
            crowds.append(all_come_back(at, options.clients))
    took, gap = median(took for took, _ in crowds), max(gap for _, gap in crowds)
    figures = (
        (f"one client, {MISSED:,} missed messages", median(single), max(single), "ms", 100),
        ("server back to link up", median(links), max(links), "ms", 500),
        (f"{options.clients:,} clients at once", took, max(took for took, _ in crowds), "s", 10),
        ("meanwhile, longest wait for news of another", gap, gap, "s", 2),
    )
    for title, middle, most, unit, limit in figures:
        print(f"{title:<48}{middle:>9.2f} {unit:<3} at most {most:.2f} {unit} (promised: {limit} {unit})")
    return int(any(middle > limit for _, middle, _, _, limit in figures))


def _masked(payload: bytes) -> bytes:
    """A client's frame, with a mask that changes nothing."""
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


if __name__ == "__main__":
    sys.exit(main())
