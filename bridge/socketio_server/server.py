"""Serve clients through Flask-SocketIO, on sessions of ours.

Knows python-socketio and Engine.IO so that nobody else has to. Must not know what events mean.

Use: `server = SocketIOServer(app, options, callbacks, limits=limits, greeter=greeter, counters=counters)`;
`server.serve(listener, app)`.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import eventlet
from flask import Flask
from flask_socketio import SocketIO
from socketio.exceptions import ConnectionRefusedError

from bridge.admission.origins import Origins
from bridge.admission.visitors import is_local, is_loopback
from bridge.client_log import ClientLog
from bridge.counters import Counters, shorten
from bridge.delivery.limits import Limits
from bridge.delivery.outbox import Outbox
from bridge.engineio.http_server import serve
from bridge.engineio.session import Session
from bridge.engineio.session_quota import USUAL, SessionLimits
from bridge.engineio.states import EndReason
from bridge.engineio.unfinished_input import MOST_ATTACHMENTS
from bridge.errors import Refused
from bridge.hub.vital_threads import VitalThread
from bridge.messages import Payload
from bridge.recovery.greeting import Greeter
from bridge.socketio_server.client_handshake import ClientHandshake
from bridge.socketio_server.connect_handler import ConnectHandler
from bridge.socketio_server.install import take_over
from bridge.socketio_server.library_logs import quiet_logger
from bridge.socketio_server.manager import Manager
from bridge.socketio_server.packet import EVENT, event_packet
from bridge.socketio_server.private_api_check import check_seams
from bridge.wire.segment import AnswerSegment
from bridge.wire.socketio_packets import ReceivedEvent, encode_acks, encode_event

__all__ = ["OnAnswer", "OnEvents", "SocketIOCallbacks", "SocketIOOptions", "SocketIOServer"]

log = logging.getLogger("bridge.clients")

#: Answers the events with these ack ids, all alike.
OnAnswer = Callable[[Sequence[int], dict[str, object]], None]
#: (sid, events, answer, may wait): how many were taken, all of them if it may wait. Names and arguments
#: are as the client sent them: unchecked.
OnEvents = Callable[[str, Sequence[ReceivedEvent], OnAnswer, bool], int]

GOODBYE = 1.0  # seconds for closing all clients; nobody waits longer for a client that does not read
LONG_ACK = 4096  # bytes; only one with a server's answer in it is that long

#: Asks whether a client may connect, or raises Refused: its sid, address, session, and whether it is still here.
Asking = Callable[[str, str, str, Callable[[], bool]], None]


@dataclass(frozen=True, slots=True)
class SocketIOOptions:
    """The settings. `max_event`: bytes of one packet of a client; the intervals and time-outs are in seconds."""

    ping_interval: float
    ping_timeout: float
    connect_timeout: float
    max_event: int
    sessions: SessionLimits = USUAL
    max_attachments: int = MOST_ATTACHMENTS


@dataclass(frozen=True, slots=True)
class SocketIOCallbacks:
    """The functions that are called when clients come, emit and go, with their sids."""

    on_late: Callable[[str], None]  # a client that has to be sent the last values
    #: (sid, the browser's address, the session or "", whether it has recovered)
    on_connected: Callable[[str, str, str, bool], None]
    on_events: OnEvents
    on_disconnected: Callable[[str, bool], None]  # (sid, whether it has gone for good)
    on_failure: Callable[[], object]  # a bug has made it impossible to serve clients
    user_of: Callable[[str], str | None]  # a client's user, for the log
    #: (sid, address, session) before CONNECT is answered; raises Refused if the client may not. None: all may.
    on_connecting: Asking | None = None
    client_log: ClientLog = field(default_factory=ClientLog)


class SocketIOServer:
    """The clients of one process, by sid.

    `origins`: whose pages may connect; `limits`: what may wait for a client; `greeter`: knows who comes back, and owns
    the register of clients. Raises ServeError if a library has moved something private that is used here.
    """

    def __init__(
        self,
        app: Flask,
        options: SocketIOOptions,
        callbacks: SocketIOCallbacks,
        *,
        origins: Origins,
        limits: Limits,
        greeter: Greeter,
        counters: Counters,
    ) -> None:
        check_seams()
        self._app, self._callbacks, self._on_events = app, callbacks, callbacks.on_events
        self._limits, self._greeter, self._registry, self._counters = limits, greeter, greeter.clients, counters
        self._clients: dict[str, Session] = {}
        #: Clients that come from this machine itself: they may be told everything.
        self.local: set[str] = set()
        self._why: dict[str, str] = {}  # sid -> the code with which the bridge closes it
        self._leaving: dict[str, Session] = {}  # clients whose end python-socketio is still working on
        self._connect_handler = ConnectHandler(
            greeter,
            lambda sid: self._clients.get(sid) or self._leaving.get(sid),
            self._session,
            self._replace,
        )
        self._server = self._socketio(options, origins)
        self._eio = take_over(
            self._server,
            connect_timeout=options.connect_timeout,
            sessions=options.sessions,
            max_attachments=options.max_attachments,
            limits=limits,
            arrives=self._connect_handler.arrives,
        )
        shared = self._eio.shared
        shared.slow, shared.behind, shared.silent, shared.who = self._too_slow, self._behind, self._silent, self._who
        shared.events = self._events
        self._eio.on_foreign_origin = origins.refuse
        self._eio.on_failure = callbacks.on_failure

    def _socketio(self, options: SocketIOOptions, origins: Origins) -> Any:
        """Let Flask-SocketIO make its Socket.IO server in the app."""
        server = SocketIO(
            self._app,
            async_mode="eventlet",
            async_handlers=False,  # True would mean a green thread for each event, and no order
            client_manager=Manager(self._connected, self._connect_handler.sid),
            serializer=event_packet(options.max_event, self._connect_handler.connect_data),
            cors_allowed_origins="*" if origins.everybody else origins.allows,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
            max_http_buffer_size=options.max_event,
            logger=quiet_logger("socketio", self._counters),
            engineio_logger=quiet_logger("engineio", self._counters),
        ).server
        server.on(EVENT, self._event)
        if self._callbacks.on_connecting is not None:
            server.on("connect", partial(self._connecting, self._callbacks.on_connecting))
        server.on("disconnect", self._disconnected)
        return server

    def now(self) -> dict[str, int]:
        """Return the gauges of clients, for the status."""
        waiting = [outbox.size for outbox in self._registry.everybody()]
        return {
            "connections": len(self._eio.sockets),
            "bytes_for_clients": sum(waiting),
            "bytes_for_slowest": max(waiting, default=0),
            "bytes_unfinished": self._eio.shared.unfinished.size,
            **self._greeter.now(),
        }

    def serve(self, listener: socket.socket, app: Any) -> None:
        """Serve a WSGI app that has this server in it, in a green thread."""
        VitalThread("web server", lambda: serve(listener, app, self._counters, self._eio), self._eio.on_failure)

    def refuse_newcomers(self) -> None:
        """Let no new client in, because the bridge stops."""
        self._eio.stops = True

    def stop(self) -> None:
        """Close every transport, without a Socket.IO DISCONNECT, after which stock clients would not come back."""
        for session in list(self._eio.sockets.values()):
            session.close()
        ends = time.monotonic() + GOODBYE
        while self._eio.sockets and time.monotonic() < ends:
            eventlet.sleep(0.01)
        for sid in list(self._clients):  # those whose handlers take their time, who leave all the same
            self._disconnected(sid, "server disconnect")

    def _replace(self, old: Session, new: Session) -> None:
        """End a client's connection, because another one comes with its pid. It has a second to hear of it."""
        if not old.closed:
            what = "! %s is replaced: a client at %s has come with its pid"
            self._counters.note("sessions_replaced", what, self._who(old), new.address)
            if old.client is not None:
                self._why[old.client] = "replaced"
            old.close(last=encode_event("bridge:closing", Payload.of({"code": "replaced"})))

    def _connecting(self, ask: Asking, sid: str, environ: object, auth: object = None) -> None:
        """Ask whether a client may connect; python-socketio calls this before it answers CONNECT."""
        session = self._session(self._server.manager.eio_sid_from_sid(sid, "/"))
        if session is None:
            raise ConnectionRefusedError("it has gone already")
        try:
            ask(sid, session.address, self._connect_handler.session(sid), lambda: not session.closed)
        except Refused as error:
            self._callbacks.client_log.line("refused", sid, address=session.address, reason=error.code)
            raise ConnectionRefusedError(error.message, {"error": error.code}) from None

    def visit(self, sid: str) -> ClientHandshake | None:
        """Return what a connecting client came with; None if the client has gone."""
        eio_sid = self._server.manager.eio_sid_from_sid(sid, "/")
        whole = self._server.environ.of(eio_sid)
        return None if whole is None else ClientHandshake(self._app, whole, self._connect_handler.auth(eio_sid))

    def close(self, sid: str, code: str) -> None:
        """End a client's connection for good, and tell the client why. One that is away does not recover. An unknown
        sid is no error."""
        session = self._clients.get(sid)
        if session is None:
            self._greeter.forget(sid)
        else:
            self._greeter.cut_off(sid)
            session.left = True
            self._why[sid] = code
            session.close(last=encode_event("bridge:closing", Payload.of({"code": code})))

    def charge(self, sid: str) -> None:
        """Take one from a client's budget of what is of no use. An unknown sid is no error."""
        session = self._clients.get(sid)
        if session is not None:
            session.charge()

    def _connected(self, sid: str, eio_sid: str) -> None:
        greeting, session = self._connect_handler.greeting(sid), self._session(eio_sid)
        if session is None:
            self._greeter.left(sid, for_good=False)
            self._callbacks.on_disconnected(sid, False)
            return  # it has gone before the answer to its CONNECT
        self._clients[sid] = session
        if is_loopback(session.address) and (environ := self._server.environ.of(eio_sid)) and is_local(environ()):
            self.local.add(sid)
        session.outbox.press()
        session.left = False
        self._greeter.joined(greeting, sid, session.outbox)
        recovered = greeting.after is not None
        came = "recovered" if recovered else "came back" if greeting.sid else "new"
        self._callbacks.client_log.line("connect", sid, address=session.address, reason=came)
        if not recovered:
            self._callbacks.on_late(sid)
        self._callbacks.on_connected(sid, session.address, greeting.session, recovered)
        if sid in self._clients:  # a callback may have closed it
            session.client = sid

    def _disconnected(self, sid: str, reason: str) -> None:
        self.local.discard(sid)
        session = self._clients.pop(sid, None)
        code = self._why.pop(sid, None)
        if session is not None:
            self._log_end(session, sid, reason, code)
            # The transport is still open: the client, or a handler, has ended only the Socket.IO connection.
            for_good = session.left or not session.closed
            self._leaving[sid] = session
            session.flow.later(self._leaving.pop, sid)
            self._greeter.left(sid, for_good)
            session.outbox.unpress()
            session.client = None
            self._callbacks.on_disconnected(sid, for_good)

    def _log_end(self, session: Session, sid: str, reason: str, code: str | None) -> None:
        closed = code is not None or reason in (EndReason.SERVER, EndReason.PING_TIMEOUT)
        self._callbacks.client_log.line(
            "closed" if closed else "leave", sid,
            user=self._callbacks.user_of(sid), address=session.address, reason=code or reason,
        )  # fmt: skip

    def _session(self, eio_sid: str) -> Session | None:
        session: Session | None = self._eio.sockets.get(eio_sid)
        return session

    def _who(self, session: Session) -> str:
        """Name a client for the log by its Socket.IO id: with the Engine.IO id somebody could poll in its place."""
        if session.client is None:
            return f"a client at {session.address}"
        user = self._callbacks.user_of(session.client)
        named = f" of user {shorten(user)}" if user not in (None, session.client) else ""
        return f"client {session.client}{named} at {session.address}"

    def _silent(self, session: Session) -> None:
        self._counters.note("clients_silent", "! %s is disconnected: it has not answered a ping", session)

    def _behind(self, session: Session) -> None:
        log.info(
            "= %s begins to lose messages, the oldest first: %d bytes wait for it, the first for %.1f s",
            session, self._waiting(session), session.outbox.age,
        )  # fmt: skip

    def _waiting(self, session: Session) -> int:
        """Return the bytes that wait for a client which is behind, as the limit counts them, the kernel's share too."""
        return session.outbox.size + self._limits.unsent

    def _too_slow(self, session: Session) -> None:
        outbox = session.outbox
        if outbox.size:
            reason = f"{self._waiting(session)} bytes wait for it, the first for {outbox.age:.1f} s"
        else:
            reason = "it takes what it has missed more slowly than the history forgets it"
        self._counters.note(
            "clients_slow", "! %s is disconnected as slow: %s (--outbox %d)", session, reason, self._limits.size
        )
        if session.client is not None:
            self._greeter.cut_off(session.client)
            self._why[session.client] = "slow"
        session.close(last=encode_event("bridge:closing", Payload.of({"code": "slow"})))

    def _events(self, sid: str, events: Sequence[ReceivedEvent], may_wait: bool) -> int:
        if log.isEnabledFor(logging.DEBUG):
            for _, data in events:
                log.debug("< %s %s", sid, shorten(data))
        return self._on_events(sid, events, _AckSender(sid, self._registry.get(sid), self._limits), may_wait)

    def _event(self, sid: str, ack_id: int | None, data: object) -> None:
        """Take an event that EventPacket has renamed: one of a client that polls, or one with attachments."""
        self._events(sid, [(ack_id, data if isinstance(data, list) and data else [None])], True)


class _AckSender:
    """Sends the acks of one client. `outbox`: None if the client has gone."""

    __slots__ = ("_limits", "_outbox", "_sid")

    def __init__(self, sid: str, outbox: Outbox | None, limits: Limits) -> None:
        self._sid, self._outbox, self._limits = sid, outbox, limits

    def __call__(self, ids: Sequence[int], answer: dict[str, object]) -> None:
        if self._outbox is None or not ids:
            return
        data = encode_acks(ids, answer)
        if len(data) > LONG_ACK and len(ids) == 1 and self._outbox.answers > self._limits.size:
            data = encode_acks(ids, self._too_much())
        self._outbox.put(AnswerSegment(data))

    def _too_much(self) -> dict[str, object]:
        """Answer `no-reply` in place of an answer that would be too much for a client that does not read."""
        why = f"the answer was thrown away: more than {self._limits.size} bytes of answers wait for this client"
        self._limits.counters.refuse("no-reply", f"client {self._sid}", why)
        return {"ok": False, "error": "no-reply", "message": why}
