"""What a client came with: auth, headers, cookies, query, address, and Flask's request and session, in hooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.client import Client
from tests.handlers import Handled, written
from tests.returning import Returning
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

VISITS = """
import flask

def setup(bridge):
    bridge.app.secret_key = "a secret of this test"

    @bridge.app.get("/login/<name>")
    def login(name):
        flask.session["name"] = name
        return "ok"

    def about(client, hook):
        return {
            "hook": hook, "sid": client.sid, "address": client.address, "auth": dict(client.auth),
            "agent": client.headers.get("user-agent"),
            "same": client.headers.get("USER-AGENT") == client.headers.get("User-Agent"),
            "listed": "User-Agent" in list(client.headers), "missing": client.headers.get("x-not-there"),
            "cookies": dict(client.cookies), "query": dict(client.query),
            "request": flask.request.headers.get("User-Agent"), "arg": flask.request.args.get("room"),
            "cookie": flask.request.cookies.get("plain"), "name": flask.session.get("name"),
        }

    @bridge.on_connect
    def came(client):
        if client.auth.get("token") == "bad":
            raise bridge.Refused("bad-user", "this token is not good")
        return about(client, "connect")

    @bridge.on_disconnect
    def went(client):
        return about(client, "disconnect")

    @bridge.on_event("who")
    def who(client):
        yield about(client, "event")

    @bridge.on_event("threaded", thread=True)
    def threaded(client):
        yield about(client, "thread")

    @bridge.on_message
    def message(text):
        return bridge.Emit("request", flask.has_request_context())
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handled]:
    path = written(tmp_path_factory.mktemp("visits"), VISITS)
    with TcpServer() as server, Handled(server, [path], "--grace", "0") as at:
        yield at


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_hooks_see_what_the_client_came_with_and_flasks_request_and_session(at: Handled, transport: str) -> None:
    answer = requests.get(f"{at.bridge.url}/login/ann", timeout=PATIENCE)
    cookie = f"session={answer.cookies['session']}; plain=a"
    headers = {"User-Agent": "of a test", "Cookie": cookie}
    auth = {"token": "good", "more": [1, {"x": None}]}
    ann = Client(f"{at.bridge.url}?room=blue&empty=", [transport], headers=headers, auth=auth)
    with ann:
        sid = ann.sid
        for event in ("who", "threaded"):
            assert ann.ask(event)["ok"]
    for hook in ("connect", "event", "thread", "disconnect"):
        told = at.peer.message(hook=hook, sid=sid)
        cookies = told.pop("cookies")
        assert cookies["plain"] == "a"
        assert list(cookies) == ["session", "plain"]
        assert told == {
            "hook": hook, "sid": sid, "address": "127.0.0.1", "auth": auth, "agent": "of a test", "same": True,
            "listed": True, "missing": None, "query": {"room": "blue", "empty": ""}, "request": "of a test",
            "arg": "blue", "cookie": "a", "name": "ann",
        }  # fmt: skip


def test_a_client_that_brought_nothing_has_nothing_and_outside_of_hooks_is_no_request(at: Handled) -> None:
    with at.client() as ann:
        told = at.peer.message(hook="connect", sid=ann.sid)
        assert (told["auth"], told["cookies"], told["query"], told["name"]) == ({}, {}, {}, None)
        at.peer.send(b"hi~")
        assert ann.got("request") is False


def test_on_connect_can_refuse_by_what_the_client_gave(at: Handled) -> None:
    with pytest.raises(Exception, match="failed to connect"):
        Client(at.bridge.url, auth={"token": "bad"})


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 2001:db8::1", "2001:db8::1"),
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("203.0.113.7, ", "127.0.0.1"),
    ],
)
def test_behind_a_proxy_on_this_machine_the_address_is_the_last_that_it_gives(
    at: Handled, forwarded: str, address: str
) -> None:
    for transport in ("websocket", "polling"):
        with Client(at.bridge.url, [transport], headers={"X-Forwarded-For": forwarded}) as ann:
            assert at.peer.message(hook="connect", sid=ann.sid)["address"] == address


def test_an_auth_that_is_too_large_is_not_kept(at: Handled) -> None:
    for size, kept in ((16_000, True), (17_000, False)):
        with Client(at.bridge.url, auth={"blob": "x" * size}) as ann:
            told: dict[str, Any] = at.peer.message(hook="connect", sid=ann.sid)
            assert bool(told["auth"]) is kept


def test_a_client_that_is_back_has_what_it_brought_now_and_no_recovery_in_its_auth(
    tmp_path: Path,
) -> None:
    with TcpServer() as server, Handled(server, [written(tmp_path, VISITS.replace('"arg":', '"no":'))]) as at:
        with Returning(at.bridge, x=1) as ann:
            pid = ann.pid
        with Client(at.bridge.url, headers={"User-Agent": "second"}, auth={"pid": pid, "offset": "", "x": 2}) as again:
            assert again.ask("who")["ok"]
            told = at.peer.message(hook="event", sid=again.sid)
            assert (told["agent"], told["auth"]) == ("second", {"x": 2})
            assert at.peer.message(hook="connect")["sid"] == again.sid
