"""A WebSocket's opening handshake: what is asked, what is refused, what is answered, and whose the socket is then."""

from __future__ import annotations

import warnings
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import base64  # noqa: E402

from eventlet import wsgi  # noqa: E402

from bridge.engineio.websocket_handshake import (  # noqa: E402
    PENDING,
    VERSION,
    answer,
    asks_for_websocket,
    hears_close_frames,
    problem,
    take_socket,
)
from tests.unit.green.servers import ACCEPTED, HANDSHAKE, Line  # noqa: E402

NO_VERSION = "Sec-WebSocket-Version is missing"
NO_KEY = "Sec-WebSocket-Key is missing or is not 16 bytes in base64"
NO_BODY = "a WebSocket's request has no body"
NOT_PLAIN = "a WebSocket needs a plain TCP connection here; put TLS in front of the bridge"


def environ(**more: Any) -> dict[str, Any]:
    return {**HANDSHAKE, "eventlet.input": Line().input(), **more}


def test_a_websocket_is_asked_for_by_two_headers_in_any_case_and_company() -> None:
    for connection, upgrade, asked in (
        ("Upgrade", "websocket", True), ("keep-alive, upgrade", "WebSocket", True),
        ("a,\tUPGRADE ,b", "websocket", True),
        ("upgrade", "h2c", False), ("keep-alive", "websocket", False), ("", "websocket", False), ("Upgrade", "", False),
        ("upgraded", "websocket", False), ("up grade", "websocket", False), ("Upgrade", "websocket, h2c", False),
    ):  # fmt: skip
        found = asks_for_websocket({"HTTP_CONNECTION": connection, "HTTP_UPGRADE": upgrade})
        assert found is asked, (connection, upgrade)
    assert not asks_for_websocket({"HTTP_UPGRADE": "websocket"})
    assert not asks_for_websocket({"HTTP_CONNECTION": "upgrade"})


def test_a_good_handshake_is_not_refused() -> None:
    assert VERSION == "13"
    assert problem(environ()) == ""
    assert problem(environ(CONTENT_LENGTH="0", HTTP_SEC_WEBSOCKET_EXTENSIONS="permessage-deflate")) == ""
    assert problem(environ(HTTP_SEC_WEBSOCKET_PROTOCOL="any")) == ""


def test_what_is_wrong_with_a_handshake_is_said() -> None:
    for version in ("8", "", "13 ", "13, 8"):
        assert problem(environ(HTTP_SEC_WEBSOCKET_VERSION=version)) == NO_VERSION
    for size in (0, 15, 17, 32):
        assert problem(environ(HTTP_SEC_WEBSOCKET_KEY=base64.b64encode(bytes(size)).decode())) == NO_KEY
    for key in ("dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ= =", "dGhl!IHNhbXBsZSBub25jZQ==", "\xe9" * 24):
        assert problem(environ(HTTP_SEC_WEBSOCKET_KEY=key)) == NO_KEY
    for more in ({"CONTENT_LENGTH": "1"}, {"CONTENT_LENGTH": ""}, {"HTTP_TRANSFER_ENCODING": "chunked"}):
        assert problem(environ(**more)) == NO_BODY
    for name, wanted in (("VERSION", NO_VERSION), ("KEY", NO_KEY)):
        without = environ()
        del without[f"HTTP_SEC_WEBSOCKET_{name}"]
        assert problem(without) == wanted


def test_a_connection_that_is_not_plain_can_t_be_taken_over() -> None:
    class Encrypted:
        fd = object()

    assert problem(environ(**{"eventlet.input": wsgi.Input(None, 0, Encrypted())})) == NOT_PLAIN


def test_okhttp_hears_no_close_frames_and_all_others_do() -> None:
    for agent, hears in (("okhttp/4.9.0", False), ("Mozilla/5.0 okhttp/", True), ("OkHttp", True), ("", True)):
        assert hears_close_frames({"HTTP_USER_AGENT": agent}) is hears
    assert hears_close_frames({}) is True


def test_the_answer_is_that_of_the_rfc_s_example() -> None:
    assert answer(environ()) == ACCEPTED


def test_the_socket_is_taken_from_eventlet_with_what_it_has_read() -> None:
    for early in (b"", b"frames"):
        line = Line(early)
        number = line.here.fd.fileno()
        wsgi.WSGI_LOCAL.already_handled = False
        sock, read = take_socket({"eventlet.input": line.input()})
        assert (sock.fileno(), read) == (number, early)
        assert not sock.getblocking()
        assert wsgi.WSGI_LOCAL.already_handled is True
        assert line.here.fd.fileno() == -1
        sock.send(b"x")
        assert line.there.recv(10) == b"x"
        sock.close()


def test_a_pending_connection_s_socket_is_taken_from_the_acceptor() -> None:
    class Pending:
        def take(self) -> str:
            return "its socket"

    asked = {**HANDSHAKE, PENDING: Pending()}
    assert problem(asked) == ""
    assert take_socket(asked) == ("its socket", b"")
