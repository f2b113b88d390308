"""A Flask-SocketIO program that does what a client can ask of one, over plain python-engineio or over ours.

Nothing of the bridge is in it but the server that serves it and, with `--engine ours`, the engine.

Use: `python -m tests.behaviour.app --engine plain --ping-interval 0.3`; the port is the first line.
"""

import warnings

warnings.filterwarnings("ignore", message="[^a-z]*Eventlet is deprecated")

import eventlet

eventlet.monkey_patch()

import argparse
import gc
import heapq
import os
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

import flask_socketio
import greenlet  # type: ignore[import-untyped,unused-ignore]
from flask import Flask, request, session
from flask_socketio import SocketIO

from bridge.engineio.http_server import listen, serve
from bridge.counters import Counters

NAMESPACES = ("/", "/chat")
OF_INTEREST = ("engineio.", "socketio.", "eventlet.", "bridge.", "greenlet.", "flask_socketio", "bidict.")

parser = argparse.ArgumentParser()
parser.add_argument("--engine", choices=["plain", "ours"], required=True)
parser.add_argument("--ping-interval", type=float, default=25)
parser.add_argument("--ping-timeout", type=float, default=20)
parser.add_argument("--connect-timeout", type=float, default=45)
parser.add_argument("--max-payload", type=int, default=100_000)
parser.add_argument("--origin", action="append")
options = parser.parse_args()

app = Flask(__name__)
app.secret_key = "not a secret"
socketio = SocketIO(
    app,
    async_mode="eventlet",
    async_handlers=False,
    ping_interval=options.ping_interval,
    ping_timeout=options.ping_timeout,
    max_http_buffer_size=options.max_payload,
    cors_allowed_origins=options.origin,
)
server = socketio.server
engine = None
if options.engine == "ours":
    from bridge.socketio_server.install import take_over

    engine = take_over(server, connect_timeout=options.connect_timeout)

#: Of each client that has gone: why, as its handler was told. Tuples of text are nothing to the collector.
reasons: dict[str, tuple[str, ...]] = {}
#: How many polls have come, by Engine.IO id.
polls: Counter[str] = Counter()
#: What `keep` was given, by the client that gave it.
kept: dict[str, list[Any]] = {}


def me() -> str:
    """The Socket.IO id of the client whose event is handled."""
    return str(request.sid)  # type: ignore[attr-defined]


def eio_sid() -> str:
    """Its Engine.IO id."""
    return str(server.manager.eio_sid_from_sid(me(), request.namespace))  # type: ignore[attr-defined]


def connect(auth: Any = None) -> bool | None:
    """Accept, but what `auth` asks otherwise."""
    auth = auth if isinstance(auth, dict) else {}
    if "refuse" in auth:
        raise flask_socketio.ConnectionRefusedError(*auth["refuse"])
    if "raise" in auth:
        raise RuntimeError(auth["raise"])
    if "greet" in auth:
        flask_socketio.emit("greeting", auth["greet"])
    return False if auth.get("false") else None


def disconnect(reason: str) -> None:
    """Keep the reason."""
    reasons[me()] = (*reasons.get(me(), ()), reason)


def echo(*args: Any) -> tuple[Any, ...]:
    """All arguments, as the ack's."""
    return args


def nothing(*_: Any) -> None:
    """An ack without arguments."""


def boom() -> None:
    """A handler that fails."""
    raise RuntimeError("boom")


def slow(seconds: float) -> float:
    """A handler that waits."""
    flask_socketio.emit("begun", seconds)
    eventlet.sleep(seconds)
    return seconds


def say(*args: Any) -> None:
    """All arguments, as an event."""
    flask_socketio.emit("said", args)


def join(room: str) -> list[str]:
    """Enter; the rooms that it is in now, but its own."""
    flask_socketio.join_room(room)
    return sorted(set(flask_socketio.rooms()) - {me()})


def leave(room: str) -> list[str]:
    """Leave; the rooms that it is in now, but its own."""
    flask_socketio.leave_room(room)
    return sorted(set(flask_socketio.rooms()) - {me()})


def tell(room: str, *args: Any) -> None:
    """All that are in the room."""
    flask_socketio.emit("told", args, to=room)


def others(*args: Any) -> None:
    """Everybody in the namespace but the client itself."""
    flask_socketio.emit("other", args, broadcast=True, include_self=False)


def everybody(*args: Any) -> None:
    """Everybody in the namespace."""
    flask_socketio.emit("all", args, broadcast=True)


