"""Which pages may connect, and what of those is kept that may not."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.admission.origins import LONGEST, MOST, Origins, canonical
from bridge.admission.proxies import IGNORED, Ignored
from bridge.counters import Counters


def environ(host: str, scheme: str = "http") -> dict[str, Any]:
    return {"HTTP_HOST": host, "wsgi.url_scheme": scheme}


HERE = environ("here")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.org", "example.org:80"), ("http://example.org", "EXAMPLE.org"),
        ("http://example.org", "Example.ORG:80"), ("http://example.org:80", "example.org"),
        ("http://localhost:8080", "LOCALHOST:8080"), ("http://localhost:8080", "localhost:08080"),
        ("http://localhost.:8080", "localhost.:8080"), ("http://[::1]:8080", "[::1]:8080"),
        ("http://[::1]:8080", "[0:0:0:0:0:0:0:1]:8080"), ("http://[::1]", "[::1]:80"),
        ("http://[fe80::a]", "[FE80::A]"),
        ("HTTP://example.org", "example.org"), ("http://192.168.0.1", "192.168.0.1:80"),
    ],
)  # fmt: skip
def test_the_bridges_own_pages_connect_however_the_host_is_written(origin: str, host: str) -> None:
    assert Origins((), Counters()).allows(origin, environ(host))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.org:8080", "example.org"), ("https://example.org", "example.org"),
        ("http://example.org.", "example.org"), ("http://example.org", "example.org.evil.test"),
        ("http://evil.test", "example.org"), ("http://example.org:443", "example.org"), ("null", "null"), ("null", ""),
        ("http://", ""), ("", ""), ("http://example.org@evil.test", "example.org"), ("http://[::1]", "[::2]"),
        ("http://[::1", "[::1"), ("http://a b", "a b"), ("http://example.org/", "example.org"), ("http://x", ""),
        ("http://" + "a" * 1000, "a"),
    ],
)  # fmt: skip
def test_others_do_not(origin: str, host: str) -> None:
    assert not Origins(("http://friend.test",), Counters()).allows(origin, environ(host))


def test_what_an_untrusted_proxy_says_is_no_own_page_and_the_advice_is_to_trust_it() -> None:
    origins = Origins((), Counters())
    told = {**environ("inside:9000"), IGNORED: Ignored("10.0.0.1", "Game.example:443", "https")}
    assert not origins.allows("https://game.example", told)
    assert origins.refuse("https://game.example", told) == "start the bridge with --trusted-proxies 10.0.0.1"
    assert "--allowed-origins" in origins.refuse("http://game.example", told)
    told = {**environ("inside:9000"), IGNORED: Ignored("10.0.0.1", "", "https")}
    assert "--trusted-proxies" in origins.refuse("https://inside:9000", told)
    told = {**environ("inside:9000", "https"), IGNORED: Ignored("10.0.0.1", "game.example", "")}
    assert "--trusted-proxies" in origins.refuse("https://game.example", told)


def test_null_is_a_page_s_origin_only_if_it_is_listed() -> None:
    assert not Origins(("http://friend.test",), Counters()).allows("null", HERE)
    assert Origins(("null",), Counters()).allows("null", HERE)


def test_those_that_are_allowed_are_compared_alike() -> None:
    origins = Origins(("http://Friend.test:80", "https://[0::1]:8443"), Counters())
    for origin in ("http://friend.test", "http://FRIEND.test:80", "https://[::1]:8443"):
        assert origins.allows(origin, HERE)
    assert Origins(("*",), Counters()).allows("http://anybody.test", HERE)
    assert origins.allows(None, HERE)


def test_one_that_is_refused_is_counted_each_time_and_told_how_it_could_connect() -> None:
    counters, now = Counters(), [100.0]
    origins = Origins((), counters, lambda: now[0])
    for origin in ("http://Foreign.test:80", "http://foreign.test", "http://[::2]:81"):
        now[0] += 1
        assert origins.refuse(origin, HERE).endswith(f"--allowed-origins {canonical(origin)}")
    assert counters["origins_refused"] == 3
    assert origins.refused() == [
        {"origin": "http://foreign.test", "count": 2, "t": 102.0},
        {"origin": "http://[::2]:81", "count": 1, "t": 103.0},
    ]


@pytest.mark.parametrize(
    "origin", ["x", "http://a\x1b[31m", "http://a;rm -rf", "http://\u202ea", "http://a'", "file://", ""]
)
def test_what_is_no_origin_is_shown_escaped_and_is_no_advice(origin: str, caplog: pytest.LogCaptureFixture) -> None:
    origins = Origins((), Counters())
    assert origins.refuse(origin, HERE) == ""
    [line] = caplog.messages
    assert line.isprintable()
    assert "--allowed-origins" not in line
    assert str(origins.refused()[0]["origin"]).isprintable()


def test_the_log_names_those_that_are_allowed_already_and_the_page_is_not_told_of_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    advice = Origins(("https://friend.test",), Counters()).refuse("http://foreign.test", HERE)
    assert "friend" not in advice
    assert caplog.messages[0].endswith("--allowed-origins https://friend.test --allowed-origins http://foreign.test")


def test_a_page_without_an_origin_is_told_what_to_do() -> None:
    assert "--site" in Origins((), Counters()).refuse("null", HERE)


def test_what_is_kept_of_them_is_bounded() -> None:
    origins = Origins((), Counters())
    for n in range(100):
        origins.refuse(f"http://{'x' * 100_000}{n}.test" if n % 2 else f"http://{n}.test", HERE)
    kept = origins.refused()
    assert len(kept) == MOST == 10
    assert all(len(str(each["origin"])) <= LONGEST for each in kept)
    assert kept[-1]["t"] >= kept[0]["t"]  # type: ignore[operator]


def test_an_origin_is_looked_at_up_to_a_limit() -> None:
    longest = "http://" + "a" * 293
    assert len(longest) == LONGEST == 300
    origins = Origins((longest,), Counters())
    assert origins.allows(longest, HERE)
    assert not origins.allows(longest + "a", HERE)
    assert origins.refuse(longest, HERE).endswith(longest)
    for long in (longest + "a", longest + "a" * 100, "http://a:" + "b" * 400):
        assert origins.refuse(long, HERE) == ""


def test_when_it_was_refused_is_said_to_the_millisecond() -> None:
    origins = Origins((), Counters(), lambda: 100.123456)
    origins.refuse("http://foreign.test", HERE)
    assert origins.refused()[0]["t"] == 100.123


def test_the_log_s_line_says_who_may_not_connect_and_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    for origin, said in (
        ("http://foreign.test", "http://foreign.test may not connect; start the bridge with --allowed-origins http://"),
        ("file://", "'file://' may not connect"),
    ):
        caplog.clear()
        Origins((), Counters()).refuse(origin, HERE)
        assert caplog.messages[0].startswith(f"! a page of the origin {said}")
        assert origin != "file://" or caplog.messages[0].endswith("connect")
