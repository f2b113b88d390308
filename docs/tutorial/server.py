"""A TCP server to try things with: it prints what it gets and sends what you type.

.venv/bin/python docs/tutorial/server.py 8000

Type `hello~` and Return. `\\xc3` is the byte C3. An empty line closes the connection.
"""

import contextlib
import re
import socket
import sys
from threading import Thread


def show(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        print("got ", data, flush=True)
    print("gone", flush=True)


def serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    print("here", flush=True)
    Thread(target=show, args=(connection,), daemon=True).start()
    with contextlib.suppress(OSError):  # the other side may have gone
        for line in sys.stdin:
            typed = line.rstrip("\n")
            if not typed:
                break
            connection.sendall(
                re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), typed.encode())
            )
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


if __name__ == "__main__":
    with socket.create_server(("localhost", int(sys.argv[1]))) as listener:
        print("listening on port", listener.getsockname()[1], flush=True)
        while True:
            serve(listener)
