"""What is nearly JSON is still read for its keys, so that a private message is not broadcast for a trifle."""

from __future__ import annotations

import pytest

from bridge.link.codec import NotJson, parse, parse_lenient


@pytest.mark.parametrize(
    "text", ['{"username":"ann","text":"two\nlines"}', '{"username":"ann","text":"\0"}', '\ufeff{"username":"ann"}']
)
def test_a_raw_line_break_or_a_byte_order_mark_does_not_hide_the_user(text: str) -> None:
    assert parse_lenient(text)["username"] == "ann"
    with pytest.raises(NotJson):
        parse(text.encode())
