"""What seems wrong with the server is told within three seconds: in `bridge:link`, in the status, in the log."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.relay.change_throttle import AT_ONCE, EVERY
from tests.client import Client
from tests.process import Bridge
from tests.tcpserver import TcpServer
from tests.viewer import until
from tests.waiting import PATIENCE

IN_TIME = 3.0


@contextmanager
def linked(*flags: str) -> Iterator[tuple[TcpServer, Bridge, Client]]:
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge, Client(bridge.url) as ann:
        yield server, bridge, ann


def hinted(client: Client, code: str, start: int = 0) -> dict[str, Any]:
    def is_it(event: tuple[str, Any]) -> bool:
        return event[0] == "bridge:link" and (event[1]["hint"] or {}).get("code") == code

    hint: dict[str, Any] = client.events.wait(is_it, start=start)[1]["hint"]
    return hint


def lines(bridge: Bridge, text: str) -> list[str]:
    return [line for line in bridge.log.entries if text in line]


def test_lines_in_place_of_a_tilde_are_told_with_the_flag_and_the_first_bytes() -> None:
    with linked() as (server, bridge, ann):
        peer = server.accept()
        began = time.monotonic()
        peer.send(b'{"a":1}\n{"a":2}\n')
        hint = hinted(ann, "framing")
        assert time.monotonic() - began < IN_TIME
        assert hint["try"] == r"--framing-in '\n'"
        assert r'{"a":1}\n{"a":2}\n' in hint["text"]
        assert bridge.status()["link"]["hint"] == hint
        with Client(bridge.url) as bob:
            assert bob.linked()["hint"] == hint
        for _ in range(20):
            peer.send(b'{"a":3}\n')
        bridge.said("no frame has come with --framing-in '~'")
        assert len(lines(bridge, r"try --framing-in '\n'")) == 1
        count = len(ann.events.entries)
        until(lambda: bridge.counter("bytes_in") == 22 * 8)
        peer.send(b"~whole~")
        cleared = ann.events.wait(lambda e: e[0] == "bridge:link", start=count)[1]
        assert cleared["hint"] is None
        assert bridge.status()["link"]["hint"] is None


@contextmanager
def answering(reply: bytes, first: bytes = b"") -> Iterator[tuple[str, Bridge, Client]]:
    """A server that says `first` when it is connected to, and `reply` to what it is sent, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer, suppress(OSError):
                    peer.sendall(first)
                    if peer.recv(65536):
                        peer.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with Bridge("--server", address) as bridge, Client(bridge.url) as ann:
            yield address, bridge, ann
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_web_server_is_named_also_one_that_says_nothing_until_it_is_spoken_to() -> None:
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        flags = ("--server", f"127.0.0.1:{web.server_port}", "--framing-out", r"\n")
        with Bridge(*flags) as bridge, Client(bridge.url) as ann:
            began = time.monotonic()
            hint = hinted(ann, "http")
            assert time.monotonic() - began < IN_TIME
            assert "web server" in hint["text"]
            assert hint["try"] is None
            assert bridge.status()["link"]["hint"] == hint
            bridge.said("looks like HTTP: a web server answers there")
        web.shutdown()
    with answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as (_, _, ann):
        assert "web server" in hinted(ann, "http")["text"]


def test_a_tls_server_is_named_by_its_alert(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1",
         "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", str(key), "-cert", str(cert), "-quiet"]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            with Bridge("--server", f"127.0.0.1:{port}") as bridge, Client(bridge.url) as ann:
                began = time.monotonic()
                hint = hinted(ann, "tls")
                assert time.monotonic() - began < IN_TIME
                assert "stunnel" in hint["text"]
                bridge.said("looks like TLS")
        finally:
            server.kill()


def test_a_server_that_never_spoke_is_asked_in_tls_while_no_other_connection_is_open() -> None:
    assert closing_at_once(b"") == ["closed", "asked in TLS"]


def test_a_server_that_has_said_something_once_is_never_asked_in_tls() -> None:
    assert closing_at_once(b"welcome~") == ["closed"]


def closing_at_once(said: bytes, connections: int = 12) -> list[str]:
    """What became of the connections to a server that says this on the first, and closes each at the first byte: the
    kinds of it. "two at once" is one more."""
    kinds: set[str] = set()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Bridge("--server", f"127.0.0.1:{listener.getsockname()[1]}", "--retry-max", "0.5") as bridge,
        Client(bridge.url),  # whom the server is told of each time
    ):
        listener.settimeout(PATIENCE)
        for number in range(connections):
            sock, _ = listener.accept()
            if number == 0:
                sock.sendall(said)
            kinds.add("asked in TLS" if sock.recv(64).startswith(b"\x16\x03") else "closed")
            if select.select([listener], [], [], 0)[0]:
                kinds.add("two at once")
            sock.close()
            if "asked in TLS" in kinds:
                break
    return sorted(kinds, key=len)


