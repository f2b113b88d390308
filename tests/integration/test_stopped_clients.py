"""Stock clients that are stopped as a whole, or do not read their acks: nobody else notices, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.delivery.slow_policies import POLICIES
from tests.node_client import NodeClient, NodeProcess
from tests.process import Bridge
from tests.sites import Site, site
from tests.viewer import until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.long

#: Encoded it is larger than an outbox.
LARGE = b'"' * 1_000_000 + b"~"
#: Who leaves a ping unanswered is soon gone; but not who is only a busy machine's.
PINGS = ("--ping-interval", "0.5", "--ping-timeout", "4")
WEBSOCKET = {"transports": ["websocket"], "reconnectionDelay": 100}


@contextmanager
def stopped(client: NodeProcess) -> Iterator[None]:
    """As when a laptop sleeps, or a debugger holds a page."""
    client.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, client.process.pid, os.WSTOPPED | os.WNOWAIT)
    try:
        yield
    finally:
        client.process.send_signal(signal.SIGCONT)


def there(bridge: Bridge, clients: int) -> None:
    """Wait until just so many are there."""
    until(lambda: bridge.status()["clients"] == clients, 3 * PATIENCE)


def half_sent(at: Site) -> None:
    """Send a large frame, of which a part waits."""
    at.peer.send(LARGE)
    until(lambda: at.bridge.status()["now"]["bytes_for_slowest"] > 0)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("then", ["a message", "a ping", "an answer", "a message of its own", "a second large one"])
def test_a_client_that_stops_amid_a_large_frame_is_ended_alone(policy: str, then: str) -> None:
    with (
        site("--slow", policy, "--replies", *PINGS) as at,
        NodeClient(at.bridge.url, dict(WEBSOCKET)) as client,
    ):
        user = client.connected()
        reader = at.viewer()
        client.tell({"emit": ["asks"], "ack": 1})
        asked = at.peer.message(action="asks")["reply_to"]
        with stopped(client):
            half_sent(at)
            following = {
                "a message": b"small~",
                "a ping": b"",  # by itself
                "an answer": json.dumps({"reply_to": asked, "found": 1}).encode() + b"~",
                "a message of its own": json.dumps({"username": user, "found": 1}).encode() + b"~",
                "a second large one": LARGE,
            }
            at.peer.send(following[then])
            there(at.bridge, 1)
            reader.wait(lambda packet: len(packet) > 1_000_000)
            assert reader.got(at.feed.send(10)) == list(range(10))
        assert client.back()["connect"]
        assert reader.got(at.feed.send(10)) == list(range(20))
        # All that it has missed was printed before; what is large would else be under way when its process ends.
        client.said.wait(lambda line: line.get("event") == "message" and line["args"][0].startswith("#000019"), 30)
        there(at.bridge, 2)
        slow = policy == "disconnect" and then not in ("a ping", "an answer")
        assert at.counters("clients_slow", "clients_silent") == [slow, not slow]


def test_clients_that_are_slower_than_frames_of_megabytes_are_ended_alone() -> None:
    with site("--max-frame", "16M") as at:
        reader = at.viewer()
        slow = [at.slow_viewer(rate) for rate in (2_000_000, 4_000_000, 8_000_000)]
        for number in range(3):
            at.peer.send(b"%d" % number + b"x" * 12_000_000 + b"~")
            reader.wait(lambda packet, number=number: packet.startswith(f'42["message","{number}x'))  # type: ignore[misc]
        for viewer in slow:
            assert viewer.closed.wait(PATIENCE)
        assert reader.got(at.feed.send(10)) == list(range(10))
        assert at.counters("clients_slow") == [3]
        assert at.bridge.status()["clients"] == 1


# Acks.

EVENTS = 100_000


def ticks(at: Site) -> list[int]:
    """The numbers of the events that the server got, in order."""
    return [message["n"] for message in at.peer.messages if message["action"] == "tick"]


def confirm(at: Site) -> None:
    """Confirm what comes, as it comes, until the connection has ended."""
    seen = 0
    while not at.peer.ended.is_set():
        frames = at.peer.frames.entries
        if len(frames) > seen:
            seen = len(frames)
            last = json.loads(frames[seen - 1])
            if "seq" in last:
                at.peer.send_json({"confirm": last["seq"]})
        at.peer.ended.wait(0.02)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("flags", [(), ("--confirm",)], ids=["plain", "confirm"])
def test_of_a_tight_loop_of_acked_events_nothing_is_lost(transport: str, flags: tuple[str, ...]) -> None:
    with site(*flags) as at, NodeProcess("tight.js", at.bridge.url, str(EVENTS), transport) as client:
        client.said.wait(lambda line: "connect" in line)
        if flags:
            threading.Thread(target=confirm, args=(at,), daemon=True).start()
        client.tell({"emit": True})
        [done] = [client.said.wait(lambda line: "done" in line, 120)["done"]]
        assert done == {"ok": EVENTS, "refused": {}, "disordered": 0}
        assert not any("disconnect" in line for line in client.said.entries)
        assert ticks(at) == list(range(EVENTS))
        assert at.counters("clients_slow", "clients_silent") == [0, 0]
