"""However the bridge ends a connection, stock clients of four languages come back by themselves, within seconds."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from tests.behaviour.wire import frame
from tests.clients.between import Between, joined
from tests.clients.programs import KINDS, WAYS, Program, built
from tests.handlers import written
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer
from tests.viewer import until
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

#: Seconds. A client that waits for its ping to be overdue needs 45.
SECONDS = 20.0
#: Bytes of what a client says by a WebSocket before it is its transport: `2probe` and `5`, in frames.
UPGRADED = 12 + 7
#: Who goes over to a WebSocket while the bridge stops has longer for it than a busy machine may need.
PATIENT = """
def setup(bridge):
    from bridge import engineio, socketio_server
    engineio.server.FAREWELL = socketio_server.server.GOODBYE = 10
"""
PINGS = ("--ping-interval", "2", "--ping-timeout", "3")


class Served:
    """The server. `newest`: the last connection that the bridge has made."""

    def __init__(self, server: TcpServer) -> None:
        self._server, self.address = server, server.address
        self.newest: Peer

    def anew(self) -> None:
        """It has made another."""
        self.newest = self._server.accept()

    def heard(self, word: str) -> None:
        """Wait for a frame that has this in it."""
        self.newest.frames.wait(lambda frame: word.encode() in frame)


class Clients:
    """One client by each way, of one language, and what they are connected to."""

    def __init__(self, stack: ExitStack, kind: str, url: str, ways: Iterable[str] = WAYS) -> None:
        self.all = [stack.enter_context(Program(kind, url, way)) for way in ways]
        for client in self.all:
            client.connected()
            client.upgraded()

    def come_back_after(self, what: Callable[[], object], server: Served) -> None:
        """All of them, each to where the server hears it."""
        self._heard(
            server
        )  # python-socketio 5.5 stays away for good if it is cut off before its connect() has returned
        before = [len(client.said.entries) for client in self.all]
        what()
        ends = time.monotonic() + SECONDS
        for client, since in zip(self.all, before, strict=True):
            try:
                client.said.wait(lambda line: "connect" in line, max(0.1, ends - time.monotonic()), since)
            except AssertionError:
                raise AssertionError(f"{client} did not come back: {client.said.entries[since:]}") from None
        self._heard(server)

    def _heard(self, server: Served) -> None:
        """The server hears all of them."""
        for client in self.all:
            word = uuid.uuid4().hex
            client.emit("here", word)
            server.heard(word)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    built(request.param)
    return str(request.param)


@contextmanager
def place(
    kind: str, *flags: str, port: int = 0, ways: Iterable[str] = WAYS
) -> Iterator[tuple[Served, Bridge, Clients]]:
    """A server, a bridge, and clients of one kind."""
    with ExitStack() as stack:
        server = Served(stack.enter_context(TcpServer()))
        bridge = stack.enter_context(Bridge("--server", server.address, *flags, *(["--port", str(port)] * bool(port))))
        server.anew()
        yield server, bridge, Clients(stack, kind, bridge.url, ways)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def test_after_the_bridge_was_stopped_and_started_anew(kind: str) -> None:
    port = free_port()
    with place(kind, port=port) as (server, bridge, clients), ExitStack() as stack:

        def restart() -> None:
            assert bridge.stop() == 0
            stack.enter_context(Bridge("--server", server.address, "--port", str(port)))
            server.anew()

        clients.come_back_after(restart, server)


def test_after_it_was_suspended_past_its_ping_timeout(kind: str) -> None:
    with place(kind, *PINGS) as (server, bridge, clients):

        def suspend() -> None:
            for client in clients.all:
                client.suspend()
            until(lambda: bridge.status()["now"]["connections"] == 0, 60)
            for client in clients.all:
                client.resume()

        clients.come_back_after(suspend, server)


def test_after_it_was_closed_as_slow(kind: str) -> None:
    with place(kind, "--outbox", "64k") as (server, bridge, clients):

        def flood() -> None:
            for client in clients.all:
                client.suspend()
            text = json.dumps("x" * 10_000).encode() + b"~"

            def flooded() -> bool:
                server.newest.send(text * 20)
                return bridge.counter("clients_slow") == len(clients.all)

            until(flooded, 60)
            for client in clients.all:
                client.resume()

        clients.come_back_after(flood, server)


def test_after_an_event_that_is_too_large(kind: str) -> None:
    # By polling it is answered 413, and python-engineio 4.3 stays away for good after any POST that is refused.
    ways = [way for way in WAYS if (kind[:10], way) != ("python 5.5", "polling")]
    with place(kind, "--max-frame", "1000", ways=ways) as (server, _, clients):

        def send() -> None:
            for client in clients.all:
                client.emit("big", "x" * 100_000)

        clients.come_back_after(send, server)


@pytest.mark.parametrize("kind", ["node", "java"])  # Python's and Rust's do not poll while they try a WebSocket
def test_after_a_stop_just_when_it_goes_from_polling_to_a_websocket(kind: str, tmp_path: Path) -> None:
    built(kind)
    port = free_port()
    with ExitStack() as stack:
        server = Served(stack.enter_context(TcpServer()))
        flags = ("--server", server.address, "--port", str(port), "--handlers", str(written(tmp_path, PATIENT)))
        bridge = stack.enter_context(Bridge(*flags))
        server.anew()
        between = stack.enter_context(Between(port, held=True))
        client = stack.enter_context(Program(kind, between.url, "upgrade"))
        client.connected()
        between.upgrades.let_probe()
        until(lambda: any(b"3probe" in joined(pair.down) for pair in between.pairs.entries))
        before = len(client.said.entries)
        stopping = stack.enter_context(ThreadPoolExecutor()).submit(bridge.stop)
        server.heard('"disconnected"')  # its session has begun to end
        between.upgrades.release()  # one that has lost its WebSocket by now would not poll again, and hear of nothing
        assert stopping.result() == 0
        stack.enter_context(Bridge("--server", server.address, "--port", str(port)))
        server.anew()
        client.said.wait(lambda line: "connect" in line, SECONDS, before)
        client.emit("here", "again")
        server.heard("again")


@pytest.mark.parametrize("way", WAYS)
def test_after_a_packet_that_is_none_and_after_somebody_took_its_place(kind: str, way: str) -> None:
    with ExitStack() as stack:
        server = Served(stack.enter_context(TcpServer()))
        bridge = stack.enter_context(Bridge("--server", server.address))
        server.anew()
        between = stack.enter_context(Between(bridge.port))
        clients = Clients(stack, kind, between.url, [way])
        # python-engineio 4.3 connects again after junk, but mostly never polls then: its reader is still ending.
        if (kind, way) != ("python 5.5 sync", "polling"):
            clients.come_back_after(lambda: junk(bridge, between, way), server)
        if kind != "rust":  # it can't have offsets, and who has none has no pid
            posted(between)  # a POST that is refused makes python-engineio 4.3 stay away for good
            clients.come_back_after(lambda: take_over(bridge, between), server)


def junk(bridge: Bridge, between: Between, way: str) -> None:
    """What no client of Engine.IO sends."""
    if way == "polling":
        posted(between)  # beside a POST of its own, this would be two at a time
        _, sid = between.find("up", rb"[?&]sid=([\w-]+)")
        url = f"{bridge.url}/socket.io/?EIO=4&transport=polling&sid={sid}"
        assert requests.post(url, "x", timeout=PATIENCE).status_code == 400
    else:
        pair, _ = between.find("up", rb"(?i)(upgrade: websocket)")
        if way == "upgrade":  # what comes before the upgrade ends the probe alone
            until(lambda: len(joined(pair.up).partition(b"\r\n\r\n")[2]) >= UPGRADED)
        pair.say(frame(1, b"x"))


def posted(between: Between) -> None:
    """Wait until every POST has been answered."""
    until(between.posts_are_answered)


def take_over(bridge: Bridge, between: Between) -> None:
    """Somebody shows the pid of a connection that is open still."""
    _, pid = between.find("down", rb'"pid":"([^"]+)"')
    url = f"{bridge.url}/socket.io/?EIO=4&transport=polling"
    url += "&sid=" + requests.get(url, timeout=PATIENCE).text.split('"')[3]
    assert requests.post(url, "40" + json.dumps({"pid": pid}), timeout=PATIENCE).text == "ok"
    assert requests.get(url, timeout=PATIENCE).text.startswith("40{")
