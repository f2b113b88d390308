"""answer_headers.py: what is added to an answer, and what is left as it is."""

from __future__ import annotations

from typing import Any

from bridge.engineio.answer_headers import ALWAYS, with_headers

HSTS = ("Strict-Transport-Security", "max-age=31536000")


def answered(headers: list[tuple[str, str]], scheme: str = "http", *info: Any) -> tuple[Any, ...]:
    """What an app's answer with these headers begins with."""
    began: list[tuple[Any, ...]] = []

    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        assert start("200 OK", headers, *info) == "write"
        return [b"body"]

    def start_response(*args: Any) -> str:
        began.append(args)
        return "write"

    assert with_headers(app)({"wsgi.url_scheme": scheme}, start_response) == [b"body"]
    return began[0]


def test_an_answer_keeps_its_headers_and_gets_those_of_every_answer() -> None:
    assert ALWAYS == [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin")]
    assert answered([("A", "b")]) == ("200 OK", [("A", "b"), *ALWAYS])
    assert answered([], "http", "info") == ("200 OK", ALWAYS, "info")


def test_who_has_come_by_tls_is_told_to_come_so_for_a_year() -> None:
    assert answered([], "https")[1] == [*ALWAYS, HSTS]
    assert answered([("strict-transport-security", "max-age=0")], "https")[1][1:] == ALWAYS


def test_what_an_answer_says_itself_stays() -> None:
    said = [("referrer-policy", "no-referrer"), ("X-Content-Type-Options", "x")]
    assert answered(said)[1] == said
