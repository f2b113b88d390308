"""The pages of the examples in Chromium, each with its own server: what they send, show and look like."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab, Tab
from tests.browser.test_access import CONTRASTS
from tests.client import Client
from tests.handlers import EXAMPLES, OwnServer
from tests.process import Bridge

FLAGS = {
    "keys": ("--site", str(EXAMPLES / "keys" / "page")),
    "clicker": (
        *("--identity", "register", "--payload", "json", "--event-key", "action"),
        *("--framing-in", "json", "--framing-out", "none"),
    ),
    "askers": ("--framing", "newline", "--site", str(EXAMPLES / "askers" / "page")),
    "lobby": ("--payload", "json", "--site", str(EXAMPLES / "lobby" / "page")),
}


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the bridge of the example, the test's parameter, serves."""
    name: str = request.param
    handlers = str(EXAMPLES / name / f"{name}.py")
    with OwnServer(name) as own, Bridge("--server", own.address, "--handlers", handlers, *FLAGS[name]) as bridge:
        yield bridge.url


def linked(tab: Tab) -> Tab:
    """Wait until the page says that the server is there."""
    expect(tab.page.locator("#link")).to_have_attribute("data-tone", "go")
    return tab


def fits(tab: Tab) -> None:
    """Nothing sticks out, and every text can be read."""
    assert tab.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    poor = [text for text in tab.page.evaluate(CONTRASTS) if text["ratio"] < 4.5]
    assert poor == []


def both(open_tab: OpenTab, url: str) -> tuple[Tab, Tab]:
    """A light one on a desktop, a dark one on a phone."""
    phone = open_tab(url, 360, 740, color_scheme="dark", has_touch=True, is_mobile=True)
    return open_tab(url, 900, 760, color_scheme="light"), phone


class Watcher(Client):
    """One more client in the arena, that watches the ships."""

    def sees(self, *move: float) -> None:
        """Wait until a ship moves like this."""
        start = len(self.events.entries)
        wanted = list(move)
        self.events.wait(lambda e: e[0] == "message" and wanted in moves(e[1]), start=start)


def moves(state: str) -> list[list[float]]:
    return [ship["move"] for ship in json.loads(state)["ships"]]


@pytest.mark.parametrize("url", ["keys"], indirect=True)
def test_arena_keys_and_touch_move_ones_ship_on_every_page(url: str, open_tab: OpenTab) -> None:
    desk, phone = both(open_tab, url)
    for tab in (linked(desk), linked(phone)):
        expect(tab.page.locator("#hits li")).to_have_count(2)
        expect(tab.page.locator("#hits .you")).to_have_text("you: 0")
    watcher = Watcher(url)
    with watcher:
        desk.page.keyboard.down("ArrowLeft")
        desk.page.keyboard.down("w")
        watcher.sees(-0.707, -0.707)
        phone.page.locator("[data-key=right]").dispatch_event("pointerdown")
        watcher.sees(1, 0)
        desk.page.keyboard.press("Space")
        watcher.events.wait(lambda e: e[0] == "message" and bool(json.loads(e[1])["shots"]))
        for kind, tab in (("desk", desk), ("phone", phone)):
            fits(tab)
            tab.screenshot(f"example-keys-{kind}")


@pytest.mark.parametrize("url", ["keys"], indirect=True)
def test_arena_a_page_that_loses_the_focus_stops_its_ship(url: str, open_tab: OpenTab) -> None:
    tab = linked(open_tab(url))
    watcher = Watcher(url)
    with watcher:
        tab.page.keyboard.down("ArrowDown")
        watcher.sees(0, 1)
        tab.page.evaluate("document.activeElement.blur()")
        watcher.events.wait(
            lambda e: e[0] == "message" and [0, 1] not in moves(e[1]), start=len(watcher.events.entries)
        )


@pytest.mark.parametrize("url", ["clicker"], indirect=True)
def test_clicker_a_name_is_given_gold_is_dug_and_a_shovel_bought(url: str, open_tab: OpenTab) -> None:
    desk, phone = both(open_tab, url)
    for tab, name in ((desk, "<b>ann</b>"), (phone, "bob")):
        fits(tab)
        tab.page.fill("#name", name)
        tab.page.keyboard.press("Enter")
        linked(tab)
        expect(tab.page.locator("h1")).to_have_text(name)
        expect(tab.page.locator("#amount")).to_have_text("0")
        expect(tab.page.locator("#equipment button")).to_have_text("Buy for 10")
    for gold in range(1, 11):
        desk.page.click("#gold")
        expect(desk.page.locator("#amount")).to_have_text(str(gold))
    expect(phone.page.locator("#players")).to_contain_text("<b>ann</b>: 10")
    desk.page.click("#equipment button")
    expect(desk.page.locator("#rates")).to_have_text("2 a click, 0 a second; 10 clicks in this tab")
    desk.page.click("#equipment button", force=True)
    expect(desk.page.locator("#problem")).to_have_text("Shovel costs 11 gold, you have 0")
    for kind, tab in (("desk", desk), ("phone", phone)):
        fits(tab)
        tab.screenshot(f"example-clicker-{kind}")


@pytest.mark.parametrize("url", ["lobby"], indirect=True)
def test_lobby_two_come_in_talk_and_play(url: str, open_tab: OpenTab) -> None:
    desk, phone = both(open_tab, url)
    for tab, name in ((desk, "ann"), (phone, "bob")):
        linked(tab)
        fits(tab)
        expect(tab.page.locator("#ready")).to_be_hidden()
        tab.page.fill("#name", name)
        tab.page.keyboard.press("Enter")
        tab.page.fill("#text", f"<i>{name}</i> is here")
        tab.page.keyboard.press("Enter")
    for tab in (desk, phone):
        expect(tab.page.locator("#lines li")).to_have_text(["ann <i>ann</i> is here", "bob <i>bob</i> is here"])
        tab.page.click("#ready")
    for tab in (desk, phone):  # a round takes some seconds
        expect(tab.page.locator("#players li")).to_have_text(["ann0 points, ready", "bob0 points, ready"])
        expect(tab.page.locator("#round")).to_have_text("1")
    for kind, tab in (("desk", desk), ("phone", phone)):
        assert int(tab.page.locator("#card").inner_text()) in range(1, 14)
        fits(tab)
        tab.screenshot(f"example-lobby-{kind}")


@pytest.mark.parametrize("url", ["askers"], indirect=True)
def test_askers_each_page_has_its_own_answers(url: str, open_tab: OpenTab) -> None:
    desk, phone = both(open_tab, url)
    for tab, question in ((desk, "2 + 3"), (phone, "2 * 3")):
        linked(tab)
        tab.page.fill("#question", question)
        tab.page.keyboard.press("Enter")
    for kind, tab, row in (("desk", desk, "2 + 3 5"), ("phone", phone, "2 * 3 6")):
        expect(tab.page.locator("#answers li")).to_have_text([row])
        fits(tab)
        tab.screenshot(f"example-askers-{kind}")


def test_the_minimal_page_shows_the_ack_and_the_last_message(open_tab: OpenTab) -> None:
    site = EXAMPLES.parent / "pages" / "minimal"
    with Bridge("--demo", "--site", str(site)) as bridge:
        page = open_tab(bridge.url).page
        expect(page.locator("p")).to_contain_text('"action":"world"')
        page.click("button")
        expect(page.locator("output")).to_have_text('{"ok":true}')
        page.close()
