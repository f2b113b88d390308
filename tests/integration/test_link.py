"""The link: it is lost in every way there is, says so, and comes back; the pages stay."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import requests

from bridge.link.framing.registry import FRAMINGS, framing_in, framing_out
from tests.client import Client
from tests.handlers import busy
from tests.process import Bridge
from tests.tcpserver import TcpServer
from tests.viewer import until
from tests.waiting import PATIENCE, Log


def free_port() -> int:
    """A port on which nothing listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def cpu_seconds(bridge: Bridge) -> float:
    """Processor time that the process has used."""
    with open(f"/proc/{bridge.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_a_server_that_starts_later_is_found() -> None:
    port = free_port()
    with Bridge("--server", f"127.0.0.1:{port}") as bridge, Client(bridge.url) as ann:
        down = ann.linked("waiting")
        assert f"nothing listens on 127.0.0.1:{port}" in down["reason"]
        assert 0 < down["next_try_s"] <= 12.5
        assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).status_code == 200
        ready = requests.get(f"{bridge.url}/readyz", timeout=PATIENCE)
        assert (ready.status_code, ready.json()["reason"]) == (503, down["reason"])
        with TcpServer(port) as server:
            peer = server.accept()
            assert peer.message(action="connected")["username"] == ann.sid
            up = ann.linked()
            assert up["reason"] is None
            assert up["next_try_s"] is None
            assert abs(up["since"] - time.time()) < 60
            assert requests.get(f"{bridge.url}/readyz", timeout=PATIENCE).status_code == 200
        bridge.said(f"connected to 127.0.0.1:{port}")
        bridge.said(f"127.0.0.1:{port} closed the connection")


@pytest.mark.parametrize(("how", "words"), [("close", "closed the connection"), ("reset", "reset the connection")])
def test_after_the_server_has_gone_everybody_is_announced_anew_first(how: str, words: str) -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--identity", "register") as bridge:
        peer = server.accept()
        with Client(bridge.url) as ann, Client(bridge.url) as bob, Client(bridge.url) as unknown:
            assert ann.ask("register", "ann")["ok"]
            assert bob.ask("register", "bob")["ok"]
            unknown.linked()
            peer.message(username="bob", action="connected")
            getattr(peer, how)()
            assert words in ann.linked("waiting")["reason"]
            again = server.accept()
            again.message(username="bob", action="connected")
            assert bob.ask("move", 1)["ok"]
            assert [(m["username"], m["action"]) for m in again.first(3)] == [
                ("ann", "connected"), ("bob", "connected"), ("bob", "move"),
            ]  # fmt: skip
            again.send(b"hello again~")
            assert ann.got("message") == "hello again"


def test_presence_of_the_past_is_never_told() -> None:
    port = free_port()
    with Bridge("--server", f"127.0.0.1:{port}", "--identity", "register") as bridge:
        with Client(bridge.url) as gone:
            assert gone.ask("register", "gone")["ok"]
        with Client(bridge.url) as ann:
            assert ann.ask("register", "ann")["ok"]
            with TcpServer(port) as server:
                peer = server.accept()
                peer.message(username="ann", action="connected")
                assert ann.ask("x")["ok"]
                assert [(m["username"], m["action"]) for m in peer.first(2)] == [
                    ("ann", "connected"),
                    ("ann", "x"),
                ]


def test_a_half_frame_of_the_old_connection_never_joins_the_new_one() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        ann.linked()
        peer.send(b"whole~hal")
        ann.got("message", "whole")
        peer.close()
        bridge.said("inside a frame")
        server.accept().send(b"new~")
        ann.got("message", "new")
        assert ann.all("message") == ["whole", "new"]
        assert bridge.counter("frames_truncated") == 1


def test_a_server_that_accepts_and_closes_at_once_is_not_called_in_a_loop() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        for _ in range(4):
            server.accept().close()
        assert bridge.counter("link_connects") <= 6
        assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).ok


def test_a_server_that_closes_each_connection_is_two_lines_in_the_log_and_one_count() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        for _ in range(6):
            server.accept().close()
        assert len([line for line in bridge.log.entries if "= connected to" in line or "= link down" in line]) <= 3
        line = bridge.said("more changes since the line before")
        assert "closed the connection" in line


def test_a_link_that_is_down_or_silent_costs_no_cpu() -> None:
    with (
        TcpServer() as silent,
        Bridge("--server", silent.address) as quiet,
        Bridge("--server", f"127.0.0.1:{free_port()}") as down,
    ):
        silent.accept()
        with Client(quiet.url) as a, Client(down.url) as b:
            a.linked()
            b.linked("waiting")
            before = cpu_seconds(quiet), cpu_seconds(down)
            started = time.monotonic()
            b.gone.wait(3)  # nothing happens for three seconds
            passed = time.monotonic() - started
            assert (cpu_seconds(quiet) - before[0]) / passed < 0.1
            assert (cpu_seconds(down) - before[1]) / passed < 0.1


