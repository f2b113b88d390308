"""An Engine.IO server that is asked by hand-made requests, each on a connection of its own, and what it tells.

Use: `at = Served(); at.ask("EIO=4&transport=polling").status == "200 OK"; at.told[0][0] == "connect"`.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

warnings.simplefilter("ignore")  # eventlet's, about itself

import engineio  # noqa: E402
import eventlet  # noqa: E402
from eventlet import wsgi  # noqa: E402
from eventlet.greenio import GreenSocket  # noqa: E402
from eventlet.patcher import original  # noqa: E402

from bridge.counters import Counters  # noqa: E402
from bridge.delivery.limits import Limits  # noqa: E402
from bridge.delivery.slow_policies import POLICIES  # noqa: E402
from bridge.engineio import server as module  # noqa: E402
from bridge.engineio.session import Session  # noqa: E402
from bridge.engineio.session_quota import USUAL, SessionLimits  # noqa: E402
from bridge.wire.websocket_frames import frames_in  # noqa: E402

__all__ = [
    "ACCEPTED", "HANDSHAKE", "POLL", "WEBSOCKET", "Answer", "Asks", "Line", "Log", "Served", "masked", "module",
    "replaced",
]  # fmt: skip

plain_socket: Any = original("socket")

POLL, WEBSOCKET = "EIO=4&transport=polling", "EIO=4&transport=websocket"
#: The example of RFC 6455, section 1.3.
HANDSHAKE: dict[str, Any] = {
    "HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "websocket", "HTTP_SEC_WEBSOCKET_VERSION": "13",
    "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def masked(data: bytes, opcode: int = 1) -> bytes:
    """A short frame as a client sends it."""
    return bytes([0x80 | opcode, 0x80 | len(data), 0, 0, 0, 0]) + data


@contextmanager
def replaced(owner: Any, **values: object) -> Iterator[None]:
    """Meanwhile these are in the places of what the module has by these names."""
    before = {name: getattr(owner, name) for name in values}
    vars(owner).update(values)
    try:
        yield
    finally:
        vars(owner).update(before)


class Answer(NamedTuple):
    """What a request was answered."""

    status: str
    headers: dict[str, str]
    body: bytes

    @property
    def refusal(self) -> tuple[str, dict[str, object]]:
        """Of one that was refused."""
        found: dict[str, object] = json.loads(self.body)
        return self.status, found


class Log(logging.Handler):
    """The lines of one logger while it is entered. `records`: as they came."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._logger = logging.getLogger(name)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        """Each with its level in front."""
        return [f"{record.levelname} {record.getMessage()}" for record in self.records]

    def __enter__(self) -> Log:
        self._before = self._logger.level, self._logger.propagate
        self._logger.addHandler(self)
        self._logger.setLevel(logging.DEBUG)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.level, self._logger.propagate = self._before
        logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]


class Line:
    """One connection. `here`: the server's end, eventlet's; `there`: the client's, which does not block."""

    def __init__(self, early: bytes = b"") -> None:
        here, self.there = plain_socket.socketpair()
        self.there.setblocking(False)
        self.here = GreenSocket(here)
        self.rfile = self.here.makefile("rb")
        if early:
            self.there.send(early)
            self.rfile.peek()

    def input(self) -> Any:
        """What eventlet has of a request on it."""
        return wsgi.Input(self.rfile, 0, self.here)

    def read(self, size: int) -> bytes:
        """So many bytes of what the server sends."""
        got = b""
        while len(got) < size:
            try:
                data: bytes = self.there.recv(size - len(got))
            except BlockingIOError:
                eventlet.sleep(0)
                continue
            assert data, got
            got += data
        return got

    def frame(self) -> tuple[int, bytes]:
        """The next frame, a short one: its opcode and what is in it."""
        head = self.read(2)
        size = head[1]
        if size == 126:
            head += self.read(2)
            size = int.from_bytes(head[2:], "big")
        whole = head + self.read(size)
        ((opcode, start, end),) = frames_in(whole)
        return opcode, whole[start:end]

    @property
    def over(self) -> bool:
        """Whether the server has closed it, and everything else was read."""
        try:
            return not self.there.recv(1)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def say(self, *data: bytes, opcode: int = 1) -> None:
        """Frames."""
        self.there.send(b"".join(masked(one, opcode) for one in data))


class Asks:
    """An Engine.IO server in `server`, which can be asked."""

    server: Any

    def ask(
        self, query: str | None = POLL, method: str = "GET", body: bytes = b"", line: Line | None = None, **more: Any
    ) -> Answer:
        """What this request is answered; with its status and no body if its socket was taken."""
        environ = {"REQUEST_METHOD": method, "REMOTE_ADDR": "10.0.0.9", "wsgi.input": io.BytesIO(body), **more}
        if query is not None:
            environ["QUERY_STRING"] = query
        if method == "POST" and "wsgi.input_terminated" not in more:
            environ.setdefault("CONTENT_LENGTH", str(len(body)))
        line = line or Line()  # which is kept: a client that has hung up is another matter
        environ["eventlet.input"] = line.input()
        began: list[tuple[str, dict[str, str]]] = []
        found = self.server.handle_request(environ, lambda status, headers: began.append((status, dict(headers))))
        assert isinstance(found, (list, tuple)), found
        return Answer(*(began[0] if began else ("taken", {})), b"".join(found))

    def polling(self) -> Session:
        """A session that began with polling."""
        assert self.ask().status == "200 OK"
        return self.newest

    def websocket(self, line: Line, **more: Any) -> Session:
        """One that began with this WebSocket, whose first answer is read."""
        assert self.ask(WEBSOCKET, line=line, **{**HANDSHAKE, **more}).status == "taken"
        assert line.read(len(ACCEPTED)) == ACCEPTED
        line.frame()
        return self.newest

    @property
    def newest(self) -> Session:
        """The session that was made last."""
        found: Session = list(self.server.sockets.values())[-1]
        return found

    def of(self, session: Session) -> str:
        """The query of its polls."""
        return f"{POLL}&sid={session.sid}"


class Served(Asks):
    """`told`: what its handlers were, in order; `accepts`: what the one of connects returns."""

    def __init__(
        self,
        connect_timeout: float = 45.0,
        sessions: SessionLimits = USUAL,
        size: int = 16_000,
        **settings: Any,
    ) -> None:
        self.told: list[tuple[object, ...]] = []
        self.accepts: object = None
        self.logger = logging.getLogger("tests.engineio")
        self.logger.setLevel(logging.CRITICAL)
        plain = engineio.Server(
            async_mode="eventlet", logger=self.logger, ping_interval=25, ping_timeout=20.5, async_handlers=False,
            max_http_buffer_size=1000, **settings,
        )  # fmt: skip
        plain.on("connect", self._connect)
        plain.on("message", lambda sid, data: self.told.append(("message", sid, data)))
        plain.on("disconnect", lambda sid, reason: self.told.append(("disconnect", sid, reason)))
        self.limits = Limits(size, POLICIES["disconnect"], Counters())
        self.server = module.EngineIOServer(
            plain, limits=self.limits, connect_timeout=connect_timeout, sessions=sessions
        )

    def _connect(self, sid: str, environ: dict[str, Any]) -> object:
        self.told.append(("connect", sid))
        self.environ = environ
        return self.accepts
