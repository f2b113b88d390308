"""The page for everybody: by keyboard, by touch, on a small screen, in light and dark, without motion."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab, Tab
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer

Scheme = Literal["light", "dark"]
SCHEMES: list[Scheme] = ["light", "dark"]

#: What a keyboard must reach: everything visible that can be used.
CONTROLS = "a[href], button, input, textarea, canvas[tabindex], summary"
VISIBLE_CONTROLS = """(selector) => [...document.querySelectorAll(selector)]
  .filter((element) => element.checkVisibility() && !element.closest("#list"))
  .map((element) => element.id || element.textContent.trim())"""
FOCUSED = "document.activeElement.id || document.activeElement.textContent.trim()"
OUTLINE = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"

#: Every visible element with text of its own, with the contrast of its colour to the ground behind it.
CONTRASTS = """() => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  // rgb(…), or color(srgb …), which mixed colours are.
  const rgba = (text) => {
    const [red, green, blue, alpha = 1] = text.replace("srgb", "").match(/[\\d.]+/g).map(Number);
    const unit = text.startsWith("color(") ? 255 : 1;
    return [red * unit, green * unit, blue * unit, alpha];
  };
  const over = ([red, green, blue, alpha], ground) =>
    [red, green, blue].map((value, i) => value * alpha + ground[i] * (1 - alpha));
  const luminance = (colour) => {
    const [red, green, blue] = colour.map(channel);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const grounds = (element) => {
    const {backgroundColor, backgroundImage} = getComputedStyle(element);
    if (backgroundImage.startsWith("linear-gradient")) return backgroundImage.match(/rgb\\([^)]*\\)/g).map(rgba);
    const colour = rgba(backgroundColor);
    return colour[3] === 1 ? [colour] : grounds(element.parentElement).map((ground) => over(colour, ground));
  };
  const own = (element) => element.matches("input, textarea") ? element.value || element.placeholder
    : [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();
  return [...document.body.querySelectorAll("*")]
    .filter((element) => own(element) && element.checkVisibility() && !element.closest(".unseen, script, noscript"))
    .map((element) => ({
      what: `${element.tagName} ${element.id} ${element.className} ${own(element).slice(0, 30)}`,
      ratio: Math.min(...grounds(element).map((ground) => ratio(rgba(getComputedStyle(element).color), ground))),
    }));
}"""


def overflow(tab: Tab) -> Any:
    """Pixels that the page is wider than the window, and the elements that stick out."""
    return tab.page.evaluate("""() => [document.documentElement.scrollWidth - innerWidth]""")[0]


def test_the_tab_key_reaches_every_control_and_shows_where_it_is(demo: Bridge, open_tab: OpenTab) -> None:
    tab = open_tab(demo.url).connected()
    tab.me()
    tab.page.get_by_text("The shape of such a message").wait_for(state="hidden")  # in its place is the world
    wanted, reached = tab.page.evaluate(VISIBLE_CONTROLS, CONTROLS), []
    assert {"world", "emit-event", "emit-args", "pause", "clear", "filter", "hide-world"} <= set(wanted)
    for _ in range(len(wanted)):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate(FOCUSED))
        assert tab.page.evaluate(OUTLINE) >= 2, f"no focus ring on {reached[-1]}"
    assert reached == wanted
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.closest('#list') !== null")


def test_the_skip_link_leads_past_the_header(demo: Bridge, open_tab: OpenTab) -> None:
    tab = open_tab(demo.url).connected()
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate(FOCUSED) == "world"


def test_the_arrow_keys_steer_my_body_while_they_are_held(demo: Bridge, open_tab: OpenTab) -> None:
    tab = open_tab(demo.url).connected()
    x = tab.me()["x"]
    key, sign = ("ArrowRight", 1) if x < 480 else ("ArrowLeft", -1)
    tab.page.focus("#world")
    tab.page.keyboard.down(key)
    tab.page.wait_for_function(
        "([x, sign]) => (bridgePage.bodies.find((body) => body.name === bridgePage.user).x - x) * sign > 60",
        arg=[x, sign],
    )
    tab.screenshot("steering-1280")
    tab.page.keyboard.up(key)


def test_moves_are_told_once_for_each_change_and_stop_when_the_field_is_left(
    bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    keyboard = tab.page.keyboard
    tab.page.focus("#world")
    keyboard.down("d")
    for _ in range(5):
        keyboard.down("d")  # as the keyboard's own repeat does
    keyboard.down("ArrowUp")
    keyboard.up("d")
    tab.page.focus("#filter")
    keyboard.up("ArrowUp")
    tab.page.focus("#world")
    keyboard.press("Control+a")  # a shortcut, no steering
    tab.page.click("#emit-form button[type=submit]")
    peer.message(action="chat")
    moves = [(m["dx"], m["dy"]) for m in peer.messages if m["action"] == "move"]
    assert moves == [(1, 0), (1, -1), (0, -1), (0, 0)]


def test_what_is_held_is_told_again_to_a_server_that_came_back(
    server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    tab.page.focus("#world")
    tab.page.keyboard.down("ArrowLeft")
    peer.message(action="move", dx=-1)
    server.close()
    with TcpServer(server.port) as again:
        again.accept().message(action="move", dx=-1, dy=0)
        tab.page.keyboard.up("ArrowLeft")


def test_a_finger_on_the_field_steers_towards_it_until_it_is_lifted(
    bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url, width=360, height=740, has_touch=True).connected()
    me = {"name": tab.state()["user"], "x": 200, "y": 150, "colour": "#080", "score": 0, "kind": "user"}
    peer.send_json({"width": 400, "height": 300, "bodies": [me]})
    tab.me()
    touch = """([type, x, y]) => {
      const canvas = document.querySelector("#world"), box = canvas.getBoundingClientRect();
      const at = {clientX: box.left + x * box.width, clientY: box.top + y * box.height};
      canvas.setPointerCapture = () => {};  // a made-up pointer can't be captured
      canvas.dispatchEvent(new PointerEvent(type, {pointerId: 1, pointerType: "touch", bubbles: true, ...at}));
    }"""
    tab.page.evaluate(touch, ["pointerdown", 0.95, 0.5])
    peer.message(action="move", dx=1, dy=0)
    tab.page.evaluate(touch, ["pointermove", 0.5, 0.02])
    peer.message(action="move", dx=0, dy=-1)
    tab.page.evaluate(touch, ["pointerup", 0.5, 0.02])
    peer.message(action="move", dx=0, dy=0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_at_360_pixels_nothing_sticks_out(
    server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab, scheme: Scheme
) -> None:
    tab = open_tab(bridge.url, width=360, height=740, color_scheme=scheme, device_scale_factor=2).connected()
    bodies = [{"name": "W" * 128, "x": 50, "y": 50, "colour": "#080", "score": 0, "kind": "user"}]
    peer.send_json({"width": 960, "height": 540, "bodies": bodies}, {"action": "long", "text": "x" * 4000})
    # The form moves when they come, and a button that moves under the pointer is not clicked.
    expect(tab.page.locator("#list li:visible", has_text="long")).to_be_visible()
    tab.page.fill("#emit-args", f'["{"y" * 300}", oops]')
    tab.page.click("#emit-form button[type=submit]")
    expect(tab.page.locator("#emit-args-error")).not_to_be_empty()
    assert overflow(tab) <= 0
    tab.page.fill("#emit-args", f'"{"y" * 300}"')
    tab.page.click("#emit-form button[type=submit]")
    expect(tab.page.locator("#ack")).to_contain_text("Handed to the server")
    tab.page.locator("#list li:visible", has_text="long").locator("summary").click()
    assert overflow(tab) <= 0
    tab.screenshot(f"360-{scheme}", whole=True)
    server.close()
    expect(tab.page.locator("#notice")).to_be_visible()
    assert overflow(tab) <= 0
    tab.screenshot(f"360-{scheme}-down", whole=True)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_has_a_contrast_of_four_and_a_half(server: TcpServer, open_tab: OpenTab, scheme: Scheme) -> None:
    with Bridge("--server", server.address, "--identity", "register") as bridge:
        peer = server.accept()
        tab = open_tab(bridge.url, color_scheme=scheme).connected()
        peer.send_json({"hello": 1})
        expect(tab.page.locator("#list li:visible", has_text="hello")).to_be_visible()
        tab.page.click("#emit-form button[type=submit]")
        expect(tab.page.locator("#ack-value")).to_be_visible()
        check_contrast(tab)
        tab.page.fill("#emit-args", "oops")
        tab.page.click("#emit-form button[type=submit]")
        tab.page.click("#pause")
        server.close()
        expect(tab.page.locator("#far-state strong")).to_have_text("down")
        check_contrast(tab)
        tab.screenshot(f"contrast-{scheme}-1280", whole=True)
        tab.close()


def check_contrast(tab: Tab) -> None:
    found = tab.page.evaluate(CONTRASTS)
    assert len(found) > 25
    assert [each for each in found if each["ratio"] < 4.5] == []


def test_without_motion_nothing_is_animated_and_the_world_still_shows(demo: Bridge, open_tab: OpenTab) -> None:
    running = "document.getAnimations().filter((animation) => animation.playState === 'running').length"
    lively = open_tab(demo.url, reduced_motion="no-preference").connected()
    lively.me()
    assert lively.page.evaluate(running) > 0
    still = open_tab(demo.url, reduced_motion="reduce").connected()
    still.me()
    assert still.page.evaluate(running) == 0
    x = still.state()["bodies"][0]["x"]
    still.page.wait_for_function("(x) => bridgePage.bodies[0].x !== x", arg=x)


def test_a_screen_reader_hears_of_the_connections_but_not_of_every_message(
    server: TcpServer, bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    announced = tab.page.locator("#announce")
    expect(announced).to_contain_text("Connected to the bridge.")
    peer.send_json({"n": 1})
    expect(tab.page.locator("#list li:visible", has_text='"n"')).to_be_visible()
    live = "[...document.querySelectorAll('[aria-live], [role=status], [role=alert]')].map((element) => element.id)"
    assert set(tab.page.evaluate(live)) == {"announce", "register-error", "emit-args-error", "ack"}
    server.close()
    expect(announced).to_contain_text("is down")


def test_the_dark_page_is_dark(demo: Bridge, open_tab: OpenTab) -> None:
    tab = open_tab(demo.url, color_scheme="dark").connected()
    tab.me()
    red, green, blue, *_ = tab.page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert max(red, green, blue) < 60
    tab.screenshot("demo-1280-dark")
