"""Clients that write what no library would: raw WebSocket messages, raw polling requests, raw TCP.

Use: `with Raw(bridge) as raw: raw.send('42["a",NaN]'); raw.ask(7, '["after"]')`.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import websocket

from tests.process import Bridge
from tests.waiting import PATIENCE

__all__ = ["Poll", "Raw", "http", "probing"]


class Raw:
    """A WebSocket that has connected to the default namespace. `sid`: its Socket.IO id."""

    def __init__(self, bridge: Bridge) -> None:
        url = f"ws://127.0.0.1:{bridge.port}/socket.io/?EIO=4&transport=websocket"
        self._socket = websocket.create_connection(url, timeout=PATIENCE)
        assert self._socket.sock is not None
        self._sock = self._socket.sock
        self._socket.recv()
        self.send("40")
        self.sid = str(json.loads(self.until("40")[2:])["sid"])
        self.until('42["bridge:link",{"state":"connected"')

    def send(self, message: str | bytes) -> None:
        """One message: text, or binary."""
        if isinstance(message, bytes):
            self._socket.send_binary(message)
        else:
            self._socket.send(message)

    def write(self, data: bytes) -> None:
        """Bytes as they are, in place of a WebSocket's frame."""
        self._sock.sendall(data)

    def text(self, data: bytes) -> None:
        """A text message with these bytes, whatever they are."""
        assert len(data) < 126
        self.write(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data)

    def until(self, start: str) -> str:
        """The next message that starts so."""
        while not (message := str(self._socket.recv())).startswith(start):
            assert message, f"the bridge closed the connection before {start!r}"
        return message

    def ask(self, ack_id: int, event: str) -> Any:
        """The ack of an event, given as its JSON array."""
        self.send(f"42{ack_id}{event}")
        return self.answer(ack_id)

    def answer(self, ack_id: int) -> Any:
        """The ack with this id."""
        start = f"43{ack_id}["
        return json.loads(self.until(start)[len(start) - 1 :])[0]

    def closed(self) -> int:
        """Wait until the bridge closes it; the close code, or 0 if it gave none."""
        while True:
            try:
                opcode, data = self._socket.recv_data(control_frame=True)
            except (websocket.WebSocketConnectionClosedException, ConnectionError):
                return 0
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int(struct.unpack("!H", data[:2])[0]) if len(data) > 1 else 0

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()


class Poll:
    """A polling client that has connected to the default namespace."""

    def __init__(self, bridge: Bridge) -> None:
        self._url = f"{bridge.url}/socket.io/?EIO=4&transport=polling"
        self._url += "&sid=" + json.loads(self.get()[1:])["sid"]
        #: Where it can go over to a WebSocket.
        self.upgrade = self._url.replace("http", "ws", 1).replace("polling", "websocket")
        self.post("40")
        self.get()

    def get(self) -> str:
        """What waits for it."""
        return requests.get(self._url, timeout=PATIENCE).text

    def post(self, body: str | bytes) -> int:
        """Send packets, separated by \\x1e; the HTTP status."""
        data = body.encode() if isinstance(body, str) else body
        return requests.post(self._url, data=data, timeout=PATIENCE).status_code


@contextmanager
def probing(poll: Poll) -> Iterator[None]:
    """A WebSocket that this client tries, and does not take."""
    tried = websocket.create_connection(poll.upgrade, timeout=PATIENCE)
    try:
        tried.send("2probe")
        assert tried.recv() == "3probe"
        yield
    finally:
        tried.close()


def http(bridge: Bridge, request: bytes) -> bytes:
    """What the bridge answers to these bytes before it closes the connection."""
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=PATIENCE) as sock:
        answer = b""
        try:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(65536):
                answer += data
        except OSError:
            pass  # it has closed without reading the rest
        return answer
