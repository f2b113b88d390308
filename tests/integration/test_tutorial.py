"""Every step of docs/tutorial.md runs, fails as the text says, and the next one does not; nor does app.py.

Each test is given the programs that hold and, where the text shows it, the one that does not.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.client import Client
from tests.process import ROOT, Bridge, environment
from tests.tcpserver import Peer, TcpServer
from tests.viewer import until
from tests.waiting import PATIENCE, Log

FOLDER = ROOT / "docs" / "tutorial"
LARGE = b"x" * 65536
FLOOD = b'{"n":1}~' * 8192


class Program:
    """A step of the tutorial, or app.py, with its connection to the server."""

    def __init__(self, step: str, server: TcpServer) -> None:
        self.log: Log[str] = Log()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        program = [str(ROOT / "app.py"), "--server", server.address, "--port", str(port), "--hold", "1"]
        if step != "app":
            program = [str(FOLDER / f"{step}.py"), str(server.port), str(port)]
        self.process = subprocess.Popen(
            [sys.executable, *program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = f"http://127.0.0.1:{port}"
        try:
            self.peer: Peer = server.accept()
            self._serving(port)
        except BaseException:
            self.close()
            raise

    def _serving(self, port: int) -> None:
        """Wait until the port is open: a step prints nothing."""
        ends = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), PATIENCE).close()
                return
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.log.entries
                assert time.monotonic() < ends, self.log.entries
                threading.Event().wait(0.05)

    def client(self) -> Client:
        """A client that is connected."""
        return Client(self.url)

    def answers(self, timeout: float = 3) -> bool:
        """Whether a page comes within this time."""
        try:
            return requests.get(self.url, timeout=timeout).ok
        except requests.Timeout:
            return False

    def falls_silent(self) -> bool:
        """Whether pages soon come no more; the first may be faster than the trouble."""
        return any(not self.answers(timeout=2) for _ in range(50))

    def said(self, text: str) -> str:
        """Wait for a line that has this in it."""
        return self.log.wait(lambda line: text in line)

    def stat(self, field: int) -> int:
        """A field of /proc/…/stat, counted as in proc(5)."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        return int(text.rsplit(")", 1)[1].split()[field - 3])

    def cpu(self) -> float:
        """Seconds of processor time."""
        return (self.stat(14) + self.stat(15)) / 100

    def memory(self) -> int:
        """The most memory that it has ever had, in bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def close(self) -> None:
        """End it. A step that spins or is flooded does not listen to SIGTERM."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.add(line)


@contextmanager
def running(step: str, stalled: bool = False) -> Iterator[Program]:
    with TcpServer(stalled=stalled) as server, closing(Program(step, server)) as program:
        yield program


