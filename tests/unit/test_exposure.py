"""Whether a server can be reached past the bridge, as the kernel's own table says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bridge.link.exposure import Exposure, listening_beyond


@contextmanager
def connected(host: str, family: int = socket.AF_INET, to: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A connection to a server that listens there."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, 0))
        listener.listen()
        yield stack.enter_context(socket.create_connection((to, listener.getsockname()[1])))


V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.mark.parametrize(
    ("host", "family", "to", "told"),
    [
        ("127.0.0.1", V4, "127.0.0.1", ""), ("127.0.0.9", V4, "127.0.0.9", ""), ("::1", V6, "::1", ""),
        ("::ffff:127.0.0.1", V6, "127.0.0.1", ""), ("0.0.0.0", V4, "127.0.0.1", "0.0.0.0:"),
        ("::", V6, "127.0.0.1", "[::]:"), ("::", V6, "::1", "[::]:"), ("::ffff:0.0.0.0", V6, "127.0.0.1", "0.0.0.0:"),
    ],
)  # fmt: skip
def test_a_server_that_listens_beyond_loopback_is_warned_of_once(
    host: str, family: int, to: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    exposure = Exposure()
    with connected(host, family, to) as sock:
        port = sock.getpeername()[1]
        for _ in range(3):
            exposure.look(sock)
    assert [f"listens on {told}{port} too" in line for line in caplog.messages] == [True] * bool(told)


def test_one_that_has_stopped_to_and_begins_again_is_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = tmp_path / "tcp"
    exposure = Exposure([str(tmp_path / "none"), str(table)])
    with connected("127.0.0.1") as sock:
        for address in ("00000000", "0100007F", "00000000"):
            table.write_text(f"heading\n 0: {address}:{sock.getpeername()[1]:04X} 00000000:0000 0A x\n")
            exposure.look(sock)
    assert len(caplog.messages) == 2


def test_nothing_is_said_of_a_closed_connection_or_an_unreadable_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = tmp_path / "tcp"
    table.write_text("heading\n 0: junk 0 0A\n")
    with connected("0.0.0.0") as sock:
        Exposure([str(table)]).look(sock)
        Exposure([str(tmp_path)]).look(sock)
        Exposure([]).look(sock)
    Exposure().look(sock)
    assert caplog.messages == []


def test_rows_behind_those_that_listen_are_not_read(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text("heading\n 0: 0100007F:0050 0:0 0A x\n 1: 0100007F:0051 0:0 01 x\n 2: 0100007F:0052 0:0 0A x\n")
    assert [row.split()[0] for row in Exposure([str(table)])._rows()] == ["0:"]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (" 0: 0100007F:1F40 00000000:0000 0A", ""), (" 0: 00000000:1F40 00000000:0000 0A", "0.0.0.0"),
        (" 0: 0501A8C0:1F40 00000000:0000 0A", "192.168.1.5"), (" 0: 00000000:1F41 00000000:0000 0A", ""),
        (" 0: 000080FE00000000000000000A000000:1F40 0:0 0A", "fe80::a"),
    ],
)  # fmt: skip
def test_an_address_is_read_as_the_kernel_writes_it(row: str, found: str) -> None:
    assert listening_beyond(8000, [row]) == found
