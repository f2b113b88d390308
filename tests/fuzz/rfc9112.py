"""A reader of HTTP requests, written from RFC 9112 in the plainest way, to compare the bridge's with.

Use: `read(stream)` -> ([(method, target, fields, body), …], what of the stream was not read or could not be).
"""

from __future__ import annotations

import string
from typing import NamedTuple

__all__ = ["Outcome", "Request", "read"]

TOKEN = set(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")
DIGITS = set(string.digits)
HOST = set(string.ascii_letters + string.digits + "._~%-")


class Request(NamedTuple):
    """One; names of fields in lower case."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes


#: All requests that are whole, and what is left of the stream behind the last of them.
Outcome = tuple[list[Request], bytes]


def read(stream: bytes) -> Outcome:
    """All requests, up to the first that is not there whole or is none."""
    found: list[Request] = []
    while True:
        begin = 2 if stream.startswith(b"\r\n") else 0
        end = stream.find(b"\r\n\r\n", begin)
        request = _head(stream[begin:end].decode("latin-1").split("\r\n")) if end >= 0 else None
        rest = _body(request, stream[end + 4 :]) if request else None
        if request is None or rest is None:
            return found, stream
        body, stream = rest
        found.append(request._replace(body=body))


def _head(lines: list[str]) -> Request | None:
    words = lines[0].split(" ")
    if len(words) != 3 or not words[0] or not set(words[0]) <= TOKEN or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        return None
    method, target, version = words
    if not target or not all("\x21" <= char <= "\x7e" and char != "#" for char in target):
        return None
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or not set(name) <= TOKEN or not all(map(_is_text, value)):
            return None
        fields.append((name.lower(), value.strip(" \t")))
    request = Request(method, target, fields, b"")
    return request if len(fields) < 100 and _is_clear(request, version == "HTTP/1.1") else None


def _is_text(char: str) -> bool:
    return char == "\t" or "\x20" <= char <= "\x7e" or "\x80" <= char <= "\xff"


def _values(request: Request, wanted: str) -> list[str]:
    return [value for name, value in request.fields if name == wanted]


def _is_clear(request: Request, is_new: bool) -> bool:
    """Whether it is known for whom it is, and where it ends."""
    hosts, lengths = _values(request, "host"), _values(request, "content-length")
    codings = _values(request, "transfer-encoding")
    if len(hosts) > 1 or (is_new and not hosts) or not all(map(_is_host, hosts)):
        return False
    if len(lengths) > 1 or not all(0 < len(each) < 19 and set(each) <= DIGITS for each in lengths):
        return False
    if codings and (lengths or not is_new or [each.lower() for each in codings] != ["chunked"]):
        return False
    if request.target.startswith("/") or (request.target == "*" and request.method == "OPTIONS"):
        return True
    scheme, separator, rest = request.target.partition("://")
    asked = rest.partition("?")[0].partition("/")[0]
    named = hosts[0] if hosts else asked
    return (
        bool(separator) and scheme.lower() in ("http", "https") and asked.lower() == named.lower() and _is_host(asked)
    )


def _is_host(text: str) -> bool:
    name, bracket, port = text.rpartition("]")
    if bracket:
        inside = name.removeprefix("[")
        good = name.startswith("[") and inside != "" and set(inside) <= set(string.hexdigits + ":.")
        colon, port = port[:1], port[1:]
    else:
        name, colon, port = port.partition(":")
        good = name != "" and set(name) <= HOST
    return good and colon in ("", ":") and set(port) <= DIGITS and len(port) <= 5


def _body(request: Request, stream: bytes) -> tuple[bytes, bytes] | None:
    """The body, and what stands behind it."""
    if not _values(request, "transfer-encoding"):
        length = int((_values(request, "content-length") or ["0"])[0])
        return (stream[:length], stream[length:]) if len(stream) >= length else None
    body = b""
    while True:
        line, end, stream = stream.partition(b"\r\n")
        size, extension, more = line.decode("latin-1").partition(";")
        size = size.rstrip(" \t") if extension else size
        if not end or len(line) > 4094 or not 0 < len(size) < 16 or not set(size) <= set(string.hexdigits):
            return None
        if not all(map(_is_text, more)):
            return None
        length = int(size, 16)
        if not length:
            rest = _trailers(stream)
            return None if rest is None else (body, rest)
        if stream[length : length + 2] != b"\r\n":
            return None
        body, stream = body + stream[:length], stream[length + 2 :]


def _trailers(stream: bytes) -> bytes | None:
    """What stands behind them."""
    for _ in range(64):
        line, end, stream = stream.partition(b"\r\n")
        name, colon, value = line.decode("latin-1").partition(":")
        if not end or len(line) > 4094:
            return None
        if not line:
            return stream
        if not colon or not name or not set(name) <= TOKEN or not all(map(_is_text, value)):
            return None
    return None
