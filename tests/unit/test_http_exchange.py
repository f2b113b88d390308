"""http_exchange.py: what a request asks for, and the head and body of each answer."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from bridge.engineio import http_exchange as module
from bridge.engineio.http_exchange import (
    FEWEST_COMPRESSED,
    JSON,
    PLAIN_TEXT,
    USUAL,
    HttpExchange,
    Refusal,
    parameters,
)


class Server:
    """As much of python-engineio's as a request asks."""

    def _cors_headers(self, environ: dict[str, Any]) -> list[tuple[str, str]]:
        return [("Access-Control-Allow-Origin", environ["HTTP_ORIGIN"])]


class Asked:
    """A request, and what its answer began with."""

    def __init__(self, method: str = "GET", **headers: str) -> None:
        self.environ = {"REQUEST_METHOD": method, "HTTP_ORIGIN": "http://here", **headers}
        self.exchange = HttpExchange(Server(), self.environ, self._start, "sid")

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, headers


def test_the_parameters_of_a_query_are_read_and_only_short_queries_are_remembered() -> None:
    assert parameters("EIO=4&transport=websocket") == {"EIO": ["4"], "transport": ["websocket"]}
    assert parameters("EIO=4&EIO=3") == {"EIO": ["4", "3"]}
    assert parameters("") == {}
    module._usual_parameters.cache_clear()
    assert (USUAL, FEWEST_COMPRESSED) == (32, 1024)
    long = "EIO=4&transport=polling&sid=".ljust(USUAL, "x")
    assert parameters(long) == {"EIO": ["4"], "transport": ["polling"], "sid": ["xxxx"]}
    assert parameters(long[:-1])["sid"] == ["xxx"]
    assert module._usual_parameters.cache_info().currsize == 1


def test_an_answer_has_its_length_and_the_headers_of_its_origin() -> None:
    asked = Asked()
    assert asked.exchange.respond("200 OK", PLAIN_TEXT, b"ok") == [b"ok"]
    assert asked.status == "200 OK"
    more = [("Access-Control-Allow-Origin", "http://here"), ("Cache-Control", "no-store"), ("Content-Length", "2")]
    assert asked.headers == [*PLAIN_TEXT, *more]
    assert (asked.exchange.sid, asked.exchange.environ) == ("sid", asked.environ)


def test_the_answer_to_head_is_all_but_its_body() -> None:
    asked = Asked("HEAD")
    assert asked.exchange.respond("200 OK", PLAIN_TEXT, b"ok") == []
    assert ("Content-Length", "2") in asked.headers


@pytest.mark.parametrize(
    ("size", "accepts", "compressed"),
    [
        (FEWEST_COMPRESSED, "br, gzip", True),
        (FEWEST_COMPRESSED - 1, "gzip", False),
        (FEWEST_COMPRESSED, "br", False),
    ],
)
def test_a_long_answer_is_compressed_for_who_can_read_it(size: int, accepts: str, compressed: bool) -> None:
    asked = Asked(HTTP_ACCEPT_ENCODING=accepts)
    (body,) = asked.exchange.respond("200 OK", PLAIN_TEXT, b"x" * size)
    assert (("Content-Encoding", "gzip") in asked.headers) is compressed
    assert (gzip.decompress(body) if compressed else body) == b"x" * size
    assert ("Content-Length", str(len(body))) in asked.headers


def test_a_refusal_says_its_code_and_its_reason() -> None:
    asked = Asked()
    (body,) = asked.exchange.refuse(Refusal.BAD_REQUEST)
    assert asked.status == "400 Bad Request"
    assert asked.headers[: len(JSON)] == JSON
    assert json.loads(body) == {"code": 3, "message": "Bad request"}
    (body,) = asked.exchange.refuse(Refusal.BAD_REQUEST, "No", reason="Not you", headers=[("Vary", "Origin")])
    assert asked.status == "400 Not you"
    assert ("Vary", "Origin") in asked.headers
