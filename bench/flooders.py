"""How long an honest client waits for its acks beside one that floods: `make bench-flooders`.

For each kind of flood a bridge of its own, with its defaults, before a TCP server that reads everything. A process on
another core floods as fast as the bridge takes it, and connects again when it is closed. The honest client emits one
event after another. A figure is the median of the repeats, in which the kinds take turns.

Use: `python -m bench.flooders --seconds 3 --repeats 3 --only pings`. It exits with 1 if the p99 beside a flood is not
under what is promised.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from statistics import median

from bench.build import PROJECT

__all__ = ["KINDS", "main"]

PROMISED_MS = 10.0  # p99 of the honest client's acks, beside any flood
PAUSE = 0.002  # seconds between an ack and the honest client's next event
PATIENCE = 30.0
_HEAD = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    + base64.b64encode(bytes(16)) + b"\r\n\r\n"
)  # fmt: skip


def masked(data: bytes, opcode: int = 1) -> bytes:
    """A frame of a client's, masked with zeros."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + bytes(4) + data


_DEEP = "[" * 500 + "]" * 500
#: What is sent again and again; None: nobody floods.
KINDS: dict[str, bytes | None] = {
    "nothing": None,
    "pings": masked(b"", 9) * 8000,
    "pongs": masked(b"", 10) * 8000,
    "pongs of Engine.IO": masked(b"3") * 8000,
    "arrays 500 deep": masked(f'42["a",{_DEEP}]'.encode()) * 60,
    "acked events": b"".join(masked(b'42%d["a"]' % number) for number in range(4000)),
    "numbers of 25 digits": masked(b'42["a",1234567890123456789012345]') * 1700,
    "unknown namespaces": masked(b"40/nope,") * 4000,
    "refused names": masked(b'421["connect"]') * 3000,
    "half an event": masked(b"42[") * 4000,
    "plain events": masked(b'42["a",{"x":1}]') * 3000,
}


@contextmanager
def bridge() -> Iterator[int]:
    """A bridge before a server that reads everything; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, str(PROJECT / "app.py"), "--server", f"127.0.0.1:{listener.getsockname()[1]}",
             "--port", "0", "--log-level", "error"], stdout=subprocess.PIPE, text=True, cwd=folder,
        )  # fmt: skip
        try:
            assert process.stdout
            found = re.search(r"localhost:(\d+)", process.stdout.readline())
            assert found
            link, _ = listener.accept()
            threading.Thread(target=_read_all, args=(link,), daemon=True).start()
            yield int(found[1])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _read_all(sock: socket.socket) -> None:
    with suppress(OSError):
        while sock.recv(1 << 20):
            pass


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
    sock.sendall(_HEAD + masked(b"40"))
    got = b""
    while b'"bridge:user"' not in got:
        data = sock.recv(1 << 16)
        if not data:
            raise ConnectionResetError
        got += data
    return sock


def _flood(port: int, data: bytes) -> None:
    """Flood for ever; a thread reads, so that the bridge never has a reason to wait."""
    while True:
        with suppress(OSError), _connect(port) as sock:
            threading.Thread(target=_read_all, args=(sock,), daemon=True).start()
            while True:
                sock.sendall(data)


def honest(port: int, seconds: float) -> list[float]:
    """Emit one event after another for so long; the milliseconds until each ack, sorted."""
    took = []
    with _connect(port) as sock:
        ends, number = time.monotonic() + seconds, 0
        while time.monotonic() < ends:
            number += 1
            began, got = time.perf_counter(), b""
            sock.sendall(masked(b'42%d["honest",%d]' % (number, number)))
            while b"43%d[" % number not in got:
                data = sock.recv(1 << 16)
                assert data, "the honest client was disconnected"
                got += data
            took.append(1000 * (time.perf_counter() - began))
            time.sleep(PAUSE)
    return sorted(took)


def beside(kind: str, seconds: float) -> tuple[float, float]:
    """The honest client's p50 and p99 beside this kind of flood, in milliseconds."""
    data = KINDS[kind]
    with bridge() as port:
        child = os.fork() if data is not None else 0
        if data is not None and not child:
            try:
                _flood(port, data)
            finally:
                os._exit(1)
        try:
            honest(port, 0.5)  # until the flood is there
            took = honest(port, seconds)
        finally:
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    return took[len(took) // 2], took[int(len(took) * 0.99)]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.flooders", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default=",".join(KINDS))
    given = parser.parse_args(argv)
    kinds = given.only.split(",")
    figures = {kind: [] for kind in kinds}  # type: dict[str, list[tuple[float, float]]]
    for _ in range(given.repeats):
        for kind in kinds:
            figures[kind].append(beside(kind, given.seconds))
    worst = 0.0
    print("| beside | p50, ms | p99, ms |\n|---|---|---|")
    for kind, pairs in figures.items():
        p50, p99 = (median(pair[at] for pair in pairs) for at in (0, 1))
        worst = max(worst, p99)
        print(f"| {kind} | {p50:.1f} | {p99:.1f} |")
    return int(worst >= PROMISED_MS)


if __name__ == "__main__":
    sys.exit(main())
