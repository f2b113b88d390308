"""Nothing on the page looks better, or other, than it is: acks, a flapping link, what can't be seen, sizes, a stop."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import axe
from tests.browser.conftest import OpenTab, Tab, tabs_of
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer

COLOUR = "(element) => getComputedStyle(element).color"


@contextmanager
def served(server: TcpServer, open_tab: OpenTab, *flags: str) -> Iterator[tuple[Tab, Peer]]:
    with Bridge("--server", server.address, *flags) as bridge:
        peer = server.accept()
        tab = open_tab(bridge.url).connected()
        yield tab, peer
        tab.close()


def emit(tab: Tab, event: str) -> None:
    tab.page.fill("#emit-event", event)
    tab.page.click("#emit-form button[type=submit]")


def looks_well(tab: Tab) -> bool:
    """Whether the ack has the colour of what is well."""
    colours = [tab.page.locator(where).evaluate(COLOUR) for where in ("#ack", "#near-state strong")]
    return bool(colours[0] == colours[1])


def test_an_ack_that_says_only_that_it_was_handed_over_is_not_green(server: TcpServer, open_tab: OpenTab) -> None:
    with served(server, open_tab) as (tab, peer):
        emit(tab, "clickGodl")
        peer.message(action="clickGodl")
        expect(tab.page.locator("#ack")).to_have_text(re.compile(r"^Handed to the server \("))
        assert not looks_well(tab)


def test_what_the_server_confirmed_is_green_and_nothing_before(server: TcpServer, open_tab: OpenTab) -> None:
    with served(server, open_tab, "--confirm") as (tab, peer):
        emit(tab, "chat")
        seq = peer.message(action="chat")["seq"]
        expect(tab.page.locator("#ack")).to_have_text("Waiting for the ack …")
        assert not looks_well(tab)
        peer.send_json({"confirm": seq})
        expect(tab.page.locator("#ack")).to_have_text(re.compile(r"^Confirmed by the server \("))
        assert looks_well(tab)


def test_what_the_server_answered_is_green(server: TcpServer, open_tab: OpenTab) -> None:
    with served(server, open_tab, "--replies") as (tab, peer):
        emit(tab, "chat")
        peer.send_json({"reply_to": peer.message(action="chat")["reply_to"], "gold": 1})
        expect(tab.page.locator("#ack")).to_have_text(re.compile(r"^Answered by the server \("))
        assert looks_well(tab)


def test_what_is_held_while_the_server_is_away_is_said_to_be(server: TcpServer, open_tab: OpenTab) -> None:
    with served(server, open_tab) as (tab, _):
        server.close()
        expect(tab.page.locator("#far-state strong")).not_to_have_text("connected")
        emit(tab, "chat")
        expect(tab.page.locator("#ack")).to_have_text("Held, the server is away …")
        with TcpServer(server.port) as again:
            again.accept().message(action="chat")
            expect(tab.page.locator("#ack")).to_have_text(re.compile(r"^Handed to the server \("))


def test_a_link_that_flaps_is_one_row_with_a_count(server: TcpServer, open_tab: OpenTab) -> None:
    with served(server, open_tab) as (tab, peer):
        emit(tab, "before")
        rows = tab.page.locator("#list li:visible", has=tab.page.locator(".event", has_text="bridge:link"))
        expect(rows).to_have_count(1)
        peer.close()
        for _ in range(3):
            server.accept().close()
        server.accept()
        tab.connected()
        expect(rows).to_have_count(2)
        told = tab.page.locator(".event", has_text="bridge:link ×").inner_text()
        assert int(told.split()[-1]) >= 4


def test_characters_that_show_nothing_or_turn_the_text_round_are_made_visible(shared: tuple[Tab, Peer]) -> None:
    tab, peer = shared
    peer.send("turned \u202egnihton\u202c, not\u200b there\x07, one picture 👨‍👩‍👧 ❤️".encode() + b"~")
    row = tab.page.locator("#list li:visible", has_text="turned").first
    shown = "turned ⟨U+202E⟩gnihton⟨U+202C⟩, not⟨U+200B⟩ there⟨U+0007⟩, one picture 👨‍👩‍👧 ❤️"
    expect(row.locator(".text")).to_have_text(shown)
    assert row.locator(".text").evaluate("(element) => getComputedStyle(element).unicodeBidi") == "isolate"
    row.locator("summary").click()
    expect(row.locator("pre")).to_have_text(shown)
    row.locator("summary").click()
    tab.page.click("#field")  # away from the list
    tab.page.fill("#emit-args", '"\u2066"')
    expect(tab.page.locator("#emit-wire")).to_contain_text("⟨U+2066⟩")
    tab.page.fill("#emit-args", '"hello"')


@pytest.mark.parametrize("frame", ['{"a": 1.0, "b":  [1e2, "\\u00e9"]}', '"é\\/"', "[1 , 2]", '"12 bytes"', "{}"])
def test_a_size_of_json_is_that_on_the_wire_however_it_is_written(json_tab: tuple[Tab, Peer], frame: str) -> None:
    tab, peer = json_tab
    peer.send(frame.encode() + b"~")
    # The newest of the server's: the bridge may have had something to say since.
    rows = tab.page.locator("#list li:visible", has=tab.page.locator(".event", has_text=re.compile(r"^message$")))
    expect(rows.locator(".size").first).to_have_text(f"{len(frame.encode())} B")


@pytest.fixture(scope="module")
def json_tab(browser: Browser) -> Iterator[tuple[Tab, Peer]]:
    with TcpServer() as server, tabs_of(browser) as open_tab, served(server, open_tab, "--payload", "json") as both:
        yield both


def test_the_size_of_a_text_that_came_with_bytes_that_are_no_utf8_is_said_to_be_about(
    shared: tuple[Tab, Peer],
) -> None:
    tab, peer = shared
    peer.send(b"broken \xff\xfe text~")
    row = tab.page.locator("#list li:visible", has_text="broken").first
    expect(row.locator(".size")).to_have_text(re.compile(r"^about \d+ B$"))


def test_the_size_of_what_is_sent_counts_bytes_as_they_are(shared: tuple[Tab, Peer]) -> None:
    tab, _ = shared
    tab.page.evaluate("() => { bridgePage.socket.emit('picture', new Uint8Array(12)); }")
    row = tab.page.locator("#list li:visible", has_text="<12 bytes>").first
    expect(row.locator(".size")).to_have_text("12 B")


def test_a_stopped_bridge_is_said_to_be_stopped_until_it_is_back(server: TcpServer, open_tab: OpenTab) -> None:
    with Bridge("--server", server.address) as bridge:
        tab = open_tab(bridge.url).connected().by_websocket()
        bridge.process.send_signal(signal.SIGINT)
        detail = tab.page.locator("#near-detail")
        expect(detail).to_have_text("the bridge was stopped")
        # Its attempts to connect again fail, which says less.
        expect(tab.page.locator("#near-state strong")).to_have_text("no connection")
        expect(detail).to_have_text("the bridge was stopped")
        expect(tab.page.locator("#notice")).to_contain_text("the bridge was stopped. It connects again by itself.")
        tab.screenshot("bridge-stopped-1280")
    with Bridge("--server", server.address, "--port", str(bridge.port)):
        tab.connected()
        expect(tab.page.locator("#notice")).to_be_hidden()
        tab.close_after_refusals()


def test_a_bridge_that_died_without_a_word_does_not_answer(server: TcpServer, open_tab: OpenTab) -> None:
    with Bridge("--server", server.address) as bridge:
        tab = open_tab(bridge.url).connected()
        bridge.process.kill()
        bridge.ended()
        expect(tab.page.locator("#near-detail")).to_have_text("the bridge does not answer")
        tab.close_after_refusals()


def test_a_filter_that_finds_nothing_says_so_and_not_that_nothing_came(shared: tuple[Tab, Peer]) -> None:
    tab, peer = shared
    peer.send(b"something~")
    expect(tab.page.locator("#list li:visible", has_text="something").first).to_be_visible()
    tab.page.fill("#filter", "no such thing")
    expect(tab.page.locator("#none")).to_have_text("None of the last messages contains “no such thing”.")
    tab.page.fill("#filter", "")
    expect(tab.page.locator("#none")).to_be_hidden()


def test_axe_finds_nothing_wrong_while_all_is_well_nor_with_an_empty_list(demo: Bridge, open_tab: OpenTab) -> None:
    tab = open_tab(demo.url).connected()
    tab.me()
    assert axe(tab) == []
    tab.page.fill("#filter", "no such thing")
    assert axe(tab) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_in_a_notice_or_the_form_for_a_name(
    server: TcpServer, open_tab: OpenTab, scheme: str
) -> None:
    server.close()
    with Bridge("--server", server.address, "--identity", "register") as bridge:
        tab = open_tab(bridge.url, color_scheme=scheme)
        expect(tab.page.locator("#notice")).to_be_visible()
        expect(tab.page.locator("#register")).to_be_visible()
        assert axe(tab) == []
        tab.close()
