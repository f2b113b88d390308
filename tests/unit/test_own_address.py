"""sockets.py: a connection that comes back to the bridge itself is known, and no other is taken for it."""

from __future__ import annotations

import socket

import pytest

from bridge.link.sockets import is_own


@pytest.mark.parametrize(
    ("listens", "own", "itself"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("127.0.0.1", "::", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("::1", "::1", True),
        ("::1", "::", True),
        ("::1", "0.0.0.0", False),
    ],
)
def test_the_address_says_whether_it_is_itself(listens: str, own: str, itself: bool) -> None:
    family = socket.AF_INET6 if ":" in listens else socket.AF_INET
    with socket.create_server((listens, 0), family=family) as server:
        port = server.getsockname()[1]
        with socket.create_connection((listens, port)) as sock:
            assert is_own(sock, (own, port)) is itself
            assert not is_own(sock, (own, port + 1))


def test_one_that_has_ended_is_not_itself() -> None:
    with socket.socket() as sock:
        assert not is_own(sock, ("127.0.0.1", 80))
