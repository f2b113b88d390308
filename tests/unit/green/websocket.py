"""One WebSocket over a real TCP connection, and over a socket that does as the test says."""

from __future__ import annotations

import socket
import struct
import warnings
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import pytest  # noqa: E402

from bridge.delivery.client_port import NO_SOCKET  # noqa: E402
from bridge.engineio import websocket as module  # noqa: E402
from bridge.engineio.poller import HANG_UP, READ, WRITE  # noqa: E402
from bridge.engineio.websocket import WebSocket  # noqa: E402
from bridge.wire.websocket_frames import CLOSE, TEXT, close_frame  # noqa: E402
from tests.unit.green.servers import masked, replaced  # noqa: E402
from tests.unit.green.sessions import Epoll, Sock  # noqa: E402


class Owner:
    """`told`: what it was, in order; `then`: what it does when it is told."""

    def __init__(self, then: Any = None) -> None:
        self.told: list[tuple[object, ...]] = []
        self.held: int | None = None  # of a message that has come in part
        self._then = then

    def __str__(self) -> str:
        return "the owner"

    def _tell(self, *what: object) -> None:
        self.told.append(what)
        if self._then is not None:
            self._then()

    def received(self, websocket: WebSocket, messages: list[tuple[int, bytes]]) -> None:
        self._tell("received", messages)

    def unfinished(self, websocket: WebSocket, size: int, begins: bool) -> None:
        self.held = size

    def whole(self, websocket: WebSocket) -> None:
        self.held = None

    def writable(self) -> None:
        self._tell("writable")

    def lost(self, websocket: WebSocket, error: str | None) -> None:
        self._tell("lost", error)


