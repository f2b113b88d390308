"""The process as its users meet it: exit codes, what it prints, signals, a port that is taken."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.client import Client
from tests.documents import PROTOCOL, rows, section, stated
from tests.process import Bridge, run_app
from tests.returning import Returning
from tests.tcpserver import TcpServer
from tests.viewer import until
from tests.waiting import PATIENCE

FAREWELL = 5.0  # seconds that a bridge which stops gives the server to read what waits


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_after_the_pages_and_the_server_were_told(number: int) -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        peer = server.accept()
        ann = Client(bridge.url)
        ann.linked()
        sid = ann.sid
        assert bridge.stop(number) == 0
        ann.got("bridge:closing", {"code": "stopping"})
        assert ann.gone.wait(PATIENCE)
        peer.message(username=sid, action="disconnected")
        assert peer.ended.wait(PATIENCE)
        assert "Traceback" not in "\n".join(bridge.log.entries)


@contextmanager
def unread() -> Iterator[Bridge]:
    """A bridge whose server does not read, and for which more waits than it can hand over."""
    with (
        TcpServer(stalled=True) as server,
        Bridge("--server", server.address) as bridge,
        Client(bridge.url) as ann,
    ):
        server.accept()
        ann.linked()
        for _ in range(500):
            ann.emit("fill", "x" * 20_000)
        ann.ask("bridge:x")
        yield bridge


def test_it_ends_in_time_with_a_server_that_does_not_read() -> None:
    with unread() as bridge:
        began = time.monotonic()
        assert bridge.stop() == 0
        assert FAREWELL - 0.5 < time.monotonic() - began < FAREWELL + 2  # 5 s for what waits, 1 s for the clients


def test_a_slow_server_that_speaks_meanwhile_has_all_that_was_acked_and_who_left_last() -> None:
    with TcpServer(stalled=True) as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        ann.linked()
        sid = ann.sid
        for n in range(400):
            ann.emit("fill", {"n": n, "x": "x" * 4_000})
        assert ann.ask("fill", {"n": 400})["ok"]
        bridge.process.send_signal(signal.SIGTERM)
        bridge.said("= stopping")
        assert ann.gone.wait(PATIENCE)
        peer.read_slowly(2_000_000)
        peer.resume()
        while not peer.ended.is_set():
            try:
                peer.send(b"still here~")
            except OSError:
                break
        assert bridge.ended() == 0
        assert peer.ended.wait(PATIENCE)
        said = peer.messages
        assert [each["n"] for each in said if each["action"] == "fill"] == list(range(401))
        assert [said[0]["action"], said[-1]] == ["connected", {"username": sid, "action": "disconnected"}]
        assert not [line for line in bridge.log.entries if "may not have arrived" in line]


def test_a_server_that_never_closes_does_not_keep_it() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Bridge("--server", f"127.0.0.1:{listener.getsockname()[1]}") as bridge,
        listener.accept()[0] as connection,
        Client(bridge.url) as ann,
    ):
        ann.linked()
        began = time.monotonic()
        assert bridge.stop() == 0
        assert time.monotonic() - began < FAREWELL / 2
        assert json.loads(connection.recv(10_000).split(b"~")[-2])["action"] == "disconnected"


def test_who_comes_while_it_stops_is_not_let_in_and_the_server_hears_nothing_of_it() -> None:
    with unread() as bridge, requests.Session() as early:
        assert early.get(f"{bridge.url}/healthz", timeout=PATIENCE).ok
        bridge.process.send_signal(signal.SIGTERM)
        bridge.said("= stopping")
        answer = early.get(f"{bridge.url}/socket.io/?EIO=4&transport=polling", timeout=PATIENCE)
        assert (answer.status_code, answer.text) == (503, "The bridge is stopping.")
        assert bridge.ended() == 0


def test_a_second_signal_ends_it_at_once() -> None:
    with unread() as bridge:
        bridge.process.send_signal(signal.SIGTERM)
        bridge.said("= stopping")
        began = time.monotonic()
        assert bridge.stop() == 1
        assert time.monotonic() - began < FAREWELL


def test_a_terminal_that_is_closed_does_not_end_it() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        server.accept()
        ann.linked()
        bridge.process.send_signal(signal.SIGHUP)
        assert ann.ask("move")["ok"]
        assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).ok
        assert bridge.stop() == 0


def test_a_port_that_is_taken_is_named_and_ends_it_with_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_app("--demo", "--port", str(port))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_bad_settings_end_it_with_2_and_one_block_that_names_them_all() -> None:
    done = run_app(
        "--framing-in",
        "none",
        "--framing-out",
        "abc",
        "--payload",
        "xml",
        "--prot",
        "1",
        BRIDGE_MAX_FRAME="x",
    )
    assert done.returncode == 2
    for name in ("--framing-in", "--framing-out", "--payload", "--port", "BRIDGE_MAX_FRAME"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_check_prints_every_setting_with_its_origin_and_ends_with_0(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text('server = "example:9"\nevent = "state"\n')
    done = run_app("--config", str(file), "--check", "--identity", "none", BRIDGE_PAYLOAD="json")
    assert done.returncode == 0, done.stderr
    for name, value, origin in [
        ("server", "example:9", "bridge.toml"),
        ("identity", "none", "--identity"),
        ("payload", "json", "BRIDGE_PAYLOAD"),
    ]:
        assert any(name in line and value in line and origin in line for line in done.stdout.splitlines()), done.stdout


def test_version_and_help() -> None:
    assert run_app("--version").stdout.startswith("bridge ")
    help_ = run_app("--help")
    assert help_.returncode == 0
    assert "--framing-in" in help_.stdout


def test_the_address_to_open_is_printed_with_all_interfaces_the_lan_address_too() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--host", "0.0.0.0") as bridge:
        assert requests.get(f"http://localhost:{bridge.port}/healthz", timeout=PATIENCE).ok
        bridge.said("whoever reaches it may act as anybody")


def test_a_server_that_listens_beyond_this_machine_is_warned_of_once() -> None:
    for host in ("0.0.0.0", "127.0.0.1"):
        with TcpServer(host=host) as server, Bridge("--server", f"localhost:{server.port}") as bridge:
            for _ in range(2):
                server.accept().close()
            server.accept()
            with Client(bridge.url) as ann:
                ann.linked()
        lines = [line for line in bridge.log.entries if "listens on 0.0.0.0" in line]
        assert len(lines) == (host == "0.0.0.0")
        assert not any("may act as anybody" in line for line in bridge.log.entries)


def test_the_demo_is_a_live_world_over_a_real_port() -> None:
    with Bridge("--demo") as bridge, Client(bridge.url) as ann:
        ann.linked()
        worlds = ann.events.wait(lambda e: e[0] == "message" and '"world"' in e[1])
        world = json.loads(worlds[1])
        assert world["action"] == "world"
        assert ann.ask("chat", "hello")["ok"]
        ann.events.wait(lambda e: e[0] == "message" and '"hello"' in e[1])
        assert bridge.status()["link"]["server"].startswith("127.0.0.1:")


def test_status_has_everything_by_name() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        server.accept()
        ann.linked()
        ann.got("bridge:user")
        status = bridge.status()
        assert status["link"]["state"] == "connected"
        assert status["link"]["server"] == server.address
        assert {"reason", "since", "next_try_s"} <= status["link"].keys()
        assert (status["clients"], status["users"]) == (1, 1)
        assert status["counters"]["link_connects"] == 1
        assert status["now"] == {
            "bytes_for_link": 0, "bytes_held": 0, "connections": 1, "bytes_for_clients": 0, "bytes_for_slowest": 0,
            "bytes_unfinished": 0, "catching_up": 0, "sessions_away": 0, "bytes_of_history": 0,
        }  # fmt: skip
        rows_of_now = rows(section(PROTOCOL, "HTTP").split("`now` is")[1])
        assert status["now"].keys() == rows_of_now.keys(), "docs/protocol.md, HTTP: `now`"
        said = stated()
        assert status.keys() == said.keys(), "docs/protocol.md, HTTP"
        assert status["link"].keys() == said["link"].keys(), "docs/protocol.md, HTTP"


def test_each_value_of_this_moment_in_the_status_rises_with_what_it_counts() -> None:
    risen: set[str] = set()
    flags = ("--slow", "drop-oldest", "--hold", "2")
    with TcpServer(stalled=True) as server, Bridge("--server", server.address, *flags) as bridge:

        def now() -> dict[str, int]:
            values: dict[str, int] = bridge.status()["now"]
            return values

        def rise(*names: str) -> None:
            until(lambda: all(now()[name] > 0 for name in names))
            risen.update(names)

        peer = server.accept()
        with Returning(bridge) as ann:
            peer.send(b"0~")
            ann.until(1)
            rise("connections", "bytes_of_history")
            ann.write(b"\x01\x80" + bytes(4))  # the first fragment of a message
            ann.write(b"\x00\x85" + bytes(4) + b"hello")
            rise("bytes_unfinished")
        rise("sessions_away")
        for _ in range(80):
            peer.send(b"x" * 100_000 + b"~")
        with Returning(bridge, stalled=True, pid=ann.pid, offset=ann.offsets[-1]), Client(bridge.url) as bob:
            rise("catching_up", "bytes_for_clients", "bytes_for_slowest")
            for _ in range(500):
                bob.emit("fill", "x" * 20_000)
            rise("bytes_for_link")
            server.close()
            rise("bytes_held")
            until(lambda: now()["bytes_held"] == 0)
        assert risen == now().keys(), "make each of them rise here"


def test_log_lines_can_be_json_and_debug_lines_are_marked_and_shortened() -> None:
    with (
        TcpServer() as server,
        Bridge("--server", server.address, "--log-format", "json", "--log-level", "debug") as bridge,
    ):
        peer = server.accept()
        with Client(bridge.url) as ann:
            ann.linked()
            assert ann.ask("hello", "x" * 500)["ok"]
            peer.send(b"y" * 500 + b"~")
            ann.got("message")
        bridge.said("disconnected")
        lines = [json.loads(line) for line in bridge.log.entries if line.startswith("{")]
        sent = [line["message"] for line in lines if line["message"].startswith("> ")]
        got = [line["message"] for line in lines if line["message"].startswith("< b'yyy")]
        assert any("hello" in line for line in sent)
        assert got
        assert all(len(line) <= 80 for line in sent + got)


def test_another_origin_is_refused_unless_it_is_allowed() -> None:
    with TcpServer() as server:
        proxy = ("--allowed-hosts", "game.example", "--trusted-proxies", "127.0.0.1")
        with Bridge("--server", server.address, "--allowed-origins", "http://localhost:5173", *proxy) as bridge:
            query = f"{bridge.url}/socket.io/?EIO=4&transport=polling"
            own = f"http://127.0.0.1:{bridge.port}"
            codes = [
                requests.get(query, headers={"Origin": origin}, timeout=PATIENCE).status_code
                for origin in (own, "http://localhost:5173", "http://evil.example")
            ]
            assert codes == [200, 200, 400]
            proxied = {"Origin": "https://game.example", "X-Forwarded-Proto": "https", "Host": "game.example"}
            assert requests.get(query, headers=proxied, timeout=PATIENCE).status_code == 200
        with Bridge("--server", server.address) as bridge:
            query = f"{bridge.url}/socket.io/?EIO=4&transport=polling"
            assert requests.get(query, headers={"Origin": "http://evil.example"}, timeout=PATIENCE).status_code == 400


def test_a_2x_client_is_told_in_plain_words_and_the_log_says_it_once() -> None:
    from tests.node_client import NodeClient

    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        answer = requests.get(f"{bridge.url}/socket.io/?EIO=3&transport=polling", timeout=PATIENCE)
        assert answer.status_code == 400
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert "2.x" in answer.text
        assert "/socket.io/socket.io.js" in answer.text
        with NodeClient(bridge.url, version="2") as old:
            old.said.wait(lambda line: "connect_error" in line)
        assert bridge.counter("old_clients") >= 2
    assert sum("2.x" in line for line in bridge.log.entries) == 1


def test_the_stock_client_is_served_where_node_users_know_it_and_under_static() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        for path in ("/socket.io/socket.io.js", "/static/socket.io.js"):
            answer = requests.get(bridge.url + path, timeout=PATIENCE)
            assert answer.status_code == 200
            assert "javascript" in answer.headers["Content-Type"]
            assert "Socket.IO v4" in answer.text[:200]


def test_a_site_of_ones_own_is_served_and_the_bridges_page_stays(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text("<h1>mine</h1>")
    (tmp_path / "sub" / "index.html").write_text("<h1>sub</h1>")
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path.parent / "secret.txt").write_text("secret")
    with TcpServer() as server, Bridge("--server", server.address, "--site", str(tmp_path)) as bridge:

        def get(path: str) -> requests.Response:
            return requests.get(bridge.url + path, timeout=PATIENCE)

        assert get("/").text == "<h1>mine</h1>"
        assert get("/sub/").text == "<h1>sub</h1>"
        assert "css" in get("/a.css").headers["Content-Type"]
        assert get("/none").status_code == 404
        assert "secret" not in get("/%2e%2e/secret.txt").text
        assert "<canvas" in get("/bridge/").text
        assert get("/healthz").ok
        assert get("/socket.io/socket.io.js").ok