def test_a_server_of_another_protocol_is_named_by_its_banner() -> None:
    banners = {
        b"SSH-2.0-OpenSSH_9.2p1\r\n": "SSH",
        b"220 mail.test ESMTP\r\n": "SMTP",
        b"\xff\xfd\x18\xff\xfd\x20": "telnet",
    }
    for banner, name in banners.items():
        with answering(b"", first=banner) as (_, _, ann):
            assert name in hinted(ann, "protocol")["text"]


def test_a_banner_is_named_also_where_its_line_is_a_frame() -> None:
    with linked("--framing-in", r"\n") as (server, _, ann):
        server.accept().send(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        assert "SSH" in hinted(ann, "protocol")["text"]


def test_the_bridge_itself_behind_server_is_told_and_is_no_link_that_is_up() -> None:
    for name in ("127.0.0.1", "localhost"):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with Bridge("--server", f"{name}:{port}", "--port", str(port)) as bridge, Client(bridge.url) as ann:
            began = time.monotonic()
            hint = hinted(ann, "itself")
            assert time.monotonic() - began < IN_TIME
            assert hint["text"].startswith("--server is the bridge's own address")
            assert "is this bridge itself" in ann.linked("waiting")["reason"]
            assert requests.get(f"{bridge.url}/readyz", timeout=PATIENCE).status_code == 503
            assert bridge.counter("link_connects") == 0
            assert len(lines(bridge, "own address")) == 1


def test_another_bridge_behind_server_is_a_web_server() -> None:
    with Bridge("--demo") as other:
        flags = ("--server", f"127.0.0.1:{other.port}", "--framing-out", r"\n")
        with Bridge(*flags) as bridge, Client(bridge.url) as ann:
            assert "another bridge" in hinted(ann, "http")["text"]


def test_a_server_that_closes_after_each_frame_is_told_and_nothing_is_repeated() -> None:
    began = time.monotonic()
    with answering(b"") as (_, bridge, ann):
        hint = hinted(ann, "closes-after-event")
        assert "--framing-out '~'" in hint["text"]
        assert "seems" in hint["text"]
        until(lambda: bridge.counter("link_connects") >= 5)
        assert len(lines(bridge, "closes the connection after each frame")) == 1
        assert len(ann.all("bridge:link")) <= 1 + AT_ONCE + 1 + (time.monotonic() - began) / EVERY
        assert bridge.counter("link_connects") * 3 > len(ann.all("bridge:link"))
        ann.events.wait(lambda e: e[0] == "bridge:link" and e[1]["state"] == "waiting", start=len(ann.events.entries))


def test_a_server_that_answers_at_once_and_then_closes_has_understood() -> None:
    with answering(b"thanks~") as (_, bridge, ann):
        until(lambda: bridge.counter("link_connects") >= 6)
        assert ann.got("message") == "thanks"
        assert lines(bridge, "closes the connection after each frame") == []


def test_a_server_that_closes_when_nobody_speaks_seems_to_wait_for_that() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge:
        for _ in range(2):
            peer = server.accept()
            assert not peer.ended.wait(0.6)
            peer.close()
        bridge.said("wait for the other side to begin")
        assert bridge.status()["link"]["hint"]["code"] == "expects-first"
        with Client(bridge.url) as ann:
            until(lambda: any(peer.frames.entries for peer in server.peers))
            ann.events.wait(lambda e: e[0] == "bridge:link" and e[1]["hint"] is None)


def test_a_server_silent_since_its_first_frame_is_told_with_the_framing_that_it_uses() -> None:
    flags = ("--framing-in", r"\n", "--idle-warn", "1.5")
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge:
        peer = server.accept()
        peer.send(b'{"tick":1}\n')
        until(lambda: bridge.counter("frames_in") == 1)
        with Client(bridge.url) as ann:
            hint = hinted(ann, "silent-after-event")
            assert hint["try"] == r"--framing-out '\n'"
            count = len(ann.events.entries)
            peer.send(b'{"tick":2}\n')
            ann.events.wait(lambda e: e[0] == "bridge:link" and e[1]["hint"] is None, start=count)


def test_a_server_that_is_silent_when_idle_has_no_hint() -> None:
    with linked("--idle-warn", "0.5") as (server, bridge, ann):
        peer = server.accept()
        peer.message(action="connected")
        peer.send(b'{"welcome":1}~')
        ann.got("message")
        assert ann.events.wait(lambda e: e[0] == "bridge:link" and e[1]["silent"])[1]["hint"] is None
        assert bridge.status()["link"]["hint"] is None


FITTING = [
    (b"", [b'{"a":%d}' % n + b"|" for n in range(9)], "--framing-in '|'"),
    (b"", [len(f).to_bytes(4, "big") + f for f in (b'{"a":1}', b"[2,3]")], "--framing-in length:4be"),
    (b"", [len(f).to_bytes(2, "little") + f for f in (b"hello", b"you there", b"!")], "--framing-in length:2le"),
    (b"", [b"5:hello,", b"3:you,"], "--framing-in netstring"),
    (b"", [b'{"a":1}', b'{"a":2}', b'{"a":'], "--framing-in json"),
    (b"", [b"move 1 2\r\n", b"move 3 4\r\n"], r"--framing-in '\n'"),
]


@pytest.mark.parametrize(("_", "sent", "fix"), FITTING, ids=[fix for *_, fix in FITTING])
def test_whatever_the_server_uses_the_flag_is_there_in_time(_: bytes, sent: list[bytes], fix: str) -> None:
    with linked() as (server, _bridge, ann):
        peer = server.accept()
        began = time.monotonic()
        for piece in sent:
            peer.send(piece)
        assert hinted(ann, "framing")["try"] == fix
        assert time.monotonic() - began < IN_TIME


WRONG = [
    ("length:4", b'{"a":1}\n{"a":2}\n', r"--framing-in '\n'"),
    ("length:2", b'{"a":1}\n{"a":2}\n', r"--framing-in '\n'"),
    ("netstring", b"one\ntwo\nthree\n", r"--framing-in '\n'"),
    ("varint", b'{"a":1}~{"a":2}~', "--framing-in '~'"),
    ("json", b"]:one\n]:two\n", r"--framing-in '\n'"),
    (r"\n", b'{\n  "a": 1\n}\n{\n  "a": 2\n}\n', "--framing-in json"),
    ("~", b'{"a":"x~y"}\n{"a":"~"}\n{"b":1}\n', r"--framing-in '\n'"),
    ("|", b'{"a":"x|y"}\n{"a":"|"}\n{"b":1}\n', r"--framing-in '\n'"),
]


@pytest.mark.parametrize(("framing", "sent", "fix"), WRONG, ids=[f"{framing} for {fix}" for framing, _, fix in WRONG])
def test_whatever_the_bridge_expects_the_flag_is_there_in_time(framing: str, sent: bytes, fix: str) -> None:
    with linked("--framing-in", framing) as (server, _, ann):
        began = time.monotonic()
        server.accept().send(sent)
        assert hinted(ann, "framing")["try"] == fix
        assert time.monotonic() - began < IN_TIME


def test_frames_over_the_limit_and_lines_that_fill_it_are_told() -> None:
    with linked("--max-frame", "100") as (server, _, ann):
        server.accept().send((b'{"text":"' + b"x" * 200 + b'"}~') * 5)
        hint = hinted(ann, "framing")
        assert "over --max-frame 100" in hint["text"]
        assert hint["try"] == "--max-frame 1024"
    with linked("--max-frame", "100") as (server, _, ann):
        server.accept().send(b'{"text":"some"}\n' * 5000)
        assert hinted(ann, "framing")["try"] == r"--framing-in '\n'"


def test_what_can_not_be_told_is_said_to_be_so_and_shown() -> None:
    with linked() as (server, _, ann):
        server.accept().send(b"\x00\x9c\x01" * 5)
        hint = hinted(ann, "framing")
        assert hint["try"] is None
        assert "can't be told" in hint["text"]
        assert r"\0\x9c\x01" in hint["text"]


def test_frames_that_are_not_json_where_json_is_asked_for_or_not_utf_8_are_told() -> None:
    with linked("--payload", "json") as (server, _, ann):
        server.accept().send(b"one~two~three~")
        assert hinted(ann, "encoding")["try"] == "--payload text"
    with linked() as (server, _, ann):
        server.accept().send("señor, señora~".encode("latin-1") * 3)
        assert "Latin-1" in hinted(ann, "encoding")["text"]


def test_a_hint_outlives_the_connection_and_goes_when_the_next_one_makes_sense() -> None:
    with linked() as (server, bridge, ann):
        peer = server.accept()
        peer.send(b'{"a":1}\n{"a":2}\n')
        hinted(ann, "framing")
        count = len(ann.events.entries)
        peer.close()
        again = server.accept()
        up = ann.events.wait(lambda e: e[0] == "bridge:link" and e[1]["state"] == "connected", start=count)[1]
        assert up["hint"]["code"] == "framing"
        again.send(b'{"a":1}~')
        ann.events.wait(lambda e: e[0] == "bridge:link" and e[1]["hint"] is None, start=count)
        bridge.said("what seemed wrong with the server (framing) seems so no more")
