"""http_exchange.py and packets.py: what a POST may be, and the packets in it."""

from __future__ import annotations

import io
from typing import Any

import pytest

from bridge.engineio.http_exchange import TooLarge, body_of
from bridge.engineio.packets import packets_of
from bridge.wire.websocket_frames import BINARY, TEXT


def post(body: bytes, length: int | None = None, chunked: bool = False) -> dict[str, Any]:
    """A request with this body, of which it says that it is so long."""
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(body)}
    if chunked:
        environ["wsgi.input_terminated"] = True
    else:
        environ["CONTENT_LENGTH"] = str(len(body) if length is None else length)
    return environ


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_may_be_as_long_as_the_limit_and_no_longer(chunked: bool) -> None:
    assert body_of(post(b"x" * 10, chunked=chunked), 10) == b"x" * 10
    assert body_of(post(b"", chunked=chunked), 10) == b""
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


def test_packets_are_parted_by_their_separator() -> None:
    assert packets_of(b"40") == [(TEXT, b"40")]
    assert packets_of(b'42["a"]\x1e3\x1ebAAEC\x1eb/w==') == [
        (TEXT, b'42["a"]'), (TEXT, b"3"), (BINARY, b"\0\1\2"), (BINARY, b"\xff"),
    ]  # fmt: skip
    assert packets_of(b"bAA\r\nE C\t") == [(BINARY, b"\0\1\2")]


@pytest.mark.parametrize("packet", [b"2", b"2probe", b"5", b"6"])
def test_what_is_not_sent_by_polling_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match="by polling"):
        packets_of(b"40\x1e" + packet)


@pytest.mark.parametrize("packet", [b"bA", b"b!!!!", b"bAA=C"])
def test_a_binary_packet_that_is_not_base64_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match="not base64"):
        packets_of(packet)
