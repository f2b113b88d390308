"""dial.py: from a name to a socket, in time, whatever the resolver and the addresses do."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.errors import LinkError
from bridge.link import dial
from bridge.link.dial import Dialer
from tests.tcpserver import TcpServer
from tests.unit.links import closed_port
from tests.waiting import PATIENCE, Log

#: 192.0.2.0/24 is for documentation (RFC 5737). Nothing is sent there: `Mute` stands in front of it.
MUTE = "192.0.2.1"


class Mute(socket.socket):
    """A socket whose attempts to reach MUTE get no answer, as from a firewall that drops them."""

    asked: Log[str] = Log()
    over = threading.Event()

    def connect(self, address: Any) -> None:
        Mute.asked.add(address[0])
        if address[0] == MUTE:
            Mute.over.wait(self.gettimeout())
            raise TimeoutError("timed out")
        super().connect(address)


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log[str]]:
    Mute.asked, Mute.over = Log(), threading.Event()
    monkeypatch.setattr(socket, "socket", Mute)
    yield Mute.asked
    Mute.over.set()


def resolves(monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, int]) -> None:
    """From now on every name has these addresses, in this order."""

    def look_up(host: str, port: int, **_: object) -> list[Any]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, at, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, at))
            for address, at in answers
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def failure(host: str, port: int, timeout: float = 5.0) -> LinkError:
    with pytest.raises(LinkError) as failed:
        Dialer(host, port, timeout).dial()
    return failed.value


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_connects_to_an_address_of_either_family_and_to_a_name(host: str) -> None:
    with TcpServer(host=host if ":" in host else "127.0.0.1") as server, Dialer(host, server.port).dial() as sock:
        sock.sendall(b"hello~")
        assert server.accept().frames.wait_count(1) == [b"hello"]


def test_the_socket_has_no_time_out_left() -> None:
    with TcpServer() as server, Dialer("127.0.0.1", server.port).dial() as sock:
        assert sock.gettimeout() is None


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "localhost")])
def test_a_refusal_is_told_with_the_server_in_words(host: str, shown: str) -> None:
    port = closed_port()
    error = failure(host, port)
    assert error.code == "refused"
    assert error.reason == f"nothing listens on {shown}:{port} (connection refused)"


def test_a_name_that_does_not_resolve_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    error = failure("no.such.name", 1)
    assert error.code == "unknown-host"
    assert "no.such.name" in error.reason
    assert "not known" in error.reason


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_name_that_can_not_even_be_asked_for_is_no_end(host: str) -> None:
    error = failure(host, 1)
    assert error.code == "unknown-host"
    assert host in error.reason


def test_a_mute_resolver_is_waited_for_no_longer_than_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def look_up(*_: object, **__: object) -> list[Any]:
        over.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    began = time.monotonic()
    error = failure("mute.example", 1, timeout=0.2)
    assert time.monotonic() - began < 2
    over.set()
    assert error.code == "resolver-timeout"
    assert error.reason == "the resolver did not answer for mute.example within 0.2 s"


@pytest.mark.parametrize("mute_too", [False, True])
def test_when_the_resolver_is_slow_ipv4_is_asked_for_besides_and_the_first_answer_counts(
    monkeypatch: pytest.MonkeyPatch, mute_too: bool
) -> None:
    over = threading.Event()
    asked: Log[int] = Log()

    def look_up(host: str, port: int, family: int = 0, **_: object) -> list[Any]:
        asked.add(family)
        if family == socket.AF_UNSPEC or mute_too:
            over.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "Lookup timed out")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    monkeypatch.setattr(dial, "_LONG", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with TcpServer() as server:
        if mute_too:
            assert failure("mute.example", 1, timeout=0.2).code == "resolver-timeout"
        else:
            Dialer("mute.example", 1).dial().close()
        assert asked.entries == [socket.AF_UNSPEC, socket.AF_INET]  # two look-ups an attempt, and no more
        over.set()


@pytest.mark.parametrize("good", [socket.AF_UNSPEC, socket.AF_INET, None])
def test_a_look_up_that_fails_does_not_hide_what_the_other_one_finds(
    monkeypatch: pytest.MonkeyPatch, good: int | None
) -> None:
    both, failed = threading.Barrier(2), threading.Event()

    def look_up(host: str, port: int, family: int = 0, **_: object) -> list[Any]:
        both.wait(PATIENCE)
        if family != good:
            failed.set()
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        failed.wait(PATIENCE)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    monkeypatch.setattr(dial, "_LONG", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with TcpServer() as server:
        if good is None:
            assert failure("none.example", 1).code == "unknown-host"
        else:
            Dialer("half.example", 1).dial().close()


@pytest.mark.usefixtures("mute")
@pytest.mark.parametrize(
    ("addresses", "code", "forgets"),
    [
        ([("127.0.0.1", 1)], "refused", False),  # a machine is there, only its program is away
        ([(MUTE, 1)], "timeout", True),
        ([], "unknown-host", True),
    ],
)
def test_what_the_resolver_knows_is_forgotten_when_it_may_be_the_reason(
    monkeypatch: pytest.MonkeyPatch, addresses: list[tuple[str, int]], code: str, forgets: bool
) -> None:
    if addresses:
        resolves(monkeypatch, *addresses)
    forgotten: list[bool] = []
    with pytest.raises(LinkError) as failed:
        Dialer("some.example" if addresses else "a..b", 1, 0.2, lambda: forgotten.append(True)).dial()
    assert failed.value.code == code
    assert forgotten == [True] * forgets


def test_what_the_resolver_knows_is_kept_when_it_was_right() -> None:
    forgotten: list[bool] = []
    with TcpServer() as server:
        Dialer("127.0.0.1", server.port, forget=lambda: forgotten.append(True)).dial().close()
    assert not forgotten


def test_a_server_that_does_not_answer_is_given_up_in_time(mute: Log[str]) -> None:
    began = time.monotonic()
    error = failure(MUTE, 1, timeout=0.2)
    assert time.monotonic() - began < 2
    assert error.code == "timeout"
    assert error.reason == f"{MUTE}:1 did not answer within 0.2 s"


@pytest.mark.usefixtures("mute")
def test_an_attempt_that_gets_no_answer_ends_by_itself_when_its_time_is_over() -> None:
    failure(MUTE, 1, timeout=0.05)
    for thread in threading.enumerate():
        if thread.name == "bridge-connect":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_every_address_is_tried_at_once_when_the_one_before_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with TcpServer() as server:
        dead = closed_port()
        resolves(monkeypatch, *[("127.0.0.1", dead), ("127.0.0.2", dead), ("::1", dead), ("127.0.0.1", server.port)])
        began = time.monotonic()
        with Dialer("many.example", 1).dial():
            server.accept()
        assert time.monotonic() - began < 0.25


def test_an_address_that_does_not_answer_delays_the_next_by_a_quarter_of_a_second(
    monkeypatch: pytest.MonkeyPatch, mute: Log[str]
) -> None:
    with TcpServer() as server:
        resolves(monkeypatch, (MUTE, 1), ("127.0.0.1", server.port))
        began = time.monotonic()
        with Dialer("many.example", 1).dial() as sock:
            assert 0.2 < time.monotonic() - began < 2
            assert sock.getpeername() == ("127.0.0.1", server.port)


def test_the_families_take_turns_beginning_with_the_resolvers_first(
    monkeypatch: pytest.MonkeyPatch, mute: Log[str]
) -> None:
    dead = closed_port()
    resolves(monkeypatch, *[("::1", dead)] * 2, ("127.0.0.1", dead), ("127.0.0.2", dead), ("127.0.0.3", dead))
    failure("many.example", 1)
    assert mute.entries == ["::1", "127.0.0.1", "127.0.0.2", "127.0.0.3"]  # a doubled one is tried once


class NoIpv6(Mute):
    """A machine without IPv6, or without a way out for it."""

    number = errno.EADDRNOTAVAIL

    def connect(self, address: Any) -> None:
        if ":" in address[0]:
            raise OSError(NoIpv6.number, "Cannot assign requested address")
        super().connect(address)


@pytest.mark.usefixtures("mute")
@pytest.mark.parametrize("first", ["IPv4", "IPv6"])
@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.ENETUNREACH])
@pytest.mark.parametrize(("host", "code"), [("127.0.0.1", "refused"), (MUTE, "timeout")])
def test_of_several_failures_the_one_that_says_most_is_told(
    monkeypatch: pytest.MonkeyPatch, host: str, code: str, number: int, first: str
) -> None:
    """What the server's machine did, not that this one has no IPv6."""
    monkeypatch.setattr(socket, "socket", NoIpv6)
    monkeypatch.setattr(NoIpv6, "number", number)
    port = closed_port()
    addresses = [(host, port), ("2001:db8::1", port)]
    resolves(monkeypatch, *(addresses if first == "IPv4" else reversed(addresses)))
    # What is refused is told at once, on a busy machine within PATIENCE; what is mute never.
    assert failure("many.example", port, timeout=0.3 if host == MUTE else PATIENCE).code == code


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.EHOSTUNREACH, "unreachable", "no route to"),
        (errno.ENETUNREACH, "unreachable", "no network to"),
        (errno.EPERM, "failed", "Operation not permitted"),
    ],
)
def test_what_else_can_go_wrong_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, number: int, code: str, words: str
) -> None:
    class Broken(socket.socket):
        def connect(self, address: Any) -> None:
            raise OSError(number, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", Broken)
    error = failure("127.0.0.1", 1)
    assert error.code == code
    assert words in error.reason
    assert "127.0.0.1:1" in error.reason


def test_without_file_descriptors_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoneLeft(socket.socket):
        def __init__(self, *_: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", NoneLeft)
    assert failure("127.0.0.1", 1).code == "no-files"


def test_a_connection_to_oneself_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """TCP's simultaneous open: a socket that connects to its own port is its own peer."""

    class Own(socket.socket):
        def connect(self, address: Any) -> None:
            self.bind(address)
            super().connect(address)

    port = closed_port()
    monkeypatch.setattr(socket, "socket", Own)
    assert failure("127.0.0.1", port).code == "refused"


def test_of_several_that_connect_one_gets_out_and_the_others_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with TcpServer() as first, TcpServer() as second:
        won = threading.Event()

        class Slow(socket.socket):
            def connect(self, address: Any) -> None:
                super().connect(address)
                if address[1] == first.port:
                    won.wait(PATIENCE)

        monkeypatch.setattr(socket, "socket", Slow)
        resolves(monkeypatch, ("127.0.0.1", first.port), ("127.0.0.1", second.port))
        with Dialer("many.example", 1).dial() as sock:
            assert sock.getpeername()[1] == second.port
            won.set()
            assert first.accept().ended.wait(PATIENCE)
            sock.sendall(b"hello~")
            assert second.accept().frames.wait_count(1) == [b"hello"]


def test_one_that_connects_after_the_time_limit_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with TcpServer() as server:
        given_up = threading.Event()

        class Late(socket.socket):
            def connect(self, address: Any) -> None:
                super().connect(address)
                given_up.wait(PATIENCE)

        monkeypatch.setattr(socket, "socket", Late)
        assert failure("127.0.0.1", server.port, timeout=0.1).code == "timeout"
        given_up.set()
        assert server.accept().ended.wait(PATIENCE)
