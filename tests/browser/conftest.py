"""Chromium for the tests of the page, and tabs that notice what a reader would never see.

A tab ends its test with an error if the page logged an error, asked another host for anything, or was
refused a file. Screenshots are kept under build/screenshots/, to be looked at.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from tests.process import ROOT, Bridge
from tests.tcpserver import Peer, TcpServer
from tests.waiting import PATIENCE

SCREENSHOTS = ROOT / "build" / "screenshots"
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Nothing moves but what moves for ever.
SETTLED = """() => document.getAnimations().every((animation) =>
  animation.playState !== "running" || animation.effect.getTiming().iterations === Infinity)"""
expect.set_options(timeout=PATIENCE * 1000)

#: `open_tab(url, width=1280, height=900, **context options)`
OpenTab = Callable[..., "Tab"]


class Tab:
    """One page in a browser context of its own. `problems`: what went wrong unseen."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self._browser = browser
        self.host = urlsplit(url).netloc
        self.problems: list[str] = []
        self.forgiven = False
        self._context = browser.new_context(**options)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", lambda request: self._host(request.url))
        self.page.on("websocket", lambda websocket: self._host(websocket.url))
        self.page.on("response", self._response)
        self.page.goto(url)

    def connected(self) -> Tab:
        """Wait until browser, bridge and server are connected."""
        expect(self.page.locator("#near-state strong")).to_have_text("connected")
        expect(self.page.locator("#far-state strong")).to_have_text("connected")
        return self

    def by_websocket(self) -> Tab:
        """Wait until it is on its way by WebSocket: a stop while it goes there is tests/clients' matter."""
        self.page.wait_for_function("() => bridgePage.socket.io.engine.transport.name === 'websocket'")
        return self

    def state(self) -> Any:
        """What the page shows of itself for the console."""
        return self.page.evaluate("({counts: bridgePage.counts, user: bridgePage.user, bodies: bridgePage.bodies})")

    def me(self) -> Any:
        """My body, once there is one."""
        mine = "() => bridgePage.bodies.find((body) => body.kind === 'user' && body.name === bridgePage.user)"
        return self.page.wait_for_function(mine).json_value()

    def screenshot(self, name: str, whole: bool = False) -> None:
        """Keep a picture, of the window or of the whole page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.evaluate("scrollTo(0, 0)")
        self.page.wait_for_function(SETTLED)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)

    def trace(self) -> None:
        """Begin to note what the page's own thread does."""
        self._browser.start_tracing(page=self.page, categories=["toplevel", "__metadata"])

    def traced(self) -> list[float]:
        """Of each task of the page's own thread since then, the seconds of processor time."""
        events = json.loads(self._browser.stop_tracing())["traceEvents"]
        names = [each for each in events if each["name"] == "thread_name"]
        main = {(each["pid"], each["tid"]) for each in names if each["args"]["name"] == "CrRendererMain"}
        tasks = [each for each in events if (each["pid"], each["tid"]) in main and each.get("ph") == "X"]
        by_process: dict[int, list[float]] = {}
        for each in tasks:
            if each["name"].endswith("RunTask"):
                by_process.setdefault(each["pid"], []).append(each.get("tdur", 0) / 1e6)
        return max(by_process.values(), key=sum)

    def close(self) -> None:
        """Close the tab as a reader would."""
        self._context.close()

    def close_after_refusals(self) -> None:
        """Before the bridge stops, which it would try to reach again; Chromium itself logs each refused connection."""
        self.close()
        self.forgiven = True  # also for what is told only after that

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"console: {message.text}")

    def _host(self, url: str) -> None:
        if urlsplit(url).netloc != self.host:
            self.problems.append(f"asked elsewhere: {url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "these tests need Chromium on the path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=Path(chromium), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def tabs_of(browser: Browser) -> Iterator[OpenTab]:
    """What opens tabs, which are closed at the end, when nothing may have gone wrong in any of them."""
    tabs: list[Tab] = []

    def open_one(url: str, width: int = 1280, height: int = 900, **options: Any) -> Tab:
        tabs.append(Tab(browser, url, viewport={"width": width, "height": height}, **options))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        tab.close()
    assert [problem for tab in tabs if not tab.forgiven for problem in tab.problems] == []


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    with tabs_of(browser) as open_one:
        yield open_one


@pytest.fixture(scope="session")
def demo() -> Iterator[Bridge]:
    """One bridge with its demo server, for the tests that leave it as it was."""
    with Bridge("--demo") as bridge:
        yield bridge


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


@pytest.fixture
def bridge(server: TcpServer) -> Iterator[Bridge]:
    with Bridge("--server", server.address) as bridge:
        yield bridge


@pytest.fixture
def peer(server: TcpServer, bridge: Bridge) -> Peer:
    """The bridge's connection, at the server's side."""
    return server.accept()


@pytest.fixture
def bridge_tab(bridge: Bridge, peer: Peer, open_tab: OpenTab) -> Tab:
    """A tab on that bridge."""
    return open_tab(bridge.url).connected()


@pytest.fixture(scope="module")
def shared(browser: Browser) -> Iterator[tuple[Tab, Peer]]:
    """A tab that many tests of a file use one after the other, and its server."""
    with TcpServer() as server, Bridge("--server", server.address) as bridge, tabs_of(browser) as open_tab:
        peer = server.accept()
        tab = open_tab(bridge.url).connected()
        peer.message(action="connected")
        tab.page.wait_for_function("() => bridgePage.user")
        yield tab, peer
