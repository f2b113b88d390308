"""What strangers are told of the link names no address, and can still be read."""

from __future__ import annotations

import pytest

from bridge.admission.redaction import without_addresses


def public(text: str, host: str = "localhost", port: int = 8000) -> object:
    status = {"state": "waiting", "reason": text, "hint": {"code": "framing", "text": text, "try": None}}
    found = without_addresses(status, host, port)
    assert found["hint"] == {"code": "framing", "text": found["reason"], "try": None}
    assert found["state"] == "waiting"
    return found["reason"]


@pytest.mark.parametrize(
    ("host", "text", "told"),
    [
        ("localhost", "localhost:8000 refused the connection", "the server refused the connection"),
        ("10.0.0.5", "10.0.0.5:8000 closed the connection in a frame", "the server closed the connection in a frame"),
        ("::1", "[::1]:8000 reset the connection", "the server reset the connection"),
        ("backend", "the name backend does not resolve (x)", "the server does not resolve (x)"),
        ("server", "server:8000 is away; the server was busy", "the server is away; the server was busy"),
        ("a.example", "it did not answer for a.example within 5 s", "it did not answer for the server within 5 s"),
        ("a.example", "A.example:9000 said nothing", "the server:9000 said nothing"),
    ],
)  # fmt: skip
def test_the_server_s_address_is_the_server(host: str, text: str, told: str) -> None:
    assert public(text, host) == told


@pytest.mark.parametrize(
    "address",
    ["10.0.0.5", "10.0.0.5:80", "[fe80::1]:80", "[fe80::1%eth0]", "2001:db8::1", "::1", "fe80::1%eth0", "inner.lan:80",
     "localhost:81"],
)  # fmt: skip
def test_any_other_address_is_left_out(address: str) -> None:
    assert (
        public(f"on_link_up failed: ({address}) is away, {address}", "backend") == "on_link_up failed: (…) is away, …"
    )


def test_of_an_url_the_host_is_left_out() -> None:
    assert public("Location: 'https://me@inner:80/x?y'") == "Location: 'https://…/x?y'"


@pytest.mark.parametrize(
    "text",
    ["the bridge is stopping", "use --framing-in length:4", "--framing-in length:2be", "5 s: SSH-2.0-OpenSSH_9.2p1",
     "version 1.2.3", "localhostess", "a: b: c", "20 bytes have come, but no frame with --framing-in '~'",
     "localhost-2"],
)  # fmt: skip
def test_what_is_no_address_stays(text: str) -> None:
    assert public(text) == text


def test_where_there_is_nothing_to_say_nothing_is() -> None:
    assert without_addresses({"reason": None, "hint": None}, "a", 1) == {"reason": None, "hint": None}
