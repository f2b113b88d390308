"""The page with what nobody would expect: worlds that are none, fields without measure, ten thousand bodies."""

from __future__ import annotations

import itertools
import json
import threading
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Tab
from tests.tcpserver import Peer
from tests.waiting import PATIENCE

BODY = {"name": "one", "x": 1, "y": 1, "colour": "#ff0000", "score": 1, "kind": "user"}
FIELD = {"width": 400, "height": 300}
NUMBERS = itertools.count(1)  # of worlds that come after odd ones
#: The colour of the canvas so many pixels of the page from its upper left corner.
PIXEL = """([x, y]) => {
  const copy = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  copy.drawImage(document.querySelector("#world"), -x * devicePixelRatio, -y * devicePixelRatio);
  return [...copy.getImageData(0, 0, 1, 1).data];
}"""


def drawn(tab: Tab, peer: Peer, *worlds: str) -> None:
    """Send them, and wait until a body that comes after them is on the canvas, and a message in the list."""
    for world in worlds:
        came = tab.state()["counts"]["in"]
        peer.send(world.encode() + b"~")
        # Else a busy tab could be cut off as slow: a few of the largest are over what may wait for one client.
        tab.page.wait_for_function("(came) => bridgePage.counts.in > came", arg=came)
        frame = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        tab.page.evaluate(frame)  # or the last of a frame would be the only one that is read
    name = f"after {next(NUMBERS)}"
    peer.send_json({**FIELD, "bodies": [{**BODY, "name": name}]}, {"n": name})
    tab.page.wait_for_function("(name) => bridgePage.bodies.some((body) => body.name === name)", arg=name)
    expect(tab.page.locator("#list li:visible", has_text=f'"n": "{name}"').first).to_be_visible()


@pytest.mark.parametrize(
    "field",
    [
        '"width":100000,"height":100000',
        '"width":1e999,"height":300',
        '"width":400,"height":1e308',
        '"width":1e308,"height":1e308',
        '"width":1e-300,"height":1e-300',
        '"width":-1,"height":0',
        '"width":"400","height":[300]',
    ],
)
def test_a_field_of_any_size_leaves_the_page_alive(shared: tuple[Tab, Peer], field: str) -> None:
    drawn(*shared, f'{{{field},"bodies":[{json.dumps(BODY)}]}}')


@pytest.mark.parametrize(
    "change",
    [
        {"name": {"toString": 1}},
        {"name": None},
        {"kind": "constructor"},
        {"kind": {"toString": 1}},
        {"colour": {"toString": 1}, "score": {"toString": 1}},
        {"colour": "no colour", "score": "x" * 10_000},
        {"name": "__proto__", "kind": "__proto__"},
        {"x": -1e300, "y": 1e300},
    ],
    ids=str,
)
def test_a_body_with_odd_fields_leaves_the_page_alive(shared: tuple[Tab, Peer], change: dict[str, object]) -> None:
    drawn(*shared, json.dumps({**FIELD, "bodies": [{**BODY, **change}]}))


def test_bodies_of_one_name_or_of_none_are_all_there(shared: tuple[Tab, Peer]) -> None:
    tab, peer = shared
    coins = [{"x": 10 * n, "y": 10, "kind": "coin"} for n in range(1, 4)]
    peer.send_json({**FIELD, "bodies": [*coins, BODY, BODY]})
    there = (
        "() => bridgePage.bodies.map((body) => [body.kind, body.x]).join() === 'coin,10,coin,20,coin,30,user,1,user,1'"
    )
    tab.page.wait_for_function(there)


def test_in_a_small_field_a_body_is_not_larger_than_it_looks_well(shared: tuple[Tab, Peer]) -> None:
    tab, peer = shared
    peer.send_json({"width": 20, "height": 15, "bodies": [{**BODY, "x": 10, "y": 7.5}]})
    tab.page.wait_for_function("() => bridgePage.bodies.length === 1 && bridgePage.bodies[0].x === 10")
    tab.page.wait_for_function(f"(at) => ({PIXEL})(at)[0] === 255", arg=middle(tab, 0))
    assert tab.page.evaluate(PIXEL, middle(tab, 60)) != [255, 0, 0, 255]


def middle(tab: Tab, beside: int) -> list[float]:
    box = tab.page.locator("#world").bounding_box()
    assert box
    return [box["width"] / 2 + beside, box["height"] / 2]


@pytest.mark.long
def test_ten_thousand_bodies_leave_the_page_alive(shared: tuple[Tab, Peer]) -> None:
    many = [{**BODY, "name": f"b{n}", "x": n % 400, "y": n % 300} for n in range(10_000)]
    drawn(*shared, *(json.dumps({**FIELD, "tick": tick, "bodies": many}) for tick in range(5)))


def test_a_world_that_stands_still_is_said_to_though_something_like_a_world_comes(shared: tuple[Tab, Peer]) -> None:
    tab, peer = shared
    drawn(tab, peer)
    ends = time.monotonic() + PATIENCE
    while not tab.page.locator("#world-stale").inner_text().startswith("Standing still"):
        assert time.monotonic() < ends
        peer.send_json({"bodies": []})
        threading.Event().wait(0.1)  # ten a second


def test_a_deep_message_is_shown_as_it_came(shared: tuple[Tab, Peer]) -> None:
    tab, peer = shared
    deep = "[" * 5000 + "]" * 5000
    peer.send(deep.encode() + b"~")
    row = tab.page.locator("#list li:visible", has_text="[[[[").first
    row.locator("summary").click()
    expect(row.locator("pre")).to_have_text(deep)
    row.locator("summary").click()
    tab.page.click("#field")  # away from the list


def test_the_list_goes_on_when_the_pointer_has_left_it_though_nothing_more_comes(shared: tuple[Tab, Peer]) -> None:
    tab, peer = shared
    drawn(tab, peer)
    tab.page.hover("#list li:visible")
    peer.send_json({"n": "first"}, {"n": "last"})
    expect(tab.page.locator("#held")).to_have_text("2 newer, held while you are on the list")
    tab.page.hover("header")
    expect(tab.page.locator("#list li:visible", has_text="last").first).to_be_visible()
    expect(tab.page.locator("#held")).to_be_empty()
