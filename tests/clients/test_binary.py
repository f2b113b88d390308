"""Binary data of stock clients: Java's breaks the lines of its base64, when it polls."""

from __future__ import annotations

import base64
import json

import pytest

from tests.clients.programs import WAYS, Program, built
from tests.process import Bridge
from tests.tcpserver import TcpServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.mark.parametrize("way", WAYS)
def test_binary_data_of_java_arrives_whole(way: str) -> None:
    built("java")
    data = base64.b64encode(bytes(range(256)) * 4).decode()
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with Program("java", bridge.url, way) as client:
            client.connected()
            client.emit("photo", None, binary=data, ack=1)
            assert client.said.wait(lambda line: line.get("ack") == 1)["answer"] == {"ok": True}
        [frame] = [json.loads(frame) for frame in peer.frames.entries if b"photo" in frame]
        assert frame["data"] == {"_binary": data}
