"""The lecture's bridge on plain Flask-SocketIO: one emit a message, one `json.dumps` an event.

In words of our own, and with what it needs to take part: frames that a read cuts in two are put
together, characters are decoded when they are whole, one writer at a time, more than 1,024 clients.

Use: `python plain.py --server 127.0.0.1:8000 --port 8080`.
"""

# ruff: noqa: E402
import eventlet

eventlet.monkey_patch()

import argparse
import json
import socket
import threading
from typing import Any

from flask import Flask, request
from flask_socketio import SocketIO

app = Flask(__name__)
socketio = SocketIO(app)
link = socket.socket()
writing = threading.Lock()


def listen() -> None:
    """Each frame of the server to all clients, or to the one that its `username` names."""
    buffer = b""
    while chunk := link.recv(65536):
        *frames, buffer = (buffer + chunk).split(b"~")
        for frame in frames:
            text = frame.decode()
            user = json.loads(text).get("username") if text.startswith("{") else None
            socketio.emit("message", text, to=user)
        socketio.sleep(0)  # or nobody else has a turn for as long as there is something to read


@socketio.on("move")  # type: ignore[untyped-decorator,unused-ignore]
def move(data: dict[str, Any]) -> dict[str, bool]:
    """An event of a client, to the server."""
    frame = json.dumps({"username": request.sid, "action": "move", **data})  # type: ignore[attr-defined]
    with writing:
        link.sendall(frame.encode() + b"~")
    return {"ok": True}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    host, _, port = options.server.rpartition(":")
    link.connect((host, int(port)))
    socketio.start_background_task(listen)
    listener = eventlet.listen(("127.0.0.1", options.port), backlog=1024)
    print(f"open http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    eventlet.wsgi.server(listener, app, max_size=20000, log_output=False)
