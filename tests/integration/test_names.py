"""The server's name is looked up as the machine's network has it now, whatever the name servers do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.client import Client
from tests.nameserver import NameServer, asking, resolv_conf
from tests.tcpserver import TcpServer
from tests.viewer import until
from tests.waiting import PATIENCE

NAME = "world.example"


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


@pytest.mark.parametrize(
    ("before", "mute", "said"),
    [
        ({}, ("A", "AAAA"), "did not answer for world.example"),
        ({}, (), "world.example does not resolve"),
        (None, (), "world.example does not resolve"),
    ],
    ids=["a mute name server", "one that does not know the name", "none"],
)
def test_in_a_new_network_its_name_servers_are_asked(
    server: TcpServer, tmp_path: Path, before: dict[str, list[str]] | None, mute: tuple[str, ...], said: str
) -> None:
    here = tmp_path / "resolv.conf"
    with ExitStack() as stack:
        new = stack.enter_context(NameServer({NAME: ["127.0.0.1"]}, host="127.0.0.2"))
        if before is not None:
            stack.enter_context(NameServer(before, mute, port=new.port))
            resolv_conf(here, "127.0.0.1")
        bridge = stack.enter_context(asking(tmp_path, new.port, "--server", f"{NAME}:{server.port}"))
        bridge.said(said)
        assert not new.asked.entries
        resolv_conf(here, "127.0.0.2")
        server.accept()
        until(lambda: requests.get(f"{bridge.url}/readyz", timeout=PATIENCE).ok)


def test_a_name_server_that_never_answers_for_ipv6_costs_a_second(server: TcpServer, tmp_path: Path) -> None:
    with NameServer({NAME: ["127.0.0.1"]}, mute=["AAAA"]) as names:
        resolv_conf(tmp_path / "resolv.conf", names.host)
        with asking(tmp_path, names.port, "--server", f"{NAME}:{server.port}") as bridge:
            names.asked.wait_count(1)
            began = time.monotonic()
            server.accept()
            assert time.monotonic() - began < 3
            assert bridge.counter("link_failures") == 0


def test_what_a_name_server_said_is_remembered_while_there_is_a_machine_at_that_address(
    server: TcpServer, tmp_path: Path
) -> None:
    with NameServer({NAME: ["127.0.0.1"]}) as names:
        resolv_conf(tmp_path / "resolv.conf", names.host)
        with asking(tmp_path, names.port, "--server", f"{NAME}:{server.port}"):
            server.accept().close()
            server.accept()
            assert sorted(names.asked.entries) == [(NAME, "A"), (NAME, "AAAA")]


def test_without_a_network_it_serves_pages_and_says_why(tmp_path: Path) -> None:
    with (
        asking(tmp_path, 53, "--server", "nowhere.invalid:8000") as bridge,
        Client(bridge.url) as ann,
    ):
        assert "nowhere.invalid" in str(ann.linked("waiting")["reason"])
        assert requests.get(bridge.url, timeout=PATIENCE).ok
        assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).ok
        ready = requests.get(f"{bridge.url}/readyz", timeout=PATIENCE)
        assert ready.status_code == 503
        assert "the name nowhere.invalid does not resolve" in ready.json()["reason"]
        assert "nowhere.invalid" in bridge.status()["link"]["reason"]
