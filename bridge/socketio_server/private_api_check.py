"""List what is used of the libraries beyond their documented API, and check that it is there.

Looked at when the bridge starts, so that an upgrade that moves one of them is one clear line, and
not a client that is served wrongly.

Use: `check_seams()`.
"""

from __future__ import annotations

from functools import reduce
from importlib import import_module
from importlib.metadata import version
from typing import Any

from bridge.errors import ServeError

__all__ = ["SEAMS", "TESTED", "check_seams"]

#: Package -> the version that the seams were tested on.
TESTED = {
    "Flask": "3.1.3",
    "Flask-SocketIO": "5.7.0",
    "python-socketio": "5.18.1",
    "python-engineio": "4.15.1",
    "eventlet": "0.41.3",
    "websockets": "17.4",
}

#: (package, module, name in it; what ends with () is called): what it is used for.
SEAMS: dict[tuple[str, str, str], str] = {
    ("Flask-SocketIO", "flask_socketio", "SocketIO.init_app"): "makes socketio.Server, which is changed after it",
    ("python-socketio", "socketio", "Server._handle_eio_message"): "is behind handlers['message'], which is wrapped",
    ("python-socketio", "socketio", "Server._handle_eio_connect"): "keeps environs, in a mapping of ours",
    ("python-socketio", "socketio", "Server._handle_eio_disconnect"): "is told when a session ends",
    ("python-socketio", "socketio.packet", "Packet.decode"): "is overridden: names, ack ids, what is no packet",
    ("python-socketio", "socketio.packet", "Packet.add_attachment"): "is overridden: limits, what is out of place",
    (
        "python-socketio",
        "socketio.packet",
        "Packet._reconstruct_binary_internal",
    ): "is overridden: numbers of attachments that are none",
    ("python-socketio", "socketio.packet", "Packet.encode"): "is overridden: the pid in what CONNECT is answered with",
    ("python-socketio", "socketio", "Manager.pre_connect"): "is overridden: a client's old id, in `pending_connect`",
    ("python-socketio", "socketio", "Manager.connect"): "is overridden: called right after CONNECT was answered",
    ("python-socketio", "socketio", "Manager.basic_enter_room"): "is overridden: no room for each client",
    ("python-socketio", "socketio", "Manager.get_participants"): "is overridden: no room for each client",
    ("python-socketio", "socketio", "Manager.get_rooms"): "is overridden: no room for each client",
    ("python-socketio", "socketio", "Manager.sid_from_eio_sid"): "tells who is connected",
    ("python-socketio", "socketio", "Manager.eio_sid_from_sid"): "tells who is connected",
    ("python-engineio", "engineio", "Server.handle_request"): "is overridden",
    ("python-engineio", "engineio", "Server.generate_id"): "makes the sids",
    ("python-engineio", "engineio", "Server.send_packet"): "sends through our sessions",
    ("python-engineio", "engineio", "Server._cors_allowed_origins"): "checks the Origin header",
    ("python-engineio", "engineio", "Server._cors_headers"): "makes the headers of answers",
    ("python-engineio", "engineio", "Server._log_error_once"): "logs a foreign origin",
    ("python-engineio", "engineio", "Server._get_socket"): "finds our sessions",
    ("Flask", "flask.globals", "_cv_request"): "is set while a hook runs, so that flask.request is its client's",
    (
        "eventlet",
        "eventlet.greenio",
        "GreenSocket",
    ): "its `fd` is the plain socket, which the engine takes over and the link reads",
    ("eventlet", "eventlet.wsgi", "WSGI_LOCAL"): "`already_handled` says that a request has been answered",
    ("eventlet", "eventlet.wsgi", "Input.get_socket"): "gives a request's socket",
    ("eventlet", "eventlet.wsgi", "HttpProtocol"): "is subclassed, as `protocol=`",
    ("eventlet", "eventlet.wsgi", "HttpProtocol._read_request_line"): "is overridden: one that is too long is answered",
    ("eventlet", "eventlet.wsgi", "HttpProtocol.get_environ"): "is overridden: bodies in chunks",
    ("eventlet", "eventlet.wsgi", "FileObjectForHeaders"): "its `fp` is what the headers are read from",
    ("eventlet", "eventlet.wsgi", "Input.send_hundred_continue_response"): "asks for a body in chunks",
    ("eventlet", "eventlet.wsgi", "Input.should_send_hundred_continue"): "tells whether it is asked for",
    ("eventlet", "eventlet.hubs.hub", "BaseHub.add"): "waits for the link and for the poller's epoll",
    ("eventlet", "eventlet.hubs.hub", "BaseHub.remove"): "ends that",
    ("eventlet", "eventlet.hubs.hub", "BaseHub.switch"): "lets others run meanwhile",
    ("eventlet", "eventlet.hubs", "get_hub().next_timers"): "tells whether a green thread is to run",
    ("eventlet", "eventlet.hubs", "get_hub().closed"): "tells whether a green thread is to run",
    ("eventlet", "eventlet.hubs", "get_hub().clock"): "is what timers go by",
    ("eventlet", "eventlet.hubs.hub", "BaseHub.sleep_until"): "tells when the next timer is",
    ("eventlet", "eventlet.hubs.hub", "BaseHub.default_sleep"): "tells how long is waited without a timer",
    ("eventlet", "eventlet.support.greendns", "ResolverProxy._resolver"): "is made anew from resolv.conf when None",
    ("websockets", "websockets.utils", "apply_mask"): "unmasks, where speedups.apply_mask is missing",
}


def _found(owner: object, name: str) -> Any:
    found = getattr(owner, name.removesuffix("()"))
    return found() if name.endswith("()") else found


def check_seams() -> None:
    """Raise ServeError if a library has moved something on the list."""
    for (package, module, name), why in SEAMS.items():
        try:
            reduce(_found, name.split("."), import_module(module))
        except (ImportError, AttributeError):
            raise ServeError(
                f"{package} {version(package)} has no {module}.{name}, which {why}; "
                f"the bridge was tested with {package} {TESTED[package]}: pip install {package}=={TESTED[package]}"
            ) from None
