"""Where it listens, what the process is prepared for, and the whole way from a connection to the app."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import eventlet  # noqa: E402
import pytest  # noqa: E402
from eventlet.patcher import original  # noqa: E402

from bridge.counters import Counters  # noqa: E402
from bridge.engineio import http_server as module  # noqa: E402
from bridge.engineio.http_server import addresses, is_open, listen, make_room, serve  # noqa: E402
from bridge.errors import ServeError  # noqa: E402
from tests.unit.green.servers import ACCEPTED, Log, Served, masked, replaced  # noqa: E402
from tests.unit.green.sessions import until  # noqa: E402

plain_socket: Any = original("socket")

UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def test_a_free_port_is_taken_and_connections_send_at_once() -> None:
    listener = listen("127.0.0.1", 0)
    assert listener.getsockname()[0] == "127.0.0.1"
    assert listener.getsockopt(plain_socket.IPPROTO_TCP, plain_socket.TCP_NODELAY) == 1
    assert listener.getsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_REUSEADDR) == 1
    assert listener.getsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_REUSEPORT) == 0
    assert listener.getsockopt(plain_socket.SOL_SOCKET, plain_socket.SO_ACCEPTCONN) == 1
    client = eventlet.connect(listener.getsockname())
    client.close()
    with pytest.raises(ServeError) as caught:
        listen("127.0.0.1", listener.getsockname()[1])
    port = listener.getsockname()[1]
    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 is taken by another process; choose another with --port (0 takes a free one)"
    )
    listener.close()


def test_it_listens_with_room_for_many_that_come_at_once() -> None:
    asked: list[tuple[object, ...]] = []

    def record(*args: Any, **more: Any) -> Any:
        asked.append((*args, more))
        return eventlet.listen(*args, **more)

    with replaced(module, eventlet=SimpleNamespace(listen=record)):
        listen("127.0.0.1", 0).close()
    assert asked == [(("127.0.0.1", 0), plain_socket.AF_INET, {"backlog": 1024, "reuse_port": False})]


def test_why_it_can_t_listen_is_said_with_what_to_do() -> None:
    with pytest.raises(ServeError, match=r"^can't listen on 192\.0\.2\.1 port 0: .+; --host takes an address of this"):
        listen("192.0.2.1", 0)
    with pytest.raises(ServeError, match=r"^can't listen on no\.such\.name\.invalid port 80: .+; --host takes an"):
        listen("no.such.name.invalid", 80)
    for number, wanted in (
        (errno.EACCES, "port 80 on here needs more rights than this process has; choose one from 1024 up with --port"),
        (errno.EADDRINUSE,
         "port 80 on here is taken by another process; choose another with --port (0 takes a free one)"),
        (errno.EINVAL, "can't listen on here port 80: why; --host takes an address of this machine"),
    ):  # fmt: skip
        with failing_to_listen(OSError(number, "why")), pytest.raises(ServeError) as caught:
            listen("here", 80)
        assert str(caught.value) == wanted
    with failing_to_listen(OSError("just so")), pytest.raises(ServeError, match="port 80: just so; --host"):
        listen("here", 80)


@contextmanager
def failing_to_listen(error: OSError) -> Iterator[None]:
    """Each try raises this."""

    def fails(*args: object, **more: object) -> Any:
        raise error

    with replaced(module, socket=SimpleNamespace(getaddrinfo=fails, SOCK_STREAM=1, AI_PASSIVE=1)):
        yield


def test_the_first_address_of_a_name_is_listened_on() -> None:
    asked: list[object] = []

    def finds(*args: object, **more: object) -> list[Any]:
        asked.append((args, more))
        return [(plain_socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)), (plain_socket.AF_INET, 1, 6, "", ("192.0.2.1", 0))]

    names = {name: getattr(plain_socket, name) for name in ("SOCK_STREAM", "AI_PASSIVE", "IPPROTO_TCP", "TCP_NODELAY")}
    with replaced(module, socket=SimpleNamespace(getaddrinfo=finds, **names)):
        listener = listen("name", 0)
    assert listener.getsockname()[0] == "127.0.0.1"
    assert asked == [(("name", 0), {"type": plain_socket.SOCK_STREAM, "flags": plain_socket.AI_PASSIVE})]
    listener.close()


def test_the_addresses_to_open_are_those_from_this_machine_and_from_others() -> None:
    for lan, more in (("192.168.7.7", ["http://192.168.7.7:80"]), (None, [])):
        with replaced(module, _lan_address=lambda lan=lan: lan):
            for host in ("0.0.0.0", "::", ""):
                assert addresses(host, 80) == ["http://localhost:80", *more]
    for host in ("127.0.0.1", "::1", "localhost"):
        assert addresses(host, 8080) == ["http://localhost:8080"]
    assert addresses("10.1.1.1", 80) == ["http://10.1.1.1:80"]
    assert addresses("fe80::1", 80) == ["http://[fe80::1]:80"]
    assert addresses("name", 80) == ["http://name:80"]


def test_it_is_open_to_others_where_it_does_not_listen_on_loopback_alone() -> None:
    for host, others in (("127.0.0.1", False), ("127.0.0.9", False), ("::1", False), ("0.0.0.0", True), ("::", True)):
        listener = listen(host, 0)
        assert is_open(listener) is others
        listener.close()


def test_this_machine_s_address_is_that_from_which_it_would_reach_others() -> None:
    asked: list[object] = []
    broken: list[bool] = []

    class Probe:
        def __init__(self, *kind: object) -> None:
            asked.append(kind)

        def __enter__(self) -> Probe:
            return self

        def __exit__(self, *_: object) -> None:
            asked.append("closed")

        def connect(self, address: object) -> None:
            asked.append(address)
            if broken:
                raise OSError

        def getsockname(self) -> tuple[str, int]:
            return "10.9.8.7", 4711

    with replaced(module, socket=SimpleNamespace(socket=Probe, AF_INET=2, SOCK_DGRAM=2)):
        assert module._lan_address() == "10.9.8.7"
        broken.append(True)
        assert module._lan_address() is None
    assert asked == [(2, 2), ("192.0.2.1", 9), "closed"] * 2


class Machine:
    """In the places of the modules that ask the system. `set`: what was, in order."""

    RLIMIT_NOFILE, RLIM_INFINITY = resource.RLIMIT_NOFILE, resource.RLIM_INFINITY
    F_DUPFD_CLOEXEC = fcntl.F_DUPFD_CLOEXEC
    O_RDONLY, devnull = os.O_RDONLY, os.devnull

    def __init__(self, soft: int, hard: int, full: bool = False) -> None:
        self.limits, self.full = (soft, hard), full
        self.set: list[tuple[object, ...]] = []

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.limits

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        self.set.append(("limits", limits))

    def open(self, path: str, flags: int) -> int:
        self.set.append(("open", path, flags))
        return 5

    def fcntl(self, fd: int, what: int, number: int) -> int:
        assert what == fcntl.F_DUPFD_CLOEXEC
        self.set.append(("dup", fd, number))
        if self.full:
            raise OSError
        return number

    def close(self, fd: int) -> None:
        self.set.append(("close", fd))

    def collect(self) -> None:
        self.set.append(("collect",))

    def freeze(self) -> None:
        self.set.append(("freeze",))

    def set_threshold(self, *numbers: int) -> None:
        self.set.append(("threshold", numbers))


def test_the_process_gets_room_for_thousands_of_clients() -> None:
    collected = [("collect",), ("freeze",), ("threshold", (20_000, 20, 20))]
    for soft, hard, wanted, files in (
        (1024, 50_000, [("limits", (20_000, 50_000))], 20_000), (1024, 4096, [("limits", (4096, 4096))], 4096),
        (1024, resource.RLIM_INFINITY, [("limits", (20_000, resource.RLIM_INFINITY))], 20_000),
        (20_000, 50_000, [], 20_000), (30_000, 50_000, [], 20_000), (4096, 4096, [], 4096),
    ):  # fmt: skip
        for full in (False, True):
            machine = Machine(soft, hard, full)
            with (
                replaced(module, gc=machine, os=machine, resource=machine, fcntl=machine),
                Log("bridge.web") as log,
            ):
                make_room()
            duplicated = [("dup", 5, files - 1), *([] if full else [("close", files - 1)])]
            assert machine.set == [*wanted, ("open", os.devnull, os.O_RDONLY), *duplicated, ("close", 5), *collected]
            assert len(log.lines) == full


def test_eventlet_s_server_is_run_with_these_settings() -> None:
    asked: list[tuple[Any, ...]] = []
    server = SimpleNamespace(server=lambda *args, **more: asked.append((*args, more)))
    counters = Counters()
    with replaced(module, eventlet=SimpleNamespace(wsgi=server), with_headers=lambda app: ("with headers", app)):
        serve("a listener", print, counters)
    ((listener, app, settings),) = asked
    protocol = settings.pop("protocol")
    assert (listener, app, protocol.counters) == ("a listener", ("with headers", print), counters)
    assert settings == {
        "max_size": 18_000, "log": module.log, "log_output": False, "debug": False, "keepalive": 75,
        "socket_timeout": 30.0,
    }  # fmt: skip


class Web:
    """The whole server, on a port of its own."""

    def __init__(self) -> None:
        self.at = Served()
        self.counters = Counters()
        self.listener = listen("127.0.0.1", 0)
        self.thread = eventlet.spawn(serve, self.listener, self._app, self.counters, self.at.server)

    def _app(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/page":
            start("200 OK", [("Date", "now"), ("Content-Length", "4")])
            return [b"page"]
        return self.at.server.handle_request(environ, start)

    def connect(self, data: bytes) -> Any:
        client = eventlet.connect(self.listener.getsockname())
        client.sendall(data)
        return client

    def close(self) -> None:
        self.thread.kill()


def hello(client: Any) -> bytes:
    """What the handshake is answered."""
    got = b""
    while b"maxPayload" not in got or not got.endswith(b"}"):
        got += client.recv(1000)
    return got


def test_a_websocket_is_served_whichever_way_its_request_went_and_with_all_that_follows() -> None:
    web = Web()
    for more in (b"\r\n", b"X: y\r\nX: z\r\n\r\n"):
        client = web.connect(UPGRADE + more + masked(b"40"))
        assert hello(client).startswith(ACCEPTED)
        session = web.at.newest
        until(lambda session=session: ("message", session.sid, "0") in web.at.told)
        session.joined = True
        client.sendall(masked(b"41/x,"))
        until(lambda session=session: ("message", session.sid, "1/x,") in web.at.told)
        client.close()
        until(lambda session=session: web.at.told[-1] == ("disconnect", session.sid, "transport close"))
    web.close()


def test_pages_and_polls_are_served_by_eventlet_s_server() -> None:
    web = Web()
    client = web.connect(b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    got = b""
    while data := client.recv(1000):
        got += data
    always = b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"
    assert got == b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 4\r\n%bConnection: close\r\n\r\npage" % always
    client = web.connect(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
    got = hello(client)
    assert got.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n"), got
    client = web.connect(b"nonsense\r\n\r\n")
    assert b" 400 " in client.recv(1000)
    assert web.counters["bad_requests"] == 1
    web.close()
