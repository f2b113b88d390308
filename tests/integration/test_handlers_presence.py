"""The hooks that stand in for the notices of coming and going, and `client.register`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import socketio

from tests.client import Client
from tests.handlers import Handled, written
from tests.tcpserver import Peer, TcpServer
from tests.waiting import PATIENCE, Log

PRESENCE = """
def setup(bridge):
    def notice(hook, client):
        return {"hook": hook, "user": client.user, "sid": client.sid}

    @bridge.on_connect
    def connected(client):
        return notice("connect", client)

    @bridge.on_register
    def registered(client):
        yield notice("register", client)
        yield f"welcome {client.user}"

    @bridge.on_disconnect
    def disconnected(client):
        return {**notice("disconnect", client), "clients": len(client.clients)}

    @bridge.on_event("login")
    def login(client, name):
        client.register(name)
        return {"login": client.user, "clients": len(client.clients)}

    @bridge.on_event("fire")
    def fire(client):
        return {"fire": client.user}
"""

BROKEN = """
from pathlib import Path

def setup(bridge):
    @bridge.on_connect
    def connected(client):
        if not Path(__file__).with_name("open").exists():
            raise RuntimeError("no seat left")
        return {"came": client.sid}

    @bridge.on_disconnect
    def disconnected(client):
        return {"gone": client.sid}
"""


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path, PRESENCE)


def came(hook: str, client: Client, user: str | None = None) -> dict[str, object]:
    return {"hook": hook, "user": user or client.sid, "sid": client.sid}


def registered(client: Client, user: str) -> list[object]:
    return [came("register", client, user), f"welcome {user}"]


def said(peer: Peer, count: int) -> list[object]:
    """The first frames of a peer, parsed where they are JSON."""
    peer.frames.wait_count(count)
    return [json.loads(frame) if frame.startswith(b"{") else frame.decode() for frame in peer.frames.entries[:count]]


def test_on_connect_comes_first_and_on_disconnect_last(server: TcpServer, path: Path) -> None:
    with Handled(server, [path]) as at:
        ann = at.client()
        sid = ann.sid
        for _ in range(19):
            ann.emit("fire")
        assert ann.ask("fire")["ok"]
        ann.close()
        frames = said(at.peer, 22)
        assert frames[0] == {"hook": "connect", "user": sid, "sid": sid}
        assert frames[1:21] == [{"fire": sid}] * 20
        assert frames[21] == {"hook": "disconnect", "user": sid, "sid": sid, "clients": 0}


def test_on_register_is_called_once_a_user_and_on_disconnect_with_its_last_client(
    server: TcpServer, path: Path
) -> None:
    with Handled(server, [path], "--identity", "register") as at:
        first, second = at.client(), at.client()
        assert first.ask("fire")["error"] == "not-registered"
        assert first.ask("register", "ann") == {"ok": True, "user": "ann"}
        assert second.ask("register", "ann") == {"ok": True, "user": "ann"}
        sid = first.sid
        first.close()
        assert second.ask("fire")["ok"]
        last = second.sid
        second.close()
        frames = said(at.peer, 4)
        assert frames[:2] == [{"hook": "register", "user": "ann", "sid": sid}, "welcome ann"]
        assert frames[2] == {"fire": "ann"}
        assert frames[3] == {"hook": "disconnect", "user": "ann", "sid": last, "clients": 0}


@pytest.mark.parametrize("identity", ["sid", "register"])
def test_after_each_reconnect_everybody_is_announced_again_before_anything_else(
    server: TcpServer, path: Path, identity: str
) -> None:
    with Handled(server, [path], "--identity", identity) as at, at.client() as ann, at.client() as bob:
        if identity == "register":
            assert ann.ask("register", "ann")["ok"]
            assert bob.ask("register", "bob")["ok"]
            expected = registered(ann, "ann") + registered(bob, "bob")
        else:
            expected = [came("connect", ann), came("connect", bob)]
        assert said(at.peer, len(expected)) == expected
        peer = at.peer
        for _ in range(2):
            peer.reset()
            peer = server.accept()
            ann.linked()
            peer.frames.wait_count(len(expected))
            assert ann.ask("fire")["ok"]
            assert said(peer, len(expected) + 1) == [*expected, {"fire": expected[0]["user"]}]  # type: ignore[index]


def test_a_login_event_of_ones_own_registers_under_identity_sid(server: TcpServer, path: Path) -> None:
    with Handled(server, [path]) as at, at.client() as ann, at.client() as bob:
        assert ann.ask("login", " ann ") == {"ok": True}
        assert ann.got("bridge:user", {"user": "ann"})
        assert ann.ask("login", "ann") == {"ok": True}
        assert bob.ask("login", "ann") == {"ok": True}
        frames = said(at.peer, 9)
        assert frames == [
            came("connect", ann),
            came("connect", bob),
            {**came("disconnect", ann), "clients": 0},
            *registered(ann, "ann"),
            {"login": "ann", "clients": 1},
            {"login": "ann", "clients": 1},
            {**came("disconnect", bob), "clients": 0},
            {"login": "ann", "clients": 2},
        ]


def test_a_login_event_registers_under_identity_none_where_nobody_was_a_user_before(
    server: TcpServer, path: Path
) -> None:
    with Handled(server, [path], "--identity", "none") as at, at.client() as ann:
        assert ann.ask("fire")["ok"]
        assert ann.ask("login", "ann")["ok"]
        assert said(at.peer, 4) == [{"fire": None}, *registered(ann, "ann"), {"login": "ann", "clients": 1}]


def test_a_name_that_cannot_be_used_is_refused_at_login_as_at_register(server: TcpServer, path: Path) -> None:
    with Handled(server, [path]) as at, at.client() as ann:
        for bad in ("", " ", "a\nb", "x" * 129, 5, None):
            answer = ann.ask("login", bad)
            assert (answer["ok"], answer["error"]) == (False, "bad-user")
        assert ann.ask("fire")["ok"]
        assert at.peer.message(fire=ann.sid)


def refusal(url: str, transport: str) -> dict[str, object]:
    """What a client's connect_error is told."""
    told: Log[dict[str, object]] = Log()
    sio = socketio.Client(reconnection=False, handle_sigint=False)
    sio.on("connect_error", told.add)
    with pytest.raises(socketio.exceptions.ConnectionError):
        sio.connect(url, transports=[transport], wait_timeout=PATIENCE)
    sio.disconnect()
    return told.wait_count(1)[0]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_who_on_connect_refuses_gets_a_connect_error_with_the_code_and_was_never_here(
    server: TcpServer, tmp_path: Path, transport: str
) -> None:
    with Handled(server, [written(tmp_path, BROKEN)]) as at:
        error = refusal(at.bridge.url, transport)
        assert error == {"message": "the handler failed: RuntimeError", "data": {"error": "handler-error"}}
        at.bridge.said("RuntimeError: no seat left")
        assert at.bridge.counter("handler_errors") == 1
        open_again(tmp_path)
        with at.client() as bob:
            assert bob.ask("move", {"x": 2})["ok"]
            sid = bob.sid
            bob.close()
            at.peer.message(gone=sid)
        assert [list(message) for message in at.peer.messages] == [["came"], ["username", "action", "x"], ["gone"]]
        assert at.bridge.status()["clients"] == 0


