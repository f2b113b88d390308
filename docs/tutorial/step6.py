"""Step 6, who is there, and for whom it is: .venv/bin/python docs/tutorial/step6.py 8000 8080"""
# ruff: noqa: E402, PLW0603

import eventlet

eventlet.monkey_patch()

import json
import socket
import sys
import time
from threading import RLock, Thread

from flask import Flask, request, send_file
from flask_socketio import SocketIO

app = Flask(__name__, static_folder="../../static")
app.add_url_rule("/", "index", lambda: send_file("index.html"))
web = SocketIO(app)
server = None
sending = RLock()
users = []


def link():
    global server
    delay = 0.2
    while True:
        try:
            sock = socket.create_connection(("localhost", int(sys.argv[1])), timeout=5)
            sock.settimeout(None)
            delay = 0.2
            with sending:
                server = sock
                for user in users:
                    send({"username": user, "action": "connected"})
            listen(sock)
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
            text = frame.decode(errors="replace")
            web.emit("message", text, to=user_of(text))
        time.sleep(0)


def user_of(text):
    """The Socket.IO id that a message names, or None: it is for all."""
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return message.get("username") if isinstance(message, dict) else None


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


@web.on("connect")
def came():
    with sending:
        users.append(request.sid)
        send({"username": request.sid, "action": "connected"})


@web.on("disconnect")
def went():
    with sending:
        users.remove(request.sid)
        send({"username": request.sid, "action": "disconnected"})


@web.on("*")
def event(name, data=None):
    fields = data if isinstance(data, dict) else {} if data is None else {"data": data}
    return send({**fields, "username": request.sid, "action": name})


Thread(target=link, daemon=True).start()
web.run(app, port=int(sys.argv[2]), log_output=True)
