"""The hooks that stand in for the notices of coming and going, and `client.register`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.handlers import Handled, written
from tests.tcpserver import Peer, TcpServer

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
def setup(bridge):
    @bridge.on_connect
    def connected(client):
        raise RuntimeError("no seat left")

    @bridge.on_disconnect
    def disconnected(client):
        return None
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
def test_after_each_reconnect_of_the_link_everybody_is_announced_again_before_anything_else(
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


def test_a_notice_whose_hook_fails_is_left_out_and_the_client_is_served_all_the_same(
    server: TcpServer, tmp_path: Path
) -> None:
    with Handled(server, [written(tmp_path, BROKEN)]) as at:
        with at.client() as ann:
            assert ann.ask("move", {"x": 1}) == {"ok": True}
            at.bridge.said("RuntimeError: no seat left")
            assert at.bridge.counter("handler_errors") == 1
        with at.client() as bob:
            assert bob.ask("move", {"x": 2})["ok"]
            at.peer.message(username=bob.sid, x=2)
        assert [message["action"] for message in at.peer.messages] == ["move", "move"]
