"""The page through what happens to its connections: the server gone and back, the bridge too, two tabs, a name."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab, Tab
from tests.client import Client
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer

LOGIN = """
def setup(bridge):
    @bridge.on_event("login")
    def login(client, name):
        client.register(name)
"""


@pytest.fixture
def registering(server: TcpServer) -> Iterator[Bridge]:
    with Bridge("--server", server.address, "--identity", "register") as bridge:
        yield bridge


def mark(tab: Tab) -> None:
    """Something that a reload would lose."""
    tab.page.evaluate("window.marked = true")


def not_reloaded(tab: Tab) -> bool:
    return bool(tab.page.evaluate("window.marked === true"))


def test_the_link_down_and_up_again_is_shown_without_a_reload(
    server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    user = tab.state()["user"]
    peer.message(username=user, action="connected")
    mark(tab)
    server.close()
    state, notice = tab.page.locator("#far-state strong"), tab.page.locator("#notice")
    expect(state).to_have_text("down")
    expect(notice).to_contain_text(f"The link to {server.address} is down: ")
    expect(notice).to_contain_text(re.compile(r"Next try in \d+ s\."))
    expect(tab.page.locator("#near-state strong")).to_have_text("connected")
    tab.page.click("#emit-form button[type=submit]")
    expect(tab.page.locator("#ack-value")).to_contain_text("link-down")  # when it has been held for 10 s
    tab.screenshot("link-down-1280")
    with TcpServer(server.port) as again:
        again.accept().message(username=user, action="connected")
        tab.connected()
        expect(notice).to_be_hidden()
    assert not_reloaded(tab)


def test_the_count_down_to_the_next_try_counts(
    bridge: Bridge, server: TcpServer, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    over = threading.Event()

    def close_each() -> None:
        while not over.is_set():
            with suppress(AssertionError):
                server.accept(0.5).close()

    threading.Thread(target=close_each, daemon=True).start()
    peer.close()
    # The back-off grows to seconds, as the server is there and closes; then a number is shown, and the one below it.
    shown = tab.page.locator("#notice-next")
    expect(shown).to_have_text(re.compile(r"Next try in [3-9] s\."), timeout=60_000)
    number = int(re.sub(r"\D", "", shown.inner_text()))
    expect(shown).to_have_text(f"Next try in {number - 1} s.")
    over.set()


def test_the_bridge_gone_and_back_is_shown_without_a_reload(server: TcpServer, open_tab: OpenTab) -> None:
    with Bridge("--server", server.address) as bridge:
        tab = open_tab(bridge.url).connected().by_websocket()
        mark(tab)
    expect(tab.page.locator("#near-state strong")).to_have_text(re.compile("reconnecting|no connection"))
    expect(tab.page.locator("#far-state strong")).to_have_text("unknown")
    expect(tab.page.locator("#notice")).to_contain_text("not connected to the bridge")
    tab.page.click("#emit-form button[type=submit]")
    expect(tab.page.locator("#ack")).to_contain_text("nothing was sent")
    tab.screenshot("bridge-gone-1280")
    with Bridge("--server", server.address, "--port", str(bridge.port)):
        tab.connected()
        expect(tab.page.locator("#notice")).to_be_hidden()
        assert not_reloaded(tab)
        tab.close_after_refusals()


def test_two_tabs_see_each_other_and_one_leaves(demo: Bridge, open_tab: OpenTab) -> None:
    one, two = open_tab(demo.url).connected(), open_tab(demo.url).connected()
    names = [one.state()["user"], two.state()["user"]]
    assert names[0] != names[1]
    both = "(names) => names.every((name) => bridgePage.bodies.some((body) => body.name === name))"
    one.page.wait_for_function(both, arg=names)
    two.page.wait_for_function(both, arg=names)
    two.page.click("#emit-form button[type=submit]")
    expect(one.page.locator("#list li:visible", has_text='"chat"').first).to_contain_text(names[1])
    two.close()
    one.page.wait_for_function("(name) => !bridgePage.bodies.some((body) => body.name === name)", arg=names[1])


def test_the_page_asks_who_you_are_and_registers(server: TcpServer, registering: Bridge, open_tab: OpenTab) -> None:
    peer = server.accept()
    tab = open_tab(registering.url).connected()
    expect(tab.page.locator("#register-title")).to_be_visible()
    tab.page.click("#emit-form button[type=submit]")
    expect(tab.page.locator("#ack-value")).to_contain_text("not-registered")
    tab.page.fill("#register-name", "   ")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#register-error")).not_to_be_empty()
    expect(tab.page.locator("#register-name")).to_have_attribute("aria-invalid", "true")
    tab.screenshot("register-1280")
    tab.page.fill("#register-name", "Ada ~ L.")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#user")).to_have_text("Ada ~ L.")
    expect(tab.page.locator("#register")).to_be_hidden()
    expect(tab.page.locator("#world")).to_be_focused()
    peer.message(username="Ada ~ L.", action="connected")
    tab.page.click("#emit-form button[type=submit]")
    assert peer.message(action="chat")["username"] == "Ada ~ L."


def test_a_registered_name_can_be_changed(server: TcpServer, registering: Bridge, open_tab: OpenTab) -> None:
    peer = server.accept()
    tab = registered(open_tab, registering, "ada")
    tab.page.click("#rename")
    expect(tab.page.locator("#register-name")).to_be_focused()
    tab.page.fill("#register-name", "grace")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#user")).to_have_text("grace")
    peer.message(username="ada", action="disconnected")
    peer.message(username="grace", action="connected")


def test_a_reload_registers_the_remembered_name(server: TcpServer, registering: Bridge, open_tab: OpenTab) -> None:
    server.accept()
    tab = registered(open_tab, registering, "ada")
    tab.page.reload()
    expect(tab.page.locator("#user")).to_have_text("ada")
    expect(tab.page.locator("#register")).to_be_hidden()


def test_a_name_that_a_handler_gave_is_shown_and_remembered_as_if_it_had_been_registered(
    server: TcpServer, open_tab: OpenTab, tmp_path: Path
) -> None:
    handlers = tmp_path / "login.py"
    handlers.write_text(LOGIN)
    with Bridge("--server", server.address, "--identity", "register", "--handlers", str(handlers)) as bridge:
        server.accept()
        tab = registered(open_tab, bridge, "guest")
        tab.page.evaluate("bridgePage.socket.emit('login', 'ada')")
        expect(tab.page.locator("#user")).to_have_text("ada")
        tab.page.reload()
        expect(tab.page.locator("#user")).to_have_text("ada")
        expect(tab.page.locator("#register")).to_be_hidden()
        expect(tab.page.locator("#rename")).to_be_visible()
        tab.close()


CUT = "() => bridgePage.socket.io.engine.close()"
STORAGE_OFF = (
    "() => Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('it is switched off'); }})"
)


def test_a_reconnect_leaves_the_name_that_is_being_typed(
    server: TcpServer, registering: Bridge, open_tab: OpenTab
) -> None:
    server.accept()
    tab = registered(open_tab, registering, "ada")
    field, panel = tab.page.locator("#register-name"), tab.page.locator("#register")
    tab.page.click("#rename")
    field.fill("gra")
    answered = tab.state()["counts"]["ack"] + 1
    tab.page.evaluate(CUT)
    tab.page.wait_for_function("(count) => bridgePage.counts.ack >= count", arg=answered)  # it was registered again
    expect(panel).to_be_visible()
    expect(field).to_be_focused()
    tab.page.keyboard.type("ce")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#user")).to_have_text("grace")
    expect(panel).to_be_hidden()


@pytest.mark.parametrize("how", ["Escape", "the button"])
def test_a_change_of_the_name_can_be_given_up(
    server: TcpServer, registering: Bridge, open_tab: OpenTab, how: str
) -> None:
    server.accept()
    tab = open_tab(registering.url).connected()
    keep = tab.page.locator("#register-cancel")
    expect(keep).to_be_hidden()
    tab.page.fill("#register-name", "ada")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#register")).to_be_hidden()
    tab.page.click("#rename")
    tab.page.fill("#register-name", "gra")
    if how == "Escape":
        tab.page.keyboard.press(how)
    else:
        keep.click()
    expect(tab.page.locator("#register")).to_be_hidden()
    expect(tab.page.locator("#user")).to_have_text("ada")
    tab.page.click("#rename")
    expect(tab.page.locator("#register-name")).to_have_value("ada")


def test_without_storage_the_page_still_registers_again(server: TcpServer, open_tab: OpenTab) -> None:
    flags = ("--server", server.address, "--identity", "register", "--recovery", "off")
    with Bridge(*flags) as bridge:
        server.accept()
        tab = open_tab(bridge.url).connected()
        tab.page.evaluate(STORAGE_OFF)
        tab.page.fill("#register-name", "ada")
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator("#user")).to_have_text("ada")
    with Bridge(*flags, "--port", str(bridge.port)):
        server.accept().message(username="ada", action="connected")
        tab.connected()
        expect(tab.page.locator("#register")).to_be_hidden()
        tab.close_after_refusals()


def test_an_event_whose_connection_was_lost_is_not_said_to_be_overdue(
    server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    server.close()
    expect(tab.page.locator("#far-state strong")).to_have_text("down")
    tab.page.click("#emit-form button[type=submit]")  # it is held
    expect(tab.page.locator("#ack")).to_have_text("Held, the server is away …")
    tab.page.evaluate(CUT)
    expect(tab.page.locator("#ack")).to_contain_text("lost before the ack; the event may or may not have arrived")


def test_what_was_let_go_while_nobody_could_be_told_is_told_at_the_next_connect(
    bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    tab.page.focus("#world")
    tab.page.keyboard.down("d")
    peer.message(action="move", dx=1, dy=0)
    tab.page.evaluate("() => bridgePage.socket.disconnect()")
    tab.page.keyboard.up("d")
    tab.page.evaluate("() => bridgePage.socket.connect()")
    peer.message(action="move", dx=0, dy=0)


def test_after_a_restart_of_the_bridge_the_page_registers_again(server: TcpServer, open_tab: OpenTab) -> None:
    flags = ("--server", server.address, "--identity", "register")
    with Bridge(*flags) as bridge:
        server.accept()
        tab = registered(open_tab, bridge, "ada")
    with Bridge(*flags, "--port", str(bridge.port)):
        peer = server.accept()
        peer.message(username="ada", action="connected")
        tab.connected().page.click("#emit-form button[type=submit]")
        assert peer.message(action="chat")["username"] == "ada"
        tab.close_after_refusals()


def registered(open_tab: OpenTab, bridge: Bridge, name: str) -> Tab:
    tab = open_tab(bridge.url).connected()
    tab.page.fill("#register-name", name)
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#user")).to_have_text(name)
    return tab


def test_without_identities_the_page_has_no_name_and_still_works(server: TcpServer, open_tab: OpenTab) -> None:
    with Bridge("--server", server.address, "--identity", "none") as bridge:
        peer = server.accept()
        tab = open_tab(bridge.url).connected()
        expect(tab.page.locator("#user")).to_have_text("a page without a name")
        tab.page.click("#emit-form button[type=submit]")
        assert peer.message(action="chat") == {"action": "chat", "data": "hello"}
        assert tab.page.locator("#emit-wire").inner_text() == '{"action":"chat","data":"hello"}'
        tab.close()


def test_a_server_that_says_nothing_is_shown_as_silent_and_as_connected_when_it_speaks(
    server: TcpServer, open_tab: OpenTab
) -> None:
    with Bridge("--server", server.address, "--idle-warn", "2") as bridge:
        peer = server.accept()
        tab = open_tab(bridge.url)
        state, detail = tab.page.locator("#far-state strong"), tab.page.locator("#far-detail")
        expect(state).to_have_text("silent")
        expect(detail).to_have_text(re.compile(r"^connected since \d\d:\d\d:\d\d, but says nothing$"))
        expect(tab.page.locator("#notice")).to_be_hidden()
        tab.screenshot("silent-1280")
        peer.send_json("hello")
        expect(state).to_have_text("connected")
        expect(detail).to_have_text(re.compile(r"^since \d\d:\d\d:\d\d$"))
        tab.close()


def test_a_server_that_does_not_read_is_shown_as_such_until_it_reads(open_tab: OpenTab) -> None:
    with TcpServer(stalled=True) as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        tab = open_tab(bridge.url).connected()
        for _ in range(20):
            ann.emit("fill", "x" * 500_000)
        state = tab.page.locator("#far-state strong")
        expect(state).to_have_text("not reading", timeout=60_000)
        notice = tab.page.locator("#notice-what")
        expect(notice).to_have_text(
            re.compile(r"^The server has not read for \d+ s; its machine answers, so the link stays\.$")
        )
        peer.resume()
        expect(state).not_to_have_text("not reading", timeout=60_000)
        expect(tab.page.locator("#notice")).to_be_hidden()
        tab.close()


def test_a_stranger_s_page_does_not_ask_for_the_status_that_it_may_not_have(demo: Bridge, open_tab: OpenTab) -> None:
    tab = open_tab(demo.url, extra_http_headers={"X-Forwarded-For": "203.0.113.7"}).connected()
    assert tab.page.evaluate("bridgePage.settings.local") is False
    asked = "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)"
    assert "/socket.io/" in tab.page.evaluate(asked)
    assert "/bridge/status" not in tab.page.evaluate(asked)
    near = open_tab(demo.url).connected()
    near.page.wait_for_function(f"() => {asked}.includes('/bridge/status')")
