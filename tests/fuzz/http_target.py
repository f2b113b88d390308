"""The target of HTTP requests: both ways into the bridge, a plain reader of RFC 9112 and h11 against each other.

Use: `requests(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")`.
"""

from __future__ import annotations

import io

import h11

from bridge.engineio.chunked_body import BrokenBody, ChunkedBody
from bridge.engineio.request_head import LONGEST_LINE, HeadError, RequestHead, collect, read_head
from tests.fuzz.rfc9112 import Request, read

__all__ = ["requests"]

LONGEST_BODY = 1 << 20


def requests(data: bytes) -> None:
    """Any bytes of a client are the requests that RFC 9112 says, and nothing behind what is none is one.

    The two ways into the bridge read the same, and so does h11, of what they take.
    """
    wanted, rest = read(data)
    found, end = _served(data)
    assert found == wanted, data
    assert data[end:] == rest, data  # so a server in front that reads as the RFC says sees the same ends
    head = data[: data.find(b"\r\n\r\n") + 4]
    if head and not data.startswith(b"\r\n"):
        try:
            taken = _request(read_head(head))
        except HeadError:
            taken = None
        line_by_line = _first(data)
        assert taken == line_by_line, data
        if taken is not None:
            coding = "transfer-encoding"  # which h11 gives in lower case
            fields = [(name, value.lower() if name == coding else value) for name, value in taken.fields]
            assert (taken.method, taken.target, fields) == _by_h11(head), data


def _served(data: bytes) -> tuple[list[Request], int]:
    """The requests that eventlet's WSGI server is given, and where the last of them ends."""
    file, found, end = io.BytesIO(data), list[Request](), 0
    while True:
        head = _next_head(file)
        body = _body_of(head, file) if head else None
        if head is None or body is None:
            return found, end
        found.append(_request(head)._replace(body=body))
        end = file.tell()


def _first(data: bytes) -> Request | None:
    head = _next_head(io.BytesIO(data))
    return head and _request(head)


def _next_head(file: io.BytesIO) -> RequestHead | None:
    line = file.readline(LONGEST_LINE)
    line = file.readline(LONGEST_LINE) if line == b"\r\n" else line
    try:
        return read_head(collect(line, file.readline))
    except HeadError:
        return None


def _request(head: RequestHead) -> Request:
    fields = [(name.lower(), value) for name, value in head.environ["headers_raw"]]
    return Request(head.method, head.target, fields, b"")


def _body_of(head: RequestHead, file: io.BytesIO) -> bytes | None:
    if not head.is_chunked:
        length = int(head.get("Content-Length") or 0)
        body = file.read(min(length, LONGEST_BODY))
        return body if len(body) == length else None
    broken: list[str] = []
    try:
        body = io.BufferedReader(ChunkedBody(file, lambda: None, broken.append)).read()
    except BrokenBody:
        return None
    assert not broken
    return body


def _by_h11(head: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    event = connection.next_event()
    assert isinstance(event, h11.Request), event
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    return event.method.decode("latin-1"), event.target.decode("latin-1"), fields
