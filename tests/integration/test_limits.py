"""Limits of the process, made small by a handlers file: connections, clients, descriptors."""

from __future__ import annotations

import resource
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from tests.client import Client
from tests.process import Bridge
from tests.viewer import until
from tests.waiting import PATIENCE

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


@contextmanager
def limited(folder: Path, code: str, *flags: str) -> Iterator[Bridge]:
    """A bridge in which this has been run before it serves. Its server is not there."""
    file = folder / "limits.py"
    file.write_text(f"def setup(bridge):\n    {code}\n", encoding="utf-8")
    with Bridge("--server", "127.0.0.1:1", "--handlers", str(file), *flags) as bridge:
        yield bridge


def test_a_connection_that_says_nothing_is_closed(tmp_path: Path) -> None:
    code = "from bridge.engineio import acceptor; acceptor.SILENCE = 0.3"
    with limited(tmp_path, code) as bridge, socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as silent:
        assert silent.recv(1) == b""


def test_more_clients_than_there_may_be_are_told_so() -> None:
    with Bridge("--server", "127.0.0.1:1", "--max-clients", "2") as bridge:
        answers = []
        for _ in range(3):
            answers.append(requests.get(bridge.url + HANDSHAKE, timeout=PATIENCE))
            if answers[-1].ok:  # one that does not connect to a namespace makes way
                sid = answers[-1].text.split('"')[3]
                assert requests.post(f"{bridge.url}{HANDSHAKE}&sid={sid}", "40", timeout=PATIENCE).text == "ok"
        assert [answer.status_code for answer in answers] == [200, 200, 503]
        requests.post(f"{bridge.url}{HANDSHAKE}&sid={sid}", "1", timeout=PATIENCE)
        until(lambda: requests.get(bridge.url + HANDSHAKE, timeout=PATIENCE).status_code == 200)
        assert bridge.counter("clients_refused") >= 1
        bridge.said("too many (--max-clients 2)")


def request(bridge: Bridge, text: str) -> socket.socket:
    """A connection on which this has been sent."""
    sock = socket.create_connection(("127.0.0.1", bridge.port), PATIENCE)
    sock.sendall(text.encode())
    return sock


def test_more_requests_than_are_served_at_a_time_wait_for_one_to_end(tmp_path: Path) -> None:
    code = "from bridge.engineio import http_server; http_server.MAX_CONNECTIONS = 2"
    with limited(tmp_path, code) as bridge, ExitStack() as stack:
        first, _ = [stack.enter_context(request(bridge, "GET / HTTP/1.1\r\n")) for _ in range(2)]  # half of one
        third = stack.enter_context(request(bridge, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        third.settimeout(0.5)
        with pytest.raises(TimeoutError):
            third.recv(1)
        with Client(bridge.url) as ann:  # WebSockets are none of them
            ann.linked("waiting")
        first.close()
        third.settimeout(PATIENCE)
        assert third.recv(12) == b"HTTP/1.1 200"


def test_as_many_connections_wait_to_be_accepted_as_the_kernel_keeps_and_others_try_again(
    tmp_path: Path,
) -> None:
    code = "from bridge.engineio import http_server; http_server.BACKLOG = 5"
    with limited(tmp_path, code) as bridge, ExitStack() as stack:
        bridge.process.send_signal(signal.SIGSTOP)
        try:
            waiting = [stack.enter_context(knock(bridge)) for _ in range(30)]
            there = [sock for sock in waiting if select.select([], [sock], [], 0.05)[1]]
            assert 5 <= len(there) <= 10
        finally:
            bridge.process.send_signal(signal.SIGCONT)
        for sock in waiting:
            assert select.select([], [sock], [], PATIENCE)[1]
            sock.setblocking(True)
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.1 200"


def knock(bridge: Bridge) -> socket.socket:
    """A connection that is being made."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", bridge.port))
    return sock


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))"


def test_with_a_full_disk_at_the_start_it_says_what_is_lost_once_each_and_serves(tmp_path: Path) -> None:
    with limited(tmp_path, FULL) as bridge:
        with Client(bridge.url) as ann:
            ann.linked("waiting")
        lines = [line for line in bridge.log.entries if "after a restart of the bridge" in line]
        assert len(lines) == 2
        assert "pages are not known" in lines[0] + lines[1]
        assert "who has registered is not known" in lines[0] + lines[1]
        assert not list(bridge.state.glob("key*"))


def test_a_disk_that_is_full_later_is_one_line_and_who_registers_is_known_until_the_end(tmp_path: Path) -> None:
    code = f"bridge.on_event('fill')(lambda client: exec({FULL!r}))"
    with limited(tmp_path, code, "--identity", "register") as bridge, Client(bridge.url) as ann:
        assert ann.ask("register", "ann")["ok"]
        assert ann.ask("fill")["ok"]
        for name in ("bob", "eve"):
            assert ann.ask("register", name) == {"ok": True, "user": name}
    lines = [line for line in bridge.log.entries if "after a restart of the bridge" in line]
    assert len(lines) == 1
    assert "who has registered may not be known" in lines[0]


def test_without_descriptors_connections_wait_and_are_counted(tmp_path: Path) -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))"
    with limited(tmp_path, code) as bridge:
        with ExitStack() as stack:
            for _ in range(80):
                stack.enter_context(socket.create_connection(("127.0.0.1", bridge.port), PATIENCE))
            bridge.said("could not be accepted")
        assert bridge.counter("unaccepted") > 0
        assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).ok


def test_the_kernel_s_table_of_files_never_grows_while_clients_come() -> None:
    """With several threads, each doubling of it stops all for some 15 ms."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Bridge("--server", "127.0.0.1:1") as bridge:
        status = Path(f"/proc/{bridge.process.pid}/status").read_text(encoding="ascii")
    [size] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("FDSize:")]
    assert size >= min(20_000, most if most != resource.RLIM_INFINITY else 20_000)
