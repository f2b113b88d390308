"""tls_probe.py: who speaks TLS answers, whoever says nothing is given up, and the question is one of TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bridge.errors import LinkError
from bridge.link import tls_probe
from bridge.link.dial import Dialer
from tests.tcpserver import TcpServer
from tests.unit.links import closed_port
from tests.waiting import PATIENCE


@contextmanager
def listening(serve: Callable[[socket.socket], object]) -> Iterator[Callable[[], socket.socket]]:
    """What dials a server that does this with its one connection."""

    def run() -> None:
        sock, _ = listener.accept()
        with sock:
            serve(sock)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        yield Dialer("127.0.0.1", listener.getsockname()[1]).dial
        thread.join(PATIENCE)


def handshake(sock: socket.socket) -> None:
    with pytest.raises(ssl.SSLError):  # it has no certificate, which it says
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(sock, server_side=True)


def test_a_server_of_tls_answers_in_tls() -> None:
    with listening(handshake) as dial:
        assert tls_probe.probe(dial)[:2] == b"\x15\x03"  # an alert, of the handshake


def test_the_question_is_a_client_hello_whose_lengths_are_right() -> None:
    asked: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        asked.append(sock.recv(1000))
        sock.sendall(b"x" * 100)

    with listening(serve) as dial:
        assert tls_probe.probe(dial) == b"x" * 64
    (hello,) = asked
    assert hello[:3] == b"\x16\x03\x01"
    assert int.from_bytes(hello[3:5], "big") == len(hello) - 5
    assert hello[5] == 1
    assert int.from_bytes(hello[6:9], "big") == len(hello) - 9
    assert hello[9:11] == b"\x03\x03"
    ciphers = int.from_bytes(hello[44:46], "big")
    assert hello[43] == 0
    assert hello[46 : 46 + ciphers] == b"\xc0\x2f\xc0\x30\xc0\x2b\x00\x9c\x00\x2f"
    assert hello[46 + ciphers :] == b"\1\0"


def test_a_server_that_says_nothing_is_given_up_after_a_second() -> None:
    with TcpServer() as server:
        began = time.monotonic()
        assert tls_probe.probe(Dialer("127.0.0.1", server.port).dial) == b""
        assert 1 <= time.monotonic() - began < PATIENCE


def test_a_server_that_closes_or_is_not_there_says_nothing() -> None:
    with listening(lambda sock: None) as dial:
        assert tls_probe.probe(dial) == b""
    dial = Dialer("127.0.0.1", closed_port()).dial
    with pytest.raises(LinkError):
        dial()
    assert tls_probe.probe(dial) == b""
