"""Step 3, the end is not the end: .venv/bin/python docs/tutorial/step3.py 8000 8080"""
# ruff: noqa: E402, PLW0603

import eventlet

eventlet.monkey_patch()

import json
import socket
import sys
import time
from threading import Thread

from flask import Flask, request, send_file
from flask_socketio import SocketIO

app = Flask(__name__, static_folder="../../static")
app.add_url_rule("/", "index", lambda: send_file("index.html"))
web = SocketIO(app)
server = None


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


@web.on("move")
def move(data):
    if server is None:
        return {"ok": False, "error": "link-down"}
    message = {"username": request.sid, "action": "move", **data}
    server.sendall((json.dumps(message) + "~").encode())
    return {"ok": True}


Thread(target=link, daemon=True).start()
web.run(app, port=int(sys.argv[2]), log_output=True)
