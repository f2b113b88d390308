"""Deque's axe-core in a tab: what a program can find of what shuts readers out.

Use: `assert axe(tab) == []`.
"""

from __future__ import annotations

from typing import Any

from tests.browser.conftest import Tab
from tests.process import ROOT

__all__ = ["axe"]

_SOURCE = ROOT / "tests" / "node" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => (await axe.run({resultTypes: ["violations"]})).violations
  .map(({id, help, nodes}) => [id, help, ...nodes.map(({target}) => String(target))])"""


def axe(tab: Tab) -> Any:
    """What it finds wrong in the page as it is now: [rule, what to do, elements …] each."""
    if not tab.page.evaluate("() => 'axe' in window"):
        tab.page.evaluate(_SOURCE.read_text())
    return tab.page.evaluate(_RUN)
