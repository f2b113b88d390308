"""The page in Chromium: the world, the form, the list of messages."""

from __future__ import annotations

import json
import random
import re
import signal
import threading
import time

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenTab, Tab
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer

PIXELS = "document.querySelector('#world').toDataURL()"
WORLD = {
    "action": "world",
    "tick": 1,
    "width": 400,
    "height": 300,
    "bodies": [
        {"name": "one", "x": 100, "y": 100, "colour": "#ff0000", "score": 1, "kind": "user"},
        {"name": "two", "x": 300, "y": 200, "colour": "#0000ff", "score": 0, "kind": "coin"},
    ],
}


def emit(tab: Tab, event: str, arguments: str) -> None:
    """Fill in the form and send it."""
    tab.page.fill("#emit-event", event)
    tab.page.fill("#emit-args", arguments)
    tab.page.click("#emit-form button[type=submit]")


def row(tab: Tab, text: str) -> Locator:
    """The newest row that contains a text."""
    return tab.page.locator("#list li:visible", has_text=text).first


def test_the_world_of_the_demo_server_moves_on_the_canvas(demo: Bridge, open_tab: OpenTab) -> None:
    tab = open_tab(demo.url).connected()
    tab.me()
    before, bodies = tab.page.evaluate(PIXELS), tab.state()["bodies"]
    tab.page.wait_for_function(
        "(before) => before.every((body, i) => bridgePage.bodies[i].x !== body.x)", arg=bodies[:7]
    )
    assert tab.page.evaluate(PIXELS) != before
    assert {body["kind"] for body in bodies} == {"user", "bot", "coin"}
    tab.screenshot("demo-1280-light")


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
def test_a_servers_own_world_is_drawn_whatever_the_payload_is(payload: str, open_tab: OpenTab) -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--payload", payload) as bridge:
        peer = server.accept()
        tab = open_tab(bridge.url).connected()
        expect(tab.page.locator("#world-empty")).to_be_visible()
        sent = json.dumps(WORLD, separators=(",", ":")).encode()
        peer.send(sent + b"~")
        expect(tab.page.locator("#world-empty")).to_be_hidden()
        size = tab.page.evaluate("(({width, height}) => [width, height])(document.querySelector('#world'))")
        assert size[0] * 3 == pytest.approx(size[1] * 4, abs=4)
        colour = "([x, y]) => [...document.querySelector('#world').getContext('2d').getImageData(x, y, 1, 1).data]"
        assert tab.page.evaluate(colour, [size[0] // 4, size[1] // 3]) == [255, 0, 0, 255]
        expect(row(tab, '"bodies"')).to_contain_text(f"{len(sent)} B")
        tab.close()


def test_without_a_world_the_page_says_what_would_be_drawn(bridge: Bridge, peer: Peer, open_tab: OpenTab) -> None:
    tab = open_tab(bridge.url).connected()
    peer.send_json({"action": "clicks", "n": 3})
    expect(row(tab, "clicks")).to_be_visible()
    tab.page.click("#world-empty summary")
    expect(tab.page.locator("#world-empty pre")).to_contain_text('"bodies"')
    tab.screenshot("no-world-1280")


def test_an_event_from_the_form_reaches_the_server_and_its_ack_is_shown(
    bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    emit(tab, "chat", '"hello <b>you</b>"')
    message = peer.message(action="chat")
    assert message == {"username": tab.state()["user"], "action": "chat", "data": "hello <b>you</b>"}
    expect(tab.page.locator("#ack")).to_contain_text("Handed to the server (")
    expect(tab.page.locator("#ack")).to_contain_text("ms)")
    expect(tab.page.locator("#ack-value")).to_have_text('{\n  "ok": true\n}')
    tab.screenshot("ack-1280")


@pytest.mark.parametrize(
    "arguments",
    ["", "null", "-1.5e3", '{"x": 1, "username": "eve"}', "[1, 2]", '{"a": 1}, [2], "three"', '"über ~ 😀"'],
)
def test_the_preview_of_the_wire_is_what_the_server_gets(shared: tuple[Tab, Peer], arguments: str) -> None:
    tab, peer = shared
    before = len(peer.messages)
    emit(tab, "try", arguments)
    assert json.loads(tab.page.locator("#emit-wire").inner_text()) == peer.first(before + 1)[before]


@pytest.mark.parametrize(
    ("arguments", "says", "place"),
    [
        ('{"a": 1,\n "b": [1, 2,]}', "no last comma", "Line 2, column 12"),
        ("hello", 'needs double quotes: "hello"', "Line 1, column 1"),
        ("{'a': 1}", "A key in double quotes is expected", "Line 1, column 2"),
        ('{"a" 1}', "A colon is expected", "Line 1, column 6"),
        ('"open', "never closed", "Line 1, column 1"),
        ("[1, [2", "A comma or ] is expected here, but the text ends", "Line 1, column 7"),
        ("1 2", "A comma or the end is expected", "Line 1, column 3"),
        ("01", "no JSON number", "Line 1, column 1"),
        ('"a\\x"', "After \\ comes one of", "Line 1, column 3"),
    ],
)
def test_arguments_that_are_no_json_are_shown_with_their_place_and_not_sent(
    shared: tuple[Tab, Peer], arguments: str, says: str, place: str
) -> None:
    tab, peer = shared
    before = len(peer.messages)
    emit(tab, "bad", arguments)
    error = tab.page.locator("#emit-args-error")
    expect(error).to_contain_text(says)
    expect(error).to_contain_text(place)
    expect(tab.page.locator("#emit-args")).to_have_attribute("aria-invalid", "true")
    emit(tab, "good", "1")
    assert peer.first(before + 1)[before]["action"] == "good"
    expect(error).to_be_empty()


def test_the_arguments_field_takes_exactly_what_json_takes(demo: Bridge, open_tab: OpenTab) -> None:
    chance = random.Random(3)
    texts = [mutated(chance, json.dumps(some_json(chance, 3))) for _ in range(1500)]
    check = """async (texts) => {
      const {parseArguments, ArgumentsError} = await import("/static/bridge/jsonargs.js");
      const attempt = (read) => { try { return JSON.stringify(read()); } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof ArgumentsError)) throw error;
        return "refused";
      } };
      return texts.map((text) => [text, attempt(() => parseArguments(text)), attempt(() => JSON.parse(`[${text}]`))]);
    }"""
    results = open_tab(demo.url).page.evaluate(check, texts)
    assert [result for result in results if result[1] != result[2]] == []
    refused = sum(result[1] == "refused" for result in results)
    assert 300 < refused < 1200  # both sides were tried


def some_json(chance: random.Random, depth: int) -> object:
    plain: list[object] = [None, True, 0, -2.5, 1e300, "", 'a"\\\n\u2028', "é😀", "~"]
    kind = chance.randrange(4 if depth else 2)
    if kind < 2:
        return chance.choice(plain)
    values = [some_json(chance, depth - 1) for _ in range(chance.randrange(4))]
    return values if kind == 2 else {f"k{i}": value for i, value in enumerate(values)}


def mutated(chance: random.Random, text: str) -> str:
    """The text as it is, or with one character put in or taken out."""
    at, extra = chance.randrange(len(text) + 1), chance.choice(',:"{}[]\\ 0-eu.t\n')
    changed = chance.choice([text, text[:at] + extra + text[at:], text[:at] + text[at + 1 :]])
    # Wrapped in brackets for the comparison, such a text would close and open them itself.
    return "1" if "]" in changed.split("[")[0] or changed.count("]") > changed.count("[") else changed


@pytest.mark.long
def test_an_event_that_gets_no_ack_says_so(bridge: Bridge, peer: Peer, open_tab: OpenTab) -> None:
    tab = open_tab(bridge.url).connected()
    bridge.process.send_signal(signal.SIGSTOP)
    emit(tab, "chat", '"anybody?"')
    expect(tab.page.locator("#ack")).to_have_text("Waiting for the ack …")
    expect(tab.page.locator("#ack")).to_have_text("No ack within 25 s.", timeout=60_000)
    bridge.process.send_signal(signal.SIGCONT)


def test_a_reserved_event_is_refused_with_its_reason(bridge: Bridge, peer: Peer, open_tab: OpenTab) -> None:
    tab = open_tab(bridge.url).connected()
    emit(tab, "connect", "")
    expect(tab.page.locator("#ack")).to_contain_text("Not sent: ")
    emit(tab, "bridge:link", "")
    expect(tab.page.locator("#ack")).to_contain_text("Refused: ")
    expect(tab.page.locator("#ack-value")).to_contain_text("bad-event")


def test_every_message_is_listed_with_its_event_size_way_and_whole_payload(
    bridge: Bridge, peer: Peer, open_tab: OpenTab
) -> None:
    tab = open_tab(bridge.url).connected()
    long = {"action": "story", "text": "é" + "x" * 5000}
    peer.send(json.dumps(long, ensure_ascii=False).encode() + b"~")
    story = tab.page.locator("#list li:visible", has_text="story").first
    expect(story.locator(".event")).to_have_text("message")
    expect(story.locator(".size")).to_have_text("5.0 kB")
    expect(story.locator(".time")).to_have_text(re.compile(r"\d\d:\d\d:\d\d\.\d{3}"))
    expect(story.get_by_label("received")).to_be_visible()
    assert len(story.inner_text()) < 300
    story.locator("summary").click()
    expect(story.locator("pre")).to_have_text(json.dumps(long, indent=2, ensure_ascii=False))


def test_markup_from_the_server_is_shown_as_text(bridge: Bridge, peer: Peer, open_tab: OpenTab) -> None:
    tab = open_tab(bridge.url).connected()
    markup = '<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>'
    peer.send_json({**WORLD, "bodies": [{**WORLD["bodies"][0], "name": markup}]}, {"markup": markup})  # type: ignore[index]
    found = tab.page.locator("#list li:visible", has_text="markup").first
    found.locator("summary").click()
    expect(found.locator("pre")).to_contain_text("<img src=x")
    assert tab.page.evaluate("[document.images.length, window.hacked]") == [0, None]


def test_the_list_pauses_filters_clears_and_goes_on(bridge: Bridge, peer: Peer, open_tab: OpenTab) -> None:
    tab = open_tab(bridge.url).connected()
    rows = tab.page.locator("#list li:visible")
    peer.send_json({"n": "first"})
    expect(rows.first).to_contain_text("first")
    tab.page.click("#pause")
    peer.send_json({"n": "second"}, {"n": "third"})
    expect(tab.page.locator("#held")).to_have_text("2 newer, paused")
    expect(rows.first).to_contain_text("first")
    tab.page.click("#pause")
    expect(rows.first).to_contain_text("third")
    tab.page.fill("#filter", "SECOND")
    expect(rows).to_have_count(1)
    tab.page.fill("#filter", "")
    tab.page.click("#clear")
    expect(rows).to_have_count(0)
    peer.send_json(WORLD, {"n": "fourth"})
    expect(rows).to_have_count(2)
    tab.page.check("#hide-world")
    expect(rows).to_have_count(1)


def test_a_flood_of_five_thousand_messages_a_second_leaves_the_tab_alive(server: TcpServer, open_tab: OpenTab) -> None:
    # With room for all of it: a tab that others leave no processor for 3 s would be cut off, rightly.
    with Bridge("--server", server.address, "--outbox", "16M") as bridge:
        peer = server.accept()
        tab = open_tab(bridge.url).connected()
        came = tab.state()["counts"]["in"]
        tab.trace()
        flood = threading.Thread(target=send_flood, args=(peer, 5000, 3.0))
        flood.start()
        # The page answers in the middle of it.
        emit(tab, "during", "1")
        expect(tab.page.locator("#ack")).to_contain_text("Handed to the server")
        flood.join()
        tab.page.wait_for_function("(all) => bridgePage.counts.in >= all", arg=came + 15_000)
        assert tab.state()["counts"]["in"] == came + 15_000
        # In processor time, as a tab does not freeze itself while others have the processor.
        tasks = tab.traced()
        assert max(tasks) < 0.2, f"the tab froze for {max(tasks):.2f} s"
        assert sum(tasks) < 2.4, (
            f"three seconds of messages are {sum(tasks):.1f} s of work, all that comes of it included"
        )
        assert tab.page.evaluate("document.querySelectorAll('#list li').length") <= 100
        expect(row(tab, '"n": 14999')).to_be_visible()


def send_flood(peer: Peer, rate: int, seconds: float) -> None:
    """So many messages a second, in 50 portions a second."""
    part, began = rate // 50, time.monotonic()
    for step in range(round(seconds * 50)):
        time.sleep(max(0.0, began + step / 50 - time.monotonic()))
        peer.send_json(*({"action": "tick", "n": step * part + i, "text": "x" * 40} for i in range(part)))
