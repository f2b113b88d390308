"""A client that comes back: the stock client gets what it missed, is who it was, or is told that it did not recover."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.client import Client
from tests.node_client import NodeClient
from tests.process import Bridge
from tests.returning import Returning
from tests.tcpserver import Peer, TcpServer
from tests.viewer import until

QUICK = {"reconnectionDelay": 20, "reconnectionDelayMax": 100}
SOCKET = {"transports": ["websocket"], **QUICK}
HELD = {"transports": ["websocket"], "reconnectionDelay": 700, "reconnectionDelayMax": 700, "randomizationFactor": 0}


def numbers(client: NodeClient) -> list[int]:
    """The numbered messages that it got so far."""
    return [int(line["args"][0]) for line in client.said.entries if line.get("event") == "message"]


def say(peer: Peer, start: int, end: int) -> None:
    """Numbered messages to all."""
    peer.send(b"".join(b"%d~" % number for number in range(start, end)))


def has_read(bridge: Bridge, number: int) -> bool:
    """Whether the bridge has this message, so that the next one is a burst of its own."""
    return bridge.counter("frames_in") > number


def actions(peer: Peer) -> list[tuple[str, str]]:
    return [(message["username"], message["action"]) for message in peer.messages]


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
def test_the_stock_client_gets_what_it_missed_once_and_in_order_with_its_old_id(transports: list[str]) -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, {**HELD, "transports": transports}) as ann:
            sid = ann.connected()
            if "polling" in transports:
                ann.upgraded()
            say(peer, 0, 100)
            ann.got("message", "99")
            ann.cut()
            say(peer, 100, 300)
            peer.send_json({"username": sid, "n": "mine"})
            back = ann.back()
            mine = json.dumps({"username": sid, "n": "mine"})
            ann.got("message", mine)  # the last that it missed: what comes now is new
            say(peer, 300, 310)
            ann.got("message", "309")
            assert back == {"connect": sid, "recovered": True}
            got = [line["args"][0] for line in ann.said.entries if line.get("event") == "message"]
            assert got == [*map(str, range(300)), mine, *map(str, range(300, 310))]
            ann.ask("move")
        peer.message(username=sid, action="disconnected")
        assert actions(peer) == [(sid, "connected"), (sid, "move"), (sid, "disconnected")]
        assert bridge.counter("sessions_recovered") == 1
        assert bridge.counter("replayed") == 201


def test_a_client_that_polls_recovers_too() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, {**QUICK, "transports": ["polling"]}) as ann:
            sid = ann.connected()
            say(peer, 0, 10)
            ann.got("message", "9")
            ann.cut()
            say(peer, 10, 30)
            assert ann.back() == {"connect": sid, "recovered": True}
            ann.got("message", "29")
            assert numbers(ann) == list(range(30))


def test_one_that_never_got_a_message_recovers_what_came_since_it_connected() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, SOCKET) as first, NodeClient(bridge.url, HELD) as ann:
            first.connected()
            ann.connected()
            ann.cut()
            say(peer, 0, 5)
            assert ann.back()["recovered"]
            ann.got("message", "4")
            assert numbers(ann) == list(range(5))


def test_if_something_has_gone_it_is_told_so_and_is_given_no_part() -> None:
    late = {**HELD, "reconnectionDelay": 5000, "reconnectionDelayMax": 5000}  # a hundred messages after the cut
    with TcpServer() as server, Bridge("--server", server.address, "--recovery-size", "4k") as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, late) as ann:
            sid = ann.connected()
            say(peer, 0, 3)
            ann.got("message", "2")
            ann.cut()
            for number in range(3, 100):
                peer.send(b"%d~" % number)
                until(partial(has_read, bridge, number))
            assert ann.back() == {"connect": sid, "recovered": False}
            say(peer, 100, 101)
            ann.got("message", "100")
            assert numbers(ann) == [0, 1, 2, 100]
            assert bridge.counter("sessions_lost") == 1
        assert [action for _, action in actions(peer)][:1] == ["connected"]


def test_who_missed_the_answer_that_it_did_not_recover_is_given_it_again() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--recovery-size", "4k") as bridge:
        peer = server.accept()
        with Returning(bridge) as ann:
            say(peer, 0, 1)
            ann.until(1)
        for number in range(1, 100):
            peer.send(b"%d~" % number)
            until(partial(has_read, bridge, number))
        pid, offset = ann.pid, ann.offsets[0]
        with Returning(bridge, pid=pid, offset=offset) as unheard:  # which a network loses with all that it is told
            assert (unheard.sid, unheard.pid == pid) == (ann.sid, False)
        with Returning(bridge, pid=pid, offset=offset) as back:
            assert (back.sid, back.pid in (pid, unheard.pid)) == (ann.sid, False), "it would believe it had all"
            say(peer, 100, 101)
            back.until(1)
            assert back.numbers == [100]
        with Returning(bridge, pid=back.pid, offset=back.offsets[0]) as again:
            assert again.pid == back.pid


def test_within_the_grace_time_the_server_is_told_nothing_and_after_it_connected_again() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--grace", "0.3") as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, {**HELD, "reconnectionDelay": 1500, "reconnectionDelayMax": 1500}) as ann:
            sid = ann.connected()
            say(peer, 0, 2)
            ann.got("message", "1")
            ann.cut()
            peer.message(username=sid, action="disconnected")
            peer.send_json({"username": sid, "private": 1})
            assert ann.back() == {"connect": sid, "recovered": True}
            ann.got("message", json.dumps({"username": sid, "private": 1}))
            ann.ask("move")
            peer.message(action="move")
            assert actions(peer) == [(sid, "connected"), (sid, "disconnected"), (sid, "connected"), (sid, "move")]
            assert bridge.counter("unknown_users") == 0


def test_a_page_that_registered_is_the_same_user_after_a_cut_and_after_a_restart(tmp_path: Path) -> None:
    settings = ["--identity", "register", "--state-dir", str(tmp_path / "state")]
    with TcpServer() as server:
        bridge = Bridge("--server", server.address, *settings)
        peer = server.accept()
        with NodeClient(bridge.url, SOCKET) as ann:
            sid = ann.connected()
            assert ann.ask("register", "ann")["ok"]
            peer.message(username="ann", action="connected")
            ann.cut()
            assert ann.back() == {"connect": sid, "recovered": True}
            assert ann.ask("move")["ok"]
            start = len(ann.said.entries)
            assert bridge.stop() == 0
            peer.message(username="ann", action="disconnected")
            with Bridge("--server", server.address, "--port", str(bridge.port), *settings):
                peer = server.accept()
                again = ann.said.wait(lambda line: "connect" in line, start=start)
                assert again == {"connect": sid, "recovered": False}
                ann.said.wait(lambda line: line.get("event") == "bridge:user", start=start)
                assert ann.ask("move")["ok"]
                peer.message(action="move")
                assert actions(peer) == [("ann", "connected"), ("ann", "move")]
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "key").stat().st_mode & 0o777 == 0o600


def test_a_page_that_leaves_by_itself_has_left_at_once_and_for_good() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--identity", "register") as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, SOCKET) as ann:
            ann.connected()
            ann.ask("register", "ann")
            ann.tell({"close": True})
            peer.message(username="ann", action="disconnected")
            ann.tell({"open": True})
            assert ann.back()["recovered"] is False
            assert ann.ask("move")["error"] == "not-registered"


def test_a_connection_that_nobody_noticed_to_be_dead_gives_way_to_its_client() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with Returning(bridge) as old:
            say(peer, 0, 3)
            old.until(3)
            with Returning(bridge, pid=old.pid, offset=old.offsets[1]) as new:
                new.until(1)
                assert (new.sid, new.pid) == (old.sid, old.pid)
                assert new.numbers == [2]
                assert actions(peer) == [(old.sid, "connected")]
                until(lambda: bridge.status()["clients"] == 1)


def test_one_that_is_back_before_its_leaving_was_told_waits_for_that(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\n"
        "def setup(bridge):\n"
        "    @bridge.on_disconnect\n"
        "    def leaves(client):\n"
        "        time.sleep(0.5)\n"
        "        return {'username': client.user, 'action': 'disconnected'}\n",
        encoding="utf-8",
    )
    settings = ["--grace", "0", "--handlers", str(tmp_path / "slow.py")]
    with TcpServer() as server, Bridge("--server", server.address, *settings) as bridge:
        peer = server.accept()
        ann = Returning(bridge)
        ann.close()
        with Returning(bridge, pid=ann.pid) as again:
            assert (again.sid, again.pid) == (ann.sid, ann.pid)
            again.emit("move", ack=1)
            assert again.answer(1) == {"ok": True}
        until(lambda: len(peer.messages) == 5)
        wanted = ["connected", "disconnected", "connected", "move", "disconnected"]
        assert actions(peer) == [(ann.sid, action) for action in wanted]


def test_whom_a_handler_disconnects_while_it_is_away_does_not_recover(tmp_path: Path) -> None:
    (tmp_path / "bans.py").write_text(
        "def setup(bridge):\n"
        "    came = {}\n"
        "    @bridge.on_connect\n"
        "    def comes(client):\n"
        "        came[client.sid] = client\n"
        "        return bridge.DEFAULT\n"
        "    @bridge.on_event('ban')\n"
        "    def ban(client, sid):\n"
        "        came[sid].disconnect('banned')\n",
        encoding="utf-8",
    )
    with TcpServer() as server, Bridge("--server", server.address, "--handlers", str(tmp_path / "bans.py")) as bridge:
        peer = server.accept()
        with Returning(bridge) as bob:
            ann = Returning(bridge)
            said = [(bob.sid, "connected"), (ann.sid, "connected")]
            ann.close()
            until(lambda: bridge.status()["now"]["sessions_away"] == 1)
            bob.emit("ban", ann.sid, ack=1)
            assert bob.answer(1) == {"ok": True}
            peer.message(action="disconnected")
            assert actions(peer) == [*said, (ann.sid, "disconnected")]
            with Returning(bridge, pid=ann.pid) as again:
                assert (again.sid, again.pid == ann.pid) == (ann.sid, False)


def test_neither_a_forged_pid_nor_a_forged_offset_gives_what_was_for_somebody_else() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with Returning(bridge) as ann, Returning(bridge) as eve:
            peer.send_json({"username": ann.sid, "secret": 1})
            say(peer, 1, 2)
            ann.until(2)
            eve.until(1)
            eve.close()
            session, sid, rest = eve.pid.split(".", 2)
            del session
            for forged in (ann.sid, "x", ""):
                with Returning(bridge, pid=f"{eve.pid.split('.')[0]}.{forged}.{rest}", offset=ann.offsets[0]) as liar:
                    assert liar.sid not in (ann.sid, eve.sid)
                    assert liar.numbers == []
            with Returning(bridge, pid=eve.pid, offset=ann.offsets[0]) as back:  # that of the secret: she has had none
                back.until(1)
                assert (back.sid, back.pid, back.numbers) == (sid, eve.pid, [1])
                assert back.texts == ["1"]


def test_a_client_that_can_t_have_offsets_says_so_and_has_none() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        with Returning(bridge, recovery=False) as plain, Returning(bridge) as other:
            say(peer, 0, 3)
            plain.until(3)
            other.until(3)
            assert plain.pid == ""
            assert {len(args) for args in plain.events} == {1}
            assert {len(args) for args in other.events} == {2}
            assert plain.numbers == other.numbers == [0, 1, 2]


def test_with_recovery_off_packets_are_plain_socket_io_s() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--recovery", "off") as bridge:
        peer = server.accept()
        with Returning(bridge) as ann:
            say(peer, 0, 2)
            ann.until(2)
            assert (ann.pid, ann.events) == ("", [["0"], ["1"]])
        with NodeClient(bridge.url, SOCKET) as bob:
            first = bob.connected()
            bob.cut()
            back = bob.back()
            assert not back.get("recovered")
            assert back["connect"] != first


def test_a_client_cut_off_for_being_slow_does_not_recover() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--outbox", "64k") as bridge:
        peer = server.accept()

        with Returning(bridge, stalled=True) as slow, Returning(bridge) as other:
            for number in range(600):
                peer.send(b"%d~" % number + b"x" * 10_000 + b"~")
            until(lambda: bridge.status()["clients"] == 1)
            assert bridge.counter("clients_slow") == 1
            other.until(1200)  # else who is back has what comes still
            assert not other.closed.is_set()
            with Returning(bridge, pid=slow.pid) as back:
                assert back.sid == slow.sid
                assert back.pid != slow.pid
                assert back.numbers == []


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
def test_every_payload_is_followed_by_its_offset(payload: str) -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--payload", payload) as bridge:
        peer = server.accept()
        with NodeClient(bridge.url, HELD) as ann:
            ann.connected()
            peer.send(b'"one"~')
            one = ann.got("message")
            ann.cut()
            peer.send(b'"two"~')
            assert ann.back()["recovered"]
            two = ann.said.wait(lambda line: line.get("event") == "message" and line["args"] != one["args"])
            assert one["offset"] != two["offset"]
            assert two["args"] == {"text": ['"two"'], "json": ["two"], "bytes": [{"binary": "InR3byI="}]}[payload]


def test_who_connects_is_told_the_last_value_and_who_registers_the_last_of_that_user() -> None:
    settings = ["--identity", "register", "--snapshot", "message", "--snapshot-key", "id", "--snapshot-size", "1200"]
    with TcpServer() as server, Bridge("--server", server.address, *settings) as bridge:
        peer = server.accept()
        for state in (
            {"id": 0, "n": 0},
            {"id": 1, "n": 1},
            {"id": 2, "n": 2},
            {"id": 1, "n": 3},
            {"id": 1, "username": "ann", "n": 4},
        ):
            peer.send_json(state)
        until(lambda: bridge.counter("frames_in") == 5)
        assert bridge.counter("snapshot_dropped") == 1
        with Client(bridge.url) as ann:
            ann.ask("register", "ann")
            ann.got("bridge:user", {"user": "ann"})
            ann.linked()
            until(lambda: len(ann.all("message")) == 3)
            values = [json.loads(text)["n"] for text in ann.all("message")]
            assert values == [2, 3, 4]


def test_without_a_place_for_the_key_the_bridge_says_so_and_serves(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with TcpServer() as server, Bridge("--server", server.address, "--state-dir", str(tmp_path / "file")) as bridge:
        server.accept()
        assert "--state-dir" in bridge.said("pages are not known after a restart")
        with NodeClient(bridge.url, SOCKET) as ann:
            ann.connected()
            ann.cut()
            assert ann.back()["recovered"]
