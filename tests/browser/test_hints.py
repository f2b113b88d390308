"""What seems wrong with the server, or reached nobody, is told to who looks at the page, with what to try."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import requests
from playwright.sync_api import Response, expect

from tests.browser.axe import axe
from tests.browser.conftest import OpenTab
from tests.browser.test_access import CONTRASTS
from tests.process import ROOT, Bridge
from tests.tcpserver import Peer, TcpServer
from tests.waiting import PATIENCE


def test_the_framing_that_fits_is_named_with_a_command_to_copy(
    server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url, permissions=["clipboard-read", "clipboard-write"]).connected()
    for tick in range(5):
        peer.send(b'{"tick":%d}\n' % tick)
    expect(tab.page.locator("#notice")).to_contain_text(r"with \n after each value")
    expect(tab.page.locator("#notice")).to_contain_text(r'{"tick":0}\n{"tick":1}')
    expect(tab.page.locator("#far-state strong")).to_have_text("not understood")
    expect(tab.page.locator("#far")).to_have_attribute("data-tone", "wait")
    assert axe(tab) == []
    tab.screenshot("hint-1280")
    tab.page.click("#notice-copy")
    expect(tab.page.locator("#notice-copy")).to_have_text("Copied")
    copied = tab.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == f"make run SERVER={server.address} ARGS=\"--framing-in '\\n'\""
    assert flags_of(copied) == ["--server", server.address, "--framing-in", "\\n"]
    with Bridge(*flags_of(copied), "--port", "0") as mended:
        server.accept().send(b'{"tick":1}\n')
        after = open_tab(mended.url).connected()
        expect(after.page.locator("#notice")).to_be_hidden()
        after.close()


def flags_of(command: str) -> list[str]:
    """What the program is started with by a shell that is given this `make run`, as when it is typed: with `!`, too."""
    said = subprocess.run(
        ["bash", "-o", "history", "-o", "histexpand"], input=f"{command} -n\n", cwd=ROOT,
        env={**os.environ, "HISTFILE": ""}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    line = next(line for line in said.splitlines() if "app.py" in line)
    return shlex.split(line)[2:]


def test_every_delimiter_comes_through_make_and_the_shell(demo: Bridge, open_tab: OpenTab) -> None:
    tab = open_tab(demo.url)
    flags = ["'|'", "'\\x02'", "'$'", "'#'", "'`'", "'a b'", "'\\\\'", "'!'", "'!a!'", "length:4be"]
    settings = {"server": "localhost:1", "demo": False}
    made = tab.page.evaluate(
        """async ([settings, flags]) => {
          const {commandWith} = await import("/static/bridge/command.js");
          return flags.map((flag) => commandWith(settings, `--framing-in ${flag}`));
        }""",
        [settings, flags],
    )
    assert [flags_of(command)[3] for command in made] == [shlex.split(flag)[0] for flag in flags]


def test_a_hint_fits_on_a_phone_in_the_dark(server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab) -> None:
    tab = open_tab(bridge.url, width=360, height=740, color_scheme="dark", device_scale_factor=2).connected()
    peer.send(b'{"a":"' + b"x" * 200 + b'"}\n{"b":1}\n{"c":1}\n')
    expect(tab.page.locator("#notice-try")).to_be_visible()
    assert tab.page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    assert [text for text in tab.page.evaluate(CONTRASTS) if text["ratio"] < 4.5] == []
    assert axe(tab) == []
    tab.screenshot("hint-360-dark")
    server.close()
    notice = tab.page.locator("#notice-what")
    expect(notice).to_have_text(re.compile(r"^The link to .* is down: nothing listens .* No frame has come"))


def asks_for_status(response: Response) -> bool:
    """What was before it is no news."""
    return response.url.endswith("/bridge/status")


def test_a_message_that_reached_nobody_is_a_row(
    server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    user = peer.message(action="connected")["username"]
    tab.page.wait_for_event("response", asks_for_status)
    peer.send_json({"username": "zoe", "pin": 1})
    row = tab.page.locator("#list li:visible", has_text="reached nobody").first
    expect(row).to_contain_text("to zoe")
    assert re.search(r"There are: [\w-]+", row.inner_text()), (row.inner_text(), user)
    tab.screenshot("reached-nobody-1280")


def test_a_page_of_another_origin_that_was_refused_is_a_row(
    server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    tab.page.wait_for_event("response", asks_for_status)
    origin = "http://localhost:5173"
    url = f"{bridge.url}/socket.io/?EIO=4&transport=polling"
    assert requests.get(url, headers={"Origin": origin}, timeout=PATIENCE).status_code == 400
    row = tab.page.locator("#list li:visible", has_text="refused a page").first
    expect(row).to_contain_text(f"of {origin}. To let it connect: --allowed-origins {origin}")


HOLDS = """
import time

def setup(bridge):
    @bridge.on_event("spin")
    def spin(client, word):
        ends = time.thread_time() + 0.6
        while time.thread_time() < ends:
            pass
"""
REFUSES = """
def setup(bridge):
    @bridge.on_connect
    def no(client):
        raise bridge.Refused("bad-user", "the game is full")
"""


def test_what_held_all_others_up_is_a_row(server: TcpServer, open_tab: OpenTab, tmp_path: Path) -> None:
    handlers = tmp_path / "game.py"
    handlers.write_text(HOLDS)
    with Bridge("--server", server.address, "--handlers", str(handlers)) as bridge:
        server.accept()
        tab = open_tab(bridge.url).connected()
        tab.page.wait_for_event("response", asks_for_status)
        tab.page.fill("#emit-event", "spin")
        tab.page.click("#emit-form button[type=submit]")
        row = tab.page.locator("#list li:visible", has_text="all others waited").first
        expect(row).to_contain_text("game.py, line ")
        tab.close()


def test_who_is_refused_by_a_hook_is_told_why_and_that_it_is_final(
    server: TcpServer, open_tab: OpenTab, tmp_path: Path
) -> None:
    handlers = tmp_path / "game.py"
    handlers.write_text(REFUSES)
    with Bridge("--server", server.address, "--handlers", str(handlers)) as bridge:
        tab = open_tab(bridge.url)
        expect(tab.page.locator("#near-state strong")).to_have_text("refused")
        notice = tab.page.locator("#notice-what")
        expect(notice).to_contain_text("the game is full (bad-user). Reload the page to try again.")
        tab.close_after_refusals()
