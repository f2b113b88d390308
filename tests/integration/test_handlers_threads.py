"""`@bridge.on_event("x", thread=True)`: a handler that blocks holds up its own client and nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.client import Client
from tests.handlers import Handled, written
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE, Log

HANDLERS = """
from eventlet.patcher import original

real = original("threading")
go = real.Event()
hub = real.get_ident()
used = set()

def setup(bridge):
    @bridge.on_event("blocks", thread=True)
    def blocks(client, tag=None):
        used.add(real.get_ident())
        if not go.wait(60):
            raise TimeoutError("nobody let it go")
        return {"blocked": tag, "beside": real.get_ident() != hub}

    @bridge.on_event("go")
    def let_go(client):
        go.set()

    @bridge.on_event("stop")
    def stop(client):
        go.clear()

    @bridge.on_event("used")
    def how_many(client):
        return {"threads": len(used)}

    @bridge.on_event("plain")
    def plain(client, tag):
        return {"plain": tag}

    @bridge.on_event("several", thread=True)
    def several(client):
        for n in range(3):
            yield {"n": n, "beside": real.get_ident() != hub}

    @bridge.on_event("endless", thread=True)
    def endless(client):
        while True:
            yield "x" * 1000

    @bridge.on_event("frame", thread=True)
    def frame(client):
        return bridge.Frame({"as": "frame"})

    @bridge.on_event("fails", thread=True)
    def fails(client):
        raise OSError("no")

    @bridge.on_event("exits", thread=True)
    def exits(client):
        raise SystemExit("enough")

    @bridge.on_event("refuses", thread=True)
    def refuses(client):
        raise bridge.Refused("bad-event", "not today")

    @bridge.on_event("calls", thread=True)
    def calls(client, name):
        bridge.send({"sent": "from a thread"})
        bridge.emit("told", "from a thread", to=client)
        client.register(name)
        return [client.user, client.sid in [each.sid for each in client.clients], name in bridge.users]
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handled]:
    path = written(tmp_path_factory.mktemp("handlers"), HANDLERS)
    with TcpServer() as server, Handled(server, [path]) as handled:
        yield handled


def emit(client: Client, acks: Log[Any], event: str, *args: object) -> None:
    """Emit, and keep the ack with what it is for."""
    client.sio.emit(event, args or None, callback=lambda answer: acks.add((event, *args, answer["ok"])))


def test_others_go_on_while_it_blocks_and_its_own_client_stays_in_order(at: Handled) -> None:
    acks: Log[Any] = Log()
    with at.client() as ann, at.client() as bob:
        start = len(at.peer.frames.entries)
        emit(ann, acks, "blocks", 1)
        emit(ann, acks, "plain", 2)
        emit(ann, acks, "relayed", 3)
        emit(ann, acks, "blocks", 4)
        for n in range(20):
            assert bob.ask("plain", f"bob {n}")["ok"]
        assert requests.get(f"{at.bridge.url}/readyz", timeout=PATIENCE).ok
        assert acks.entries == []
        assert bob.ask("go")["ok"]
        assert acks.wait_count(4) == [
            ("blocks", 1, True),
            ("plain", 2, True),
            ("relayed", 3, True),
            ("blocks", 4, True),
        ]
        at.peer.frames.wait(lambda frame: json.loads(frame).get("blocked") == 4, start=start)
        got = [json.loads(frame) for frame in at.peer.frames.entries[start:]]
        of_ann = [
            each for each in got if "blocked" in each or each.get("plain") == 2 or each.get("action") == "relayed"
        ]
        assert of_ann == [
            {"blocked": 1, "beside": True},
            {"plain": 2},
            {"username": ann.sid, "action": "relayed", "data": 3},
            {"blocked": 4, "beside": True},
        ]


def test_what_it_returns_and_raises_is_as_of_any_handler(at: Handled) -> None:
    with at.client() as ann:
        assert [json.loads(frame) for frame in at.frames_of(ann, "several")] == [
            {"n": n, "beside": True} for n in range(3)
        ]
        assert at.frames_of(ann, "frame") == [b'{"as":"frame"}']
        assert ann.ask("endless")["error"] == "too-big"
        for event, code in (("fails", "handler-error"), ("exits", "handler-error"), ("refuses", "bad-event")):
            for _ in range(20):  # more often than there are threads
                assert ann.ask(event)["error"] == code
        at.bridge.said("the handler setup.<locals>.fails failed")
        assert [json.loads(frame) for frame in at.frames_of(ann, "plain", "x")] == [{"plain": "x"}]


def test_it_may_use_everything_of_the_bridge(at: Handled) -> None:
    with at.client() as ann:
        assert json.loads(at.frames_of(ann, "calls", "ann")[-1]) == ["ann", True, True]
        assert ann.got("told") == "from a thread"
        assert ann.got("bridge:user", {"user": "ann"})
        at.peer.message(sent="from a thread")


def test_a_client_that_goes_while_its_handler_blocks_holds_nobody_up_and_sends_no_more(at: Handled) -> None:
    with at.client() as bob:
        assert bob.ask("stop")["ok"]
        ann = at.client()
        sid = ann.sid
        ann.emit("blocks", "of one who goes")
        ann.emit("relayed")
        leaves = threading.Thread(target=ann.close)  # which waits until the bridge reads that
        leaves.start()
        assert bob.ask("plain", "meanwhile")["ok"]
        assert bob.ask("go")["ok"]
        at.peer.message(username=sid, action="disconnected")
        assert json.loads(at.frames_of(bob, "blocks", "bob")[0]) == {"blocked": "bob", "beside": True}
        leaves.join(PATIENCE)
        said = at.peer.messages
        end = said.index({"username": sid, "action": "disconnected"})
        after = said[end + 1 :]
        assert {"blocked": "of one who goes", "beside": True} not in after
        assert {"username": sid, "action": "relayed"} not in after


def test_more_that_block_than_there_are_threads_wait_for_one_and_nobody_else_does(at: Handled) -> None:
    with at.client() as bob:
        assert bob.ask("stop")["ok"]
        clients = [at.client() for _ in range(24)]
        acks: Log[Any] = Log()
        for n, client in enumerate(clients):
            emit(client, acks, "blocks", n)
        assert bob.ask("plain", "meanwhile")["ok"]
        assert acks.entries == []
        assert bob.ask("go")["ok"]
        assert sorted(number for _, number, _ in acks.wait_count(24)) == list(range(24))
        assert json.loads(at.frames_of(bob, "used")[0])["threads"] <= 16
        for client in clients:
            client.close()
        assert at.bridge.counter("hub_blocked") == 0
