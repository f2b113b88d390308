"""Step 5, one at a time, and no forged frames: .venv/bin/python docs/tutorial/step5.py 8000 8080"""
# ruff: noqa: E402, PLW0603

import eventlet

eventlet.monkey_patch()

import json
import socket
import sys
import time
from threading import Lock, Thread

from flask import Flask, request, send_file
from flask_socketio import SocketIO

app = Flask(__name__, static_folder="../../static")
app.add_url_rule("/", "index", lambda: send_file("index.html"))
web = SocketIO(app)
server = None
sending = Lock()


def link():
    global server
    delay = 0.2
    while True:
        try:
            server = socket.create_connection(("localhost", int(sys.argv[1])), timeout=5)
            server.settimeout(None)
            delay = 0.2
            listen(server)
            print("the server closed the connection", flush=True)
        except OSError as error:
            print("link down:", error, flush=True)
        server = None
        time.sleep(delay)
        delay = min(2 * delay, 10)


def listen(sock):
    buffer = b""
    while data := sock.recv(65536):
        *frames, buffer = (buffer + data).split(b"~")
        for frame in frames:
            web.emit("message", frame.decode(errors="replace"))
        time.sleep(0)


def send(message):
    frame = json.dumps(message).replace("~", "\\u007e").encode() + b"~"
    with sending:
        if server is None:
            return {"ok": False, "error": "link-down"}
        try:
            server.sendall(frame)
        except OSError:
            return {"ok": False, "error": "link-down"}
    return {"ok": True}


@web.on("move")
def move(data):
    return send({"username": request.sid, "action": "move", **data})


Thread(target=link, daemon=True).start()
web.run(app, port=int(sys.argv[2]), log_output=True)
