"""Which pages may connect, and what of those is kept that may not."""

from __future__ import annotations

import pytest

from bridge.counters import Counters
from bridge.engineio.origins import LONGEST, MOST, Origins, canonical


def environ(host: str, scheme: str = "http", **more: str) -> dict[str, str]:
    return {"HTTP_HOST": host, "wsgi.url_scheme": scheme, **more}


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


def test_a_proxy_says_what_the_browser_asked_for() -> None:
    origins = Origins((), Counters())
    told = environ("inside:9000", HTTP_X_FORWARDED_PROTO="https, http", HTTP_X_FORWARDED_HOST="Game.example:443, x")
    assert origins.allows("https://game.example", told)
    assert not origins.allows("http://game.example", told)
    assert origins.allows("https://inside:9000", environ("inside:9000", HTTP_X_FORWARDED_PROTO="https"))


def test_those_that_are_allowed_are_compared_alike() -> None:
    origins = Origins(("http://Friend.test:80", "https://[0::1]:8443"), Counters())
    for origin in ("http://friend.test", "http://FRIEND.test:80", "https://[::1]:8443"):
        assert origins.allows(origin, environ("here"))
    assert Origins(("*",), Counters()).allows("http://anybody.test", environ("here"))
    assert origins.allows(None, environ("here"))


def test_one_that_is_refused_is_counted_each_time_and_told_how_it_could_connect() -> None:
    counters, now = Counters(), [100.0]
    origins = Origins((), counters, lambda: now[0])
    for origin in ("http://Foreign.test:80", "http://foreign.test", "http://[::2]:81"):
        now[0] += 1
        assert origins.refuse(origin).endswith(f"--allowed-origins {canonical(origin)}")
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
    assert origins.refuse(origin) == ""
    [line] = caplog.messages
    assert line.isprintable()
    assert "--allowed-origins" not in line
    assert str(origins.refused()[0]["origin"]).isprintable()


def test_the_log_names_those_that_are_allowed_already_and_the_page_is_not_told_of_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    advice = Origins(("https://friend.test",), Counters()).refuse("http://foreign.test")
    assert "friend" not in advice
    assert caplog.messages[0].endswith("--allowed-origins https://friend.test --allowed-origins http://foreign.test")


def test_a_page_without_an_origin_is_told_what_to_do() -> None:
    assert "--site" in Origins((), Counters()).refuse("null")


def test_what_is_kept_of_them_is_bounded() -> None:
    origins = Origins((), Counters())
    for n in range(100):
        origins.refuse(f"http://{'x' * 100_000}{n}.test" if n % 2 else f"http://{n}.test")
    kept = origins.refused()
    assert len(kept) == MOST == 10
    assert all(len(str(each["origin"])) <= LONGEST for each in kept)
    assert kept[-1]["t"] >= kept[0]["t"]  # type: ignore[operator]


def test_an_origin_is_looked_at_up_to_a_limit() -> None:
    longest = "http://" + "a" * 293
    assert len(longest) == LONGEST == 300
    origins = Origins((longest,), Counters())
    assert origins.allows(longest, environ("here"))
    assert not origins.allows(longest + "a", environ("here"))
    assert origins.refuse(longest).endswith(longest)
    for long in (longest + "a", longest + "a" * 100, "http://a:" + "b" * 400):
        assert origins.refuse(long) == ""


def test_when_it_was_refused_is_said_to_the_millisecond() -> None:
    origins = Origins((), Counters(), lambda: 100.123456)
    origins.refuse("http://foreign.test")
    assert origins.refused()[0]["t"] == 100.123


def test_the_log_s_line_says_who_may_not_connect_and_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    for origin, said in (
        ("http://foreign.test", "http://foreign.test may not connect; start the bridge with --allowed-origins http://"),
        ("file://", "'file://' may not connect"),
    ):
        caplog.clear()
        Origins((), Counters()).refuse(origin)
        assert caplog.messages[0].startswith(f"! a page of the origin {said}")
        assert origin != "file://" or caplog.messages[0].endswith("connect")
