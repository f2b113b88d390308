"""Serves Engine.IO with sessions that need no green thread of their own, in place of python-engineio's server.

It keeps to Engine.IO protocol 4, and leaves sids, allowed origins and the register of sessions to
python-engineio, whose subclass it is. Must not know Socket.IO, which it is given as handlers.

Use: `server = EngineIOServer(plain, limits=limits, connect_timeout=20.0, sessions=SessionLimits())`; it is a
WSGI app: `server.handle_request(environ, start_response)`.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Any

import engineio
import orjson
from werkzeug.exceptions import BadRequest

from bridge.counters import shorten
from bridge.delivery.limits import Limits
from bridge.engineio import websocket_handshake
from bridge.engineio.http_exchange import (
    CONNECTION,
    JSON,
    PLAIN_TEXT,
    HttpExchange,
    Refusal,
    TooLarge,
    parameters,
)
from bridge.engineio.packets import PacketType, packets_of
from bridge.engineio.poller import Poller
from bridge.engineio.polling import Polling
from bridge.engineio.post_body import PostBody
from bridge.engineio.session import Session
from bridge.engineio.session_context import SessionContext
from bridge.engineio.session_quota import SessionLimits, SessionQuota
from bridge.engineio.states import EndReason, SessionState
from bridge.engineio.timeouts import SessionTimeouts, TimeoutQueue
from bridge.engineio.unfinished_input import MOST_ATTACHMENTS, PACKET_TIMEOUT, InputLimits, UnfinishedInput
from bridge.engineio.upgrade import Upgrade
from bridge.engineio.websocket import WebSocket
from bridge.hub.vital_threads import VitalThread
from bridge.random_bytes import RandomBytes
from bridge.wire.websocket_frames import frame

__all__ = ["EngineIOServer"]

_twelve = RandomBytes(12)
_ORIGIN = "Not an accepted origin"
TOO_MANY_HERE = b"Too many sessions were begun on this connection; begin others on a new one."
UPGRADE_TIMEOUT = 10.0  # seconds for an upgrade, as Node's engine.io has it
FAREWELL = 1.0  # seconds for the last packets of a session that is closed


class EngineIOServer(engineio.Server):  # type: ignore[misc]
    """`plain`: a server of python-engineio's, whose settings and handlers it takes over; `limits`: of what waits for a
    client; `connect_timeout`: seconds until a client that has not connected to a namespace is closed; `sessions`: how
    many there may be, see session_quota.py; `max_attachments`: of one packet."""

    sequence_number: int  # the base's, of the next id

    def __init__(
        self,
        plain: engineio.Server,
        *,
        limits: Limits,
        connect_timeout: float,
        sessions: SessionLimits,
        max_attachments: int = MOST_ATTACHMENTS,
    ) -> None:
        self.__dict__.update(plain.__dict__)
        self.start_service_task = False  # its monitor; SessionTimeouts do that here
        self.poller = Poller()
        self._queues: SessionTimeouts[Session] = SessionTimeouts(
            pings=TimeoutQueue(self.ping_interval, Session.ping),
            pongs=TimeoutQueue(self.ping_timeout, Session.pong_overdue),
            joins=TimeoutQueue(connect_timeout, Session.join_overdue),
            upgrades=TimeoutQueue(UPGRADE_TIMEOUT, Session.upgrade_overdue),
            farewells=TimeoutQueue(FAREWELL, Session.finish),
            packets=TimeoutQueue(PACKET_TIMEOUT, methodcaller("overdue")),
        )
        inputs = InputLimits(self.max_http_buffer_size, max_attachments)
        self.quota: SessionQuota[Session] = SessionQuota(sessions, self._queues.joins, limits.counters)
        self.shared = SessionContext(
            limits, self._queues, UnfinishedInput(inputs, self._queues.packets, limits.counters),
            message=self._message, failed=self._failed, junk=self._junk,
            gone=self._gone, ended=self._ended, slow=Session.close, joined=self.quota.joined,
            half_open=self.quota.half_open,
        )  # fmt: skip
        self._running = False
        self.on_failure: Callable[[], object] = lambda: None  # one of the green threads without which it is none ended
        self.stops = False  # nobody new is let in
        #: Is told of each request of a page that may not connect; returns what is to be done, if it knows.
        self.on_foreign_origin: Callable[[str, dict[str, Any]], str] = self._log_origin

    def run(self) -> None:
        """Start the two green threads, if they don't run yet."""
        if not self._running:
            self._running = True
            VitalThread("poller of clients", self.poller.run, self.on_failure)
            VitalThread("clock of clients", self._queues.run, self.on_failure)

    def generate_id(self) -> str:
        """Make an id as python-engineio does, twelve random bytes and a number, at a third of the cost."""
        number = self.sequence_number
        self.sequence_number = (number + 1) & 0xFFFFFF
        return base64.b64encode(_twelve() + number.to_bytes(3, "big"), b"-_").decode()

    def handle_request(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Sequence[bytes]:
        """Serve one request, as a WSGI app (PEP 3333)."""
        self.run()
        query = parameters(environ.get("QUERY_STRING", ""))
        exchange = HttpExchange(self, environ, start_response, query.get("sid", [""])[0])
        origin = environ.get("HTTP_ORIGIN")
        if origin and not self._accepts(origin, environ):
            return self._refuse_origin(exchange, origin)
        problem = self._problem(environ, query)
        if problem:
            return exchange.refuse(problem)
        method, transport = environ["REQUEST_METHOD"], query.get("transport", [""])[0]
        if method == "OPTIONS":
            return exchange.respond("200 OK", PLAIN_TEXT, b"OK")
        if not exchange.sid:
            if method != "GET":
                return exchange.refuse(Refusal.BAD_METHOD)
            return self._begin(exchange, transport)
        session = self.sockets.get(exchange.sid)
        if session is None or session.state is SessionState.CLOSED:
            return self._over(exchange)
        if transport == "websocket" and method == "GET":
            return self._upgrade(exchange, session)
        if session.polling is None or session.upgraded:
            return exchange.refuse(Refusal.BAD_REQUEST)
        if method == "GET":
            return self._poll(exchange, session.polling)
        if method == "POST":
            return self._post(exchange, session, session.polling)
        return exchange.refuse(Refusal.BAD_REQUEST)

    def _get_socket(self, sid: str) -> Session:
        """Find a session that is not closing, as python-engineio forgets one that is. Raises KeyError."""
        session: Session | None = self.sockets.get(sid)
        if session is None or session.closed:
            raise KeyError("Session not found")
        return session

    def _accepts(self, origin: str, environ: dict[str, Any]) -> bool:
        allowed = None if self.cors_allowed_origins == [] else self._cors_allowed_origins(environ)
        return allowed is None or origin in allowed

    def _refuse_origin(self, exchange: HttpExchange, origin: str) -> Sequence[bytes]:
        """Answer 400, with words that the foreign page may read and its browser's console shows: who has made it needs
        them, and they say nothing that it did not know."""
        advice = self.on_foreign_origin(origin, exchange.environ)
        if not advice:
            return exchange.refuse(Refusal.BAD_REQUEST, _ORIGIN)
        words = f"{_ORIGIN}: {advice}"
        headers = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
        return exchange.refuse(Refusal.BAD_REQUEST, words, reason=words, headers=headers)

    def _log_origin(self, origin: str, _: dict[str, Any]) -> str:
        self._log_error_once(f"{origin} is not an accepted origin.", "bad-origin")
        return ""

    def _problem(self, environ: dict[str, Any], query: dict[str, list[str]]) -> Refusal | None:
        """Say what is wrong with a request, whoever it is from; None if nothing is."""
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return None
        transport = query.get("transport", [""])[0]
        if transport not in self.transports:
            return Refusal.UNKNOWN_TRANSPORT
        if query.get("EIO") != ["4"]:
            return Refusal.BAD_VERSION
        if (transport == "websocket") != websocket_handshake.asks_for_websocket(environ):
            return Refusal.BAD_REQUEST
        return None

    # A session's beginning.

    def _begin(self, exchange: HttpExchange, transport: str) -> Sequence[bytes]:
        address, by_websocket = sys.intern(str(exchange.environ.get("REMOTE_ADDR", ""))), transport == "websocket"
        if by_websocket and (refused := self._refuse_handshake(exchange)):
            return refused
        if refused := self._refuse_session(exchange, address):
            return refused
        sid = self.generate_id()
        self.sockets[sid] = session = Session(sid, address, self.shared)
        self.quota.add(session)
        accepted = self.handlers["connect"](sid, exchange.environ)
        if accepted is not None and accepted is not True:
            session.finish()
            return exchange.respond("401 Unauthorized", JSON, json.dumps(accepted or "Unauthorized").encode())
        hello = PacketType.OPEN + orjson.dumps(self._hello(sid, by_websocket))
        if not by_websocket:
            session.polling = Polling(session, self.poller)
            return exchange.respond("200 OK", PLAIN_TEXT, hello)
        self._take_over(exchange, session, frame(hello))
        return []

    def _refuse_session(self, exchange: HttpExchange, address: str) -> Sequence[bytes]:
        """Refuse one for which there is no room; returns nothing if there is."""
        reason = "The bridge is stopping." if self.stops else self.quota.refusal(address)
        if reason:
            return exchange.respond("503 Service Unavailable", PLAIN_TEXT, reason.encode())
        if self._too_many_here(exchange, address):
            return exchange.respond("429 Too Many Requests", PLAIN_TEXT, TOO_MANY_HERE)
        return []

    def _too_many_here(self, exchange: HttpExchange, address: str) -> bool:
        """Count a session of a TCP connection, and close that if there are too many. One of a proxy is closed after the
        last that it may have: another browser's would be the one that is refused."""
        connection, most = exchange.environ.get(CONNECTION), self.quota.limits.per_connection
        if connection is None:
            return False
        connection.sessions += 1
        over = bool(connection.sessions > most)
        if over or (connection.sessions == most and address != connection.client_address[0]):
            connection.close_connection = 1
        if over:
            text = "! a connection from %s is closed: it has begun more than %d sessions"
            self.shared.limits.counters.note("handshakes_refused", text, address, most)
        return over

    def _hello(self, sid: str, by_websocket: bool) -> dict[str, object]:
        upgrades = ["websocket"] if self.allow_upgrades and not by_websocket and "websocket" in self.transports else []
        return {
            "sid": sid,
            "upgrades": upgrades,
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }

    def _take_over(self, exchange: HttpExchange, session: Session, hello: bytes) -> None:
        sock, early = websocket_handshake.take_socket(exchange.environ)
        told = websocket_handshake.hears_close_frames(exchange.environ)
        websocket = WebSocket(sock, self.poller, self.max_http_buffer_size, self.shared.limits.unsent, told)
        head = websocket_handshake.answer(exchange.environ)
        websocket.send([head + hello])  # a new connection takes a few hundred bytes
        if hello:
            websocket.owner = session
            session.open(websocket)
        else:
            websocket.owner = Upgrade(session)
            session.probe(websocket)
        if early:
            websocket.feed(early)

    def _upgrade(self, exchange: HttpExchange, session: Session) -> Sequence[bytes]:
        if session.state is not SessionState.POLLING:
            return exchange.refuse(Refusal.BAD_REQUEST)
        refused = self._refuse_handshake(exchange)
        if not refused:
            self._take_over(exchange, session, b"")
        return refused

    def _refuse_handshake(self, exchange: HttpExchange) -> Sequence[bytes]:
        """Refuse a handshake that can't be answered; returns nothing if it can."""
        version, ours = exchange.environ.get("HTTP_SEC_WEBSOCKET_VERSION"), websocket_handshake.VERSION
        if version and version != ours:
            text = b"Only version 13 of the WebSocket protocol is spoken here."
            return exchange.respond("426 Upgrade Required", [*PLAIN_TEXT, ("Sec-WebSocket-Version", ours)], text)
        reason = websocket_handshake.problem(exchange.environ)
        return exchange.refuse(Refusal.BAD_REQUEST, reason) if reason else []

    # Polling.

    def _poll(self, exchange: HttpExchange, polling: Polling) -> Sequence[bytes]:
        packets = polling.get(exchange.environ["eventlet.input"].get_socket())
        if packets is None:
            return exchange.refuse(Refusal.BAD_REQUEST)
        return exchange.respond("200 OK", PLAIN_TEXT, "\x1e".join(packets).encode())

    def _over(self, exchange: HttpExchange) -> Sequence[bytes]:
        """Answer a request to a session that is not there any more."""
        environ = exchange.environ
        short = environ["REQUEST_METHOD"] == "POST" and environ.get("CONTENT_LENGTH") == "1"
        # Older clients of Python stay away for good if their POST is refused. A pong of one that slept can be lost.
        if short and environ["wsgi.input"].read(1) == PacketType.PONG:
            return exchange.respond("200 OK", PLAIN_TEXT, b"ok")
        return exchange.refuse(Refusal.UNKNOWN_SID)

    def _post(self, exchange: HttpExchange, session: Session, polling: Polling) -> Sequence[bytes]:
        environ = exchange.environ
        inputs = self.shared.unfinished.limits
        limit = inputs.packet if session.joined else min(inputs.packet, inputs.before_connect)
        body = PostBody(environ, limit, self.shared.unfinished)
        try:
            taken = polling.post(lambda: packets_of(body.read()))
        except TooLarge:
            session.finish(EndReason.TRANSPORT_ERROR)
            return exchange.respond("413 Payload Too Large", PLAIN_TEXT, b"")
        except (ValueError, BadRequest) as error:
            self._junk(session, str(error))
            session.finish(EndReason.TRANSPORT_ERROR)
            return exchange.refuse(Refusal.BAD_REQUEST)
        if not taken:
            return exchange.refuse(Refusal.BAD_REQUEST)
        return exchange.respond("200 OK", PLAIN_TEXT, b"ok")

    # For sessions.

    def _message(self, session: Session, data: str | bytes) -> None:
        self.handlers["message"](session.sid, data)

    def _gone(self, session: Session, reason: str) -> None:
        self.handlers["disconnect"](session.sid, str(reason))

    def _ended(self, session: Session) -> None:
        if self.sockets.get(session.sid) is session:
            del self.sockets[session.sid]
            self.quota.remove(session)

    def _junk(self, session: Session, reason: str) -> None:
        self.logger.warning("%s is disconnected: %s", session, shorten(reason, 200))

    def _failed(self, session: Session, error: BaseException) -> None:
        self.logger.error("message handler error", exc_info=error, extra={"client": str(session)})
