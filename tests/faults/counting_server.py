"""A server in a process of its own, so that it can be stopped: it reads frames that end with `~` and prints each.

Use: `python -m tests.faults.counting_server 127.0.0.1 0`; the first line that it prints is its port.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading

__all__: list[str] = []


def _read(sock: socket.socket) -> None:
    pending = b""
    while data := sock.recv(65536):
        *frames, pending = (pending + data).split(b"~")
        for frame in frames:
            print(frame[:60].decode(), flush=True)
    print("(closed)", flush=True)


def _main(host: str, port: int) -> None:
    with socket.create_server((host, port)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_read, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _main(sys.argv[1], int(sys.argv[2]))
