"""The demo server over real sockets: what a bridge sees of it, and what it must survive."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.demo.server import MAX_CONNECTIONS, MAX_WAITING, DemoServer
from tests.waiting import PATIENCE


class Peer:
    """A bridge's place: one connection, read when asked to."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.sock = socket.create_connection(address, timeout=PATIENCE)
        self._pending = b""
        self._messages: list[dict[str, Any]] = []

    def say(self, **message: object) -> None:
        self.send(json.dumps(message).encode() + b"~")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def next(self) -> dict[str, Any]:
        """The next message; AssertionError at the end of the connection."""
        while not self._messages:
            data = self.sock.recv(65536)
            assert data, "the server closed the connection"
            *frames, self._pending = (self._pending + data).split(b"~")
            self._messages += [json.loads(frame) for frame in frames]
        return self._messages.pop(0)

    def until(self, action: str, **wanted: object) -> dict[str, Any]:
        """Skip messages up to one with this action and these values."""
        for _ in range(5000):
            message = self.next()
            if message["action"] == action and wanted.items() <= message.items():
                return message
        raise AssertionError(f"no {action} came")

    def until_world(self, *names: str) -> dict[str, Any]:
        """Skip up to a world whose users are these."""
        while True:
            world = self.until("world")
            if sorted(names) == sorted(b["name"] for b in world["bodies"] if b["kind"] == "user"):
                return world

    def ended(self) -> bool:
        """Read to the end, which must come."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self.sock.close()


@pytest.fixture
def server() -> Iterator[DemoServer]:
    server = DemoServer(hz=200)
    yield server
    server.close()


@pytest.fixture
def address(server: DemoServer) -> tuple[str, int]:
    return server.start()


@pytest.fixture
def peer(address: tuple[str, int]) -> Iterator[Peer]:
    peer = Peer(address)
    yield peer
    peer.close()


def demo_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("demo-")]


def test_worlds_come_by_themselves_in_order(peer: Peer) -> None:
    ticks = [peer.until("world")["tick"] for _ in range(20)]
    assert ticks == sorted(set(ticks))


def test_the_pace_is_kept_over_time_without_drift() -> None:
    server = DemoServer(hz=50)
    peer = Peer(server.start())
    try:
        first, began = peer.until("world")["tick"], time.monotonic()
        while peer.until("world")["tick"] < first + 50:
            pass
        # Sleeping a whole period after each step would take longer by every step's own time, and never less than this.
        assert 0.9 < time.monotonic() - began < 1.5
    finally:
        peer.close()
        server.close()


def test_every_route_is_used_to_one_to_a_list_and_to_all(address: tuple[str, int], peer: Peer) -> None:
    peer.say(username="ada", action="connected")
    assert peer.until("welcome")["username"] == "ada"
    assert "username" not in peer.until("joined", name="ada")
    peer.say(username="bob", action="connected")
    peer.until("joined", name="bob")
    assert sorted(bumped(peer, "ada", "bob")) == ["ada", "bob"]


def bumped(peer: Peer, one: str, other: str) -> list[str]:
    """Steer two users into each other; who was told."""
    while True:
        message = peer.next()
        if message["action"] == "bump" and len(message["username"]) == 2:
            told: list[str] = message["username"]
            return told
        if message["action"] == "world" and message["tick"] % 5 == 0:
            at = {body["name"]: body for body in message["bodies"]}
            if one in at and other in at:
                dx, dy = at[other]["x"] - at[one]["x"], at[other]["y"] - at[one]["y"]
                peer.say(username=one, action="move", dx=dx, dy=dy)
                peer.say(username=other, action="move", dx=-dx, dy=-dy)


def test_an_answer_to_one_user_goes_to_the_connection_it_came_by(address: tuple[str, int], peer: Peer) -> None:
    other = Peer(address)
    other.say(username="bob", action="connected")
    other.until("welcome")
    peer.say(username="ada", action="echo", data="mine")
    assert peer.until("echo")["data"] == "mine"
    peer.say(username="ada", action="chat", data="to all")
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["action"] != "chat":
        seen.append(other.next())
    assert "echo" not in {message["action"] for message in seen}
    other.close()


def test_a_delimiter_inside_a_text_stays_inside_its_frame(peer: Peer) -> None:
    peer.send(b'{"username":"ada","action":"chat","data":"a\\u007eb"}~')
    assert peer.until("chat")["text"] == "a~b"


@pytest.mark.parametrize(
    "junk",
    [b"~~~", b"hello~", b"\xff\xfe~", b"[1,2]~", b"12~", b'{"action":5}~', b"[" * 5000 + b"~", b"x" * 200_000 + b"~"],
    ids=["empty", "word", "no UTF-8", "array", "number", "no action", "deep", "too long"],
)
def test_junk_is_skipped_and_what_follows_it_is_heard(peer: Peer, junk: bytes) -> None:
    peer.send(junk)
    peer.say(username="ada", action="echo", data=1)
    assert peer.until("echo")["data"] == 1


def test_an_echo_too_deep_to_be_written_breaks_nothing(peer: Peer) -> None:
    peer.send(b'{"username":"ada","action":"echo","data":' + b"[" * 900 + b"]" * 900 + b"}~")
    peer.say(username="ada", action="echo", data="after")
    peer.until("echo", data="after")
    peer.until("world")


def test_a_lone_surrogate_breaks_nothing(peer: Peer) -> None:
    peer.send(b'{"username":"\\ud800","action":"connected"}~')
    peer.say(username="ada", action="echo", data="after")
    peer.until("echo", data="after")
    peer.until_world()


def test_everybody_who_came_by_a_connection_leaves_with_it(address: tuple[str, int], peer: Peer) -> None:
    leaving = Peer(address)
    leaving.say(username="bob", action="connected")
    peer.say(username="ada", action="connected")
    peer.until_world("ada", "bob")
    leaving.close()
    peer.until("left", name="bob")
    peer.until_world("ada")


def test_a_bridge_that_does_not_read_neither_stops_the_world_nor_fills_the_memory(
    address: tuple[str, int], peer: Peer, server: DemoServer
) -> None:
    mute = Peer(address)
    mute.say(username="mute", action="connected")
    peer.until_world("mute")
    for _ in range(60):
        mute.send((json.dumps({"username": "mute", "action": "echo", "data": "x" * 30_000}).encode() + b"~") * 5)
    peer.say(username="ada", action="echo", data=1)
    peer.until("echo")
    tick = peer.until("world")["tick"]
    while peer.until("world")["tick"] < tick + 20:  # a world that comes late may be left out
        pass
    waiting = [connection.waiting for connection in server.connections]
    assert all(size <= MAX_WAITING for size in waiting)
    assert max(waiting) > MAX_WAITING / 2, "the mute connection was not blocked, so this shows nothing"
    mute.close()


def test_connections_over_the_limit_are_closed_at_once(address: tuple[str, int]) -> None:
    peers = [Peer(address) for _ in range(MAX_CONNECTIONS)]
    for peer in peers:
        peer.until("world")
    late = Peer(address)
    assert late.ended()
    for peer in [*peers, late]:
        peer.close()


def test_close_leaves_no_thread_and_no_connection(address: tuple[str, int], server: DemoServer) -> None:
    reading, mute = Peer(address), Peer(address)
    reading.until("world")
    for _ in range(40):
        mute.send(json.dumps({"username": "m", "action": "echo", "data": "x" * 30_000}).encode() + b"~")
    server.close()
    assert demo_threads() == []
    assert reading.ended()
    assert mute.ended()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address, timeout=1)
    server.close()
    reading.close()
    mute.close()


def test_close_before_start_does_nothing() -> None:
    DemoServer().close()
    assert demo_threads() == []


def test_it_runs_on_green_threads_too() -> None:
    """In a process of its own, as patching can't be undone."""
    import subprocess
    import sys

    script = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "import eventlet; eventlet.monkey_patch()\n"
        "import socket\n"
        "from bridge.demo.server import DemoServer\n"
        "server = DemoServer(); sock = socket.create_connection(server.start())\n"
        'sock.sendall(b\'{"username":"ada","action":"echo","data":42}~\')\n'
        "got = b''\n"
        "while b'\"data\":42' not in got or got.count(b'\"world\"') < 5: got += sock.recv(65536)\n"
        "server.close(); server.close()\n"
        "while sock.recv(65536): pass\n"
        "print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("fine", "")
