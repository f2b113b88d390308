"""bodies.py: how much of a body a route reads, with a length or in chunks."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask, request

from bridge.web import limit_bodies


def asked(path: str, data: bytes, chunked: bool = False, limit: int | None = 10) -> tuple[int, str]:
    """The status and text of a POST."""
    app = Flask("bodies")
    limit_bodies(app, 10)
    app.config["MAX_CONTENT_LENGTH"] = limit

    def more() -> bytes:
        request.max_content_length = 20
        return request.get_data()

    def pieces() -> bytes:
        return b"".join(iter(lambda: request.stream.read(3), b""))

    routes: dict[str, Any] = {"all": lambda: request.data, "more": more, "pieces": pieces}
    for name, view in routes.items():
        app.add_url_rule(f"/{name}", name, view, methods=["POST"])
    environ = {"wsgi.input": io.BytesIO(data), "wsgi.input_terminated": True} if chunked else {}
    with app.test_client() as client:
        answer = client.post(path, data=None if chunked else data, environ_overrides=environ)
        return answer.status_code, answer.text


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("path", "limit"), [("/all", 10), ("/more", 20), ("/pieces", 10)])
def test_a_body_of_the_limit_is_taken_and_a_longer_one_refused(path: str, limit: int, chunked: bool) -> None:
    assert asked(path, b"x" * limit, chunked) == (200, "x" * limit)
    for size in (limit + 1, limit + 2, limit + 100_000):
        status, text = asked(path, b"x" * size, chunked)
        assert status == 413
        assert f"over {limit} bytes" in text
        assert "--max-body" in text


@pytest.mark.parametrize("chunked", [False, True])
def test_an_app_may_have_no_limit(chunked: bool) -> None:
    assert asked("/all", b"x" * 1000, chunked, None) == (200, "x" * 1000)
