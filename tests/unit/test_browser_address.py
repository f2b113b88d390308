"""Which browser a request comes from: the peer, or what a proxy on this machine says."""

from __future__ import annotations

import pytest

from bridge.engineio.environ_store import browser_address


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    ("forwarded", "wanted"),
    [
        ("10.1.1.1", "10.1.1.1"), ("10.2.2.2, 10.1.1.1", "10.1.1.1"), ("junk,  fe80::1 ", "fe80::1"),
        ("10.1.1.1, junk", None), ("", None), ("10.1.1.1,", None), ("10.1.1.1:80", None),
    ],
)  # fmt: skip
def test_a_proxy_on_this_machine_is_believed_its_last_address(peer: str, forwarded: str, wanted: str | None) -> None:
    found = browser_address({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded})
    assert found == (peer if wanted is None else wanted)


@pytest.mark.parametrize("peer", ["10.9.9.9", "fe80::2", "::ffff:10.9.9.9", "", "unix", "128.0.0.1"])
def test_nobody_else_is(peer: str) -> None:
    assert browser_address({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": "10.1.1.1"}) == peer


def test_without_a_proxy_it_is_the_peer() -> None:
    assert browser_address({"REMOTE_ADDR": "127.0.0.1"}) == "127.0.0.1"
    assert browser_address({"REMOTE_ADDR": "10.9.9.9"}) == "10.9.9.9"
    assert browser_address({}) == ""
