"""Halves of packets, whatever the way: they take little room, for a short time, and nobody else notices."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
import websocket

from tests.handlers import written
from tests.process import Bridge
from tests.raw import Poll, Raw
from tests.sites import memory, site
from tests.viewer import masked, until
from tests.waiting import PATIENCE

HALF = 2_000_000  # bytes of a packet whose rest does not come
WAYS = ("a frame", "fragments", "attachments", "a POST")


def begun(bridge: Bridge) -> websocket.WebSocket:
    """A WebSocket that has not connected to a namespace."""
    found = websocket.create_connection(f"ws://127.0.0.1:{bridge.port}/socket.io/?EIO=4&transport=websocket", PATIENCE)
    found.recv()
    return found


def frame(opcode: int, data: bytes, size: int | None = None) -> bytes:
    """A frame of a client; `size`: as it says that it has, if it has not as many."""
    size = len(data) if size is None else size
    length = bytes([0x80 | size]) if size < 126 else b"\xff" + size.to_bytes(8, "big")
    return bytes([opcode]) + length + bytes(4) + data


def closed(tried: websocket.WebSocket) -> int:
    """The close code that it is sent."""
    opcode, data = tried.recv_data(control_frame=True)
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    return int.from_bytes(data[:2], "big")


def test_half_a_packet_before_connect_is_no_longer_than_64_kib() -> None:
    with Bridge("--server", "127.0.0.1:1") as bridge:
        for data in (frame(0x81, b"x" * 80_000, HALF), frame(0x01, b"x" * 70_000)):
            tried = begun(bridge)
            tried.sock.sendall(data)  # type: ignore[union-attr]
            assert closed(tried) == 1009
            tried.shutdown()  # type: ignore[no-untyped-call]
        url = f"{bridge.url}/socket.io/?EIO=4&transport=polling"
        url += "&sid=" + requests.get(url, timeout=PATIENCE).text.split('"')[3]
        assert requests.post(url, b"40" + b"x" * 65_536, timeout=PATIENCE).status_code == 413


def test_a_large_auth_is_still_taken_and_so_are_large_events_after_it() -> None:
    with site() as at:
        viewer = at.viewer()
        viewer.emit("large", "x" * 900_000, ack=1)
        assert viewer.answer(1) == {"ok": True}
        tried = begun(at.bridge)
        tried.send('40{"token":"' + "x" * 60_000 + '"}')
        assert str(tried.recv()).startswith("40")
        tried.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def half(bridge: Bridge, way: str, size: int = 1000) -> Iterator[None]:
    """A packet of which so many bytes have come, by one of the ways; then it has to be over."""
    if way == "a POST":
        poll = Poll(bridge)
        with socket.create_connection(("127.0.0.1", bridge.port), timeout=PATIENCE) as sock:
            path = poll.upgrade.partition(str(bridge.port))[2].replace("websocket", "polling")
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {HALF}\r\n\r\n"
            sock.sendall(head.encode() + b"4" * size)
            yield
            answer = sock.recv(65536)
            assert answer.startswith(b"HTTP/1.1 400"), answer
            assert b"onnection: close" in answer
            assert sock.recv(1) == b""
        return
    with Raw(bridge) as raw:
        if way == "a frame":
            raw.write(frame(0x81, b"4" * size, HALF))
        elif way == "fragments":
            raw.write(b"\x01" + masked(b"4" * (size - 10))[1:] + b"\x00" + masked(b"x" * 10)[1:])
        else:
            raw.send('452-["a",{"_placeholder":true,"num":0}]')
            raw.send(b"x" * size)
        yield
        assert raw.closed() == 1008


SOON = "def setup(bridge):\n    from bridge.engineio import server\n    server.PACKET_TIMEOUT = 1.0\n"


@pytest.mark.parametrize("way", WAYS)
def test_the_rest_of_a_packet_comes_in_time_or_never(tmp_path: Path, way: str) -> None:
    with site("--handlers", str(written(tmp_path, SOON))) as at:
        before = at.bridge.counter("bad_packets")
        began = time.monotonic()
        with half(at.bridge, way):
            pass
        assert time.monotonic() - began > 0.9
        assert at.bridge.counter("bad_packets") == before + 1


SMALL = "def setup(bridge):\n    from bridge.engineio import unfinished_input\n    unfinished_input._TOTAL = 1\n"


@pytest.mark.parametrize("way", WAYS)
def test_of_more_than_may_be_unfinished_in_all_the_largest_goes(tmp_path: Path, way: str) -> None:
    """Twice the largest packet may be: 4,325,376 bytes."""
    with site("--handlers", str(written(tmp_path, SMALL))) as at, half(at.bridge, way, 1_800_000), ExitStack() as stack:
        others = [stack.enter_context(Raw(at.bridge)) for _ in range(2)]
        for other in others:
            until(lambda: at.bridge.status()["now"]["bytes_unfinished"] > 1_700_000)  # all that has come of it is read
            other.write(frame(0x81, b'42["a","' + b"x" * 1_299_990, 1_300_000))
        until(lambda: at.counters("unfinished_dropped") == [1])
        for other in others:
            other.write(b'"]')
            assert other.ask(1, '["after"]') == {"ok": True}


@pytest.mark.long
def test_thousands_of_halves_take_no_more_than_their_limit() -> None:
    with site() as at, ExitStack() as stack:
        before = memory(at.bridge)
        for _ in range(200):
            raw = stack.enter_context(Raw(at.bridge))
            raw.write(frame(0x81, b"x" * 1_000_000, HALF))
        viewer = at.viewer()
        viewer.emit("after", ack=1)
        assert viewer.answer(1) == {"ok": True}
        assert memory(at.bridge) - before < 150_000_000
        assert at.counters("unfinished_dropped") >= [130]
