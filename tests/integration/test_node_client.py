"""Node's stock client sees what a browser would; a hundred of them count every message."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.node_client import FOLDER, NodeClient
from tests.process import Bridge, environment
from tests.tcpserver import TcpServer
from tests.waiting import Log


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
def test_the_stock_client_sends_receives_and_is_acked(transports: list[str]) -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, {"transports": transports}) as ann:
            sid = ann.connected()
            ann.got("bridge:user", {"user": sid})
            assert ann.ask("move", {"x": 1}) == {"ok": True}
            assert ann.ask("bin", {"$binary": "AP8="}, 2)["ok"]
            assert peer.message(action="bin")["args"] == [{"_binary": "AP8="}, 2]
            peer.send_json({"username": sid, "n": 1}, {"n": 2})
            ann.got("message", '{"n": 2}')
            ann.tell({"close": True})
            peer.message(username=sid, action="disconnected")


def test_the_stock_client_comes_back_by_itself_after_the_bridge_was_stopped() -> None:
    with TcpServer() as server:
        bridge = Bridge("--server", server.address)
        server.accept()
        with NodeClient(bridge.url, {"transports": ["websocket"], "reconnectionDelay": 50}) as ann:
            first = ann.connected()
            bridge.stop()
            ann.got("bridge:closing", {"code": "stopping"})
            assert ann.said.wait(lambda line: "disconnect" in line)["disconnect"] == "transport close"
            with Bridge("--server", server.address, "--port", str(bridge.port)):
                again = ann.said.wait(lambda line: line.get("connect") not in (None, first))["connect"]
                server.accept().message(username=again, action="connected")


@pytest.fixture
def counting() -> Iterator[tuple[TcpServer, Bridge]]:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        yield server, bridge


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_hundred_clients_at_300_messages_a_second_lose_and_reorder_nothing(
    counting: tuple[TcpServer, Bridge],
) -> None:
    server, bridge = counting
    peer = server.accept()
    seconds = int(os.environ.get("BRIDGE_TEST_SECONDS", "60"))
    last = 300 * seconds - 1
    node = subprocess.Popen(
        ["node", "count.js", bridge.url, "100", str(last)], stdout=subprocess.PIPE, text=True,
        cwd=FOLDER, env=environment(),
    )  # fmt: skip
    said: Log[dict[str, object]] = Log()
    assert node.stdout is not None
    lines = node.stdout
    reader = threading.Thread(target=lambda: said.add_all(map(json.loads, lines)), daemon=True)
    reader.start()
    said.wait(lambda line: "connected" in line, timeout=60)
    pace(peer.send, last + 1)
    result = said.wait(lambda line: "received" in line, timeout=60)
    node.wait(10)
    reader.join(10)
    lines.close()
    assert result == {
        "received": (last + 1) * 100,
        "lost": 0,
        "disordered": 0,
        "disconnects": 0,
        "finished": 100,
    }


def pace(send: object, count: int, rate: int = 300) -> None:
    """Send `count` numbered frames, `rate` a second. The sleep is the work load, not a wait for something."""
    assert callable(send)
    started = time.monotonic()
    for n in range(count):
        send(b'{"n":%d}~' % n)
        threading.Event().wait(max(0.0, started + (n + 1) / rate - time.monotonic()))
