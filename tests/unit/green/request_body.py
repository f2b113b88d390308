"""The body of a request, in chunks or of a length: what is one, where it ends, and what becomes of the rest."""

from __future__ import annotations

import io
import warnings
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import pytest  # noqa: E402

from bridge.engineio.chunked_body import BrokenBody  # noqa: E402
from bridge.engineio.request_body import RequestBody  # noqa: E402
from bridge.engineio.request_head import read_head  # noqa: E402

CHUNKED = "Transfer-Encoding: chunked"


class Body:
    """One, of these bytes. `told`: why it is broken; `left`: what comes behind it."""

    def __init__(
        self, data: bytes, expects: bool = False, rfile: io.BytesIO | None = None, header: str = CHUNKED
    ) -> None:
        self.told: list[str] = []
        self.rfile = io.BytesIO(data) if rfile is None else rfile
        self.wfile = io.BytesIO()
        lines = ["POST / HTTP/1.1", "Host: a", header, *(["Expect: 100-Continue"] if expects else []), "", ""]
        head = read_head("\r\n".join(lines).encode())
        self.input = RequestBody(head, self.rfile, "socket", self.wfile, self.told.append)

    @property
    def left(self) -> bytes:
        return self.rfile.read()

    def read(self) -> bytes:
        data: bytes = self.input.stream().read()
        return data


def broken(data: bytes, wanted: str, read: bytes = b"") -> None:
    """It is, for this reason, once, and stays so; before that so much of it can be read."""
    body = Body(data)
    stream = body.input.stream()
    assert stream.read(len(read)) == read, data
    for _ in range(2):
        with pytest.raises(BrokenBody) as caught:
            stream.read()
        assert caught.value.description == wanted, data
        assert caught.value.code == 400
    assert body.told == [wanted], data


