"""What many frames say under one key is what each of them says when it is read alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.link.codec import NotJson, parse_lenient
from bridge.link.json_key_reader import MISSING, JsonKeyReader
from tests.unit.amount import some

KEYS = ["user", "a b", "ü", "x" * 50, 'quo"te', "back\\slash", "\x01"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "n"]), inner, max_size=3),
    max_leaves=5,
)
JUNK = [*r'{}[]",:\-', "\n", "\r", " ", "\x00", "é", r"\u0075", r"\ud800", "null", "01", "1e999", ".5", "NaN"]


def alone(frame: bytes, key: str) -> object:
    value: Any = parse_lenient(frame.decode())
    return value.get(key, MISSING) if isinstance(value, dict) else MISSING


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """JSON, written in one of several ways, and at times spoiled."""
    value = draw(VALUES)
    ascii_only, indent = draw(st.booleans()), draw(st.sampled_from([None, None, 1]))
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at, gone = draw(st.integers(0, len(text))), draw(st.integers(0, 2))
        text = text[:at] + draw(st.sampled_from(["", *JUNK])) + text[at + gone :]
    return text.encode("utf-8", "replace")


@settings(max_examples=some(400))
@given(st.lists(frames(), min_size=1, max_size=5), st.sampled_from(KEYS))
def test_each_has_what_it_has_alone_or_none_is_answered_for(burst: list[bytes], key: str) -> None:
    try:
        found = JsonKeyReader(key)(burst)
    except ValueError:
        return
    assert found == [alone(frame, key) for frame in burst]


@pytest.mark.parametrize("key", KEYS)
def test_plain_objects_are_answered_for(key: str) -> None:
    burst = [json.dumps({"n": n, key: f"user {n}"}).encode() for n in range(100)]
    assert JsonKeyReader(key)(burst) == [f"user {n}" for n in range(100)]


@pytest.mark.parametrize(
    ("frame", "value"),
    [
        (b'{"user":"a","user":"b"}', "b"),
        (b'{"us\\u0065r":"a"}', "a"),
        (b' {"user" : "a"}\r', "a"),
        (b'{\n"user":\n"a"}', "a"),
        (b'{"user":null}', None),
        (b'{"user":["a","b"]}', ["a", "b"]),
        (b'{"in":{"user":"a"}}', MISSING),
        (b'["user","a"]', MISSING),
        (b'"user"', MISSING),
    ],
)
def test_however_it_is_written(frame: bytes, value: object) -> None:
    plain = b'{"user":"x"}'
    assert JsonKeyReader("user")([plain, frame, plain]) == ["x", value, "x"]


@pytest.mark.parametrize(
    "burst",
    [
        [b'{"user":"a"}', b""],
        [b'{"user":"a"}\n{"user":"b"}', b""],
        [b'{"user":"a"}{"user":"b"}'],
        [b'{"user":"a"} {"user":"b"}', b""],
        [b'{"user":"a"} {"user":"b"}', b" "],
        [b'{"x":', b'{"user":"z"}}', b'{"user":"a"} {"user":"b"}'],
        [b'{"user":"a"', b'"b":1}'],
        [b'{"user":"a"}', b'{"x":NaN}'],
        [b'{"user":"a"}', b'{"x":"\\ud800"}'],
        [b'{"user":"a"}', b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}"],
    ],
)
def test_what_can_not_be_read_so_is_not_guessed(burst: list[bytes]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        JsonKeyReader("user")(burst)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4))
def test_no_bytes_that_are_text_make_it_answer_for_what_is_no_json(burst: list[bytes]) -> None:
    burst = [frame.decode(errors="replace").encode() for frame in burst]
    try:
        JsonKeyReader("user")(burst)
    except ValueError:
        return
    for frame in burst:
        try:
            parse_lenient(frame.decode())
        except NotJson:
            pytest.fail(f"{frame!r} was answered for")
