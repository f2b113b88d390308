"""Makes docs/images/bridge.png from the running program: `.venv/bin/python tools/screenshot.py`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402

from tests.process import Bridge  # noqa: E402

FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

ME = "() => bridgePage.bodies.find((body) => body.kind === 'user' && body.name === bridgePage.user)"


def main() -> None:
    """Two users steer in the demo's world; the first one's page is the picture."""
    target = ROOT / "docs" / "images" / "bridge.png"
    target.parent.mkdir(exist_ok=True)
    with Bridge("--demo") as bridge, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        pages = [browser.new_page(viewport={"width": 1280, "height": 1000}) for _ in range(2)]
        for page in pages:
            page.goto(bridge.url)
            page.wait_for_function(ME)
        pages[0].wait_for_function("() => bridgePage.counts.all > 60")
        for page in pages:
            page.focus("#world")
            page.keyboard.down("ArrowRight" if page.evaluate(f"({ME})().x") < 480 else "ArrowLeft")
        for page in pages:
            page.evaluate(f"() => (window.start = ({ME})().x)")
            page.wait_for_function(f"() => Math.abs(({ME})().x - window.start) > 120")
        pages[0].screenshot(path=target)
        browser.close()


if __name__ == "__main__":
    main()
