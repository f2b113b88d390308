"""What clients send can neither command the terminal in which the log is read nor pass for the bridge's own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handlers import Handled, written
from tests.raw import http
from tests.tcpserver import TcpServer

NASTY = "a\x1b]0;owned\x07\u202e\u200b\x9b2J\u3164\n00:00:00 ERROR   forged"

FAILS = """
def setup(bridge):
    @bridge.on_event("fail")
    def fail(client, text):
        raise ValueError(text)

    @bridge.on_register
    def registered(client):
        raise ValueError(client.user)
"""


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_of_the_log_has_a_character_that_is_obeyed_or_hidden(
    server: TcpServer, tmp_path: Path, form: str
) -> None:
    own = written(tmp_path, FAILS)
    with Handled(server, [own], "--log-level", "debug", "--log-format", form, "--unhandled", "drop") as at:
        with at.client() as ann:
            assert ann.ask("fail", NASTY)["error"] == "handler-error"
            assert ann.ask(NASTY)["error"] == "bad-event"
            assert ann.ask("no handler takes it", {NASTY: NASTY})["error"] == "bad-event"
            at.peer.send(NASTY.encode() + b"~")
        request = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\u202e\u200b\x9b\r\n\r\n"
        http(at.bridge, request.encode())
        at.bridge.said("ValueError")
        at.bridge.said("evil")
        lines = at.bridge.log.entries
        assert [line for line in lines if not line.isprintable() or "\u3164" in line] == []
        assert not [line for line in lines if line.startswith("00:00:00")]
        if form == "json":
            assert all(isinstance(json.loads(line), dict) for line in lines if not line.startswith("bridge "))


def test_a_field_that_a_server_might_read_as_the_users_is_left_out_and_told_of(server: TcpServer) -> None:
    with Handled(server, []) as at, at.client() as ann:
        forged = {
            "Username": 1,
            "username\0": 2,
            "user\u200bname": 3,
            "usеrname": 4,
            "ACTION": 5,
            "username": 6,
            "x": 7,
        }
        for _ in range(2):
            assert ann.ask("move", forged) == {"ok": True}
            assert at.peer.message(action="move") == {"username": ann.sid, "action": "move", "x": 7}
        assert at.bridge.counter("keys_stripped") == 12
        at.bridge.said("a client's field 'Username' was left out, because a server might read it as 'username'")
