"""The Scala example, built by Maven, behind the bridge, with two pages in Chromium in front."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab, Tab
from tests.client import Client
from tests.process import ROOT, Bridge, environment
from tests.waiting import PATIENCE, Log

pytestmark = pytest.mark.long  # a JDK, Maven, and what that builds

EXAMPLE = ROOT / "examples" / "scala-server"
MAVEN = ["mvn", "--batch-mode", "-q", "-f", str(EXAMPLE / "pom.xml")]


class ScalaServer:
    """The clicker, or another main of the example, in a JVM of its own. `address`: where it listens."""

    def __init__(self, *args: str, main: str = "clicker.Main", port: int = 0) -> None:
        self.log: Log[str] = Log()
        self.process = subprocess.Popen(
            ["java", "-cp", str(EXAMPLE / "target" / "scala-server.jar"), main, "--port", str(port), *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = self.log.wait(lambda line: line.startswith("listening on "), timeout=60).split()[-1]
        self.port = int(self.address.rsplit(":", 1)[1])

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it, by default without a chance to say goodbye."""
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def __enter__(self) -> ScalaServer:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.add(line.rstrip("\n"))


class Cuts:
    """Stands between the bridge and the server, and cuts the connection when it is told to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Reset the present connection, at both ends."""
        for one in self._pairs[-1]:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Cuts:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()
        for pair in self._pairs:
            for one in pair:
                one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            pair = near, socket.create_connection(("127.0.0.1", self._port))
            self._pairs.append(pair)
            for source, target in (pair, pair[::-1]):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.fixture(scope="module")
def built() -> None:
    """The example's jar, with all its own tests having passed."""
    done = subprocess.run(
        [*MAVEN, "package"], capture_output=True, text=True, timeout=900, env=environment(), check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    reports = list((EXAMPLE / "target" / "surefire-reports").glob("*.xml"))
    assert reports, "the example's tests were not run"


@pytest.fixture
def scala(built: None) -> Iterator[ScalaServer]:
    with ScalaServer() as server:
        yield server


def play(open_tab: OpenTab, bridge: Bridge, name: str) -> Tab:
    """A tab whose user has registered."""
    tab = open_tab(f"{bridge.url}/bridge/").connected()
    tab.page.fill("#register-name", name)
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#user")).to_have_text(name)
    tab.page.evaluate("window.marked = true")
    return tab


def emit(tab: Tab, event: str, arguments: str = "") -> None:
    tab.page.fill("#emit-event", event)
    tab.page.fill("#emit-args", arguments)
    tab.page.click("#emit-form button[type=submit]")
    expect(tab.page.locator("#ack-value")).to_contain_text('"ok": true')


def shows(tab: Tab, *texts: str) -> None:
    """Wait for a row in the list of messages that has all these texts."""
    rows = tab.page.locator("#list li")
    for text in texts:
        rows = rows.filter(has_text=text)
    expect(rows.first).to_be_visible()


@pytest.mark.timeout(1200)
def test_two_pages_and_the_scala_server_exchange_messages_both_ways(scala: ScalaServer, open_tab: OpenTab) -> None:
    with Bridge("--server", scala.address, "--identity", "register") as bridge:
        ada, bob = play(open_tab, bridge, "Ada ~ é"), play(open_tab, bridge, "bob")
        shows(bob, '"players"', '"online":2')
        emit(ada, "clickGold")
        shows(ada, '"gameState"', '"gold":1')
        shows(bob, '"players"', "Ada", '"gold":1')
        emit(bob, "echo", '"for bob ~ alone"')
        shows(bob, '"echo"', "for bob")
        expect(ada.page.locator("#list li", has_text="for bob")).to_have_count(0)
        ada.screenshot("scala-clicker")
        ada.close()
        shows(bob, '"players"', '"online":1')
        bob.close()


@pytest.mark.timeout(600)
def test_a_killed_and_restarted_scala_server_has_both_users_again_without_a_reload(
    scala: ScalaServer, open_tab: OpenTab
) -> None:
    with Bridge("--server", scala.address, "--identity", "register") as bridge:
        tabs = [play(open_tab, bridge, name) for name in ("ada", "bob")]
        scala.stop()
        for tab in tabs:
            expect(tab.page.locator("#far-state strong")).to_have_text("down")
        tabs[0].screenshot("scala-down")
        with ScalaServer(port=scala.port):
            for tab in tabs:
                tab.connected()
                tab.page.wait_for_function("() => bridgePage.counts.all > 0")
            emit(tabs[0], "clickGold")
            shows(tabs[1], '"players"', '"online":2', '"gold":1')
            assert all(tab.page.evaluate("window.marked") for tab in tabs)
            for tab in tabs:
                tab.close()


@pytest.mark.timeout(600)
def test_a_click_counts_once_however_often_the_link_breaks_and_who_asks_is_answered(scala: ScalaServer) -> None:
    with (
        Cuts(scala.port) as cuts,
        Bridge("--server", cuts.address, "--identity", "register", "--confirm", "--replies") as bridge,
        Client(bridge.url) as ada,
    ):
        assert ada.ask("register", "ada")["ok"]
        acks: Log[Any] = Log()
        for turn in range(5):
            for _ in range(40):
                ada.sio.emit("clickGold", callback=acks.add)
            acks.wait_count(turn * 40 + 1)
            cuts.cut()
        acks.wait_count(200)
        refused = ada.ask("buy", "mine")
        assert refused == {"ok": True, "reply": {"gold": 200, "refused": "Gold mine costs 1500 gold, you have 200"}}
        assert ada.ask("buy", "shovel") == {"ok": True, "reply": {"gold": 190}}
        late = [answer for answer in acks.entries if not answer["ok"]]  # whose answer was lost with a connection
        assert {answer["error"] for answer in late} <= {"no-reply"}
        assert bridge.counter("link_drops") == 5
        assert bridge.counter("refused_link_down") == 0


def test_the_server_without_a_delimiter_works_as_far_as_it_can(built: None, open_tab: OpenTab) -> None:
    flags = ("--identity", "register", "--framing-out", "none", "--framing-in", "json")
    with (
        ScalaServer(main="clicker.MainWithoutDelimiter") as server,
        Bridge("--server", server.address, *flags) as bridge,
    ):
        ada = play(open_tab, bridge, "ada")
        shows(ada, '"players"', '"online":1')
        emit(ada, "clickGold")
        shows(ada, '"gameState"', '"gold":1')
        ada.close()


@pytest.mark.timeout(600)
def test_make_run_scala_builds_starts_shows_the_clickers_own_page_and_ends_both(built: None, open_tab: OpenTab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log: Log[str] = Log()
    script = [str(ROOT / "tools" / "run-scala.sh"), sys.executable, "--port", str(port)]
    process = subprocess.Popen(
        script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(), start_new_session=True
    )
    assert process.stdout is not None
    lines = process.stdout
    reader = threading.Thread(target=lambda: log.add_all(lines), daemon=True)
    reader.start()
    log.wait(lambda line: f"http://localhost:{port}" in line, timeout=120)
    log.wait(lambda line: "= connected" in line)
    tab = open_tab(f"http://localhost:{port}")
    tab.page.get_by_role("textbox").fill("ada")
    tab.page.keyboard.press("Enter")
    tab.page.click("#gold")
    expect(tab.page.locator("#amount")).to_have_text("1")
    tab.close()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    reader.join(PATIENCE)  # the pipe is closed only when the JVM has ended, too
    assert not reader.is_alive()
    lines.close()
