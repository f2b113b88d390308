"""Serves Engine.IO with sessions that need no green thread of their own, in place of python-engineio's server.

It keeps to Engine.IO protocol 4, and leaves sids, allowed origins and the register of sessions to
python-engineio, whose subclass it is. Must not know Socket.IO, which it is given as handlers.

Use: `server = EngineServer(plain, options)`; it is a WSGI app: `server.handle_request(environ, start_response)`.
"""

from __future__ import annotations

import base64
import enum
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import engineio
import orjson
from werkzeug.exceptions import BadRequest

from bridge.counters import shorten
from bridge.delivery.limits import Limits
from bridge.engineio.environ_store import EnvironStore
from bridge.engineio.handshake import (
    VERSION,
    answer,
    asks_for_websocket,
    hears_close_frames,
    refusal,
    take_socket,
)
from bridge.engineio.packet_types import PacketType
from bridge.engineio.poller import Poller
from bridge.engineio.polling import Polling
from bridge.engineio.post_body import TooLarge, body_of, packets_of
from bridge.engineio.request import JSON, PLAIN_TEXT, Request, parameters
from bridge.engineio.session import Session
from bridge.engineio.session_context import SessionContext
from bridge.engineio.states import SessionState
from bridge.engineio.timeouts import TimeoutQueues, Timeouts
from bridge.engineio.upgrade import Upgrade
from bridge.engineio.websocket import WebSocket
from bridge.hub.vital_threads import VitalThread
from bridge.random_bytes import RandomBytes
from bridge.wire.socketio_packets import ReceivedEvent
from bridge.wire.websocket_frames import TEXT, frame

__all__ = ["EngineServer", "ServerOptions"]

_twelve = RandomBytes(12)


class _Refusal(enum.Enum):
    """Why a request is refused: code and text, as Node's engine.io has them."""

    UNKNOWN_TRANSPORT = (0, "Transport unknown")
    UNKNOWN_SID = (1, "Session ID unknown")
    BAD_METHOD = (2, "Bad handshake method")
    BAD_REQUEST = (3, "Bad request")
    BAD_VERSION = (5, "Unsupported protocol version")

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text


_ORIGIN = "Not an accepted origin"
UPGRADE_TIMEOUT = 10.0  # seconds for an upgrade, as Node's engine.io has it
FAREWELL = 1.0  # seconds for the last packets of a session that is closed


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """`connect_timeout`: seconds until a client that has not connected to a namespace is closed;
    `max_sessions`: how many there may be; more are refused with 503."""

    connect_timeout: float
    max_sessions: int
    limits: Limits


