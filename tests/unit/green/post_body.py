"""What the body of a POST may be, and what ends its reading."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.counters import Counters
from bridge.engineio.http_exchange import CONNECTION, TooLarge
from bridge.engineio.post_body import PostBody
from bridge.engineio.timeouts import TimeoutQueue
from bridge.engineio.unfinished_input import InputLimits, UnfinishedInput
from tests.unit.green.servers import Line


def unfinished() -> UnfinishedInput:
    return UnfinishedInput(InputLimits(1000), TimeoutQueue(30.0, lambda _: None), Counters())


def post(body: bytes, length: int | None = None, chunked: bool = False) -> dict[str, Any]:
    """A request with this body, of which it says that it is so long."""
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(body)}
    if chunked:
        environ["wsgi.input_terminated"] = True
    else:
        environ["CONTENT_LENGTH"] = str(len(body) if length is None else length)
    return environ


def body_of(environ: dict[str, Any], limit: int) -> bytes:
    counted = unfinished()
    try:
        return PostBody(environ, limit, counted).read()
    finally:
        assert counted.size == 0


def test_a_body_may_be_as_long_as_the_limit_and_no_longer() -> None:
    for chunked in (False, True):
        for size in (0, 10, 8192, 20_000):
            body = bytes(range(256)) * 80
            assert body_of(post(body[:size], chunked=chunked), size) == body[:size]
        with pytest.raises(TooLarge):
            body_of(post(b"x" * 11, chunked=chunked), 10)


def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    environ = post(b"x" * 10, 11)
    with pytest.raises(TooLarge):
        body_of(environ, 10)
    assert environ["wsgi.input"].tell() == 0


def test_a_body_without_a_length_is_none_and_one_that_is_cut_off_is_an_error() -> None:
    assert body_of({"wsgi.input": io.BytesIO(b"x"), "CONTENT_LENGTH": ""}, 10) == b""
    assert body_of({"wsgi.input": io.BytesIO(b"x")}, 10) == b""
    with pytest.raises(ValueError, match="ended before its end"):
        body_of(post(b"x" * 5, 6), 10)


class Drips:
    """A body of which some comes, and then nothing until it is given up."""

    def __init__(self, counted: UnfinishedInput) -> None:
        self.counted, self.held, self.body = counted, 0, None

    def read(self, size: int) -> bytes:
        if not self.held:
            self.held = self.counted.size
            return b"x" * size
        self.held = self.counted.size
        self.body.overdue()  # type: ignore[attr-defined]
        return b""


def test_one_that_does_not_come_is_counted_and_ends_its_connection() -> None:
    counted, connection, line = unfinished(), SimpleNamespace(close_connection=0), Line()
    source: Any = Drips(counted)
    environ = {"wsgi.input": source, "CONTENT_LENGTH": "20000", CONNECTION: connection, "eventlet.input": line.input()}
    source.body = PostBody(environ, 20_000, counted)
    with pytest.raises(ValueError, match="a packet was not whole within 30 s"):
        source.body.read()
    assert (source.held, counted.size, connection.close_connection) == (16_384, 0, 1)
    assert line.here.fd.recv(1) == b""
