"""What a connection to the server begins with: greetings, on_link_up, and the answers to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.client import Client
from tests.handlers import Handled, written
from tests.process import Bridge, check_all, run_app
from tests.tcpserver import Peer, TcpServer
from tests.waiting import PATIENCE

LOGIN = """
def setup(bridge):
    @bridge.on_link_up
    def login():
        bridge.send("sent meanwhile")
        yield {"login": "secret"}
        yield bridge.Frame("watch", done=lambda fate: told.append(fate))

    told = []
    downs = []

    @bridge.on_link_down
    def down(reason):
        downs.append(reason)

    @bridge.on_event("told")
    def of_it(client):
        return {"told": told, "downs": downs}
"""

ASKING = """
from pathlib import Path

def setup(bridge):
    @bridge.on_link_up
    def login(ask):
        challenge = ask(None)
        answer = ask(f"answer {challenge[::-1]}", seconds=60)
        if answer != "welcome":
            raise bridge.Refused("bad-user", f"the server said {answer}")
        return ["logged in"]
"""


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


def first(peer: Peer, count: int) -> list[bytes]:
    peer.frames.wait_count(count)
    return peer.frames.entries[:count]


def test_a_connection_begins_with_greetings_on_link_up_hello_presence_and_what_was_held(
    server: TcpServer, tmp_path: Path
) -> None:
    flags = ("--greeting", "hi", "--greeting", "bell \\x07\\\\", "--confirm")
    with Handled(server, [written(tmp_path, LOGIN)], *flags) as at, at.client() as ann:
        first_words = [b"hi", b"bell \x07\\", b"sent meanwhile", b'{"login":"secret"}', b"watch"]
        assert first(at.peer, 5) == first_words
        assert at.peer.message(action="connected")["username"] == ann.sid
        server.refuse()
        at.peer.reset()
        ann.linked("waiting")
        ann.emit("held")
        with TcpServer(server.port) as again:
            peer = again.accept()
            frames = first(peer, 8)
            assert frames[:5] == first_words
            assert [json.loads(frame)["action"] for frame in frames[5:]] == ["hello", "connected", "held"]
            ann.linked()
            peer.send_json({"confirm": 1})
            ann.emit("told")
            told = peer.message(told=[None, None])
            assert len(told["downs"]) == 1
            assert "reset the connection" in told["downs"][0]


def test_a_greeting_needs_no_handlers_and_comes_from_file_variable_and_flag(server: TcpServer, tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text(f'server = "{server.address}"\ngreeting = ["of the file\\\\t", "two"]\n', encoding="utf-8")
    with Bridge("--config", str(file)):
        assert first(server.accept(), 2) == [b"of the file\t", b"two"]
    with Bridge("--config", str(file), BRIDGE_GREETING=r"a\x2cb,c"):
        assert first(server.accept(), 2) == [b"a,b", b"c"]
    with Bridge("--config", str(file), "--greeting", "flag", BRIDGE_GREETING="x"):
        assert first(server.accept(), 1) == [b"flag"]


def test_a_greeting_that_can_not_be_sent_is_refused_at_start() -> None:
    bad = {
        ("--greeting", "a~b"): "contains the delimiter",
        ("--greeting", "\\q"): "is no escape",
        ("--greeting", "ok", "--greeting", "word", "--framing-out", "json"): "greeting 'word'",
        ("--greeting", "long", "--max-frame", "3"): "over the",
    }
    for (flags, words), (code, said) in zip(bad.items(), check_all([list(flags) for flags in bad]), strict=True):
        assert (code, words in said) == (2, True), (flags, said)


def test_a_server_that_asks_first_is_answered_and_nothing_of_what_it_says_besides_is_lost(
    server: TcpServer, tmp_path: Path
) -> None:
    with Handled(server, [written(tmp_path, ASKING)]) as at, Client(at.bridge.url) as ann:
        ann.linked("connecting")
        at.peer.send(b"abc~")
        at.peer.frames.wait(lambda frame: frame == b"answer cba")
        ann.emit("while-it-asks")
        assert requests_of(at.bridge) == 200  # pages are served
        assert at.bridge.status()["link"]["state"] == "connecting"
        assert at.peer.frames.entries == [b"answer cba"]
        at.peer.send(b"welcome~one~two~" + b"".join(b"%d~" % n for n in range(100)))
        ann.linked()
        at.peer.send(b"last~")
        ann.got("message", "last")
        assert ann.all("message") == ["one", "two", *map(str, range(100)), "last"]
        frames = first(at.peer, 4)
        assert frames[:2] == [b"answer cba", b'["logged in"]']
        assert [json.loads(frame)["action"] for frame in frames[2:]] == ["connected", "while-it-asks"]


def requests_of(bridge: Bridge) -> int:
    return requests.get(f"{bridge.url}/bridge/", timeout=PATIENCE).status_code


def test_what_the_server_says_while_it_is_asked_is_bounded(server: TcpServer, tmp_path: Path) -> None:
    # All of it may wait for ann, who has no time to read on a busy machine.
    with Handled(server, [written(tmp_path, ASKING)], "--outbox", "8m") as at, Client(at.bridge.url) as ann:
        at.peer.send(b"abc~")
        at.peer.frames.wait(lambda frame: frame == b"answer cba")
        lines = [b"welcome"] + [b"%06d" % n + b"x" * 50_000 for n in range(100)]
        sender = threading.Thread(target=lambda: at.peer.send(b"~".join(lines) + b"~"))
        sender.start()
        ann.linked()
        sender.join(PATIENCE)
        ann.got("message", lines[-1].decode())
        assert [text[:6] for text in ann.all("message")] == [f"{n:06d}" for n in range(100)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("go away", "on_link_up: the server said go away"),
        (None, "on_link_up: the server has not answered within 0.2 s"),
    ],
)
def test_a_login_that_fails_closes_the_connection_with_that_reason_and_it_is_made_anew(
    server: TcpServer, tmp_path: Path, answer: str | None, reason: str
) -> None:
    text = ASKING.replace("seconds=60", "seconds=0.2") if answer is None else ASKING
    with Handled(server, [written(tmp_path, text)]) as at, Client(at.bridge.url) as ann:
        at.peer.send(b"abc~")
        at.peer.frames.wait(lambda frame: frame == b"answer cba")
        if answer is not None:
            at.peer.send(answer.encode() + b"~")
        assert ann.linked("waiting")["reason"] == reason
        assert at.peer.ended.wait(PATIENCE)
        at.bridge.said(reason)
        assert at.peer.frames.entries == [b"answer cba"]
        assert at.bridge.counter("link_failures") >= 1
        assert at.bridge.counter("link_connects") == 0
        again = server.accept()
        again.send(b"xy~welcome~")
        ann.linked()
        assert first(again, 2) == [b"answer yx", b'["logged in"]']


def test_a_hook_with_a_bug_is_logged_with_its_traceback_and_the_link_is_tried_again(
    server: TcpServer, tmp_path: Path
) -> None:
    text = "def setup(bridge):\n    @bridge.on_link_up\n    def up():\n        return 1 / 0\n"
    with Handled(server, [written(tmp_path, text)]) as at:
        at.bridge.said("the handler setup.<locals>.up failed")
        at.bridge.said("link down: on_link_up failed: ZeroDivisionError")
        server.accept()


def test_a_connection_that_ends_while_it_is_asked_is_made_anew(server: TcpServer, tmp_path: Path) -> None:
    with Handled(server, [written(tmp_path, ASKING)]) as at, Client(at.bridge.url) as ann:
        at.peer.close()
        assert "closed the connection" in str(ann.linked("waiting")["reason"])
        server.accept()


def test_the_bridge_stops_at_once_while_it_asks(server: TcpServer, tmp_path: Path) -> None:
    with Handled(server, [written(tmp_path, ASKING)]) as at:
        at.peer.send(b"abc~")
        at.peer.frames.wait(lambda frame: frame == b"answer cba")
        started = time.monotonic()
        at.bridge.process.terminate()
        assert at.peer.ended.wait(PATIENCE)
        assert time.monotonic() - started < 4  # as long as what was sent could take to arrive, it waits for 5 s
        assert at.bridge.ended() == 0


def test_without_a_framing_first_words_are_apart(server: TcpServer) -> None:
    # The gap is longer than a busy machine takes to read what has come.
    flags = ("--greeting", "one", "--greeting", "two", "--framing-out", "none", "--send-gap", "2")
    with Bridge("--server", server.address, *flags):
        peer = server.accept()
        peer.raw.wait(lambda data: b"two" in data)
        assert peer.raw.entries[:2] == [b"one", b"two"]


@pytest.mark.parametrize(("hook", "words"), [("on_link_up", "f(ask)"), ("on_link_down", "f(reason)")])
def test_hooks_of_the_link_that_can_not_be_called_are_refused_at_start(tmp_path: Path, hook: str, words: str) -> None:
    for line in (f"bridge.{hook}(lambda a, b: None)", f"bridge.{hook}()(lambda: None)"):
        done = run_app("--check", "--handlers", str(written(tmp_path, f"def setup(bridge):\n    {line}\n")))
        assert done.returncode == 2
        assert words in done.stderr or f"@bridge.{hook} without parentheses" in done.stderr


SLOW = """
import threading

