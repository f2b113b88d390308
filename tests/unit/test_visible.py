"""visible.py: what nobody sees is found, and made visible."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.visible import unseen, visible, without_unseen

HIDDEN = [
    "\x00", "\x1b", "\x07", "\n", "\x7f", "\x9b", "\xa0", "\xad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4",
    "\u180e", "\u2003", "\u200b", "\u200d", "\u200e", "\u2028", "\u202e", "\u2060", "\u2066", "\u2800", "\u3000",
    "\u3164", "\ud800", "\ue000", "\ufdd0", "\ufe0f", "\ufeff", "\uffa0", "\uffff", "\U0001d159", "\U000e0041",
    "\U000e0100", "\U0010fffe",
]  # fmt: skip


@pytest.mark.parametrize("char", HIDDEN, ids=ascii)
def test_a_character_that_nobody_sees_is_found_named_and_made_visible(char: str) -> None:
    for text in (char, f"a{char}b", f"Ä{char}"):
        found = unseen(text)
        assert found
        assert found.startswith(f"U+{ord(char):04X}")
        assert char not in visible(text)
        assert visible(text).isprintable()
        assert without_unseen(text) == text.replace(char, "")


@pytest.mark.parametrize("text", ["", "ann smith", "Ame\u0301lie", "日本", "🎮", "❤️", "1️⃣", "™️", "עִבְרִית", "हिन्दी"])
def test_what_is_seen_is_let_be(text: str) -> None:
    assert unseen(text) is None


@pytest.mark.parametrize("text", ["a\ufe0f", "\ufe0f", "❤\ufe0f\ufe0f", "1\ufe0f", "!\ufe0f"])
def test_a_variation_selector_is_hidden_unless_it_is_behind_a_symbol(text: str) -> None:
    assert unseen(text) == "U+FE0F VARIATION SELECTOR-16"


def test_an_escape_says_which_character_it_was() -> None:
    assert visible("a\x1b[2J\x07\u202e\U000e0041\nÄ") == r"a\x1b[2J\x07\u202e\U000e0041\nÄ"
    assert visible("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(st.text())
def test_nothing_that_is_not_printable_is_left(text: str) -> None:
    assert visible(text).isprintable()
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") for c in without_unseen(text))
    if unseen(text) is None:
        assert not any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") for c in text)
