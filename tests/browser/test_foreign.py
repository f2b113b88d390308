"""A page of another origin in Chromium: its console says why it may not connect, and what lets it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from tests.process import Bridge
from tests.waiting import PATIENCE

PAGE = """<!doctype html><link rel="icon" href="data:,"><script src="{bridge}/socket.io/socket.io.js"></script><script>
const socket = io("{bridge}", {{transports: ["{transport}"], reconnection: false}});
socket.on("connect", () => console.log("connected"));
socket.on("connect_error", (error) => console.log("read: " + (error.context?.responseText ?? "nothing")));
</script>"""


@pytest.fixture
def foreign() -> Iterator[ThreadingHTTPServer]:
    """Serves one page, whose text is its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(self.server.text.encode())  # type: ignore[attr-defined]

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def console(browser: Browser, foreign: ThreadingHTTPServer, bridge: Bridge, transport: str, end: str) -> str:
    """What the console shows until this is in it."""
    foreign.text = PAGE.format(bridge=bridge.url, transport=transport)  # type: ignore[attr-defined]
    said: list[str] = []
    page = browser.new_context().new_page()
    page.on("console", lambda message: said.append(message.text))
    with page.expect_event("console", lambda message: end in message.text, timeout=PATIENCE * 1000):
        page.goto(f"http://127.0.0.1:{foreign.server_address[1]}/")
    page.context.close()
    return "\n".join(said)


def test_its_console_says_what_lets_it_connect_and_then_it_does(browser: Browser, foreign: ThreadingHTTPServer) -> None:
    origin = f"http://127.0.0.1:{foreign.server_address[1]}"
    advice = f"start the bridge with --allowed-origins {origin}"
    with Bridge("--demo") as bridge:
        said = console(browser, foreign, bridge, "polling", "read: ")
        assert f"400 (Not an accepted origin: {advice})" in said
        assert f'"message": "Not an accepted origin: {advice}"' in said
        assert "CORS" not in said
        console(browser, foreign, bridge, "websocket", "read: ")
        assert bridge.said("may not connect").endswith(advice)
        assert bridge.counter("origins_refused") == 2
        [row] = bridge.status()["refused_origins"]
        assert (row["origin"], row["count"]) == (origin, 2)
    with Bridge("--demo", "--allowed-origins", origin) as bridge:
        for transport in ("polling", "websocket"):
            console(browser, foreign, bridge, transport, "connected")
        assert bridge.status()["refused_origins"] == []
