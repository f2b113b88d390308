"""A server that does not read keeps its link however long; one whose machine is gone loses it within 25 s."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.client import Client
from tests.faults.elsewhere import Elsewhere, Program
from tests.process import Bridge
from tests.viewer import until
from tests.waiting import PATIENCE, Log

pytestmark = pytest.mark.long

FOUND = 25.0
SLACK = 3.0  # this machine is busy


def down(bridge: Bridge) -> str:
    """Wait until the link is down; the log's line."""
    return bridge.log.wait(lambda line: "link down" in line, timeout=FOUND + PATIENCE)


def stalled(text: str) -> int:
    """For how many seconds the server has not read, as it is said; -1 if that is not said."""
    found = re.search(r"has not read for (\d+) s", text)
    return int(found[1]) if found else -1


def told(client: Client, wanted: Callable[[str], bool]) -> None:
    """Wait until the page has been told so of a link that is up."""
    client.events.wait(
        lambda event: (
            event[0] == "bridge:link" and event[1]["state"] == "connected" and wanted(event[1]["reason"] or "")
        )
    )


def fill(client: Client, bridge: Bridge, answers: Log[Any]) -> None:
    """Emit until the server's buffer is full and it is said that it does not read."""
    for number in range(500):
        client.sio.emit("fill", [number, "x" * 2000], callback=answers.add)
    bridge.said("the server has not read for")


def idle(client: Client, bridge: Bridge, there: Elsewhere) -> None:
    """Nothing is under way."""
    client.ask("seen")
    until(there.acknowledged)


def full(client: Client, bridge: Bridge, there: Elsewhere) -> None:
    """Its buffer is full, and has been for so long that the kernel asks seldom."""
    there.program.stop()
    fill(client, bridge, Log())
    bridge.log.wait(lambda line: stalled(line) >= 20, timeout=40)


def stream(client: Client, bridge: Bridge, there: Elsewhere) -> None:
    """Something is under way all the time."""

    def emit() -> None:
        while not client.gone.wait(0.2):
            client.emit("tick", 1)

    threading.Thread(target=emit, daemon=True).start()


@pytest.mark.parametrize("how", [Elsewhere.vanish, Elsewhere.unplug])
@pytest.mark.parametrize(("state", "words"), [(idle, "keepalive"), (stream, "retransmissions"), (full, "full buffer")])
def test_a_machine_that_is_gone_is_found_within_25_seconds_and_it_is_said_how(
    state: Callable[[Client, Bridge, Elsewhere], None], words: str, how: Callable[[Elsewhere], None]
) -> None:
    with Elsewhere() as there, Bridge("--server", there.address) as bridge, Client(bridge.url) as ann:
        ann.linked()
        state(ann, bridge, there)
        began = time.monotonic()
        how(there)
        line = down(bridge)
        assert time.monotonic() - began < FOUND + SLACK
        assert "no longer answers: " in line
        assert words in line or how is Elsewhere.unplug
        ann.close()


def test_something_sent_to_a_machine_that_went_while_nothing_was_under_way_is_no_reprieve() -> None:
    with Elsewhere() as there, Bridge("--server", there.address) as bridge, Client(bridge.url) as ann:
        ann.linked()
        began = time.monotonic()
        there.vanish()
        ann.gone.wait(8)  # before keepalive asks for the first time, or just after
        ann.emit("tick", 1)
        line = down(bridge)
        assert time.monotonic() - began < FOUND + SLACK
        assert "no longer answers: " in line


@pytest.mark.timeout(240)
def test_a_server_stopped_for_over_a_minute_keeps_its_link_and_reads_all_that_was_acked() -> None:
    server = Program("127.0.0.1", 0)
    answers: Log[Any] = Log()
    with Bridge("--server", f"127.0.0.1:{server.port}") as bridge:
        with Client(bridge.url) as ann:
            ann.linked()
            server.stop()
            stopped = time.monotonic()
            fill(ann, bridge, answers)
            told(ann, lambda reason: stalled(reason) >= 5)
            ready = requests.get(f"{bridge.url}/readyz", timeout=PATIENCE)
            assert ready.status_code == 200
            assert stalled(ready.json()["reason"]) >= 5
            ann.gone.wait(70 - (time.monotonic() - stopped))  # nothing happens to the link meanwhile
            status = bridge.status()
            assert status["link"]["state"] == "connected"
            assert stalled(status["link"]["reason"]) > 55
            assert status["counters"]["link_drops"] == 0
            assert status["counters"]["link_stalls"] == 1
            server.go()
            bridge.said("reads again")
            codes = [answer.get("error", "ok") for answer in answers.wait_count(500)]
            assert set(codes) <= {"ok", "link-busy"}
            until(lambda: ann.all("bridge:link")[-1]["reason"] is None)
            assert ann.ask("last")["ok"]
        assert bridge.stop() == 0
    frames = server.close()
    assert sum('"fill"' in frame for frame in frames) == codes.count("ok")
    assert sum('"last"' in frame for frame in frames) == 1
