"""Who comes, registers, goes, is refused or closed is in the log, with who, where and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from socketio.exceptions import ConnectionError

from tests.client import Client
from tests.handlers import Handled, written
from tests.returning import Returning
from tests.tcpserver import TcpServer

ENDS = """
from bridge import Refused

def setup(bridge):
    @bridge.on_event("end")
    def end(client):
        client.disconnect("enough")

    @bridge.on_connect
    def connected(client):
        if client.auth.get("who") == "eve":
            raise Refused("bad-user")
        return bridge.DEFAULT
"""


def test_the_life_of_a_client_is_in_the_log_in_lines_of_one_form() -> None:
    with TcpServer() as server, Handled(server, [], "--identity", "register") as at:
        with at.client() as ann:
            sid = ann.sid
            ann.ask("register", "an\u200bn")
            ann.ask("register", "ann b")
        said = at.bridge.said
        said(f"INFO    = connect id={sid} address=127.0.0.1 reason='new'")
        said(f"INFO    = refused id={sid} address=127.0.0.1 reason='bad-user'")
        said(f"INFO    = register id={sid} user='ann b' address=127.0.0.1")
        said(f"INFO    = leave id={sid} user='ann b' address=127.0.0.1 reason='client disconnect'")


def test_who_is_replaced_or_closed_by_a_handler_is_in_the_log_with_the_code(tmp_path: Path) -> None:
    with (
        TcpServer() as server,
        Handled(server, [written(tmp_path, ENDS)]) as at,
        Returning(at.bridge) as ann,
        Returning(at.bridge, pid=ann.pid) as other,
    ):
        at.bridge.said(f"= closed id={ann.sid} address=127.0.0.1 reason='replaced'")
        at.bridge.said(f"= connect id={ann.sid} address=127.0.0.1 reason='recovered'")
        other.emit("end")
        at.bridge.said(f"= closed id={ann.sid} address=127.0.0.1 reason='enough'")


def test_who_is_refused_by_a_hook_is_in_the_log(tmp_path: Path) -> None:
    with TcpServer() as server, Handled(server, [written(tmp_path, ENDS)]) as at:
        with pytest.raises(ConnectionError):
            Client(at.bridge.url, auth={"who": "eve"})
        at.bridge.said("address=127.0.0.1 reason='bad-user'")
