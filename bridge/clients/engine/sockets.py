"""Clients' packets in and out, through Flask-SocketIO.

Knows python-socketio and Engine.IO so that nobody else has to. Must not know what events mean.

Use: `engine = Engine(app, options, tally); engine.run(on_connected=…, on_event=…, on_disconnected=…)`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import eventlet
from engineio.exceptions import SocketIsClosedError
from engineio.packet import MESSAGE, Packet
from engineio.payload import Payload
from flask import Flask
from flask_socketio import SocketIO

from bridge.clients.engine.manager import Manager
from bridge.clients.engine.packet import EVENT, event_packet
from bridge.clients.engine.websockets import watched
from bridge.clients.packets import encode_ack
from bridge.tally import Tally, shorten

__all__ = ["Engine", "EngineOptions", "OnEvent"]

log = logging.getLogger("bridge.clients")

#: (sid, event name, arguments, ack). Names and arguments are as the client sent them: unchecked.
OnEvent = Callable[[str, object, Sequence[object], Callable[[dict[str, object]], None]], None]

GOODBYE = 1.0  # seconds that closing may take in all; a client that does not read is not waited for
# Packets in one polling request. Of more than the library's 16 it takes none and says OK; a page that
# emits 17 events as soon as it is connected is still polling.
Payload.max_decode_packets = 100_000


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`max_event`: bytes of one packet of a client; `ping_interval`, `ping_timeout`: seconds."""

    allowed_origins: tuple[str, ...]
    ping_interval: float
    ping_timeout: float
    max_event: int


class Engine:
    """The clients of one process, by sid."""

    def __init__(self, app: Flask, options: EngineOptions, tally: Tally) -> None:
        self._tally = tally
        self._eio_sids: dict[str, str] = {}
        self._socketio = SocketIO(
            app,
            async_mode="eventlet",
            async_handlers=False,  # True is a green thread an event, and no order
            client_manager=Manager(self._connected),
            serializer=event_packet(options.max_event),
            cors_allowed_origins=_origins(options.allowed_origins),
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
            max_http_buffer_size=options.max_event,
            logger=_logger("socketio", tally),
            engineio_logger=_logger("engineio", tally),
        )
        self._server = self._socketio.server
        eio = self._server.eio
        eio._async = {**eio._async, "websocket": watched(eio._async["websocket"], self._junk)}
        eio.disconnect = _bounded(eio.disconnect)

    def run(
        self,
        *,
        on_connected: Callable[[str, str], None],
        on_event: OnEvent,
        on_disconnected: Callable[[str], None],
    ) -> None:
        """From now on clients are served. `on_connected` gets the sid and the browser's address."""
        self._on_connected, self._on_event, self._on_disconnected = on_connected, on_event, on_disconnected
        self._server.on(EVENT, self._event)
        self._server.on("disconnect", self._disconnected)

    @property
    def clients(self) -> Collection[str]:
        """The sids of all connected clients."""
        return self._eio_sids

    def send(self, sid: str, packets: Sequence[str | bytes]) -> None:
        """Send encoded packets to one client; nothing happens if it has gone."""
        eio_sid = self._eio_sids.get(sid)
        if eio_sid is None:
            return
        try:
            for packet in packets:
                self._server.eio.send_packet(eio_sid, Packet(MESSAGE, packet))
        except SocketIsClosedError:
            pass  # between its last packet and the news of its end

    def stop(self) -> None:
        """Close every client's transport, with no Socket.IO DISCONNECT: stock clients then come
        back by themselves, which after a DISCONNECT they don't."""
        pool = eventlet.GreenPool()
        for eio_sid in list(self._eio_sids.values()):
            pool.spawn(self._server.eio.disconnect, eio_sid)
        with eventlet.Timeout(GOODBYE, False):
            pool.waitall()
        eventlet.sleep(0.05)  # the writers' last turn: the packets are theirs, but perhaps not yet sent

    def _junk(self, reason: str) -> None:
        self._tally.note("bad_packets", "! a client is disconnected: %s", reason)

    def _connected(self, sid: str, eio_sid: str) -> None:
        self._eio_sids[sid] = eio_sid
        environ = self._server.get_environ(sid) or {}
        self._on_connected(sid, str(environ.get("REMOTE_ADDR", "")))

    def _disconnected(self, sid: str, _reason: str) -> None:
        if self._eio_sids.pop(sid, None) is not None:
            self._on_disconnected(sid)

    def _event(self, sid: str, ack_id: int | None, data: object) -> None:
        """One event as EventPacket renamed it. The answer is an ack packet of our own making."""
        name, args = (data[0], data[1:]) if isinstance(data, list) and data else (None, [])
        if log.isEnabledFor(logging.DEBUG):
            log.debug("< %s %s", sid, shorten(data))

        def ack(answer: dict[str, object]) -> None:
            if ack_id is not None:
                self.send(sid, [encode_ack(ack_id, answer)])

        self._on_event(sid, name, args, ack)


def _origins(allowed: tuple[str, ...]) -> Any:
    """None: the page's own origin alone. Else that and the given ones; the check is on WebSocket
    requests too, which CORS does not cover."""
    if not allowed:
        return None
    if "*" in allowed:
        return "*"

    def check(origin: str, environ: dict[str, Any]) -> bool:
        own = f"{environ.get('wsgi.url_scheme')}://{environ.get('HTTP_HOST')}"
        return origin == own or origin in allowed

    return check


def _bounded(disconnect: Callable[..., None]) -> Callable[..., None]:
    """Engine.IO waits until a client that it disconnects has fetched everything: one that polls no
    more would keep a green thread and a connection for ever."""

    def bounded(*args: Any) -> None:
        with eventlet.Timeout(GOODBYE, False):
            disconnect(*args)

    return bounded


class _OneLine(logging.Filter):
    """The libraries log a traceback for each packet that is none, and a line for each that is out of
    place; one line in a while, shortened, and a count are enough."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info and record.levelno == logging.WARNING:
            self._tally.note("bad_packets", "! %s", shorten(record.getMessage(), 200))
            return False
        if not record.exc_info:
            return record.levelno < logging.WARNING or self._is_news(record)
        error = record.exc_info[1]
        what = f"{type(error).__name__}: {error}"  # not repr(): that of a UnicodeDecodeError has the whole text in it
        self._tally.note("bad_packets", "! a client's packet could not be read: %s", shorten(what, 200))
        log.debug("! %s", record.getMessage(), exc_info=record.exc_info)
        return False

    def _is_news(self, record: logging.LogRecord) -> bool:
        record.msg = f"! {record.msg}"
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def _logger(name: str, tally: Tally) -> logging.Logger:
    logger = logging.getLogger(f"bridge.clients.{name}")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_OneLine(tally))
    return logger