def test_a_link_that_is_not_read_costs_no_cpu_though_more_has_come(tmp_path: Path) -> None:
    handlers = ("--handlers", str(busy(tmp_path, 3)))
    with TcpServer() as server, Bridge("--server", server.address, *handlers) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        ann.linked()
        peer.send(b"one~")
        until(lambda: bridge.counter("frames_in") == 1)
        peer.send(b"two~")
        before, began = cpu_seconds(bridge), time.monotonic()
        ann.gone.wait(1.5)  # nothing happens meanwhile
        assert (cpu_seconds(bridge) - before) / (time.monotonic() - began) < 0.1
        assert bridge.counter("frames_in") == 1


def test_a_name_that_does_not_resolve_is_said_and_the_pages_stay() -> None:
    with Bridge("--server", "no-such-host.invalid:8000") as bridge, Client(bridge.url) as ann:
        started = time.monotonic()
        assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).ok
        assert time.monotonic() - started < 3
        assert "no-such-host.invalid" in ann.linked("waiting")["reason"]
        assert bridge.status()["link"]["state"] in ("waiting", "connecting")


def test_every_address_of_a_name_is_tried_ipv6_too() -> None:
    with TcpServer(host="::1") as server, Bridge("--server", f"localhost:{server.port}"):
        server.accept()
    with TcpServer(host="::1") as server, Bridge("--server", server.address):
        server.accept()


def test_a_frame_over_the_limit_is_skipped_and_one_of_the_limit_is_not() -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--max-frame", "100") as bridge,
        Client(bridge.url) as ann,
    ):
        peer = server.accept()
        ann.linked()
        peer.send(b"a" * 100 + b"~" + b"b" * 101 + b"~" + b"c" * 1_000_000 + b"~end~")
        ann.got("message", "end")
        assert ann.all("message") == ["a" * 100, "end"]
        assert bridge.counter("frames_skipped") == 2
        bridge.said("it starts b'bbbb")
        assert ann.ask("x", "y" * 100)["error"] == "too-big"
        assert ann.ask("x")["ok"]


@pytest.mark.parametrize(
    ("framing", "junk", "words"),
    [
        ("length:4", b"\xff\xff\xff\xff", "over the limit"),
        ("netstring", b"5:abcdeX", "no frame"),
        ("varint", b"\xff" * 11, "no frame"),
        ("json", b'{"a":1}}', "no frame"),
        ("json", b"[" * 513, "no frame"),
    ],
)
def test_bytes_that_are_no_frame_drop_the_link_which_is_made_anew(framing: str, junk: bytes, words: str) -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--framing-in", framing) as bridge,
        Client(bridge.url) as ann,
    ):
        peer = server.accept()
        ann.linked()
        peer.send(junk)
        assert words in ann.linked("waiting")["reason"]
        server.accept()
        assert bridge.counter("framing_errors") == 1


def test_a_delimiter_in_a_string_cannot_forge_a_frame_either_way() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        ann.linked()
        assert ann.ask("say~", {"text": 'a~{"username":"root","action":"x"}~', "k~": 1})["ok"]
        frame = peer.frames.wait(lambda f: b"say" in f)
        assert b"\\u007e" in frame
        assert peer.message(action="say~") == {
            "username": ann.sid, "action": "say~", "text": 'a~{"username":"root","action":"x"}~', "k~": 1,
        }  # fmt: skip
        peer.send(b'{"text":"a\\u007eb"}~')
        assert ann.got("message") == '{"text":"a\\u007eb"}'


def test_when_the_server_does_not_read_events_are_refused_as_busy_and_presence_is_kept() -> None:
    with TcpServer(stalled=True) as server:
        with Bridge("--server", server.address, "--link-queue", "20000") as bridge, Client(bridge.url) as ann:
            peer = server.accept()
            ann.linked()
            filler = "x" * 10_000
            for _ in range(2000):  # more than the kernel's buffers and the queue take
                ann.emit("fill", filler)
            assert ann.ask("more", filler)["error"] == "link-busy"
            with Client(bridge.url) as bob:
                bob.got("bridge:user")
                sid = bob.sid
                peer.resume()
                peer.message(username=sid, action="connected")
        peer.message(username=sid, action="disconnected")
        fills = [m for m in peer.messages if m["action"] == "fill"]
        assert all(m["data"] == filler for m in fills)
        assert len(fills) < 2000


