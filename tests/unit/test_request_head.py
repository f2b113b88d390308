"""request_head.py: what is a head, what a WSGI app is told of it, and what is refused with which words."""

from __future__ import annotations

import io
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.engineio.request_head import LONGEST_HEAD, LONGEST_LINE, HeadError, RequestHead, collect, read_head
from tests.fuzz.http_target import requests
from tests.unit.amount import some

#: What requests are made of, and what is nearly that.
PIECES = [
    b"GET / HTTP/1.1\r\n", b"POST /a?b HTTP/1.1\r\n", b"GET http://a/ HTTP/1.0\r\n", b"OPTIONS * HTTP/1.1\r\n",
    b"Host: a\r\n", b"host:a:80 \r\n", b"Content-Length: 3\r\n", b"content-length:0\r\n", b"X: \xff\t\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"3\r\nabc\r\n", b"0\r\n", b"1;a=b\r\nx\r\n",
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"X: \0\r\n",
    b"abc", b"+", b"_", b",", b"GET", b"Host", b"HTTP/1.1",
]  # fmt: skip


@settings(deadline=None, max_examples=some(300))
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), max_size=12).map(b"".join))
def test_both_ways_into_the_bridge_and_the_rfc_read_the_same(data: bytes) -> None:
    requests(data)
    requests(b"GET / HTTP/1.1\r\nHost: a\r\n" + data + b"\r\n\r\n")


def head(*lines: str, first: str = "GET / HTTP/1.1") -> RequestHead:
    return read_head("\r\n".join([first, *lines, "", ""]).encode("latin-1"))


def why(*lines: str, first: str = "GET / HTTP/1.1") -> str:
    """Why it is refused, with 400."""
    with pytest.raises(HeadError) as caught:
        head(*lines, first=first)
    assert caught.value.status is HTTPStatus.BAD_REQUEST
    return str(caught.value)


def test_a_head_is_an_environ() -> None:
    read = head(
        "Host: a", "Content-Type: b", "Content-Length: 3", "X-A:  c \t", "x-a:", first="PUT /d%2F?e=%20? HTTP/1.1"
    )
    assert (read.method, read.target, read.version) == ("PUT", "/d%2F?e=%20?", "HTTP/1.1")
    assert read.environ == {
        "REQUEST_METHOD": "PUT", "SCRIPT_NAME": "", "PATH_INFO": "/d/", "QUERY_STRING": "e=%20?", "HTTP_HOST": "a",
        "CONTENT_TYPE": "b", "CONTENT_LENGTH": "3", "HTTP_X_A": "c,",
        "headers_raw": (("Host", "a"), ("Content-Type", "b"), ("Content-Length", "3"), ("X-A", "c"), ("x-a", "")),
    }  # fmt: skip
    assert read.get("x-A") == "c,"
    assert read.get("None") is None
    assert read.get("None", "default") == "default"


def test_a_name_with_an_underscore_is_not_taken_for_one_with_a_hyphen() -> None:
    read = head("Host: a", "X_A: b", "Content_Length: 5", "Transfer_Encoding: gzip")
    assert {key for key in read.environ if key.startswith(("HTTP_", "CONTENT"))} == {"HTTP_HOST"}
    assert read.get("X_A") is None
    assert not read.is_chunked


def test_only_spaces_and_tabs_around_a_value_are_none_of_it() -> None:
    assert head("Host: a", "A: \t\xa0b\x85 \t").get("A") == "\xa0b\x85"


def test_the_key_of_a_long_name_is_made_each_time() -> None:
    for size in (63, 64, 8000):
        assert head("Host: a", "N" * size + ": x").environ["HTTP_" + "N" * size] == "x"


def test_a_target_is_a_path_an_address_or_for_options_all() -> None:
    for target, path, query in (
        ("/", "/", ""), ("//a?b?c", "//a", "b?c"), ("/%61%ff", "/a\xff", ""), ("http://a", "/", ""),
        ("HTTPS://A/b?c", "/b", "c"), ("http://a?b/c", "/", "b/c"), ("/?http://b/", "/", "http://b/"),
    ):  # fmt: skip
        environ = head("Host: a", first=f"GET {target} HTTP/1.1").environ
        assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query), target
    assert head("Host: a", first="OPTIONS * HTTP/1.1").environ["PATH_INFO"] == "*"
    assert head(first="GET http://b:1/c HTTP/1.0").environ["HTTP_HOST"] == "b:1"
    for target in ("a", "*", "a:80", "?a", "ftp://a/", "http:/a", "*?a"):
        assert why("Host: a", first=f"GET {target} HTTP/1.1") == "its target is no path", target
    assert why("Host: a", first="OPTIONS *? HTTP/1.1")
    for target in ("http://b/", "http:///", "http://a:80/", "http://a@b/"):
        assert why("Host: a", first=f"GET {target} HTTP/1.1") == "its target names another host than its Host", target
    assert why(first="GET http://a@b/ HTTP/1.0") == "its target names another host than its Host"


