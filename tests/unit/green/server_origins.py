"""Which pages may connect to the Engine.IO server, and what the others are told."""

from __future__ import annotations

from typing import Any

from tests.unit.green.servers import Log, Served

HTTP: dict[str, Any] = {"wsgi.url_scheme": "http"}


def test_only_pages_of_allowed_origins_connect() -> None:
    foreign, own = "http://foreign", {"HTTP_HOST": "here", **HTTP}
    for allowed, origin, connects in (
        (None, "http://here", True), (None, foreign, False), ([], foreign, True), ("*", foreign, True),
        ([foreign], foreign, True), (["http://friend"], foreign, False), (None, "", True),
    ):  # fmt: skip
        at = Served(cors_allowed_origins=allowed)
        answer = at.ask(HTTP_ORIGIN=origin, **own)
        assert answer.status == ("200 OK" if connects else "400 Bad Request"), (allowed, origin)
        assert len(at.told) == connects
        if not connects:
            assert answer.refusal[1] == {"code": 3, "message": "Not an accepted origin"}
            assert "Access-Control-Allow-Origin" not in answer.headers
    assert Served().ask().status == "200 OK"  # no browser


def test_a_foreign_origin_is_logged_once_and_then_as_no_news() -> None:
    at = Served()
    with Log("tests.engineio") as log:
        for _ in range(2):
            at.ask(HTTP_ORIGIN="http://foreign")
        assert at.server.on_foreign_origin("http://foreign", {}) == ""
    assert [line.partition(" (")[0] for line in log.lines] == [
        "ERROR http://foreign is not an accepted origin.", *["INFO http://foreign is not an accepted origin."] * 2
    ]  # fmt: skip
    assert at.server.log_message_keys == {"bad-origin"}


def test_a_foreign_page_may_read_what_is_to_be_done() -> None:
    at = Served()
    asked: list[object] = []

    def advice(origin: str, environ: dict[str, Any]) -> str:
        asked.append((origin, environ["HTTP_ORIGIN"]))
        return "have it allowed"

    at.server.on_foreign_origin = advice
    answer = at.ask(HTTP_ORIGIN="http://foreign")
    words = "Not an accepted origin: have it allowed"
    assert answer.refusal == (f"400 {words}", {"code": 3, "message": words})
    headers = {"Access-Control-Allow-Origin": "http://foreign", "Vary": "Origin", "Cache-Control": "no-store"}
    assert headers.items() <= answer.headers.items()
    assert asked == [("http://foreign", "http://foreign")]