class Case:
    """One WebSocket over a TCP connection. `there`: the client's end, which does not block."""

    def __init__(self, limit: int = 1000, unsent: int = 4000, **more: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.there = socket.create_connection(listener.getsockname())
            self.here, _ = listener.accept()
        self.here.setblocking(False)
        self.there.setblocking(False)
        self.epoll, self.owner = Epoll(), Owner()
        self.websocket = WebSocket(self.here, self.epoll, limit, unsent, **more)  # type: ignore[arg-type]
        self.websocket.owner = self.owner

    def sent(self) -> bytes:
        """What the client has of it; - at its end."""
        try:
            return self.there.recv(1 << 20) or b"-"
        except BlockingIOError:
            return b""
        except ConnectionResetError:
            return b"reset"


def on(sock: Sock, owner: Owner | None = None, told: bool = True, limit: int = 1000) -> tuple[WebSocket, Epoll]:
    epoll = Epoll()
    websocket = WebSocket(sock, epoll, limit, 4000, told)  # type: ignore[arg-type]
    websocket.owner = owner or Owner()
    return websocket, epoll


def test_a_new_one_is_waited_for_and_the_kernel_keeps_little_for_it() -> None:
    at = Case(unsent=12_345)
    assert at.here.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 12_345
    assert (at.epoll.watched, at.epoll.events) == ({at.here.fileno(): at.websocket}, READ)
    assert at.websocket.is_open is True
    assert str(at.websocket) == "the owner"
    assert at.websocket.direct_write == (at.here.send, at.here.fileno())


def test_one_that_is_reset_already_is_no_error() -> None:
    class Reset(Sock):
        def setsockopt(self, *_: object) -> None:
            raise OSError

    websocket, epoll = on(Reset())
    assert epoll.events == READ
    websocket.owner.lost = lambda *_: websocket.close()  # type: ignore[method-assign]
    websocket.failed()
    assert not websocket.is_open


def test_what_comes_is_given_to_its_owner_as_messages_however_it_is_cut() -> None:
    data = masked(b"4hello") + masked(b"", CLOSE) + masked(b"4x" * 30)
    for cut in range(len(data)):
        at = Case()
        for part in (data[:cut], data[cut:]):
            if part:
                at.there.send(part)
                at.websocket.ready(READ)
        got = [message for told in at.owner.told for message in told[1]]  # type: ignore[attr-defined]
        assert got == [(TEXT, b"4hello"), (CLOSE, b""), (TEXT, b"4x" * 30)], cut
        at.websocket.close()
        at.there.close()


def test_a_read_is_of_so_many_bytes_and_no_more() -> None:
    at = Case(limit=1 << 20)
    sizes: list[int] = []

    class Counting(Sock):
        def recv(self, size: int) -> bytes:
            sizes.append(size)
            raise BlockingIOError

    owner = Owner()
    websocket, _ = on(Counting(), owner)
    websocket.ready(READ)
    assert (sizes, owner.told) == ([16_384], [])
    at.websocket.ready(READ)
    assert at.owner.told == []


def test_many_messages_are_a_turn_by_themselves_and_few_are_not() -> None:
    for message, reads in ((masked(b"x" * 100), [16_384]), (b"\x82\xfe\x40\0" + bytes(16_388), [16_384, 49_152])):
        sizes: list[int] = []
        data = message * (70_000 // len(message))

        class Full(Sock):
            def recv(self, size: int, sizes: list[int] = sizes, data: bytes = data) -> bytes:
                sizes.append(size)
                at = sum(sizes[:-1])
                return data[at : at + size]

        owner = Owner()
        websocket, _ = on(Full(), owner, limit=1 << 20)
        websocket.ready(READ)
        assert sizes == reads
        assert all(what == "received" for what, *_ in owner.told)


def test_who_has_gone_is_lost_and_without_an_error() -> None:
    at = Case()
    at.there.shutdown(socket.SHUT_WR)
    at.websocket.ready(READ | HANG_UP)
    assert at.owner.told == [("lost", None)]
    at = Case()
    at.there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    at.there.close()
    at.websocket.ready(HANG_UP)
    assert at.owner.told == [("lost", None)]


def test_what_is_no_frame_is_told_after_what_came_before_and_the_client_is_told_why() -> None:
    for told in (True, False):
        at = Case(told=told)
        at.there.send(masked(b"3") + b"\x81\x00")
        at.websocket.ready(READ)
        reason = "a frame of a client is not masked"
        assert at.owner.told == [("received", [(TEXT, b"3")]), ("lost", reason)]
        assert at.sent() == (close_frame(1002, reason) if told else b"")


def test_a_message_is_as_long_as_its_limit_and_no_longer() -> None:
    at = Case(limit=5)
    at.websocket.feed(masked(b"hello"))
    at.websocket.feed(masked(b"hello!"))
    assert at.owner.told == [
        ("received", [(TEXT, b"hello")]), ("received", []), ("lost", "a message is over the limit of 5 bytes"),
    ]  # fmt: skip
    assert at.sent() == close_frame(1009, "a message is over the limit of 5 bytes")


def test_a_reader_is_kept_only_while_a_frame_is_incomplete() -> None:
    at = Case()
    at.websocket.feed(masked(b"hello")[:4])
    assert at.websocket._reader is not None
    at.websocket.feed(masked(b"hello")[4:])
    assert at.websocket._reader is None
    assert at.owner.told[-1] == ("received", [(TEXT, b"hello")])


def test_it_is_written_to_and_read_as_the_poller_says() -> None:
    at = Case()
    at.websocket.ready(WRITE)
    assert at.owner.told == [("writable",)]
    at.there.send(masked(b"3"))
    at.websocket.ready(READ)
    at.there.send(masked(b"3"))
    at.websocket.ready(READ | WRITE)
    three = ("received", [(TEXT, b"3")])
    assert at.owner.told == [("writable",), three, ("writable",), three]


def test_an_owner_that_closes_it_when_it_writes_is_told_no_more() -> None:
    at = Case()
    at.websocket.owner = owner = Owner(at.websocket.close)
    at.there.send(masked(b"3"))
    at.websocket.ready(READ | WRITE)
    assert owner.told == [("writable",)]


def test_one_that_pauses_is_read_no_more_until_it_goes_on() -> None:
    at = Case()
    at.websocket.pause()
    assert at.epoll.events == READ
    at.there.send(masked(b"3"))
    at.websocket.ready(READ)
    assert (at.epoll.events, at.owner.told) == (0, [])
    at.websocket.want_write(True)
    assert at.epoll.events == WRITE
    at.websocket.ready(WRITE)
    assert at.owner.told == [("writable",)]
    at.websocket.resume()
    assert at.epoll.events == READ | WRITE
    at.websocket.ready(READ)
    assert at.owner.told[1:] == [("received", [(TEXT, b"3")])]
    at.websocket.pause()
    at.there.close()
    at.websocket.ready(HANG_UP)  # which is no reading
    assert at.owner.told[2:] == [("lost", None)]


def test_the_poller_is_told_only_what_is_new() -> None:
    class Counts(Epoll):
        changes = 0

        def change(self, fd: int, events: int) -> None:
            self.changes += 1
            super().change(fd, events)

    at = Case()
    at.websocket._poller = counts = Counts()  # type: ignore[assignment]
    counts.watched[at.here.fileno()] = at.websocket
    at.websocket.resume()
    at.websocket.want_write(False)
    assert counts.changes == 0
    at.websocket.want_write(True)
    at.websocket.want_write(True)
    assert (counts.changes, counts.events) == (1, READ | WRITE)
    at.websocket.want_write(False)
    assert (counts.changes, counts.events) == (2, READ)
    at.websocket.close()
    at.websocket.want_write(True)
    assert counts.changes == 2


def test_parts_are_sent_in_one_piece_as_far_as_there_is_room() -> None:
    at = Case()
    assert at.websocket.send([b"one"]) == 3
    assert at.websocket.send([b"two", memoryview(b"three")]) == 8
    assert at.sent() == b"onetwothree"
    sock = Sock()
    websocket, _ = on(sock)
    sock.room = 5
    assert websocket.send([b"abc", b"def"]) == 5
    assert websocket.send([b"x"]) == 0
    assert sock.sent == b"abcde"
    websocket.close()
    assert websocket.send([b"x"]) == websocket.send([b"x", b"y"]) == 0


def test_who_is_refused_is_told_why_unless_it_would_not_hear() -> None:
    for told in (True, False):
        sock = Sock()
        websocket, _ = on(sock, told=told)
        websocket.refuse(1008, "no")
        assert sock.sent == (close_frame(1008, "no") if told else b"")
    assert module.READ_SIZE == 65536


def test_what_the_client_has_still_to_say_is_read_after_the_end() -> None:
    at = Case()
    at.websocket.send([b"last"])
    at.websocket.end()
    assert at.sent() == b"last"
    assert at.sent() == b"-"
    at.there.send(masked(b"3"))
    at.websocket.ready(READ)
    assert at.owner.told == [("received", [(TEXT, b"3")])]
    at.websocket.close()
    at.websocket.end()
    at.websocket.close()


def test_one_that_is_closed_is_forgotten_by_the_poller_first() -> None:
    at = Case()
    at.websocket.send([b"last"])
    at.websocket.close()
    assert (at.epoll.watched, at.here.fileno()) == ({}, -1)
    assert at.sent() == b"last"
    assert at.sent() == b"-"
    assert not at.websocket.is_open
    assert at.websocket.direct_write is NO_SOCKET


def test_what_the_client_has_not_fetched_is_thrown_away_if_it_is_to_be() -> None:
    at = Case()
    at.websocket.send([b"last"])
    at.websocket.close(reset=True)
    assert at.sent() in (b"last", b"reset")  # what had come may be read, the end is no proper one
    with pytest.raises(ConnectionResetError):
        at.there.recv(1)


class Keeps(Sock):
    """`kept`: what the kernel has for the peer."""

    def __init__(self, kept: int) -> None:
        super().__init__()
        self.kept = kept
        self.options: list[tuple[object, ...]] = []

    def setsockopt(self, *args: object) -> None:
        super().setsockopt()
        self.options.append(args)


def test_what_nobody_has_fetched_since_the_end_is_thrown_away() -> None:
    cases = ((5, 5, True), (5, 6, True), (5, 4, False), (0, 0, False), (1, 1, True), (0, 3, False))
    for at_end, at_close, reset in cases:
        with replaced(module, _kept=lambda sock: sock.kept):
            sock = Keeps(at_end)
            websocket, _ = on(sock)
            websocket.end()
            sock.kept = at_close
            websocket.close()
        wanted = ["setsockopt", "shutdown", *(["setsockopt"] if reset else []), "close"]
        assert sock.calls == wanted, (at_end, at_close)
        if reset:
            assert sock.options[-1] == (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock = Keeps(5)
    websocket, _ = on(sock)
    websocket.close()  # without an end
    assert sock.calls == ["setsockopt", "close"]


def test_how_much_the_kernel_keeps_is_asked_of_it() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert module._kept(here) == 0
        here.send(b"x" * 700)
        assert module._kept(here) >= 700
    closed = socket.socket()
    number = closed.fileno()
    closed.close()

    class Closed:
        def fileno(self) -> int:
            return number + 1000

    assert module._kept(Closed()) == 0


def test_a_bug_of_its_owner_throws_away_what_waits_and_closes_it() -> None:
    sock, owner = Sock(), Owner()
    websocket, epoll = on(sock, owner)
    websocket.failed()
    assert owner.told == [("lost", None)]
    assert sock.calls == ["setsockopt", "setsockopt", "close"]
    assert epoll.watched == {}

    def fails() -> None:
        raise ValueError("another bug")

    websocket, _ = on(sock := Sock(), Owner(fails))
    with pytest.raises(ValueError, match="another bug"):
        websocket.failed()
    assert sock.calls[-1] == "close"
    websocket.owner = Owner()
    websocket.failed()
    assert sock.calls.count("close") == 1