def test_what_ends_a_connection_is_known() -> None:
    for version, lines, keeps in (
        ("1.1", [], True), ("1.0", [], False), ("1.1", ["Connection: close"], False), ("1.1", ["Connection: x"], True),
        ("1.0", ["Connection: Keep-Alive"], True), ("1.0", ["Connection: keep-alive, Close"], False),
        ("1.1", ["Connection: a", "Connection: b ,CLOSE\t"], False), ("1.1", ["Connection: closed"], True),
    ):  # fmt: skip
        assert head("Host: a", *lines, first=f"GET / HTTP/{version}").keeps_open is keeps, (version, lines)


def test_each_fault_has_its_words() -> None:
    for line, words in (
        ("A: b\nc", "a line of its head has a bare CR or LF, or a NUL in it"),
        ("A: \x1f", "a header has a control character in it"), ("A", "a line of its head is no header"),
        (" A: b", "a header goes on in a second line"), ("Host: b", "its Host is not one name or address"),
        ("Content-Length: -0", "its Content-Length is not one number"),
        ("Content-Length: " + "0" * 19, "its Content-Length is not one number"),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", "it has Content-Length and Transfer-Encoding"),
        ("Transfer-Encoding: gzip", "its Transfer-Encoding is not chunked, by HTTP/1.1"),
    ):  # fmt: skip
        assert why("Host: a", line) == words
    assert why() == "it has no Host"
    assert why("Host: a:123456") == "its Host is not one name or address"
    assert why("Host: a", first="GET /#b HTTP/1.1").startswith("its address has a character")
    assert why(first="GET /\xfc HTTP/1.1") == "its address has a character that has to be written as % and two digits"
    assert why(first="GET  / HTTP/1.1") == "its first line is no request of HTTP/1.1"
    with pytest.raises(HeadError, match="it ends in its head"):
        read_head(b"GET / HTTP/1.1\r\nHost: a\r\n")
    with pytest.raises(HeadError) as caught:
        head("Host: a", first="GET / HTTP/2.0")
    assert caught.value.status is HTTPStatus.HTTP_VERSION_NOT_SUPPORTED


def test_so_many_headers_and_no_more() -> None:
    assert len(head("Host: a", *["A: b"] * 98).environ["headers_raw"]) == 99
    with pytest.raises(HeadError, match="there are 100 headers or more") as caught:
        head("Host: a", *["A: b"] * 99)
    assert caught.value.status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def collected(data: bytes) -> tuple[bytes, bytes]:
    """The head, and what is left behind it."""
    file = io.BytesIO(data)
    return collect(file.readline(LONGEST_LINE), file.readline), file.read()


def test_a_head_is_collected_up_to_its_empty_line_and_no_further() -> None:
    for whole in (b"GET\r\n\r\n", b"GET\r\nA\r\n\r\n", b"\r\n", b"G\n", b"GET\r\nA\n", b"GET\r\nA\r\n\n"):
        assert collected(whole + b"\r\nmore\r\n\r\n") == (whole, b"\r\nmore\r\n\r\n")
    assert collected(b"GET\r\nA") == (b"GET\r\nA", b"")
    assert collected(b"GET\r\nA\r\n") == (b"GET\r\nA\r\n", b"")


def test_a_head_is_collected_up_to_its_limits() -> None:
    line = b"A: ".ljust(LONGEST_LINE - 3, b"x") + b"\r\n"
    assert collected(b"GET\r\n" + line + b"\r\n")[1] == b""
    with pytest.raises(HeadError, match="'A' is over 8192 bytes"):
        collected(b"GET\r\n" + line.replace(b"x", b"xx", 1) + b"\r\n")
    most = line * 8 + b"B: ".ljust(LONGEST_HEAD - 8 * len(line) - 4, b"x") + b"\r\n"
    assert collected(b"GET\r\n" + most + b"\r\n")[1] == b""
    with pytest.raises(HeadError, match="over 64 KiB together"):
        collected(b"GET\r\n" + most.replace(b"B: ", b"B: x") + b"\r\n")
