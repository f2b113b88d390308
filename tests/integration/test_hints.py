"""What seems wrong with the server is told within three seconds: in `bridge:link`, in the status, in the log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.client import Client
from tests.process import Bridge
from tests.tcpserver import TcpServer
from tests.viewer import until

IN_TIME = 3.0


@contextmanager
def linked(*flags: str) -> Iterator[tuple[TcpServer, Bridge, Client]]:
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge, Client(bridge.url) as ann:
        yield server, bridge, ann


def hinted(client: Client, code: str, start: int = 0) -> dict[str, Any]:
    def is_it(event: tuple[str, Any]) -> bool:
        return event[0] == "bridge:link" and (event[1]["hint"] or {}).get("code") == code

    hint: dict[str, Any] = client.events.wait(is_it, start=start)[1]["hint"]
    return hint


def lines(bridge: Bridge, text: str) -> list[str]:
    return [line for line in bridge.log.entries if text in line]


def test_lines_where_the_bridge_waits_for_a_tilde_are_told_with_the_flag_and_the_first_bytes() -> None:
    with linked() as (server, bridge, ann):
        peer = server.accept()
        began = time.monotonic()
        peer.send(b'{"a":1}\n{"a":2}\n')
        hint = hinted(ann, "framing")
        assert time.monotonic() - began < IN_TIME
        assert hint["try"] == r"--framing-in '\n'"
        assert r'{"a":1}\n{"a":2}\n' in hint["text"]
        assert bridge.status()["link"]["hint"] == hint
        with Client(bridge.url) as bob:
            assert bob.linked()["hint"] == hint
        for _ in range(20):
            peer.send(b'{"a":3}\n')
        bridge.said("no frame has come with --framing-in '~'")
        assert len(lines(bridge, r"try --framing-in '\n'")) == 1
        count = len(ann.events.entries)
        until(lambda: bridge.counter("bytes_in") == 22 * 8)
        peer.send(b"~whole~")
        cleared = ann.events.wait(lambda e: e[0] == "bridge:link", start=count)[1]
        assert cleared["hint"] is None
        assert bridge.status()["link"]["hint"] is None
