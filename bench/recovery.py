"""How soon clients that were cut off have what they missed, and how soon the link is back: `make bench-recovery`.

Three works, each against `app.py` with its defaults in a process of its own: one client that missed a thousand
messages; thousands that are cut off at once and come back at once, while one that was not goes on; a server that is
away and comes back. Clients are raw WebSockets, all in this process, as quick as Python is.

Use: `python -m bench.recovery --clients 5000 --repeats 5`.
"""

from __future__ import annotations

import argparse
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bench.build import PROJECT
from bench.returning import PATIENCE, Crowd, Loop

__all__ = ["main"]

MISSED = 1_000
SIZE = 64  # bytes of a message
RATE = 10  # messages a second while the crowd comes back: to 5,000 clients that is a third of a core


class Site:
    """A TCP server of this process, a bridge in front of it, and its clients."""

    def __init__(self) -> None:
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
        self.loop = Loop(int(found[1]))
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
    loop = at.loop
    [client] = loop.come(1)
    loop.until(lambda: bool(client.pid))
    at.say(1)
    loop.until(lambda: client.last == at.number - 1)
    loop.cut([client])
    [witness] = loop.come(1)
    loop.until(lambda: bool(witness.pid))
    at.say(MISSED)
    loop.until(lambda: witness.last == at.number - 1)
    [again] = loop.come(1, [client.auth])
    done = loop.until(lambda: again.last == at.number - 1)
    assert (again.pid, again.count, again.disorder) == (client.pid, MISSED, 0)
    loop.cut([again, witness])
    return 1000 * (done - again.began)


def all_come_back(at: Site, count: int) -> tuple[float, float]:
    """Seconds until everybody has what was missed; the longest that a client which was not cut off waited for news,
    of which there are ten a second."""
    loop, crowd = at.loop, Crowd(at.loop.port, count)
    crowd.do("come")
    [witness] = loop.come(1)
    loop.until(lambda: bool(witness.pid))
    at.say(1)
    crowd.do("wait", at.number - 1)
    crowd.do("cut")
    at.say(100)
    loop.until(lambda: witness.last == at.number - 1)
    news, gap, due = time.monotonic(), 0.0, time.monotonic()

    def meanwhile() -> None:
        nonlocal news, gap, due
        now = time.monotonic()
        if witness.last == at.number - 1:
            gap, news = max(gap, now - news), now
        if now > due:
            at.say(1)
            due = now + 1 / RATE

    began = time.monotonic()
    crowd.begin("back")
    loop.until(lambda: crowd.done, meanwhile)
    crowd.end()
    done = crowd.do("wait", at.number - 1)
    crowd.close()
    return done - began, gap


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
    links = []
    for _ in range(options.repeats):
        with site() as at:  # a new one: after several breaks in a row a bridge waits for longer, and is to
            links.append(server_comes_back(at))
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


if __name__ == "__main__":
    sys.exit(main())