class EngineServer(engineio.Server):  # type: ignore[misc]
    """`plain`: a server of python-engineio's, whose settings and handlers it takes over."""

    sequence_number: int  # the base's, of the next id

    def __init__(self, plain: engineio.Server, options: ServerOptions) -> None:
        self.__dict__.update(plain.__dict__)
        self.start_service_task = False  # its monitor; the ticker does that here
        self._max_sessions = options.max_sessions
        self.poller = Poller()
        self._queues: TimeoutQueues[Session] = TimeoutQueues(
            pings=Timeouts(self.ping_interval, Session.ping),
            pongs=Timeouts(self.ping_timeout, Session.pong_overdue),
            joins=Timeouts(options.connect_timeout, Session.join_overdue),
            upgrades=Timeouts(UPGRADE_TIMEOUT, Session.upgrade_overdue),
            farewells=Timeouts(FAREWELL, Session.finish),
        )
        self.shared = SessionContext(
            options.limits, self._queues,
            message=self._message, failed=self._failed, junk=self._junk,
            gone=self._gone, ended=self._ended, slow=Session.close,
        )  # fmt: skip
        self._running = False
        self.on_failure: Callable[[], object] = lambda: None  # one of the green threads without which it is none ended
        self.stops = False  # nobody new is let in
        #: Is told of each request of a page that may not connect; returns what is to be done, if it knows.
        self.on_foreign_origin: Callable[[str], str] = self._log_origin

    def run(self) -> None:
        """Start the two green threads, if they don't run yet."""
        if not self._running:
            self._running = True
            VitalThread("poller of clients", self.poller.run, self.on_failure)
            VitalThread("clock of clients", self._queues.run, self.on_failure)

    def on_events(self, take: Callable[[str, Sequence[ReceivedEvent], bool], int]) -> None:
        """Give events of the default namespace to `take`, many at a time; see `SessionContext.events`."""
        self.shared.events = take

    def generate_id(self) -> str:
        """Make an id as python-engineio does, twelve random bytes and a number, at a third of the cost."""
        number = self.sequence_number
        self.sequence_number = (number + 1) & 0xFFFFFF
        return base64.b64encode(_twelve() + number.to_bytes(3, "big"), b"-_").decode()

    def handle_request(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Sequence[bytes]:
        """Serve one request, as a WSGI app (PEP 3333)."""
        self.run()
        query = parameters(environ.get("QUERY_STRING", ""))
        request = Request(self, environ, start_response, query.get("sid", [""])[0])
        origin = environ.get("HTTP_ORIGIN")
        if origin and not self._accepts(origin, environ):
            return self._refuse_origin(request, origin)
        problem = self._problem(environ, query)
        if problem:
            return _refuse(request, problem)
        method, transport = environ["REQUEST_METHOD"], query.get("transport", [""])[0]
        if method == "OPTIONS":
            return request.respond("200 OK", PLAIN_TEXT, b"OK")
        if not request.sid:
            if method != "GET":
                return _refuse(request, _Refusal.BAD_METHOD)
            return self._begin(request, transport)
        session = self.sockets.get(request.sid)
        if session is None or session.state is SessionState.CLOSED:
            return self._over(request)
        if transport == "websocket" and method == "GET":
            return self._upgrade(request, session)
        if session.polling is None or session.upgraded:
            return _refuse(request, _Refusal.BAD_REQUEST)
        if method == "GET":
            return self._poll(request, session.polling)
        return (
            self._post(request, session, session.polling)
            if method == "POST"
            else _refuse(request, _Refusal.BAD_REQUEST)
        )

    def _get_socket(self, sid: str) -> Session:
        """Find a session that is not closing, as python-engineio forgets one that is. Raises KeyError."""
        session: Session | None = self.sockets.get(sid)
        if session is None or session.closed:
            raise KeyError("Session not found")
        return session

    def _accepts(self, origin: str, environ: dict[str, Any]) -> bool:
        allowed = None if self.cors_allowed_origins == [] else self._cors_allowed_origins(environ)
        return allowed is None or origin in allowed

    def _refuse_origin(self, request: Request, origin: str) -> Sequence[bytes]:
        """Answer 400, with words that the foreign page may read and its browser's console shows: who has made it needs
        them, and they say nothing that it did not know."""
        advice = self.on_foreign_origin(origin)
        if not advice:
            return request.refuse(_Refusal.BAD_REQUEST.code, _ORIGIN)
        words = f"{_ORIGIN}: {advice}"
        headers = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin"), ("Cache-Control", "no-store")]
        return request.refuse(_Refusal.BAD_REQUEST.code, words, reason=words, headers=headers)

    def _log_origin(self, origin: str) -> str:
        self._log_error_once(f"{origin} is not an accepted origin.", "bad-origin")
        return ""

    def _problem(self, environ: dict[str, Any], query: dict[str, list[str]]) -> _Refusal | None:
        """Say what is wrong with a request, whoever it is from; None if nothing is."""
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return None
        transport = query.get("transport", [""])[0]
        if transport not in self.transports:
            return _Refusal.UNKNOWN_TRANSPORT
        if query.get("EIO") != ["4"]:
            return _Refusal.BAD_VERSION
        if (transport == "websocket") != asks_for_websocket(environ):
            return _Refusal.BAD_REQUEST
        return None

    # A session's beginning.

    def _begin(self, request: Request, transport: str) -> Sequence[bytes]:
        if self.stops or len(self.sockets) >= self._max_sessions:
            reason = b"The bridge is stopping." if self.stops else b"There are too many clients here."
            return request.respond("503 Service Unavailable", PLAIN_TEXT, reason)
        by_websocket = transport == "websocket"
        if by_websocket and (refused := self._refused(request)):
            return refused
        sid = self.generate_id()
        session = Session(sid, EnvironStore.address(request.environ), self.shared)
        self.sockets[sid] = session
        accepted = self.handlers["connect"](sid, request.environ)
        if accepted is not None and accepted is not True:
            session.finish()
            return request.respond("401 Unauthorized", JSON, json.dumps(accepted or "Unauthorized").encode())
        hello = PacketType.OPEN + orjson.dumps(self._hello(sid, by_websocket))
        if not by_websocket:
            session.poll(self.poller)
            return request.respond("200 OK", PLAIN_TEXT, hello)
        self._take_over(request, session, frame(hello))
        return []

    def _hello(self, sid: str, by_websocket: bool) -> dict[str, object]:
        upgrades = ["websocket"] if self.allow_upgrades and not by_websocket and "websocket" in self.transports else []
        return {
            "sid": sid,
            "upgrades": upgrades,
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }

    def _take_over(self, request: Request, session: Session, hello: bytes) -> None:
        sock, early = take_socket(request.environ)
        told = hears_close_frames(request.environ)
        websocket = WebSocket(sock, self.poller, self.max_http_buffer_size, self.shared.limits.unsent, told)
        websocket.send([answer(request.environ) + hello])  # a new connection takes a few hundred bytes
        if hello:
            websocket.owner = session
            session.open(websocket)
        else:
            websocket.owner = upgrade = Upgrade(session, websocket)
            session.probe(upgrade)
        if early:
            websocket.feed(early)

    def _upgrade(self, request: Request, session: Session) -> Sequence[bytes]:
        if session.state is not SessionState.POLLING:
            return _refuse(request, _Refusal.BAD_REQUEST)
        refused = self._refused(request)
        if not refused:
            self._take_over(request, session, b"")
        return refused

    def _refused(self, request: Request) -> Sequence[bytes]:
        """Refuse a handshake that can't be answered; returns nothing if it can."""
        version = request.environ.get("HTTP_SEC_WEBSOCKET_VERSION")
        if version and version != VERSION:
            text = b"Only version 13 of the WebSocket protocol is spoken here."
            return request.respond("426 Upgrade Required", [*PLAIN_TEXT, ("Sec-WebSocket-Version", VERSION)], text)
        reason = refusal(request.environ)
        return request.refuse(_Refusal.BAD_REQUEST.code, reason) if reason else []

    # Polling.

    def _poll(self, request: Request, polling: Polling) -> Sequence[bytes]:
        packets = polling.get(request.environ["eventlet.input"].get_socket())
        if packets is None:
            return _refuse(request, _Refusal.BAD_REQUEST)
        return request.respond("200 OK", PLAIN_TEXT, "\x1e".join(packets).encode())

    def _over(self, request: Request) -> Sequence[bytes]:
        """Answer a request to a session that is not there any more."""
        environ = request.environ
        short = environ["REQUEST_METHOD"] == "POST" and environ.get("CONTENT_LENGTH") == "1"
        # Older clients of Python stay away for good if their POST is refused. A pong of one that slept can be lost.
        if short and environ["wsgi.input"].read(1) == PacketType.PONG:
            return request.respond("200 OK", PLAIN_TEXT, b"ok")
        return _refuse(request, _Refusal.UNKNOWN_SID)

    def _post(self, request: Request, session: Session, polling: Polling) -> Sequence[bytes]:
        environ = request.environ
        try:
            packets = polling.post(lambda: packets_of(body_of(environ, self.max_http_buffer_size)))
        except TooLarge:
            session.misused()
            return request.respond("413 Payload Too Large", PLAIN_TEXT, b"")
        except (ValueError, BadRequest) as error:
            self._junk(session, str(error))
            session.misused()
            return _refuse(request, _Refusal.BAD_REQUEST)
        if not packets or (session.state is SessionState.CLOSED and (TEXT, PacketType.CLOSE) not in packets):
            return _refuse(request, _Refusal.BAD_REQUEST)
        return request.respond("200 OK", PLAIN_TEXT, b"ok")

    # For sessions.

    def _message(self, session: Session, data: str | bytes) -> None:
        self.handlers["message"](session.sid, data)

    def _gone(self, session: Session, reason: str) -> None:
        self.handlers["disconnect"](session.sid, str(reason))

    def _ended(self, session: Session) -> None:
        if self.sockets.get(session.sid) is session:
            del self.sockets[session.sid]

    def _junk(self, session: Session, reason: str) -> None:
        self.logger.warning("%s is disconnected: %s", session, shorten(reason, 200))

    def _failed(self, session: Session, error: BaseException) -> None:
        self.logger.error("message handler error", exc_info=error, extra={"client": str(session)})


def _refuse(request: Request, refusal: _Refusal) -> Sequence[bytes]:
    return request.refuse(refusal.code, refusal.text)