def since(first: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The steps from this one on, and the bridge."""
    steps = [f"step{n}" for n in range(first, 8)] + ["app"]
    mark: Callable[[Callable[..., None]], Callable[..., None]] = pytest.mark.parametrize("step", steps)
    return mark


@since(1)
def test_messages_go_both_ways(step: str) -> None:
    with running(step) as at, closing(at.client()) as ann:
        at.peer.send(b'{"n":1}~{"n":')
        ann.got("message", '{"n":1}')
        at.peer.send(b"2}~")
        ann.got("message", '{"n":2}')
        ann.emit("move", {"x": 1})
        assert at.peer.message(action="move") == {"username": ann.sid, "action": "move", "x": 1}


@pytest.mark.parametrize("step", ["step1", "step7"])
def test_the_page_of_the_tutorial_is_there(step: str) -> None:
    with running(step) as at:
        assert "<button>Move" in requests.get(at.url, timeout=PATIENCE).text
        assert requests.get(f"{at.url}/static/socket.io.js", timeout=PATIENCE).ok


def test_1_half_a_character_ends_the_reader() -> None:
    with running("step1") as at, closing(at.client()) as ann:
        at.peer.send(b"caf\xc3")
        at.said("UnicodeDecodeError")
        at.peer.send(b"\xa9~next~")
        ann.emit("move", {"x": 1})  # this way still works, and nothing tells that the other does not
        at.peer.message(action="move")
        assert ann.all("message") == []


@since(2)
def test_2_half_a_character_waits_for_its_other_half(step: str) -> None:
    with running(step) as at, closing(at.client()) as ann:
        at.peer.send(b"before~caf\xc3")
        ann.got("message", "before")
        at.peer.send(b"\xa9~\xff~next~")
        ann.got("message", "next")
        assert ann.all("message") == ["before", "café", "\ufffd", "next"]


@pytest.mark.parametrize("step", ["step1", "step2"])
def test_2_when_the_server_closes_the_program_spins_and_no_page_comes(step: str) -> None:
    with running(step) as at:
        assert at.answers()
        before = at.cpu()
        at.peer.close()
        assert at.falls_silent()
        until(lambda: at.cpu() - before > 0.7)


@since(3)
def test_3_when_the_server_closes_the_pages_stay_and_the_link_comes_back(step: str) -> None:
    with TcpServer() as server, closing(Program(step, server)) as at, closing(at.client()) as ann:
        at.peer.close()
        again = server.accept()
        assert at.answers()
        again.send(b"again~")
        ann.got("message", "again")


@since(3)
def test_3_while_the_server_is_away_events_are_told_so(step: str) -> None:
    with TcpServer() as server:
        at = Program(step, server)
    with closing(at), closing(at.client()) as ann:  # server and connection are closed
        while ann.ask("move", {"x": 1}) == {"ok": True}:
            pass
        assert ann.ask("move", {"x": 1})["error"] == "link-down"
        before = at.cpu()
        assert not ann.gone.wait(2)
        assert at.cpu() - before < 0.7


@contextmanager
def flooded(peer: Peer) -> Iterator[None]:
    """The server sends without a pause."""
    over = threading.Event()

    def flood() -> None:
        try:
            while not over.is_set():
                peer.send(FLOOD)
        except OSError:
            pass  # the program was killed

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield
    finally:
        over.set()
        peer.close()
        thread.join(PATIENCE)


@pytest.mark.parametrize("step", ["step1", "step3"])
def test_3_a_server_that_sends_without_pause_starves_the_pages(step: str) -> None:
    with running(step) as at:
        assert at.answers()
        with flooded(at.peer):
            assert at.falls_silent()


@since(4)
def test_4_a_server_that_sends_without_pause_leaves_the_pages_their_turn(step: str) -> None:
    with running(step) as at, flooded(at.peer):
        assert all(at.answers(timeout=PATIENCE) for _ in range(3))


def test_4_two_that_write_at_once_fail() -> None:
    with running("step4", stalled=True) as at, closing(at.client()) as ann:
        for n in range(40):
            ann.emit("move", {"n": n, "fill": "x" * 200_000})
        at.said("simultaneous")


@since(5)
def test_5_however_many_write_each_frame_is_whole_and_acked(step: str) -> None:
    with running(step, stalled=True) as at, closing(at.client()) as ann:
        answers: Log[dict[str, object]] = Log()
        for n in range(40):
            ann.sio.emit("move", {"n": n, "fill": "x" * 200_000}, callback=answers.add)
        at.peer.resume()
        acked = [answer["ok"] for answer in answers.wait_count(40)]
        if step == "app":  # it has a bound on what waits, and says so
            assert {answer.get("error") for answer in answers.entries} <= {None, "link-busy"}
        else:
            assert acked == [True] * 40

        def moves() -> list[Any]:
            return [m for m in at.peer.messages if m["action"] == "move"]

        at.peer.frames.wait(lambda _: len(moves()) == acked.count(True))
        numbers = [move["n"] for move in moves()]
        assert numbers == sorted(numbers)


FORGING = "a~reset~b"


def test_4_a_delimiter_in_a_text_forges_a_frame() -> None:
    with running("step4") as at, closing(at.client()) as ann:
        ann.emit("move", {"text": FORGING})
        frames = at.peer.frames.wait_count(2)
        assert frames[0].endswith(b'"text": "a')
        assert frames[1] == b"reset"


@since(5)
def test_5_a_delimiter_in_a_text_stays_in_it(step: str) -> None:
    with running(step) as at, closing(at.client()) as ann:
        ann.emit("move", {"text": FORGING})
        assert at.peer.message(action="move")["text"] == FORGING
        assert b"reset" not in at.peer.frames.entries


def test_5_the_server_knows_nobody_and_everything_is_for_all() -> None:
    with running("step5") as at, closing(at.client()) as ann, closing(at.client()) as bob:
        at.peer.send_json({"username": ann.sid, "secret": 1})
        bob.got("message", f'{{"username": "{ann.sid}", "secret": 1}}')
        assert at.peer.messages == []


@since(6)
def test_6_the_server_is_told_who_is_there_and_speaks_to_one_or_to_all(step: str) -> None:
    with TcpServer() as server, closing(Program(step, server)) as at:
        ann, bob = at.client(), at.client()
        for client in (ann, bob):
            at.peer.message(username=client.sid, action="connected")
        at.peer.send_json({"username": ann.sid, "secret": 1}, {"n": 2})
        assert bob.got("message") == '{"n": 2}'
        ann.got("message", '{"n": 2}')
        assert len(ann.all("message")) == 2
        assert bob.ask("chat", "hello") == {"ok": True}
        assert at.peer.message(action="chat")["data"] == "hello"
        at.peer.close()
        again = server.accept()
        again.message(username=bob.sid, action="connected")
        assert [m["username"] for m in again.messages] == [ann.sid, bob.sid]
        sid = ann.sid
        ann.close()
        again.message(username=sid, action="disconnected")
        bob.close()


@pytest.mark.long
def test_6_what_never_ends_fills_the_memory() -> None:
    with running("step6") as at, closing(at.client()) as ann:
        before = at.memory()
        for _ in range(200):
            at.peer.send(LARGE)
        at.peer.send(b"~end~")
        ann.got("message", "end")
        assert at.memory() - before > 12_000_000


@since(7)
def test_7_what_never_ends_is_passed_over(step: str) -> None:
    with running(step) as at, closing(at.client()) as ann:
        before = at.memory()
        for _ in range(320):
            at.peer.send(LARGE)
        at.peer.send(b"~end~")
        assert ann.got("message") == "end"
        at.said("it starts b'xxxx")
        assert at.memory() - before < 10_000_000


def test_the_server_to_try_things_with_shows_what_it_gets_and_sends_what_is_typed() -> None:
    server = subprocess.Popen(
        [sys.executable, str(FOLDER / "server.py"), "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    port = server.stdout.readline().removeprefix("listening on port ").strip()
    with Bridge("--server", f"localhost:{port}") as bridge, Client(bridge.url) as ann:
        ann.linked()
        assert ann.ask("move", {"x": 1})["ok"]
        print("caf\\xc3\\xa9~", file=server.stdin, flush=True)
        ann.got("message", "café")
        print("", file=server.stdin, flush=True)
        ann.linked("waiting")
    server.kill()
    said, _ = server.communicate()
    assert said.startswith("here\ngot ")
    assert '"action":"move","x":1}~' in said


def test_the_server_to_try_things_with_can_answer_and_confirm_by_hand() -> None:
    server = subprocess.Popen(
        [sys.executable, str(FOLDER / "server.py"), "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    port = server.stdout.readline().removeprefix("listening on port ").strip()
    lines: Log[str] = Log()
    reader = threading.Thread(target=lines.add_all, args=(server.stdout,), daemon=True)
    reader.start()

    def type_in(line: str) -> None:
        print(line, file=server.stdin, flush=True)

    with Bridge("--server", f"localhost:{port}", "--replies", "--confirm") as bridge, Client(bridge.url) as ann:
        ann.linked()
        answers: Log[Any] = Log()
        ann.sio.emit("move", {"x": 1}, callback=answers.add)
        lines.wait(lambda line: '"seq":1}' in line)
        type_in("")
        ann.linked("waiting")
        sent = [line for line in lines.entries if '"seq":1}' in line]
        again = lines.wait(lambda line: '"seq":1}' in line, start=lines.entries.index(sent[0]) + 1)
        key = again.partition('"reply_to":"')[2].partition('"')[0]
        assert key
        assert key in sent[0]
        type_in(f'{{"reply_to":"{key}","score":7}}~{{"confirm":1}}~')
        assert answers.wait_count(1) == [{"ok": True, "reply": {"score": 7}}]
        type_in("")
        ann.sio.emit("move", {"x": 2})
        lines.wait(lambda line: '"seq":2}' in line)
    server.kill()
    server.wait(PATIENCE)
    reader.join(PATIENCE)
    server.stdin.close()
    server.stdout.close()
    assert sum(line.count('"seq":1}') for line in lines.entries) == 2