def open_again(folder: Path) -> None:
    (folder / "open").touch()


KICKED = """
def setup(bridge):
    @bridge.on_connect
    def came(client):
        bridge.emit("hello", client.user, to=client)
        return {"came": client.sid}

    @bridge.on_event("kick")
    def kick(client, reason):
        client.disconnect(reason)
"""


def test_a_client_that_a_handler_disconnects_is_told_why_and_leaves_at_once(server: TcpServer, tmp_path: Path) -> None:
    with Handled(server, [written(tmp_path, KICKED)]) as at, at.client() as ann:
        assert ann.got("hello") == ann.sid
        sid = ann.sid
        ann.emit("kick", "afk")
        assert ann.got("bridge:closing") == {"code": "afk"}
        assert ann.gone.wait(PATIENCE)
        at.peer.message(username=sid, action="disconnected")
        with at.client() as again:
            assert again.got("hello") == again.sid


def test_a_refused_name_is_acked_with_its_code_and_nothing_reaches_the_server(
    server: TcpServer, tmp_path: Path
) -> None:
    text = """
def setup(bridge):
    @bridge.on_register
    def came(client):
        if client.user == "bad":
            raise bridge.Refused("bad-user", "this name is not for you")
        return bridge.DEFAULT
"""
    with Handled(server, [written(tmp_path, text)], "--identity", "register") as at, at.client() as ann:
        answer = {"ok": False, "error": "bad-user", "message": "this name is not for you"}
        assert ann.ask("register", "bad") == answer
        assert ann.ask("clickGold")["error"] == "not-registered"
        assert ann.ask("register", "ann")["ok"]
        assert ann.ask("register", "bad") == answer
        assert ann.ask("clickGold")["ok"]
        ann.close()
        at.peer.message(action="disconnected")
        assert [(m["username"], m["action"]) for m in at.peer.messages] == [
            ("ann", "connected"), ("ann", "clickGold"), ("ann", "disconnected"),
        ]  # fmt: skip
