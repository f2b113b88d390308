"""sockets.py: what the kernel says of a connection, and in words why it ended."""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

import pytest

from bridge.link.sockets import (
    acknowledged,
    broken,
    configure,
    finish_sending,
    how_it_ended,
    takes,
    unanswered_for,
    vitals_of,
)
from tests.viewer import until
from tests.waiting import PATIENCE

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Our end of a connection, and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConnectionResetError(), "reset", "S reset the connection"),
        (TimeoutError(), "dead", "S no longer answers: TCP gave up"),
        (BrokenPipeError(), "eof", "S closed the connection"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "broken", "the connection to S broke: No route to host"),
        (OSError("something"), "broken", "the connection to S broke: something"),
    ],
)
def test_an_error_of_a_call_is_told_by_its_kind(error: OSError, code: str, words: str) -> None:
    told = broken(error, "S")
    assert (told.code, str(told)) == (code, words)


def test_who_is_given_up_is_told_why() -> None:
    assert str(broken(TimeoutError(), "S", "no acknowledgement")) == "S no longer answers: no acknowledgement"


def fill(sock: socket.socket) -> None:
    """Send until it takes no more."""
    sock.setblocking(False)
    with suppress(BlockingIOError):
        while sock.send(b"x" * 65536):
            pass


def test_an_end_is_told_from_a_reset(pair: Pair) -> None:
    ours, theirs = pair
    theirs.shutdown(socket.SHUT_WR)
    assert ours.recv(1) == b""
    assert how_it_ended(ours, "S").code == "eof"
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    until(lambda: how_it_ended(ours, "S").code == "reset")
    assert str(how_it_ended(ours, "S")) == "S reset the connection"


def test_what_was_acknowledged_is_counted_from_0_and_after_the_end_too(pair: Pair) -> None:
    ours, theirs = pair
    assert acknowledged(ours) == 0
    ours.sendall(b"hello")
    assert theirs.recv(5) == b"hello"
    until(lambda: acknowledged(ours) == 5)
    ours.close()
    assert acknowledged(ours) is None


def test_whether_an_answer_is_missed_and_for_how_long(pair: Pair) -> None:
    ours, theirs = pair
    ours.sendall(b"question")
    began = time.monotonic()
    first = unanswered_for(ours, heard=False)
    assert first is not None
    assert 0 <= first <= time.monotonic() - began + 1
    theirs.recv(100)
    time.sleep(0.05)  # longer than a tick of the kernel's clock
    theirs.sendall(b"answer")
    assert ours.recv(100) == b"answer"
    assert unanswered_for(ours, heard=True) is None
    time.sleep(0.05)
    ours.sendall(b"another")
    until(lambda: (unanswered_for(ours, heard=True) or 0.0) >= 0.03)
    assert (unanswered_for(ours, heard=True) or 99.0) < PATIENCE
    ours.close()
    assert unanswered_for(ours, heard=True) is None


def test_how_much_it_has_taken_is_known_until_it_is_full(pair: Pair) -> None:
    ours, theirs = pair
    ours.setblocking(False)
    assert takes(ours) == 0
    assert ours.send(b"x" * 1000) == 1000
    assert takes(ours) == 1000
    fill(ours)
    until(lambda: takes(ours) is None)
    theirs.setblocking(False)

    def read() -> bool:
        try:
            theirs.recv(1 << 20)
        except BlockingIOError:
            return takes(ours) is not None
        return False

    until(read)
    ours.close()
    assert takes(ours) is None


def test_what_the_kernel_knows_of_the_other_machine(pair: Pair) -> None:
    ours, theirs = pair
    configure(ours)
    ours.sendall(b"hello")
    theirs.recv(5)
    until(lambda: (vitals := vitals_of(ours)) is not None and vitals.unacked == 0)
    vitals = vitals_of(ours)
    assert vitals is not None
    assert (vitals.waiting, vitals.acked, vitals.probes, vitals.retries) == (0, 6, 0, 0)  # the SYN is one
    assert 0 <= vitals.quiet < PATIENCE
    assert abs(vitals.at - time.monotonic()) < PATIENCE
    assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    ours.close()
    assert vitals_of(ours) is None


class Options:
    """A socket of a kernel that refuses the limit of TCP's retransmissions, if there is an error."""

    def __init__(self, error: int = 0) -> None:
        self.error, self.calls = error, list[tuple[int, int, int]]()

    def setsockopt(self, level: int, name: int, value: int) -> None:
        self.calls.append((level, name, value))
        if name == 44 and self.error:
            raise OSError(self.error, "refused")


@pytest.mark.parametrize("error", [0, errno.ENOPROTOOPT, errno.EINVAL])
def test_retransmissions_are_five_seconds_apart_at_most_where_the_kernel_can(error: int) -> None:
    sock = Options(error)
    configure(cast(socket.socket, sock))
    assert sock.calls[-1] == (socket.IPPROTO_TCP, 44, 5000)  # TCP_RTO_MAX_MS, Linux 6.15
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in sock.calls


def test_any_other_error_of_an_option_is_one() -> None:
    with pytest.raises(OSError, match="refused"):
        configure(cast(socket.socket, Options(errno.EBADF)))


def test_whoever_leaves_waits_until_the_other_has_had_everything_and_a_moment_more(pair: Pair) -> None:
    ours, theirs = pair
    ours.sendall(b"last words")
    began = time.monotonic()
    finish_sending(ours, threading.Event(), 60)
    assert 0.25 <= time.monotonic() - began < PATIENCE
    assert theirs.recv(100) == b"last words"
    assert theirs.recv(100) == b""


def test_whoever_leaves_one_that_takes_nothing_waits_for_its_time_alone(pair: Pair) -> None:
    ours, _ = pair
    fill(ours)
    began = time.monotonic()
    finish_sending(ours, threading.Event(), 0.6)
    assert 0.6 <= time.monotonic() - began < PATIENCE


def test_whoever_leaves_waits_no_longer_than_until_it_is_over(pair: Pair) -> None:
    over = threading.Event()
    over.set()
    began = time.monotonic()
    finish_sending(pair[0], over, 60)
    with socket.socket() as none:
        finish_sending(none, over, 60)
    assert time.monotonic() - began < PATIENCE
