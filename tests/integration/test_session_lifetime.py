"""How long it is known who a page is, and what is said when its place is taken."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.process import Bridge
from tests.returning import Returning
from tests.tcpserver import TcpServer
from tests.viewer import until

LIFETIME = 2.0


def passed(seconds: float) -> None:
    """Wait until the time is over that this is about."""
    ends = time.time() + seconds
    until(lambda: time.time() > ends)


def is_somebody(client: Returning, ack: int = 1) -> object:
    """Whether its event is taken, which under `register` only a user's is."""
    client.emit("move", ack=ack)
    return client.answer(ack)["ok"]


@pytest.mark.parametrize("end", [None, signal.SIGTERM, signal.SIGKILL], ids=["no restart", "restart", "killed"])
@pytest.mark.parametrize("identity", ["sid", "register"])
def test_a_day_after_its_last_connection_a_page_is_somebody_new(
    tmp_path: Path, identity: str, end: signal.Signals | None
) -> None:
    flags = ["--identity", identity, "--session-lifetime", str(LIFETIME), "--grace", "0.1"]
    flags += ["--state-dir", str(tmp_path)]
    with TcpServer() as server:
        flags += ["--server", server.address]
        bridge = Bridge(*flags)
        try:
            server.accept()
            with Returning(bridge) as ann:
                ann.emit("register", "ann", ack=0)
                assert ann.answer(0)["ok"]
                passed(LIFETIME + 0.5)  # while it is there, its time does not run
            with Returning(bridge, pid=ann.pid) as again:
                assert again.sid == ann.sid
                assert is_somebody(again)
            if end is not None:
                bridge.stop(end)
                bridge = Bridge(*flags)
                server.accept()
            passed(LIFETIME + 0.5)
            with Returning(bridge, pid=again.pid) as late:
                assert late.sid != ann.sid
                assert late.pid != again.pid
                late.emit("move", ack=1)
                assert late.answer(1)["ok"] == (identity == "sid")
        finally:
            bridge.stop()


def test_a_page_that_was_there_for_longer_is_known_after_the_bridge_was_killed(tmp_path: Path) -> None:
    flags = ["--identity", "register", "--session-lifetime", "5", "--state-dir", str(tmp_path)]
    with TcpServer() as server:
        with Bridge(*flags, "--server", server.address) as bridge, Returning(bridge) as ann:
            server.accept()
            ann.emit("register", "ann", ack=0)
            assert ann.answer(0)["ok"]
            passed(5.5)
            bridge.process.kill()
        with Bridge(*flags, "--server", server.address) as bridge:
            server.accept()
            with Returning(bridge, pid=ann.pid) as again:
                assert again.sid == ann.sid
                assert is_somebody(again)


def test_who_is_replaced_is_told_and_it_is_counted_and_logged() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        server.accept()
        with Returning(bridge) as ann, Returning(bridge, pid=ann.pid) as other:
            assert other.sid == ann.sid
            closing = ann.wait(lambda packet: "bridge:closing" in packet)
            assert json.loads(closing[2:]) == ["bridge:closing", {"code": "replaced"}]
            assert ann.closed.wait(10)
            assert bridge.counter("sessions_replaced") == 1
            bridge.said(f"client {ann.sid} at 127.0.0.1 is replaced")
            assert is_somebody(other)


def test_a_page_that_comes_back_after_a_cut_replaces_nobody() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        server.accept()
        with Returning(bridge) as ann:
            pass
        until(lambda: bridge.status()["clients"] == 0)
        with Returning(bridge, pid=ann.pid) as again:
            assert again.sid == ann.sid
            assert bridge.counter("sessions_replaced") == 0