def test_a_body_is_what_is_in_its_chunks_and_what_comes_behind_it_is_left() -> None:
    for data, wanted in (
        (b"0\r\n\r\n", b""), (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"003\r\nabc\r\n2\r\n\r\n\r\n000\r\n\r\n", b"abc\r\n"),
        (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789"),
        (b"3;a=b\r\nabc\r\n0;x\r\n\r\n", b"abc"), (b"3 \t ;a\r\nabc\r\n0 ;b\r\n\r\n", b"abc"),
        (b"000000000000003\r\nabc\r\n0\r\n\r\n", b"abc"), (b"1\r\na\r\n0\r\nOne: 1\r\nTwo:2\r\n\r\n", b"a"),
    ):  # fmt: skip
        body = Body(data + b"GET /")
        assert body.read() == wanted, data
        assert body.left == b"GET /", data
        assert body.told == []


def test_it_is_read_in_pieces_as_well_as_whole() -> None:
    data = b"5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n"
    for size in range(1, 10):
        stream = Body(data).input.stream()
        got = b"".join(iter(lambda stream=stream, size=size: stream.read(size), b""))  # type: ignore[misc]
        assert got == b"abcdefgh"
        assert stream.read(size) == b""
    raw: Any = Body(data).input.stream().raw
    buffer = bytearray(b"-" * 8)
    assert [raw.readinto(buffer), bytes(buffer)] == [5, b"abcde---"]
    assert [raw.readinto(buffer), bytes(buffer)] == [3, b"fghde---"]
    assert [raw.readinto(buffer), bytes(buffer)] == [0, b"fghde---"]


def test_what_is_no_size_is_refused() -> None:
    for line in (
        b"-5\r\n", b"0x3\r\n", b"1_0\r\n", b"\r\n", b"g\r\n", b" 3\r\n", b"+3\r\n", b"3\n", b"3\r", b"", b"3 x\r\n",
        b"3 \r\n", b"3;\0\r\n",
        b"0000000000000003\r\n", b"3;a\rb\r\n", b"3;a\n", "\uff13\r\n".encode(),
    ):  # fmt: skip
        broken(line + b"xyz\r\n0\r\n\r\n", "this is no size of a chunk")


def test_a_line_of_a_size_or_a_trailer_is_as_long_as_the_limit_and_no_longer() -> None:
    for size, wanted in ((4096, True), (4097, False)):
        extended = b"1;".ljust(size - 2, b"x") + b"\r\na\r\n0\r\n\r\n"
        trailed = b"1\r\na\r\n0\r\n" + b"A:".ljust(size - 2, b"x") + b"\r\n\r\n"
        if wanted:
            assert Body(extended).read() == Body(trailed).read() == b"a"
        else:
            broken(extended, "this is no size of a chunk")
            broken(trailed, "this is no trailer, or there are too many")


def test_trailers_are_headers_and_at_most_so_many() -> None:
    for number, wanted in ((63, True), (64, False)):
        data = b"1\r\na\r\n0\r\n" + b"A: b\r\n" * number + b"\r\n"
        if wanted:
            assert Body(data).read() == b"a"
        else:
            broken(data, "this is no trailer, or there are too many")
    for trailer in (
        b"none\r\n",
        b": a\r\n",
        b"A b: c\r\n",
        b"A: b\n",
        b"A: b\rc\r\n",
        b"A: \0\r\n",
        b"\n",
        b"A: b",
        b"",
    ):
        broken(b"1\r\na\r\n0\r\n" + trailer, "this is no trailer, or there are too many")


def test_a_chunk_is_as_long_as_its_size_says() -> None:
    broken(b"3\r\nabcd\r\n0\r\n\r\n", "a chunk is longer than its size")
    broken(b"3\r\nabc\n\r0\r\n\r\n", "a chunk is longer than its size")
    broken(b"3\r\nabc", "a chunk is longer than its size")
    broken(b"3\r\nab", "it ended before its end", read=b"ab")
    broken(b"3\r\n", "it ended before its end")
    broken(b"3\r\nabc\r\n", "this is no size of a chunk", read=b"abc")


def test_what_does_not_come_in_time_is_broken() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise TimeoutError

    for header in (CHUNKED, "Content-Length: 3"):
        body = Body(b"", rfile=Slow(b"3\r\nabc"), header=header)
        with pytest.raises(BrokenBody) as caught:
            body.read()
        assert caught.value.description == "it did not come"
        assert body.told == ["it did not come"]
        assert body.input.coming == 0  # nobody waits for it any more


def test_what_the_app_does_not_read_is_read_for_the_next_request_s_sake_up_to_a_limit() -> None:
    body = Body(b"10000\r\n" + b"x" * 65536 + b"\r\n0\r\n\r\nGET /")
    body.input.discard()
    assert body.told == []
    assert body.left == b"GET /"
    body.input.discard()  # nothing more is read
    for data, reason in (
        (b"10001\r\n" + b"x" * 65537 + b"\r\n0\r\n\r\n", "nobody wanted it, and it is long"),
        (b"10000\r\n" + b"x" * 65536 + b"\r\n1\r\nx\r\n0\r\n\r\n", "nobody wanted it, and it is long"),
        (b"x\r\n", "this is no size of a chunk"),
    ):
        body = Body(data)
        body.input.discard()
        body.input.discard(1)
        assert body.told == [reason]


def test_a_client_that_asks_is_told_to_go_on_once_and_only_if_the_body_is_read() -> None:
    body = Body(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", expects=True)
    assert body.wfile.getvalue() == b""
    assert not body.input.is_hundred_continue_response_sent
    assert body.read() == b"ab"
    assert body.wfile.getvalue() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert body.input.is_hundred_continue_response_sent is True
    assert body.input.get_socket() == "socket"
    assert body.input.chunked_input is True
    body = Body(b"0\r\n\r\n")
    assert body.read() == b""
    assert not body.input.is_hundred_continue_response_sent


def test_a_body_of_a_length_is_as_long_and_is_passed_over_up_to_the_same_limit() -> None:
    body = Body(b"abcGET /", header="Content-Length: 3")
    assert body.input.coming == 3
    assert body.read() == b"abc"
    assert body.input.coming == 0
    assert body.left == b"GET /"
    assert Body(b"GET /", header="A: b").read() == b""
    for size, told in ((65536, []), (65537, ["nobody wanted it, and it is long"])):
        body = Body(b"x" * size + b"GET /", header=f"Content-Length: {size}")
        body.input.discard()
        assert body.told == told
        assert (body.left == b"GET /") is (not told)


def test_how_much_of_a_body_may_still_come_is_known_or_bounded() -> None:
    body = Body(b"1\r\na\r\n0\r\n\r\n")
    assert body.input.coming == 1024 * 1024
    body.read()
    assert body.input.coming == 0
    for header in (CHUNKED, "Content-Length: 3"):
        assert Body(b"", expects=True, header=header).input.coming == 0  # it waits to be asked for it
