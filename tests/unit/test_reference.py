"""docs/handlers.md says what the code says."""

from __future__ import annotations

from bridge.relay.handlers import Bridge
from bridge.relay.users import Client
from tools.reference import DOCUMENT, text


def test_the_reference_of_the_handlers_is_that_of_the_code() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == text(), "python -m tools.reference writes it anew"


def test_it_has_every_hook_and_every_attribute_with_words_to_each() -> None:
    written = text()
    for owner, name in ((Bridge, "bridge"), (Client, "client")):
        for attribute in dir(owner):
            if not attribute.startswith("_") and attribute != "run":
                assert f"{name}.{attribute}" in written or f"`{attribute}`:" in written, attribute
    assert "\n\n\n" not in written
