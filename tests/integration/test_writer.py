"""A writer that is held up by a user's function: the link is made anew, everybody is told why, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.client import Client
from tests.handlers import Handled, written
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

HANDLERS = """
import time

def setup(bridge):
    @bridge.on_event("holds")
    def holds(client):
        return bridge.Frame({"action": "holds"}, done=lambda error: time.sleep(600))
"""


def test_a_writer_that_does_not_run_is_noticed_shown_and_replaced(tmp_path: Path) -> None:
    path = written(tmp_path, HANDLERS)
    with TcpServer() as server, Handled(server, [path]) as at, at.client() as ann, Client(at.bridge.url) as bob:
        bob.linked()
        ann.emit("holds")
        at.peer.message(action="holds")
        assert bob.ask("next", 1)["ok"]
        again = server.accept()
        said = [frame for frame in again.frames.wait_count(3) if b"connected" in frame]
        assert len(said) == 2
        assert again.message(action="next")["data"] == 1
        told = bob.events.wait(lambda e: e[0] == "bridge:link" and e[1]["state"] == "waiting")[1]
        assert "the bridge's own writer did not run for 5 s" in told["reason"]
        at.bridge.said("! the bridge's own writer did not run for 5 s")
        assert at.bridge.counter("writer_stalls") == 1
        assert at.bridge.counter("frames_unconfirmed") == 0
        assert requests.get(f"{at.bridge.url}/readyz", timeout=PATIENCE).ok
        assert bob.ask("next", 2)["ok"]
        assert not [one for one in at.peer.messages if isinstance(one, dict) and one.get("action") == "next"]
