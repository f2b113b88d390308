"""The Scala example, built by Maven, behind the bridge, with two pages in Chromium in front."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab, Tab
from tests.process import ROOT, Bridge, environment
from tests.waiting import PATIENCE, Log

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
def test_make_run_scala_builds_starts_and_ends_both(built: None) -> None:
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
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    reader.join(PATIENCE)  # the pipe is closed only when the JVM has ended, too
    assert not reader.is_alive()
    lines.close()