def test_presence_that_piles_up_for_a_server_that_does_not_read_ends_the_connection() -> None:
    bridge = Bridge("--server", (server := TcpServer(stalled=True)).address, "--identity", "register")
    with server, bridge, Client(bridge.url) as ann:
        server.accept()
        ann.linked()
        while not bridge.counter("presence_overflow"):
            for number in range(1000):
                ann.emit("register", f"{number % 2}" + "\N{MAPLE LEAF}" * 120)
            assert ann.ask("register", "ann")["ok"]
        server.accept()
        assert bridge.said("the server leaves presence unread")


def test_a_server_that_does_not_read_keeps_its_link_and_all_say_so_until_it_reads() -> None:
    with TcpServer(stalled=True) as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        ann.linked()
        answers: Log[dict[str, object]] = Log()
        for n in range(20):
            ann.sio.emit("fill", [n, "x" * 500_000], callback=answers.add)
        told = ann.events.wait(lambda e: e[0] == "bridge:link" and "has not read for" in (e[1]["reason"] or ""), 60)[1]
        assert told["state"] == "connected"
        ready = requests.get(f"{bridge.url}/readyz", timeout=PATIENCE)
        assert (ready.status_code, ready.json()["status"]) == (200, "ok")
        assert "the server has not read for" in ready.json()["reason"]
        assert "the server has not read for" in bridge.status()["link"]["reason"]
        bridge.said("the server has not read for")
        peer.resume()
        bridge.said("reads again")
        until(lambda: ann.all("bridge:link")[-1]["reason"] is None)
        assert requests.get(f"{bridge.url}/readyz", timeout=PATIENCE).json() == {"status": "ok"}
        assert bridge.counter("link_stalls") == 1
        assert bridge.counter("link_drops") == 0
        taken = sum(answer.get("error", "ok") == "ok" for answer in answers.wait_count(20))
        until(lambda: sum(b'"fill"' in frame for frame in peer.frames.entries) == taken)


def test_what_waited_when_the_link_broke_is_answered_link_down() -> None:
    options = ["--link-queue", "4M", "--when-down", "refuse"]
    with (
        TcpServer(stalled=True) as server,
        Bridge("--server", server.address, *options) as bridge,
        Client(bridge.url) as ann,
    ):
        peer = server.accept()
        ann.linked()
        answers: Log[dict[str, object]] = Log()
        for _ in range(300):  # more than the kernel's buffers and the queue take
            ann.sio.emit("fill", "x" * 50_000, callback=answers.add)
        answers.wait(lambda value: value.get("error") == "link-busy")  # so the queue is full, and so is the kernel
        server.refuse()  # else what has not been read yet would wait for the next connection, which nobody reads
        peer.reset()
        codes = [value.get("error", "ok") for value in answers.wait_count(300)]
        assert set(codes) <= {"ok", "link-down", "link-busy"}
        assert "link-down" in codes
        assert bridge.counter("frames_unconfirmed") > 0


def test_framing_none_sends_one_message_at_a_time_with_a_gap() -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--framing-out", "none", "--send-gap", "0.3") as bridge,
    ):
        peer = server.accept()
        started = time.monotonic()  # before all seven; to connect takes less than a gap, so none may be missing
        with Client(bridge.url) as ann:
            ann.linked()
            for n in range(5):
                ann.emit("n", n)
            assert ann.ask("end")["ok"]
            assert time.monotonic() - started >= 6 * 0.3 - 0.01  # the clock of the hub is coarser than this one
            reads = peer.raw.wait_count(7)
            assert all(data.startswith(b"{") and data.endswith(b"}") and data.count(b"{") == 1 for data in reads)


#: Of each kind one, and more of those that come in several.
FRAMED = [
    "\\n", "|", "\\0", "END\\r\\n", "length:2le",
    *(
        kind.forms[0]
        for name, kind in FRAMINGS.items()
        if kind.decoder and kind.encoder and name not in ("delim:", "length:")
    ),
]  # fmt: skip


@pytest.mark.parametrize("framing", FRAMED)
def test_every_framing_works_end_to_end_both_ways(framing: str) -> None:
    frame = b'{"n":1}'
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--framing-in", framing, "--framing-out", framing) as bridge,
    ):
        peer = server.accept()
        with Client(bridge.url) as ann:
            peer.send(framing_out(framing, 1000).frame(frame) * 2)
            ann.events.wait(lambda e: e == ("message", '{"n":1}'))
            assert ann.ask("move", {"x": "~|\x00é"})["ok"]
            decoder = framing_in(framing, 1000)
            peer.raw.wait(lambda _: b"move" in b"".join(peer.raw.entries))
            got = decoder.feed(b"".join(peer.raw.entries))
            assert got[-1] == f'{{"username":"{ann.sid}","action":"move","x":"~|\\u0000é"}}'.encode().replace(
                b"|", b"\\u007c" if framing == "|" else b"|"
            )
            assert ann.all("message") == ['{"n":1}'] * 2
