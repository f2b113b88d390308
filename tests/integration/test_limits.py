"""Limits of the process, made small by a handlers file: connections, clients, descriptors."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from tests.process import Bridge
from tests.viewer import until
from tests.waiting import PATIENCE

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


@contextmanager
def limited(folder: Path, code: str) -> Iterator[Bridge]:
    """A bridge in which this has been run before it serves. Its server is not there."""
    file = folder / "limits.py"
    file.write_text(f"def setup(bridge):\n    {code}\n", encoding="utf-8")
    with Bridge("--server", "127.0.0.1:1", "--handlers", str(file)) as bridge:
        yield bridge


def test_a_connection_that_says_nothing_is_closed(tmp_path: Path) -> None:
    code = "from bridge.clients.engine import door; door.SILENCE = 0.3"
    with limited(tmp_path, code) as bridge, socket.create_connection(("127.0.0.1", bridge.port), PATIENCE) as silent:
        assert silent.recv(1) == b""


def test_more_clients_than_there_may_be_are_told_so(tmp_path: Path) -> None:
    code = "from bridge.clients.engine.takeover import take_over; take_over.__kwdefaults__['max_sessions'] = 2"
    with limited(tmp_path, code) as bridge:
        answers = [requests.get(bridge.url + HANDSHAKE, timeout=PATIENCE) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 503]
        sid = answers[0].text.split('"')[3]
        requests.post(f"{bridge.url}{HANDSHAKE}&sid={sid}", "1", timeout=PATIENCE)
        until(lambda: requests.get(bridge.url + HANDSHAKE, timeout=PATIENCE).status_code == 200)


def test_without_descriptors_connections_wait_and_are_counted(tmp_path: Path) -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))"
    with limited(tmp_path, code) as bridge:
        with ExitStack() as stack:
            for _ in range(80):
                stack.enter_context(socket.create_connection(("127.0.0.1", bridge.port), PATIENCE))
            bridge.said("could not be accepted")
        assert bridge.counter("unaccepted") > 0
        assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).ok
