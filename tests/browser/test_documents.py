"""The README's server, page and handler, as they stand there, together in a browser; and the tutorial's page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import OpenTab
from tests.documents import blocks, on_a_free_port
from tests.process import ROOT, Bridge, environment
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE


@contextmanager
def opened(browser: Browser, bridge: Bridge) -> Iterator[Page]:
    """The site in a tab, which has no errors of its own. It has no icon, which is no error."""
    errors: list[str] = []
    page = browser.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(bridge.url)
    yield page
    page.close()
    assert errors == []


@contextmanager
def readmes_server() -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it has printed once the bridge has left."""
    (code, _) = blocks("python")
    said: list[str] = []
    server = subprocess.Popen(
        [sys.executable, "-u", "-c", on_a_free_port(code)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(),
    )  # fmt: skip
    with server:
        assert server.stdout is not None
        try:
            yield f"localhost:{int(server.stdout.readline())}", said
        except BaseException:
            server.kill()
            raise
        said += server.stdout  # it ends with the connection
        server.wait(PATIENCE)


def test_the_readmes_server_moves_the_bridges_own_page(open_tab: OpenTab) -> None:
    with readmes_server() as (address, said), Bridge("--server", address) as bridge:
        tab = open_tab(bridge.url)
        expect(tab.page.locator("#list li").filter(has_text='"tick": ').nth(2)).to_be_visible()
        tab.close()
    assert any('"action":"connected"}~' in line for line in said)


def test_the_readmes_server_page_and_handler_work_together(tmp_path: Path, browser: Browser) -> None:
    _, handler = blocks("python")
    (page,) = blocks("html")
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    (tmp_path / "game.py").write_text(handler, encoding="utf-8")
    flags = ("--site", str(tmp_path), "--handlers", str(tmp_path / "game.py"))
    with (
        readmes_server() as (address, said),
        Bridge("--server", address, *flags) as bridge,
        opened(browser, bridge) as tab,
    ):
        expect(tab.locator("pre")).to_contain_text('{"tick": ')
        with tab.expect_console_message(lambda message: message.type == "log") as told:
            tab.get_by_role("button").click()
        assert told.value.args[0].json_value() == {"ok": True}
    assert '"action":"gold","amount":2}~' in "".join(said)


def test_the_readmes_page_shows_what_the_server_says(tmp_path: Path, browser: Browser) -> None:
    (page,) = blocks("html")
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    with TcpServer() as server, Bridge("--server", server.address, "--site", str(tmp_path)) as bridge:
        peer = server.accept()
        with opened(browser, bridge) as tab:
            peer.message(action="connected")
            peer.send(b'{"hello": "everybody"}~')
            expect(tab.locator("pre")).to_have_text('{"hello": "everybody"}\n')
            tab.get_by_role("button").click()
            assert peer.message(action="click")["n"] == 1


def test_the_tutorials_page_is_a_site_for_the_bridge(open_tab: OpenTab) -> None:
    site = str(ROOT / "docs" / "tutorial")
    with TcpServer() as server, Bridge("--server", server.address, "--site", site) as bridge:
        peer = server.accept()
        tab = open_tab(bridge.url)
        peer.message(action="connected")
        peer.send(b"hello~")
        expect(tab.page.locator("pre")).to_have_text("hello\n")
        tab.page.get_by_role("button").click()
        expect(tab.page.locator("output")).to_have_text('{"ok":true}')
        assert peer.message(action="move")["x"] == 1
        tab.close()  # before the bridge has gone, which it would try to reach again