def call(*args: Any) -> None:
    """Emit with a callback; what the client acks comes back as an event."""
    sid, namespace = me(), request.namespace  # type: ignore[attr-defined]
    flask_socketio.emit("question", args, callback=lambda *a: socketio.emit("answered", a, to=sid, namespace=namespace))


def stream(count: int) -> None:
    """So many numbered events, one after the other, other green threads in between."""
    sid, namespace = me(), request.namespace  # type: ignore[attr-defined]

    def numbers() -> None:
        for n in range(count):
            socketio.emit("number", n, to=sid, namespace=namespace)
            eventlet.sleep(0.001)

    socketio.start_background_task(numbers)


def keep(value: Any) -> None:
    """Kept, in the order of arrival."""
    kept.setdefault(me(), []).append(value)


def give() -> list[Any]:
    """All that was kept."""
    return kept.pop(me(), [])


def remember(value: Any) -> None:
    """Into Flask's session."""
    session["value"] = value


def recall() -> Any:
    """Out of Flask's session."""
    return session.get("value")


def who() -> dict[str, Any]:
    """What a handler can see of its client and of its client's request."""
    return {
        "sid": me(),
        "namespace": request.namespace,  # type: ignore[attr-defined]
        "transport": server.transport(me(), namespace=request.namespace),  # type: ignore[attr-defined]
        "query": request.args.get("x"),
        "header": request.headers.get("X-Test"),
        "cookie": request.cookies.get("c"),
        "address": request.remote_addr,
        "path": request.path,
        "method": request.method,
    }


def leave_me() -> None:
    """The server ends this client's connection to the namespace."""
    flask_socketio.disconnect()


def hang_up() -> None:
    """The server closes this client's transport."""
    socketio.start_background_task(server.eio.disconnect, eio_sid())


HANDLERS = [connect, disconnect, echo, nothing, boom, say, join, leave, tell, others, everybody, call, stream]
HANDLERS += [slow, keep, give, remember, recall, who, leave_me, hang_up]
for space in NAMESPACES:
    for function in HANDLERS:
        socketio.on_event(function.__name__, function, namespace=space)


def wait_for(found: Any, seconds: float) -> bool:
    """Whether it was so within that time."""
    with eventlet.Timeout(seconds, False):
        while not found():
            eventlet.sleep(0.01)
        return True
    return bool(found())


@app.get("/reasons/<sid>")
def tell_reasons(sid: str) -> list[str]:
    """Why this client has gone, as soon as it has."""
    wait_for(lambda: sid in reasons, float(request.args["wait"]))
    return list(reasons.get(sid, ()))


@app.get("/gone/<sid>")
def tell_gone(sid: str) -> list[bool]:
    """Whether python-socketio has been told of this session's end, as soon as it has."""
    return [wait_for(lambda: sid not in server.environ, float(request.args["wait"]))]


@app.get("/polled/<sid>/<int:count>")
def tell_polled(sid: str, count: int) -> list[bool]:
    """Whether so many polls of this session have come, as soon as they have."""
    return [wait_for(lambda: polls[sid] >= count, float(request.args["wait"]))]


@app.get("/emit/<sid>/<event>")
def emit_to(sid: str, event: str) -> str:
    """Emit from outside of any handler."""
    socketio.emit(event, request.args.get("data"), to=sid)
    return ""


@app.get("/stats")
def stats() -> dict[str, Any]:
    """What there is in this process, garbage excluded."""
    hub = eventlet.hubs.get_hub()  # it keeps up to a thousand timers that were cancelled
    hub.timers = [entry for entry in hub.timers if not entry[1].called]
    hub.timers_canceled = 0
    heapq.heapify(hub.timers)
    gc.collect()
    objects = gc.get_objects()
    names = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in objects)
    manager = server.manager
    return {
        "sessions": len(server.environ),
        "sockets": len(server.eio.sockets),
        "rooms": sum(len(rooms) for rooms in manager.rooms.values()),
        "callbacks": len(manager.callbacks),
        "pending": len(manager.pending_connect) + len(manager.pending_disconnect),
        "halves": len(server._binary_packet),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": sum(1 for one in objects if isinstance(one, greenlet.greenlet) and one and not one.dead),
        "everything": len(objects),
        "objects": {name: count for name, count in sorted(names.items()) if name.startswith(OF_INTEREST)},
    }


def counted(environ: Any, start_response: Any) -> Any:
    """The program; polls are counted as they come."""
    sid = parse_qs(environ.get("QUERY_STRING", "")).get("sid")
    if sid and environ["REQUEST_METHOD"] == "GET":
        polls[sid[0]] += 1
    return app(environ, start_response)


if __name__ == "__main__":
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    serve(listener, counted, Counters(), engine)
