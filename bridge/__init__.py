"""A live web page for a server that speaks plain TCP.

The packages, in the order in which a message passes them; imports go one way, upwards in this list:

    errors names visible skeleton messages counters timer client_log state_store output logs version needs random_bytes
                        the words that every package uses
    config/             the settings
    admission/          who may come in: hosts, origins, proxies
    wire/               bytes <-> WebSocket frames <-> Socket.IO packets; offsets
    link/               the connection to the server: dialling, reading, writing, its states
        framing/        bytes <-> frames
        recogniser/     what the bytes look like, and the framing that fits
        outgoing/       what waits for the link, what is held while it is down, what is sent again
    relay/              who is there, what goes where, hooks, acks and replies
    hub/                the thread of all green threads: calls from other threads, the watchdog
    delivery/           a burst to its clients: encoding once, history, send buffers, back-pressure
    recovery/           who comes back, as whom, and what it has missed
    engineio/           an Engine.IO server: connections, sessions, WebSockets, polling, time-outs
    socketio_server/    that server under python-socketio and Flask-SocketIO
    web/                pages and status
    demo/               the embedded demo server

Only five modules see more than one side: decoding (how the relay reads what the link brings), folders (what the
settings mean for files), wiring (what they mean for each part), assembly (which part calls which) and app.py.
docs/architecture.md follows a message file by file.

A handlers file imports its types from here: `from bridge import Bridge, Client, Emit, Frame, Refused`. They are loaded
at their first use, because every entry point has to patch before anything else is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bridge.version import VERSION

if TYPE_CHECKING:
    from bridge.errors import Refused
    from bridge.relay.handlers import Bridge
    from bridge.relay.hook_results import Emit, Frame, ToClients, ToServer
    from bridge.relay.users import Client

__all__ = ["VERSION", "Bridge", "Client", "Emit", "Frame", "Refused", "ToClients", "ToServer"]

_WHERE = {
    "Bridge": "bridge.relay.handlers",
    "Client": "bridge.relay.users",
    "Emit": "bridge.relay.hook_results",
    "Frame": "bridge.relay.hook_results",
    "Refused": "bridge.errors",
    "ToClients": "bridge.relay.hook_results",
    "ToServer": "bridge.relay.hook_results",
}


def __getattr__(name: str) -> object:
    """Load one of the types at its first use (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
