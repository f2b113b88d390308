"""Parses the head of an HTTP request, strictly by RFC 9112, and judges it: one parser for both ways into the bridge.

Whatever another reader, such as a proxy in front, could read in another way is refused. Must not know sockets, eventlet
or what is asked for.

Use: `head = read_head(collect(first_line, file.readline))`; `head.environ` is its part of a WSGI environ.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote

from bridge.counters import shorten

__all__ = ["LONGEST_LINE", "HeadError", "RequestHead", "collect", "read_head"]

LONGEST_LINE = 8192  # bytes of the first line, or of one header, with its end; no line is as long
LONGEST_HEAD = 64 * 1024  # bytes of all headers
MOST_HEADERS = 99  # as Python's http.client has it
USUAL = 64  # characters of a header's name; the keys of longer ones are not remembered

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"  # noqa: S105 - RFC 9110, section 5.6.2
_VALUE = r"[\t\x20-\x7e\x80-\xff]"  # section 5.5
_HEAD = re.compile(
    rf"({_TOKEN}++) ([\x21\x22\x24-\x7e]++) (HTTP/[0-9]\.[0-9])\r\n((?:{_TOKEN}++:{_VALUE}*+\r\n)*+)\r\n"
)
_ABSOLUTE = re.compile(r"(?i:https?)://([^/?]*)([^?]*)(.*)")
_HOST = re.compile(r"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")

_FIRST_LINE = re.compile(rb"[\x21-\x7e]+ [\x21\x22\x24-\x7e]+ HTTP/[0-9]\.[0-9]")
_NO_URL = re.compile(rb"[\x21-\x7e]+ .*[\x80-\xff#].* HTTP/[0-9]\.[0-9]")
_HEADER = re.compile(rf"{_TOKEN}+:.*".encode())


class HeadError(Exception):
    """A head that is none, or one that is refused. `status`: what is answered; `reason`: why, in words."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class RequestHead(NamedTuple):
    """What the head of a request says. `target`: as it came; `environ`: what PEP 3333 wants to know of it."""

    method: str
    target: str
    version: str
    environ: dict[str, Any]

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of a header, those of several joined."""
        value: str | None = self.environ.get(_key(name) or "", default)
        return value

    @property
    def is_chunked(self) -> bool:
        """Whether a body comes in chunks. Else it is as long as its Content-Length says, or there is none."""
        return "HTTP_TRANSFER_ENCODING" in self.environ

    @property
    def keeps_open(self) -> bool:
        """Whether the client wants to go on with the connection."""
        wants = {each.strip(" \t") for each in self.environ.get("HTTP_CONNECTION", "").lower().split(",")}
        return "close" not in wants and (self.version == _VERSIONS[0] or "keep-alive" in wants)


def collect(first: bytes, readline: Callable[[int], bytes]) -> bytes:
    """Read what belongs to a first line, up to the empty line or to one that ends as none may. Raises HeadError."""
    lines, line, size = [first], first, 0
    while line.endswith(b"\r\n") and line != b"\r\n":
        line = readline(LONGEST_LINE)
        size += len(line)
        if len(line) >= LONGEST_LINE:
            raise _too_large(_long(line.partition(b":")[0].decode("latin-1")))
        if size > LONGEST_HEAD:
            raise _too_large(f"the headers are over {LONGEST_HEAD // 1024} KiB together")
        lines.append(line)
    return b"".join(lines)


def read_head(data: bytes) -> RequestHead:
    """Parse a whole head, with the empty line at its end. Raises HeadError."""
    found = _HEAD.fullmatch(data.decode("latin-1"))
    if found is None:
        raise _problem(data)
    method, target, version, lines = found.groups()
    fields: list[tuple[str, str]] = []
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "SCRIPT_NAME": ""}
    for line in lines.split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        fields.append((name, value := value.strip(" \t")))
        key = _key(name) if len(name) < USUAL else _key.__wrapped__(name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ.pop("", None)  # what can't be told from others
    environ["headers_raw"] = tuple(fields)
    head = RequestHead(method, target, version, environ)
    judge(head)
    environ["PATH_INFO"], environ["QUERY_STRING"] = _path(head)
    return head


def judge(head: RequestHead) -> None:
    """Refuse a request whose head can be read, but not be believed. Raises HeadError. Both ways in come here."""
    environ = head.environ
    if head.version not in _VERSIONS:
        raise HeadError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.0 and 1.1 are spoken here")
    if len(environ["headers_raw"]) > MOST_HEADERS:
        raise _too_large(f"there are {MOST_HEADERS + 1} headers or more")
    host, length, coding = head.get("Host"), environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING")
    if host is None and head.version == _VERSIONS[0]:
        raise _bad("it has no Host")
    if host is not None and not _HOST.fullmatch(host):
        raise _bad("its Host is not one name or address")
    if length is not None and coding is not None:
        raise _bad("it has Content-Length and Transfer-Encoding")
    if length is not None and not _LENGTH.fullmatch(length):
        raise _bad("its Content-Length is not one number")
    if coding is not None and (coding.lower() != "chunked" or head.version != _VERSIONS[0]):
        raise _bad("its Transfer-Encoding is not chunked, by HTTP/1.1")


@lru_cache(256)
def _key(name: str) -> str:
    """The key of a header in the environ; "" for one with an underscore, which there is the same as another's."""
    if "_" in name:
        return ""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _path(head: RequestHead) -> tuple[str, str]:
    """The decoded path of the target, and its query (RFC 9112, section 3.2)."""
    path, _, query = head.target.partition("?")
    if path.startswith("/"):
        return unquote(path, "latin-1"), query
    if head.target == "*" and head.method == "OPTIONS":
        return path, query
    found = _ABSOLUTE.fullmatch(head.target)
    if found is None:
        raise _bad("its target is no path")
    host = str(head.environ.setdefault("HTTP_HOST", found[1]))
    if found[1].lower() != host.lower() or not _HOST.fullmatch(host):
        raise _bad("its target names another host than its Host")
    return unquote(found[2], "latin-1") or "/", found[3][1:]


def _problem(data: bytes) -> HeadError:
    """Why it is no head."""
    first, *lines = data.split(b"\r\n")
    if b"\0" in data or any(b"\r" in line or b"\n" in line for line in (first, *lines)):
        return _bad("a line of its head has a bare CR or LF, or a NUL in it")
    if _FIRST_LINE.fullmatch(first) is None:
        if _NO_URL.fullmatch(first):
            return _bad("its address has a character that has to be written as % and two digits")
        return _bad("its first line is no request of HTTP/1.1")
    if not data.endswith(b"\r\n\r\n"):
        return _bad("it ends in its head")
    if any(line.startswith((b" ", b"\t")) for line in lines):
        return _bad("a header goes on in a second line")
    if any(line and not _HEADER.fullmatch(line) for line in lines):
        return _bad("a line of its head is no header")
    return _bad("a header has a control character in it")


def _long(name: str) -> str:
    many = "; delete the cookies of this site in the browser" if name.lower() == "cookie" else ""
    return f"the header {shorten(name)} is over {LONGEST_LINE} bytes{many}"


def _bad(reason: str) -> HeadError:
    return HeadError(HTTPStatus.BAD_REQUEST, reason)


def _too_large(reason: str) -> HeadError:
    return HeadError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, reason)
