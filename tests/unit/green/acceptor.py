"""Which requests are served without eventlet's WSGI server, and what becomes of each connection."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import eventlet  # noqa: E402
from eventlet.patcher import original  # noqa: E402

from bridge.counters import Counters  # noqa: E402
from bridge.engineio import acceptor as module  # noqa: E402
from bridge.engineio.acceptor import Acceptor, websocket_request  # noqa: E402
from bridge.engineio.http_protocol import GuardedSocket  # noqa: E402
from bridge.engineio.poller import READ  # noqa: E402
from tests.unit.green.servers import Log, replaced  # noqa: E402
from tests.unit.green.sessions import Epoll, until  # noqa: E402

plain_socket: Any = original("socket")

LINES = [
    "Host: a:1", "Upgrade: WebSocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]  # fmt: skip
FIRST = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1"


def head(*more: str, first: str = FIRST, lines: list[str] | None = None) -> bytes:
    return "\r\n".join([first, *(LINES if lines is None else lines), *more, "", ""]).encode("latin-1")


def test_a_plain_request_for_a_websocket_is_parsed_with_its_size() -> None:
    found = websocket_request(head("X-Sp:  \t a b \t", "x-Y:", "Caf: \xe9") + b"\x81\x80more")
    assert found is not None
    size, environ = found
    assert size == len(head("X-Sp:  \t a b \t", "x-Y:", "Caf: \xe9"))
    raw = [tuple(line.split(": ", 1)) for line in LINES]
    assert environ == {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "",
        "PATH_INFO": "/socket.io/", "QUERY_STRING": "EIO=4&transport=websocket", "HTTP_HOST": "a:1",
        "HTTP_UPGRADE": "WebSocket", "HTTP_CONNECTION": "keep-alive, Upgrade", "HTTP_SEC_WEBSOCKET_VERSION": "13",
        "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==", "HTTP_X_SP": "a b", "HTTP_X_Y": "", "HTTP_CAF": "\xe9",
        "headers_raw": (*raw, ("X-Sp", "a b"), ("x-Y", ""), ("Caf", "\xe9")),
    }  # fmt: skip


def test_a_query_may_have_question_marks_and_the_path_no_more_than_it_has() -> None:
    found = websocket_request(head(first="GET /socket.io/?transport=websocket&a=b?c HTTP/1.1"))
    assert found is not None
    assert (found[1]["PATH_INFO"], found[1]["QUERY_STRING"]) == ("/socket.io/", "transport=websocket&a=b?c")


def test_what_is_odd_in_any_way_is_left_to_eventlet() -> None:
    for data in (
        b"", b"GET ", head()[:-1], head()[:-2], head().replace(b"GET", b"POST"), head().replace(b"GET", b"get"),
        head(first="GET /socket.io/?EIO=4&transport=polling HTTP/1.1"), head(first="GET / HTTP/1.1"),
        head(first="GET /socket.io?transport=websocket HTTP/1.1"), head(first=FIRST.replace("1.1", "1.0")),
        head(first=FIRST.replace("1.1", "1.1 ")), head(first=FIRST.replace(" HTTP/1.1", "")),
        head(first="GET  /socket.io/?transport=websocket HTTP/1.1"), head("A: b\rc"), head("A: b\nc"), head("A: b\n"),
        head("A: b\0"), head("nonsense"), head(" A: b"), head("A b: c"), head("A : c"), head(": c"),
        head("Host: b"), head(lines=LINES[1:]), head(*["A: b"] * 95), head("A: \x01"),
        head("Content-Length: 0"), head("Transfer-Encoding: chunked"), head("Expect: 100-continue"),
        head(lines=LINES[:1] + LINES[2:]), head(lines=LINES[:2] + LINES[3:]), head(lines=[]),
    ):  # fmt: skip
        assert websocket_request(data) is None, data
    for name in ("N" * 63, "N" * 64, "!#$%&'*+.^`|~-09azAZ"):
        found = websocket_request(head(f"{name}: x"))
        assert found is not None
        assert found[1]["HTTP_" + name.upper().replace("-", "_")] == "x"


class Door:
    """An acceptor on a real listening socket; `epoll` waits for the visitors. `environ`: what its app was asked."""

    def __init__(self, listener: Any = None) -> None:
        self.listener = listener or eventlet.listen(("127.0.0.1", 0))
        self.epoll, self.counters = Epoll(), Counters()
        self.answer: Callable[[dict[str, Any], Callable[..., Any]], list[bytes]] = self.refuses
        self.door = Acceptor(self.listener, self.epoll, self._app, self.counters, lambda: None)  # type: ignore[arg-type]

    def _app(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        self.environ = environ
        return self.answer(environ, start)

    def refuses(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start("400 Bad Request", [("A", "b"), ("C", "\xe9")])
        return [b"n", b"o"]

    def comes(self, data: bytes = b"") -> Any:
        """A client that has sent this, and been accepted."""
        client = plain_socket.create_connection(self.listener.getsockname())
        client.sendall(data)
        self.door.ready(READ)
        client.setblocking(False)
        return client

    def visitors(self) -> list[Any]:
        return [one for one in self.epoll.watched.values() if one is not self.door]

    def served(self, data: bytes) -> Any:
        """A client whose request has been looked at."""
        client = self.comes(data)
        (visitor,) = self.visitors()
        visitor.ready(READ)
        return client


def read(client: Any) -> bytes:
    """All that comes, to the end."""
    got = b""
    while True:
        try:
            data: bytes = client.recv(65536)
        except BlockingIOError:
            eventlet.sleep(0)
            continue
        if not data:
            return got
        got += data


def is_open(client: Any) -> bool:
    try:
        return bool(client.recv(1))
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def test_a_request_for_a_websocket_is_the_app_s_with_a_whole_environ() -> None:
    at = Door()
    client = at.served(head("X: y"))
    _, parsed = websocket_request(head("X: y")) or (0, {})
    host, port = at.listener.getsockname()
    mine = {key: value for key, value in at.environ.items() if not key.startswith(("wsgi.", "bridge."))}
    assert mine == {
        **parsed, "SERVER_PROTOCOL": "HTTP/1.0",
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_NAME": host, "SERVER_PORT": str(port),
        "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": str(client.getsockname()[1]),
    }  # fmt: skip
    wanted = {"version": (1, 0), "multithread": True, "multiprocess": False, "run_once": False, "url_scheme": "http"}
    for key, value in wanted.items():
        assert at.environ[f"wsgi.{key}"] == value, key
    assert at.environ["wsgi.errors"].writable()
    assert at.environ["wsgi.input"].read() == b""
    assert at.epoll.watched == {}


def test_what_the_app_answers_is_sent_and_the_connection_closed() -> None:
    at = Door()
    answer = b"HTTP/1.1 400 Bad Request\r\nA: b\r\nC: \xe9\r\nConnection: close\r\n\r\nno"
    assert read(at.served(head())) == answer


def test_a_websocket_s_socket_is_taken_with_what_came_behind_the_request() -> None:
    at = Door()
    taken: list[Any] = []

    def takes(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        (visitor,) = (value for value in environ.values() if hasattr(value, "take"))
        taken.append(visitor.take())
        visitor.failed()  # it is somebody else's
        visitor.sock = None
        return []

    at.answer = takes
    client = at.served(head() + b"behind")
    assert taken[0].recv(100) == b"behind"
    assert not taken[0].getblocking()
    assert is_open(client)
    taken[0].close()
    assert not is_open(client)


def test_an_app_that_fails_is_logged_and_its_client_let_go() -> None:
    def fails(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        raise eventlet.Timeout(None, "too long")  # which is no Exception

    at = Door()
    at.answer = fails
    with Log("bridge") as log:
        client, another = at.served(head()), at.served(head())
    assert log.lines == ["ERROR ! a WebSocket request failed"]
    assert read(client) == read(another) == b""


def test_a_client_that_has_gone_before_its_answer_is_no_error() -> None:
    at = Door()

    def late(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        client.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        return at.refuses(environ, start)

    at.answer = late
    client = at.comes(head())
    (visitor,) = at.visitors()
    visitor.ready(READ)
    assert visitor.sock.fileno() == -1


def test_everything_else_is_left_to_eventlet_whole_and_guarded() -> None:
    at = Door()
    client = at.served(b"GET / HTTP/1.1\r\n\r\n")
    sock, address = at.door.accept()
    assert isinstance(sock, GuardedSocket)
    assert address == client.getsockname()
    assert sock.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
    assert at.epoll.watched == {}
    at.served(head("Content-Length: 0"))
    sock, _ = at.door.accept()
    assert sock.recv(1000) == head("Content-Length: 0")


def test_a_head_is_looked_at_up_to_a_limit() -> None:
    for size, served in ((8192, True), (8193, False)):
        at = Door()
        whole = head("A: ".ljust(4000, "x"), "B: ")
        at.served(whole[:-4] + b"x" * (size - len(whole)) + b"\r\n\r\n")
        assert hasattr(at, "environ") is served, size


def test_a_connection_that_ends_or_breaks_before_it_says_anything_is_closed() -> None:
    at = Door()
    client = at.comes()
    (visitor,) = at.visitors()
    client.shutdown(plain_socket.SHUT_WR)
    visitor.ready(READ)
    assert read(client) == b""
    client = at.comes()
    (visitor,) = at.visitors()
    client.setsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    visitor.ready(READ)
    assert visitor.sock.fileno() == -1
    assert at.epoll.watched == {}
    assert not hasattr(at, "environ")


def test_a_connection_of_which_nothing_can_be_made_is_closed() -> None:
    at = Door()
    client = at.comes()
    (visitor,) = at.visitors()
    visitor.failed()
    assert not is_open(client)


def test_so_many_connections_are_accepted_in_one_turn_and_no_more() -> None:
    at = Door(eventlet.listen(("127.0.0.1", 0), backlog=100))
    clients = [plain_socket.create_connection(at.listener.getsockname()) for _ in range(66)]
    at.door.ready(READ)
    assert len(at.visitors()) == 64
    at.door.ready(READ)
    assert len(at.visitors()) == 66
    assert all(not visitor.sock.getblocking() for visitor in at.visitors())
    at.door.failed()
    assert len(clients) == 66


def test_who_says_nothing_for_too_long_is_let_go_and_who_has_said_something_is_not() -> None:
    assert module.SILENCE == 30.0
    with replaced(module, SILENCE=0.02):
        at = Door()
    at.door.open()
    assert at.epoll.watched == {at.listener.fileno(): at.door}
    assert at.epoll.events == READ
    speaks = at.served(b"GET / ")
    silent = at.comes()
    (visitor,) = at.visitors()
    until(lambda: list(at.epoll.watched) == [at.listener.fileno()])
    assert visitor.sock.fileno() == -1
    assert not is_open(silent)
    eventlet.sleep(0.02)
    assert is_open(speaks)


def test_its_clock_is_one_without_which_the_bridge_stops() -> None:
    began: list[tuple[object, ...]] = []
    with replaced(module, VitalThread=lambda name, work, failed: began.append((name, failed()))):
        listener = eventlet.listen(("127.0.0.1", 0))
        Acceptor(listener, Epoll(), print, Counters(), lambda: "told").open()  # type: ignore[arg-type]
    assert began == [("clock of new connections", "told")]


class Listener:
    """A listening socket of a process that has no descriptor left."""

    family = plain_socket.AF_INET6

    def __init__(self, number: int = 7) -> None:
        self.number = number
        self.fd = self

    def accept(self) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    def fileno(self) -> int:
        return self.number

    def getsockname(self) -> tuple[Any, ...]:
        return "::1", 8080, 0, 0

    def close(self) -> None:
        self.number = -1


def test_without_a_descriptor_nothing_is_accepted_for_a_moment() -> None:
    later: list[tuple[Any, ...]] = []
    for number in (0, 7):
        at = Door(Listener(number))
        at.epoll.watched[number], at.epoll.events = at.door, READ
        eventlet_s = SimpleNamespace(spawn_after=lambda *args: later.append(args))
        with Log("bridge") as log, replaced(module, eventlet=eventlet_s):
            at.door.ready(READ)
        assert log.lines == ["WARNING ! a connection could not be accepted: Too many open files"]
        assert at.counters["unaccepted"] == 1
        assert at.epoll.events == 0
        seconds, call, *args = later.pop()
        assert seconds == 0.1
        call(*args)
        assert at.epoll.events == READ
        at.epoll.events = 0
        at.door.close()
        assert (at.epoll.watched, at.listener.number) == ({}, -1)
        at.epoll.events = 0
        call(*args)  # somebody else may have the number by now
        assert at.epoll.events == 0
        at.door.ready(READ)
        assert at.counters["unaccepted"] == 1
        at.door.close()
        assert later == []


def test_it_is_a_listening_socket_to_eventlet() -> None:
    at = Door(Listener())
    assert at.door.family == plain_socket.AF_INET6
    assert at.door.getsockname() == ("::1", 8080, 0, 0)
    assert at.door.fileno() == 7
    assert (at.door.environ["SERVER_NAME"], at.door.environ["SERVER_PORT"]) == ("::1", "8080")
    assert str(at.door.poller) == str(at.epoll)
