"""What holds for all tests: the one that takes longest begins first, or all others would wait for it at the end."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The soak before the rest."""
    items.sort(key=lambda item: "tests/soak/" not in item.nodeid)
