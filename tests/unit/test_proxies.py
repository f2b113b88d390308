"""What a request is taken to say that comes through a proxy: who asks, for which host, by which scheme."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.admission.proxies import IGNORED, MOST_TOLD, REMEMBERED, Ignored, Proxies
from bridge.counters import Counters

FORWARDED = {"for": "HTTP_X_FORWARDED_FOR", "host": "HTTP_X_FORWARDED_HOST", "proto": "HTTP_X_FORWARDED_PROTO"}


def settled(peer: str, *trusted: str, **headers: str) -> dict[str, Any]:
    """The environ of a request with these X-Forwarded-… headers."""
    environ: dict[str, Any] = {"REMOTE_ADDR": peer, "HTTP_HOST": "inside", "wsgi.url_scheme": "http"}
    environ |= {FORWARDED[name]: value for name, value in headers.items()}
    Proxies(trusted, Counters()).settle(environ)
    return environ


def address(peer: str, forwarded: str, *trusted: str) -> str:
    return str(settled(peer, *trusted, **{"for": forwarded})["REMOTE_ADDR"])


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    ("forwarded", "wanted"),
    [
        ("10.1.1.1", "10.1.1.1"), ("10.2.2.2, 10.1.1.1", "10.1.1.1"), ("junk,  fe80::1 ", "fe80::1"),
        ("10.1.1.1, junk", None), ("", None), ("10.1.1.1,", None),
        ("10.1.1.1:80", "10.1.1.1"), ("[fe80::1]:80", "fe80::1"), ("[fe80::1]", "fe80::1"), ("10.1.1.1:", None),
        ("10.1.1:80", None), ("fe80::1]:80", None), ("10.1.1.1:123456", None),
    ],
)  # fmt: skip
def test_a_proxy_on_this_machine_is_believed_its_last_address(peer: str, forwarded: str, wanted: str | None) -> None:
    assert address(peer, forwarded) == (peer if wanted is None else wanted)


@pytest.mark.parametrize("trusted", [(), ("127.0.0.1", "fe80::/10")])
def test_an_address_with_a_zone_is_none_in_a_header(trusted: tuple[str, ...]) -> None:
    for forged in ("fe80::1%eth0 user='admin'", "fe80::1%eth0"):
        assert address("127.0.0.1", forged, *trusted) == "127.0.0.1"
        assert address("127.0.0.1", f"10.1.1.1, {forged}", *trusted) == "127.0.0.1"
        assert address("127.0.0.1", f"{forged}, 10.1.1.1", *trusted) == "10.1.1.1"
    assert address("fe80::1%eth0", "10.1.1.1", "fe80::/10") == "10.1.1.1"  # of a peer it is the system's word


@pytest.mark.parametrize("peer", ["10.9.9.9", "fe80::2", "::ffff:10.9.9.9", "", "unix", "128.0.0.1"])
def test_nobody_else_is(peer: str) -> None:
    assert address(peer, "10.1.1.1") == peer
    assert address(peer, "10.1.1.1", "10.1.0.0/16") == peer


def test_without_a_proxy_nothing_changes() -> None:
    for peer in ("127.0.0.1", "10.9.9.9"):
        assert settled(peer, "127.0.0.1") == {"REMOTE_ADDR": peer, "HTTP_HOST": "inside", "wsgi.url_scheme": "http"}
    environ: dict[str, Any] = {"HTTP_X_FORWARDED_PROTO": "https"}
    Proxies((), Counters()).settle(environ)
    assert environ["REMOTE_ADDR"] == ""
    assert "HTTP_HOST" not in environ


@pytest.mark.parametrize(
    ("chain", "wanted"),
    [
        ("1.1.1.1", ("1.1.1.1", "c")), ("1.1.1.1, 10.0.0.9", ("1.1.1.1", "b")),
        ("1.1.1.1, 10.0.0.8, 10.0.0.9", ("1.1.1.1", "a")), ("10.0.0.7, 10.0.0.8, 10.0.0.9", ("10.0.0.7", "a")),
        ("10.0.0.6, 10.0.0.7, 10.0.0.8, 10.0.0.9", ("10.0.0.6", "a")),
        ("10.0.0.9, 1.1.1.1", ("1.1.1.1", "c")), ("junk, 10.0.0.9", ("10.0.0.9", "b")), ("junk", ("10.0.0.1", "c")),
        ("", ("10.0.0.1", "c")), ("::ffff:10.0.0.9", ("::ffff:10.0.0.9", "c")),
    ],
)  # fmt: skip
def test_what_the_last_hop_that_is_not_trusted_asked_for_counts(chain: str, wanted: tuple[str, str]) -> None:
    found = settled("10.0.0.1", "10.0.0.0/8", **{"for": chain}, host="a, b, c", proto="http,http,http")
    assert (found["REMOTE_ADDR"], found["HTTP_HOST"]) == wanted


def test_a_proxy_that_writes_the_headers_anew_is_believed_too() -> None:
    found = settled("10.0.0.1", "10.0.0.1", "10.0.0.2", **{"for": "1.1.1.1, 10.0.0.2"}, host="game", proto="https")
    assert (found["REMOTE_ADDR"], found["HTTP_HOST"], found["wsgi.url_scheme"]) == ("1.1.1.1", "game", "https")


@pytest.mark.parametrize(
    ("said", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("wss", "https"), ("ws", "http"), ("http", "http"), ("gopher", "http"),
     ("", "http"), ("http, https", "https"), ("https, http", "http")],
)  # fmt: skip
def test_the_scheme_is_one_of_two(said: str, scheme: str) -> None:
    assert settled("::ffff:10.0.0.1", "10.0.0.1", proto=said)["wsgi.url_scheme"] == scheme


def test_without_a_word_of_the_host_it_is_the_one_that_was_asked_for() -> None:
    assert settled("10.0.0.1", "10.0.0.1", proto="https")["HTTP_HOST"] == "inside"
    assert settled("10.0.0.1", "10.0.0.1", host="", proto="https")["HTTP_HOST"] == "inside"


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.9.9.9", "junk"])
def test_of_others_it_is_kept_for_the_advice_alone(peer: str) -> None:
    found = settled(peer, "10.0.0.1", host="x, game", proto="https")
    assert (found["HTTP_HOST"], found["wsgi.url_scheme"]) == ("inside", "http")
    assert found[IGNORED] == Ignored(peer, "game", "https")
    assert IGNORED not in settled(peer, **{"for": "1.1.1.1"})
    assert IGNORED not in settled("10.0.0.1", "10.0.0.1", host="game")


def test_it_is_counted_and_each_proxy_told_of_once_up_to_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    proxies = Proxies(("10.9.9.9",), counters)
    for n in (*range(MOST_TOLD + 20), *range(MOST_TOLD + 20)):
        proxies.settle({"REMOTE_ADDR": f"10.0.0.{n}", "HTTP_X_FORWARDED_PROTO": "https"})
    assert counters["forwarding_ignored"] == 2 * (MOST_TOLD + 20)
    assert len(caplog.messages) == MOST_TOLD + 1
    assert caplog.messages[0].endswith("start the bridge with --trusted-proxies 10.9.9.9 --trusted-proxies 10.0.0.0")


def test_no_more_than_a_limit_is_remembered() -> None:
    proxies = Proxies(("10.9.9.9",), Counters())
    for n in range(2 * REMEMBERED):
        proxies.settle({"REMOTE_ADDR": f"10.0.{n >> 8}.{n & 255}", "HTTP_X_FORWARDED_FOR": "1.1.1.1"})
    assert proxies._trusts.cache_info().currsize == REMEMBERED
