"""The README's server, page and handler, as they stand there, together in a browser; and the tutorial's page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.documents import blocks, on_a_free_port
from tests.process import ROOT, Bridge, environment
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE


def test_the_readmes_server_page_and_handler_work_together(tmp_path: Path, open_tab: OpenTab) -> None:
    server_code, handler = blocks("python")
    (page,) = blocks("html")
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    (tmp_path / "game.py").write_text(handler, encoding="utf-8")
    server = subprocess.Popen(
        [sys.executable, "-u", "-c", on_a_free_port(server_code)], stdout=subprocess.PIPE, text=True, env=environment()
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    flags = ("--site", str(tmp_path), "--handlers", str(tmp_path / "game.py"))
    with Bridge("--server", f"localhost:{port}", *flags) as bridge:
        bridge.said("connected to")
        page_ = open_tab(bridge.url).page
        acked = []
        page_.on("console", lambda message: acked.append(message.args[0].json_value()))
        with page_.expect_console_message():
            page_.get_by_role("button").click()
        assert acked == [{"ok": True}]
    said = "".join(server.stdout)  # it ends with the connection
    server.wait(PATIENCE)
    server.stdout.close()
    assert '"action":"gold","amount":2}~' in said


def test_the_readmes_page_shows_what_the_server_says(tmp_path: Path, open_tab: OpenTab) -> None:
    (page,) = blocks("html")
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    with TcpServer() as server, Bridge("--server", server.address, "--site", str(tmp_path)) as bridge:
        peer = server.accept()
        tab = open_tab(bridge.url)
        peer.message(action="connected")
        peer.send(b'{"hello": "everybody"}~')
        expect(tab.page.locator("pre")).to_have_text('{"hello": "everybody"}\n')
        tab.page.get_by_role("button").click()
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
