"""Who asks on the bridge's own machine, and not through a proxy."""

from __future__ import annotations

import pytest

from bridge.admission.visitors import REMEMBERED, is_local, is_loopback


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", [None, "localhost", "localhost:80", "127.0.0.1:8080", "[::1]:1", "a.localhost"])
def test_somebody_on_this_machine_is(peer: str, host: str | None) -> None:
    assert is_local({"REMOTE_ADDR": peer} | ({} if host is None else {"HTTP_HOST": host}))


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "", "unix", "0.0.0.0"])
def test_somebody_elsewhere_is_not(peer: str) -> None:
    assert not is_local({"REMOTE_ADDR": peer, "HTTP_HOST": "localhost"})


@pytest.mark.parametrize(
    "name", ["X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_REAL_IP", "FORWARDED", "VIA"]
)
def test_nor_is_who_comes_through_a_proxy(name: str) -> None:
    assert not is_local({"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost", f"HTTP_{name}": ""})


@pytest.mark.parametrize("host", ["game.example", "192.168.1.20", "pc7.local", "", "local host"])
def test_nor_who_asks_by_a_name_that_others_have_too(host: str) -> None:
    assert not is_local({"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": host})


def test_of_addresses_no_more_than_a_limit_is_remembered() -> None:
    for n in range(2 * REMEMBERED):
        is_loopback(f"10.0.{n >> 8}.{n & 255}")
    assert is_loopback.cache_info().currsize == REMEMBERED