def setup(bridge):
    calls = []
    again = threading.Event()

    @bridge.on_link_up
    def login(ask):
        calls.append(1)
        n = len(calls)
        if n == 1:
            again.wait()
        else:
            again.set()
        yield bridge.Frame(f"login {n}", done=lambda fate: print("fate", n, fate and fate.code, flush=True))
        if n > 1:
            ask(None)
"""

SLOW_PRESENCE = """
import time

def setup(bridge):
    calls = []

    @bridge.on_register
    def come(client):
        calls.append(1)
        if len(calls) == 2:
            print("announcing", flush=True)
            time.sleep(3)
        return f"+{client.user} {len(calls)}"
"""


def test_first_words_that_come_too_late_for_their_connection_do_not_go_to_the_next(
    server: TcpServer, tmp_path: Path
) -> None:
    with Handled(server, [written(tmp_path, SLOW)]) as at:
        at.peer.close()
        peer = server.accept()
        at.bridge.log.wait(lambda line: line.startswith("fate 1"))
        assert "fate 1 link-down" in at.bridge.log.entries
        peer.send(b"go~")
        with at.client() as ann:
            assert ann.ask("move")["ok"]
        assert first(peer, 2)[0] == b"login 2"
        assert json.loads(peer.frames.entries[1])["action"] == "connected"


def test_a_connection_that_ends_while_who_is_there_is_asked_for_does_not_come_up_later(
    server: TcpServer, tmp_path: Path
) -> None:
    flags = ("--greeting", "hi", "--identity", "register")
    with Handled(server, [written(tmp_path, SLOW_PRESENCE)], *flags) as at, at.client() as ann:
        assert ann.ask("register", "ann") == {"ok": True, "user": "ann"}
        at.peer.close()
        second = server.accept()
        at.bridge.log.wait(lambda line: line == "announcing")
        second.close()
        third = server.accept()
        assert ann.ask("move")["ok"]
        assert first(third, 3)[:2] == [b"hi", b"+ann 3"]
        assert third.message(action="move") == json.loads(third.frames.entries[2])
