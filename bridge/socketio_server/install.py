"""Install our Engine.IO server in a Socket.IO server of python-socketio.

What is replaced are attributes without an underscore: `server.eio`, `server.environ`, `server.packet_class` and
the handler of messages. Rooms, namespaces, callbacks and Flask-SocketIO's handlers go on as they were. Must not know
the bridge.

Use: `eio = take_over(socketio.server)`, before it serves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import socketio

from bridge.counters import Counters
from bridge.delivery.limits import Limits
from bridge.delivery.slow_policies import POLICIES
from bridge.engineio.environ_store import EnvironStore
from bridge.engineio.packets import SocketIOType
from bridge.engineio.server import EngineIOServer
from bridge.engineio.session_context import UnreadablePacket
from bridge.engineio.session_quota import USUAL, SessionLimits
from bridge.engineio.unfinished_input import MOST_ATTACHMENTS
from bridge.socketio_server.packet import readable

__all__ = ["CONNECT_TIMEOUT", "OUTBOX", "take_over"]

CONNECT_TIMEOUT = 20.0  # seconds: a client needs a few round trips
OUTBOX = 1024 * 1024  # bytes; Centrifugo's queue of one client

_Arrives = Callable[[str, str], AbstractContextManager[None]]

_TYPE = re.compile(r"([0-6])(?:[0-9]+-)?(/[^,?]*)?")
_CONNECT = re.compile(r"0(?:(/[^,?]*)[^,]*,?)?")


def take_over(
    server: socketio.Server,
    *,
    connect_timeout: float = CONNECT_TIMEOUT,
    sessions: SessionLimits = USUAL,
    max_attachments: int = MOST_ATTACHMENTS,
    limits: Limits | None = None,
    arrives: _Arrives | None = None,
) -> EngineIOServer:
    """Put our Engine.IO server into `server`, and return it.

    `connect_timeout`: seconds for a client to connect to a namespace; `sessions`: how many there may be, see
    session_quota.py; `max_attachments`: of one packet; `limits`: see limits.py; `arrives`: gets
    the session's id and the packet of each CONNECT to the default namespace, which is answered inside.
    """
    limits = limits or Limits(OUTBOX, POLICIES["disconnect"], Counters())
    server.eio = eio = EngineIOServer(
        server.eio, limits=limits, connect_timeout=connect_timeout, sessions=sessions, max_attachments=max_attachments
    )
    server.environ = EnvironStore()
    server.packet_class = readable(server.packet_class)
    eio.handlers = {**eio.handlers, "message": _Messages(server, eio, eio.handlers["message"], arrives)}
    return eio


class _Messages:
    """Wraps python-socketio's handler of messages where that departs from Socket.IO protocol 5."""

    def __init__(self, server: socketio.Server, eio: EngineIOServer, inner: Any, arrives: _Arrives | None) -> None:
        self._server, self._eio, self._inner, self._arrives = server, eio, inner, arrives

    def __call__(self, sid: str, data: str | bytes) -> None:
        connect = _CONNECT.match(data) if isinstance(data, str) else None
        if isinstance(data, str) and self._is_useless(sid, data):
            session = self._eio.sockets.get(sid)
            if session is None or not session.charge():
                return
        if connect is None or not isinstance(data, str):
            self._inner(sid, data)
        elif self._is_served(connect[1] or "/"):
            self._connect(sid, connect[1] or "/", data)
        else:
            self._refuse(sid, connect[1] or "/", "Invalid namespace")

    def _is_useless(self, sid: str, packet: str) -> bool:
        """Whether it is for a namespace to which the client is not connected, a second CONNECT, or an unasked ack."""
        found = _TYPE.match(packet)
        if found is None:
            return False
        kind, namespace = found[1], found[2] or "/"
        client = self._server.manager.sid_from_eio_sid(sid, namespace)
        if kind == SocketIOType.CONNECT:
            return client is not None or not self._is_served(namespace)
        acks = kind in (SocketIOType.ACK, SocketIOType.BINARY_ACK)
        return client is None or (acks and not self._server.manager.callbacks.get(client))

    def _connect(self, sid: str, namespace: str, data: str) -> None:
        arrives = self._arrives(sid, data) if self._arrives is not None and namespace == "/" else nullcontext()
        try:
            with arrives:
                self._inner(sid, data)
        except UnreadablePacket:
            raise
        except BaseException:  # of a user's handler, and eventlet.Timeout is no Exception
            # A client that gets no answer would wait for ever.
            client = self._server.manager.sid_from_eio_sid(sid, namespace)
            if client is not None:
                self._server.manager.disconnect(client, namespace)
            self._refuse(sid, namespace, "Connection refused by server")
            raise
        self._connected(sid)

    def _refuse(self, sid: str, namespace: str, message: str) -> None:
        error = json.dumps({"message": message}, separators=(",", ":"))
        self._eio.send(sid, f"4{namespace},{error}" if namespace != "/" else f"4{error}")

    def _is_served(self, namespace: str) -> bool:
        server = self._server
        found: bool = (
            namespace in server.handlers
            or namespace in server.namespace_handlers
            or server.namespaces == "*"
            or namespace in server.namespaces
        )
        return found

    def _connected(self, sid: str) -> None:
        session, manager = self._eio.sockets.get(sid), self._server.manager
        named = (manager.sid_from_eio_sid(sid, name) for name in list(manager.get_namespaces()))
        if session is not None and not session.joined and any(named):
            session.join()
        self._server.environ.pack(sid)
