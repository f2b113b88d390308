"""Step 1, the twenty lines: .venv/bin/python docs/tutorial/step1.py 8000 8080"""
# ruff: noqa: E402

import eventlet

eventlet.monkey_patch()

import json
import socket
import sys
from threading import Thread

from flask import Flask, request, send_file
from flask_socketio import SocketIO

app = Flask(__name__, static_folder="../../static")
app.add_url_rule("/", "index", lambda: send_file("index.html"))
web = SocketIO(app)
server = socket.create_connection(("localhost", int(sys.argv[1])))


def listen():
    buffer = ""
    while True:
        buffer += server.recv(1024).decode()
        while "~" in buffer:
            message, buffer = buffer.split("~", 1)
            web.emit("message", message)


@web.on("move")
def move(data):
    message = {"username": request.sid, "action": "move", **data}
    server.sendall((json.dumps(message) + "~").encode())


Thread(target=listen, daemon=True).start()
web.run(app, port=int(sys.argv[2]), log_output=True)
