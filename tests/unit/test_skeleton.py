"""skeleton.py: what looks alike has one skeleton; the table is Unicode's, unchanged."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.skeleton import TABLE, skeleton

#: Of the file that tools/confusables.py writes from the crate that it names.
CHECKSUM = "8da4dffd17ed52fe42d1e01e646fba6b3a8412ca3e6cfba3c546fb961b116598"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "раураl"),
        ("ann", "аnn"),
        ("ann", "ａｎｎ"),
        ("ann", "𝓪𝓷𝓷"),
        ("Ame\u0301lie", "Am\u00e9lie"),
        ("fi", "ﬁ"),
        ("❤", "❤\ufe0f"),
        ("Il", "Ӏl"),
        ("scope", "ѕсоре"),
        ("rn", "m"),
    ],
)
def test_what_looks_alike_has_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"), [("ann", "Ann"), ("jose", "josé"), ("ann", "anna"), ("о", "О"), ("ä", "ö"), ("", "a")]
)
def test_what_does_not_look_alike_has_two(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_the_quick_way_for_ascii_is_the_same(text: str) -> None:
    assert skeleton(text + "é") == skeleton(text) + skeleton("é")


def test_the_table_is_as_it_was_vendored_and_says_where_from() -> None:
    data = TABLE.read_bytes()
    assert hashlib.sha256(data).hexdigest() == CHECKSUM
    for words in (b"Unicode version: 18.0.0", b"unicode-security 0.1.3, checksum 4a23f3d0", b"UNICODE LICENSE V3"):
        assert words in data
