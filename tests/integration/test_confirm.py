"""--confirm: whatever breaks, a server that remembers the last number sees what was acked once, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.handlers import Handled, written
from tests.integration.test_link_down import emit
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer
from tests.waiting import Log


def hello(peer: Peer) -> dict[str, Any]:
    """The first frame of a connection."""
    (first, *_) = peer.first(1)
    assert isinstance(first, dict)
    return first


def numbered(peer: Peer, count: int) -> list[dict[str, Any]]:
    """The first frames with a number, once there are so many."""
    found: list[dict[str, Any]] = []

    def enough(_: bytes) -> bool:
        found[:] = [m for m in peer.messages if "seq" in m]
        return len(found) >= count

    peer.frames.wait(enough)
    return found


def test_an_ack_comes_when_the_server_has_confirmed_and_a_confirmation_is_no_message() -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--confirm") as bridge,
        Client(bridge.url) as ann,
    ):
        peer = server.accept()
        acks = [emit(ann, "n", {"n": n, "seq": 700}) for n in range(3)]
        assert hello(peer)["action"] == "hello"
        assert peer.message(action="connected") == {"username": ann.sid, "action": "connected"}
        assert numbered(peer, 3) == [
            {"username": ann.sid, "action": "n", "n": n, "seq": n + 1} for n in range(3)
        ]  # fmt: skip
        assert ann.ask("hello")["error"] == "bad-event"  # and nothing else was acked until now
        assert [ack.entries for ack in acks] == [[], [], []]
        peer.send_json({"confirm": 2}, "a message", {"confirm": 99})
        ann.got("message", '"a message"')
        assert [ack.wait_count(1) for ack in acks[:2]] == [[{"ok": True}]] * 2
        assert acks[2].entries == []
        peer.send_json({"confirm": 3})
        acks[2].wait_count(1)
        assert ann.all("message") == ['"a message"']
        assert bridge.counter("confirms_unknown") == 1
        assert bridge.counter("keys_stripped") == 3


@pytest.mark.parametrize("how", ["close", "reset"])
def test_what_is_not_confirmed_when_the_link_breaks_is_sent_again_after_who_is_there(how: str) -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--confirm", "--identity", "register") as bridge,
        Client(bridge.url) as ann,
    ):
        peer = server.accept()
        assert ann.ask("register", "ann")["ok"]
        acks = [emit(ann, "n", n) for n in range(1, 6)]
        numbered(peer, 5)
        peer.send_json({"confirm": 2})
        acks[1].wait_count(1)
        epoch = hello(peer)["epoch"]
        getattr(peer, how)()
        again = server.accept()
        numbered(again, 3)
        acks.append(emit(ann, "n", 6))
        assert numbered(again, 4) == [
            {"username": "ann", "action": "n", "data": n, "seq": n} for n in range(3, 7)
        ]  # fmt: skip
        assert again.messages[:2] == [
            {"action": "hello", "epoch": epoch}, {"username": "ann", "action": "connected"},
        ]  # fmt: skip
        assert [len(ack.entries) for ack in acks] == [1, 1, 0, 0, 0, 0]
        again.send_json({"confirm": 6})
        assert [ack.wait_count(1)[0] for ack in acks] == [{"ok": True}] * 6
        assert bridge.counter("frames_resent") == 3
        assert bridge.counter("frames_unconfirmed") == 3


def test_over_many_breaks_a_server_that_remembers_the_last_number_sees_each_event_once() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--confirm") as bridge, Client(bridge.url) as ann:
        seen: list[int] = []
        acks: list[Log[Any]] = []
        for turn in range(6):
            peer = server.accept()
            acks += [emit(ann, "n", n) for n in range(turn * 50, turn * 50 + 50)]
            for message in numbered(peer, 10):  # of 50, and of those that were not confirmed
                if message["seq"] > len(seen):
                    assert message["seq"] == len(seen) + 1
                    seen.append(message["data"])
            if turn < 5:
                peer.send_json({"confirm": len(seen) - 5})  # the last ones are known, and not confirmed
                acks[len(seen) - 6].wait_count(1)
                peer.reset()
        peer.message(data=299)
        seen += [m["data"] for m in peer.messages if m.get("seq", 0) > len(seen)]
        peer.send_json({"confirm": 300})
        assert [ack.wait_count(1)[0] for ack in acks] == [{"ok": True}] * 300
        assert seen == list(range(300))


def test_another_process_has_another_epoch() -> None:
    with TcpServer() as server:
        epochs = set()
        for _ in range(2):
            with Bridge("--server", server.address, "--confirm", "--action-key", "do"):
                greeting = hello(server.accept())
                assert set(greeting) == {"do", "epoch"}
                epochs.add(greeting["epoch"])
        assert len(epochs) == 2


def test_a_server_that_confirms_nothing_is_busy_when_its_queue_is_full() -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--confirm", "--link-queue", "1000") as bridge,
        Client(bridge.url) as ann,
    ):
        peer = server.accept()
        ann.linked()
        filled = emit(ann, "fill", "x" * 1000)
        numbered(peer, 1)
        assert ann.ask("more")["error"] == "link-busy"
        peer.send_json({"confirm": 1})
        assert filled.wait_count(1) == [{"ok": True}]
        answers = emit(ann, "more")
        numbered(peer, 2)
        peer.send_json({"confirm": 2})
        assert answers.wait_count(1) == [{"ok": True}]


FATES = """
def setup(bridge):
    @bridge.on_event("move")
    def move(client):
        return bridge.Frame({"moved": 1}, done=lambda fate: print("fate:", fate and fate.code, flush=True))
"""


def test_what_is_not_confirmed_when_the_bridge_stops_is_told_so(tmp_path: Path) -> None:
    with TcpServer() as server, Handled(server, [written(tmp_path, FATES)], "--confirm") as at, at.client() as ann:
        ann.emit("move")
        numbered(at.peer, 1)
        assert at.bridge.stop() == 0
        assert [line for line in at.bridge.log.entries if line.startswith("fate")] == ["fate: link-down"]


def test_without_it_nothing_is_numbered_and_a_confirmation_is_a_message() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        ann.linked()
        assert ann.ask("hello", {"seq": 5}) == {"ok": True}
        assert peer.first(2)[1] == {"username": ann.sid, "action": "hello", "seq": 5}
        peer.send_json({"confirm": 1})
        assert ann.got("message") == '{"confirm": 1}'
