"""One connection to eventlet's WSGI server: what is a request and what is answered to what is none, byte by byte."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import eventlet  # noqa: E402
import pytest  # noqa: E402
from eventlet import wsgi  # noqa: E402
from eventlet.patcher import original  # noqa: E402

from bridge.counters import Counters  # noqa: E402
from bridge.engineio import http_protocol as module  # noqa: E402
from bridge.engineio.http_protocol import GuardedSocket  # noqa: E402
from tests.unit.green.servers import Log, replaced  # noqa: E402

plain_socket: Any = original("socket")

OK = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def refused(status: str, text: str) -> bytes:
    """The whole answer."""
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    always = "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"
    return f"{head}Content-Length: {len(text) + 2}\r\n{always}\r\n{text}.\n".encode()


class Connection:
    """One, whose app reads bodies. `seen`: method, path and body of each request; `environ`: of the last one."""

    def __init__(self, reads: bool = True, sock: Callable[[Any], Any] = GuardedSocket) -> None:
        self.counters = Counters()
        self.seen: list[tuple[str, str, bytes]] = []
        self._reads = reads
        here, self.there = plain_socket.socketpair()
        here.setblocking(False)
        self.there.setblocking(False)
        self.sock = sock(here)
        server = wsgi.Server(
            self.sock, ("here", 1), self._app, protocol=module.protocol(self.counters), log_output=False, debug=False,
            keepalive=75, socket_timeout=30,
        )  # fmt: skip
        state = [("10.0.0.7", 4711), self.sock, wsgi.STATE_IDLE]
        self.thread = eventlet.spawn(server.process_request, state)

    def _app(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        self.environ = environ
        body = environ["wsgi.input"].read() if self._reads else b""
        self.seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], body))
        start("200 OK", [("Date", "now"), ("Content-Length", "2")])
        return [b"ok"]

    def send(self, data: bytes) -> None:
        """It comes, and is looked at as far as that goes without waiting."""
        while data:
            try:
                data = data[self.there.send(data) :]
            except BlockingIOError:
                eventlet.sleep(0)
            except BrokenPipeError:
                return
        eventlet.sleep(0)

    def answers(self) -> bytes:
        """All, when the client sends nothing more."""
        try:
            self.there.shutdown(plain_socket.SHUT_WR)
        except OSError:
            pass
        got = b""
        while True:
            try:
                data = self.there.recv(65536)
            except BlockingIOError:
                eventlet.sleep(0)
                continue
            except ConnectionResetError:
                data = b""
            if not data:
                self.thread.wait()
                return got
            got += data


def talk(*pieces: bytes, reads: bool = True) -> tuple[bytes, Connection]:
    """What is answered to these, one after the other."""
    connection = Connection(reads)
    for piece in pieces:
        connection.send(piece)
    return connection.answers(), connection


def asked(*lines: str, first: str = "GET / HTTP/1.1", body: str = "") -> bytes:
    return "\r\n".join([first, "Host: a", *lines, "", body]).encode("latin-1")


def bad(data: bytes, text: str, status: str = "400 Bad Request") -> None:
    """It is refused with these words, nothing behind it is served, and it is counted and logged."""
    with Log("bridge") as log:
        answer, connection = talk(data + NEXT)
    assert answer == refused(status, text), (data[:200], answer)
    assert connection.seen == []
    assert connection.counters["bad_requests"] == 1
    reason = text[0].lower() + text[1:]
    assert log.lines == [f"WARNING ! a request from 10.0.0.7 could not be read: {reason!r}"]


def test_requests_on_one_connection_are_answered_one_after_the_other() -> None:
    whole = asked() + asked("Content-Length: 3", first="POST /post HTTP/1.1", body="abc") + NEXT
    answer, connection = talk(whole)
    assert answer == OK * 3
    assert connection.seen == [("GET", "/", b""), ("POST", "/post", b"abc"), ("GET", "/next", b"")]
    assert connection.counters["bad_requests"] == connection.counters["requests_too_large"] == 0
    for cut in range(1, len(whole), 5):
        answer, again = talk(whole[:cut], whole[cut:])
        assert (answer, again.seen) == (OK * 3, connection.seen), cut


def test_the_app_is_told_of_the_request() -> None:
    _, connection = talk(asked("X-A: 1", "X-B:  two \t", "X-A: 3", first="GET /a%20b%2F?c=%20 HTTP/1.1"))
    wanted = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/a b/", "QUERY_STRING": "c=%20", "HTTP_HOST": "a", "HTTP_X_A": "1,3",
        "HTTP_X_B": "two", "REMOTE_ADDR": "10.0.0.7", "REMOTE_PORT": "4711",
    }  # fmt: skip
    assert wanted.items() <= connection.environ.items()


def test_a_connection_ends_when_either_side_wants_it() -> None:
    for data, wanted in (
        (asked("Connection: close"), LAST), (asked("Connection: Close"), LAST),
        (asked(first="GET / HTTP/1.0"), LAST),
        (asked("Connection: keep-alive", first="GET / HTTP/1.0") + asked("Connection: close"),
         OK.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\n") + LAST),
    ):  # fmt: skip
        answer, connection = talk(data + NEXT)
        assert answer == wanted, (data, answer)
        assert connection.seen[-1][1] == "/"


def test_a_head_is_answered_without_a_body_by_the_app_alone() -> None:
    answer, connection = talk(asked(first="HEAD / HTTP/1.1"))
    assert answer.startswith(OK[:-2])
    assert connection.seen == [("HEAD", "/", b"")]


def test_a_body_in_chunks_is_the_app_s_wherever_it_is_cut() -> None:
    chunks = "3\r\nabc\r\n4;x\r\nde\r\n\r\n0\r\nA: b\r\n\r\n"
    whole = asked("Transfer-Encoding: Chunked", first="POST /p HTTP/1.1", body=chunks) + NEXT
    wanted = [("POST", "/p", b"abcde\r\n"), ("GET", "/next", b"")]
    for cut in range(1, len(whole)):
        answer, connection = talk(whole[:cut], whole[cut:])
        assert (answer, connection.seen) == (OK * 2, wanted), cut
    assert "wsgi.input_terminated" not in connection.environ
    _, connection = talk(whole[: -len(NEXT)])
    assert connection.environ["wsgi.input_terminated"] is True
    assert connection.environ["eventlet.input"].chunked_input is True


def test_a_body_in_chunks_that_breaks_off_is_counted_and_ends_the_connection() -> None:
    for chunks, reason in (
        ("3\r\nabcd\r\n0\r\n\r\n", "a chunk is longer than its size"), ("x\r\n", "this is no size of a chunk"),
        ("3\r\nab", ""),
    ):  # fmt: skip
        data = asked("Transfer-Encoding: chunked", first="POST / HTTP/1.1", body=chunks)
        with Log("bridge") as log:
            answer, connection = talk(data + NEXT, reads=False)
        assert answer == OK, data
        assert [path for _, path, _ in connection.seen] == ["/"]
        assert connection.counters["bad_requests"] == 1
        if reason:
            assert log.lines == [f"WARNING ! a request from 10.0.0.7 could not be read: {'the body: ' + reason!r}"], (
                log.lines
            )


def test_a_body_in_chunks_that_nobody_reads_is_passed_over() -> None:
    data = asked("Transfer-Encoding: chunked", first="POST / HTTP/1.1", body="3\r\nabc\r\n0\r\n\r\n")
    answer, connection = talk(data + NEXT, reads=False)
    assert answer == OK * 2
    assert [path for _, path, _ in connection.seen] == ["/", "/next"]


def test_who_asks_whether_its_body_is_wanted_is_told_so_when_it_is_read() -> None:
    for more, body in (("Content-Length: 3", "abc"), ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n")):
        head = asked("Expect: 100-continue", more, first="POST / HTTP/1.1")
        connection = Connection()
        connection.send(head)
        while not (told := received(connection)):
            eventlet.sleep(0)
        assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(body.encode())
        assert connection.answers() == OK
        assert connection.seen == [("POST", "/", b"abc")]
        answer, connection = talk(head, reads=False)
        assert answer == LAST


def received(connection: Connection) -> bytes:
    try:
        data: bytes = connection.there.recv(1000)
        return data
    except BlockingIOError:
        return b""


def test_where_a_body_ends_is_said_once_and_clearly() -> None:
    both = "It has Content-Length and Transfer-Encoding"
    not_one = "Its Content-Length is not one number"
    not_chunked = "Its Transfer-Encoding is not chunked, by HTTP/1.1"
    post = "POST / HTTP/1.1"
    bad(asked("Content-Length: 0", "Transfer-Encoding: chunked", first=post), both)
    bad(asked("Transfer-Encoding: chunked", "Content-Length: 3", first=post), both)
    for lengths in (["1", "1"], ["1", "2"], ["1, 1"], ["-1"], ["+1"], ["0x1"], ["1_0"], ["\xb2"], [""], ["1" * 19]):
        bad(asked(*[f"Content-Length: {length}" for length in lengths], first=post), not_one)
    for codings in (["gzip"], ["gzip, chunked"], ["chunked", "chunked"], ["chunked, chunked"], ["identity"], [""]):
        bad(asked(*[f"Transfer-Encoding: {coding}" for coding in codings], first=post), not_chunked)
    bad(asked("Transfer-Encoding: chunked", first="POST / HTTP/1.0"), not_chunked)
    for length in ("3", "  3 \t", "0" * 17 + "3"):
        answer, connection = talk(asked(f"Content-Length: {length}", first=post, body="abc") + NEXT)
        assert (answer, connection.seen[0][2]) == (OK * 2, b"abc"), length
    answer, connection = talk(asked("Transfer-Encoding: \t CHUNKED\t ", first=post, body="0\r\n\r\n") + NEXT)
    assert answer == OK * 2


def test_each_line_of_a_head_is_a_header() -> None:
    for line in ("nonsense", "Na me: x", "Name : x", ": x", "N\xe4me: x", "Name\t: x", "(a): b"):
        bad(asked(line), "A line of its head is no header")
    bad(asked("A: b", " goes on"), "A header goes on in a second line")
    bad(asked("A: b", "\tgoes on"), "A header goes on in a second line")
    bad(asked("A: b\n goes on"), "A line of its head has a bare CR or LF, or a NUL in it")
    for line in ("A: b\rc", "A: b\rB: c", "A: \0", "A\0: b", "A: b\r", "A: b\nB: c"):
        bad(asked(line), "A line of its head has a bare CR or LF, or a NUL in it")
    for name in ("!#$%&'*+-.^_`|~09azAZ", "a"):
        answer, _ = talk(asked(f"{name}: x"))
        assert answer == OK, name


def test_a_header_is_as_long_as_its_limit_and_no_longer() -> None:
    for name, more in (("X-Long", ""), ("Cookie", "; delete the cookies of this site in the browser"),
                       ("cookie", "; delete the cookies of this site in the browser")):  # fmt: skip
        line = f"{name}: ".ljust(8189, "x")
        answer, _ = talk(asked(line))
        assert answer == OK
        reason = f"the header {name!r} is over 8192 bytes{more}"
        too_large(asked(line + "x"), "431 Request Header Fields Too Large", reason)
        too_large(asked(line + "x" * 10_000), "431 Request Header Fields Too Large", reason)


def too_large(data: bytes, status: str, reason: str) -> None:
    """It is refused, counted, and logged as such."""
    with Log("bridge") as log:
        answer, connection = talk(data + NEXT)
    assert answer == refused(status, reason[0].upper() + reason[1:]), answer
    assert connection.seen == []
    assert connection.counters["requests_too_large"] == 1
    assert connection.counters["bad_requests"] == 0
    assert log.lines == [f"WARNING ! a request from 10.0.0.7 was answered {status[:3]}: {reason}"]


def test_headers_are_as_long_together_as_their_limit_and_no_longer() -> None:
    lines = [f"X-{n}: ".ljust(8000, "x") for n in range(8)]
    rest = 65536 - len("Host: a\r\n") - 8 * 8002 - len("\r\n")
    last = "Y: ".ljust(rest - 2, "y")
    answer, _ = talk(asked(*lines, last))
    assert answer == OK
    status = "431 Request Header Fields Too Large"
    too_large(asked(*lines, last + "y"), status, "the headers are over 64 KiB together")


def test_there_are_as_many_headers_as_the_limit_and_no_more() -> None:
    answer, _ = talk(asked(*["A: b"] * 98))
    assert answer == OK
    too_large(asked(*["A: b"] * 99), "431 Request Header Fields Too Large", "there are 100 headers or more")


def test_the_first_line_is_as_long_as_its_limit_and_no_longer() -> None:
    path = "/".ljust(8191 - len("GET  HTTP/1.1\r\n"), "x")
    answer, connection = talk(asked(first=f"GET {path} HTTP/1.1"))
    assert (answer, connection.seen[0][1]) == (OK, path)
    for more in ("x", "x" * 10_000):
        data = asked(first=f"GET {path}{more} HTTP/1.1")
        too_large(data, "414 Request-URI Too Long", "the request's first line is over 8192 bytes")


def test_junk_is_answered_and_counted() -> None:
    no_request = "Its first line is no request of HTTP/1.1"
    for data in (b"\x16\x03\x01 what is this\r\n\r\n", b"GET / HTTP/" + b"9" * 300 + b"\r\n\r\n"):
        bad(data, no_request)
    bad(asked(first="GET / HTTP/2.0"), "Only HTTP/1.0 and 1.1 are spoken here", "505 HTTP Version Not Supported")


def test_an_empty_line_before_a_request_is_nothing_and_two_are_no_request() -> None:
    answer, connection = talk(b"\r\n" + asked() + b"\r\n" + NEXT)
    assert answer == OK * 2
    assert len(connection.seen) == 2
    bad(b"\r\n\r\n" + asked(), "Its first line is no request of HTTP/1.1")


def test_a_connection_that_says_nothing_or_breaks_off_is_no_bad_request() -> None:
    for data in (b"", b"GET / HT"):
        answer, connection = talk(data)
        assert connection.counters["bad_requests"] == (1 if data else 0)
        assert connection.seen == []
    assert answer


class Endless(GuardedSocket):
    """Its client sends on and on, once the head has been read."""

    asked: list[int]

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        self.asked.append(bufsize)
        return bytes(65536)


class Mute(GuardedSocket):
    """Its client says nothing more and stays."""

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        eventlet.sleep(60)
        return b""


def test_who_is_refused_can_read_why_although_it_sends_on() -> None:
    Endless.asked = []
    connection = Connection(sock=Endless)
    connection.send(asked("nonsense"))
    assert connection.answers() == refused("400 Bad Request", "A line of its head is no header")
    assert Endless.asked == [65536] * 16  # a MiB


def test_who_is_refused_and_stays_is_let_go_after_a_second() -> None:
    waits: list[tuple[float, object]] = []

    def timeout(seconds: float, raises: object) -> Any:
        waits.append((seconds, raises))
        return eventlet.Timeout(0.01, raises)

    with replaced(module, eventlet=SimpleNamespace(Timeout=timeout, sleep=eventlet.sleep)):
        connection = Connection(sock=Mute)
        connection.send(asked("nonsense"))
        while not connection.thread.dead:
            eventlet.sleep(0.001)
    assert waits == [(1.0, False)]
    assert connection.answers() == refused("400 Bad Request", "A line of its head is no header")


def test_who_is_refused_and_has_gone_is_no_error() -> None:
    connection = Connection()
    connection.there.send(asked("nonsense"))
    connection.there.close()
    connection.thread.wait()
    assert connection.counters["bad_requests"] == 1


def test_bare_line_feeds_end_no_lines() -> None:
    bad(b"GET /lf HTTP/1.1\nHost: a\nX: y\n\n", "A line of its head has a bare CR or LF, or a NUL in it")


def test_a_body_that_is_not_wanted_is_passed_over_up_to_a_limit() -> None:
    for size, wanted in ((65536, OK * 2), (65537, OK)):
        data = asked(f"Content-Length: {size}", first="POST / HTTP/1.1", body="x" * size)
        answer, connection = talk(data + NEXT, reads=False)
        assert answer == wanted
        assert connection.counters["bad_requests"] == (wanted == OK)


def test_who_sends_a_body_that_is_not_wanted_can_read_why() -> None:
    waits: list[tuple[float, object]] = []

    def timeout(seconds: float, raises: object) -> Any:
        waits.append((seconds, raises))
        return eventlet.Timeout(5, raises)

    head = asked("Content-Length: 9000000", first="POST / HTTP/1.1")
    with replaced(module, eventlet=SimpleNamespace(Timeout=timeout, sleep=eventlet.sleep, wsgi=wsgi)):
        connection = Connection(reads=False)
        connection.send(head + b"x" * 9_000_000)
        assert connection.answers() == OK
    assert set(waits) == {(1.0, False)}
    assert 9_000_000 // 65536 - 2 < len(waits) <= 9_000_000 // 65536 + 1


class Reads:
    """A socket each of whose reads takes as long as the test says."""

    def __init__(self) -> None:
        here, self.there = plain_socket.socketpair()
        self.sock = GuardedSocket(here)

    def read(self, size: int, seconds: float) -> int:
        """Bytes that come in so many seconds."""
        self.there.send(b"x" * size)
        times = [100.0, 100.0 + seconds]
        with replaced(module, time=SimpleNamespace(monotonic=lambda: times.pop(0))):
            received: int = self.sock.recv_into(bytearray(100_000))
        return received


def test_without_a_time_limit_there_is_none() -> None:
    at = Reads()
    assert at.read(5, 1000.0) == 5
    at.sock.settimeout(30)
    at.sock.settimeout(None)
    assert at.read(1, 1000.0) == 1
    assert at.sock.gettimeout() is None


def test_who_is_slow_is_given_up_when_all_reads_together_took_too_long() -> None:
    at = Reads()
    at.sock.settimeout(30)
    assert at.sock.gettimeout() == 30
    assert [at.read(1024, 11.0) for _ in range(3)] == [1024] * 3  # 10 seconds each, which is all there is
    with pytest.raises(TimeoutError, match="too slow"):
        at.read(1, 0.01)


def test_a_new_limit_is_counted_anew() -> None:
    at = Reads()
    at.sock.settimeout(30)
    at.read(1, 29.0)
    at.sock.settimeout(30)
    assert at.read(1, 29.0) == 1
    with pytest.raises(TimeoutError):
        at.read(1, 2.0)


def test_who_was_quick_has_nothing_saved_up() -> None:
    at = Reads()
    at.sock.settimeout(10)
    assert at.read(50_000, 0.0) == 50_000
    assert at.read(1024, 11.0) == 1024
    with pytest.raises(TimeoutError):
        at.read(512, 1.0)


def test_it_receives_as_a_socket_does() -> None:
    at = Reads()
    at.there.send(b"abcdef")
    buffer = bytearray(10)
    assert at.sock.recv_into(buffer, 2) == 2
    assert at.sock.recv_into(buffer, 0, plain_socket.MSG_PEEK) == 4
    assert at.sock.recv_into(buffer) == 4
    assert bytes(buffer[:4]) == b"cdef"
