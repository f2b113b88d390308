"""Frames on their way out: their framing, the limit, and no way to forge a frame."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.link.codec import JsonEncoder, parse
from bridge.link.framing.length_prefix import varint
from bridge.link.framing.registry import FRAMINGS, FramingSpecError, framing_in, framing_of, framing_out
from tests.unit.amount import some
from tests.unit.framings import SPECS, Outcome, check_of, decoded

FRAMED = {
    "~": b"hello~",
    r"END\r\n": b"helloEND\r\n",
    "json": b"hello",
    "none": b"hello",
    "netstring": b"5:hello,",
    "varint": b"\x05hello",
    "length:1": b"\x05hello",
    "length:2": b"\0\x05hello",
    "length:2be": b"\0\x05hello",
    "length:2le": b"\x05\0hello",
    "length:4": b"\0\0\0\x05hello",
    "length:4le": b"\x05\0\0\0hello",
    "length:8be": b"\0\0\0\0\0\0\0\x05hello",
    "length:8le": b"\x05\0\0\0\0\0\0\0hello",
}


def test_every_framing_that_can_go_out_is_among_them() -> None:
    out = {name for name, framing in FRAMINGS.items() if framing.encoder is not None}
    assert {framing_of(spec).name for spec in FRAMED} == out, "FRAMED in tests/unit/test_framing_out.py"


@pytest.mark.parametrize("spec", FRAMED)
def test_a_frame_gets_its_framing(spec: str) -> None:
    assert framing_out(spec, 5).frame(b"hello") == FRAMED[spec]


@pytest.mark.parametrize("spec", FRAMED)
def test_a_frame_over_the_limit_is_refused_and_one_of_the_limit_is_not(spec: str) -> None:
    encoder = framing_out(spec, 5)
    assert encoder.frame(b"12345")
    with pytest.raises(Refused) as refused:
        encoder.frame(b"123456")
    assert refused.value.code == "too-big"


def test_a_frame_that_its_length_cannot_say_is_too_big() -> None:
    assert framing_out("length:1", 1000).frame(b"x" * 255) == b"\xff" + b"x" * 255
    with pytest.raises(Refused) as refused:
        framing_out("length:1", 1000).frame(b"x" * 256)
    assert refused.value.code == "too-big"
    assert framing_out("length:2le", 1 << 20).frame(b"x" * 65535)[:2] == b"\xff\xff"


def test_a_varint_has_seven_bits_a_byte_the_lowest_first() -> None:
    assert framing_out("varint", 1000).frame(b"x" * 300)[:2] == b"\xac\x02"
    assert framing_out("varint", 1000).frame(b"") == b"\0"


def test_only_without_a_framing_each_frame_is_sent_by_itself() -> None:
    assert {spec for spec in FRAMED if framing_out(spec, 5).separate} == {"none"}


@pytest.mark.parametrize(
    ("spec", "payload"),
    [("~", b"a~b"), ("~", b"~"), ("~~", b"a~"), ("~~", b"a~~b"), ("a;a", b"xa;"), (r"\r\n", b"x\r\ny"), ("|", b"a|")],
)
def test_a_frame_that_would_be_cut_elsewhere_is_refused(spec: str, payload: bytes) -> None:
    with pytest.raises(Refused) as refused:
        framing_out(spec, 100).frame(payload)
    assert refused.value.code == "delimiter-in-frame"


@pytest.mark.parametrize(("spec", "payload"), [("~~", b"a~b"), (";a", b"a;"), (r"\r\n", b"x\ny\r"), ("|", b"")])
def test_a_frame_that_only_resembles_its_delimiter_goes_out(spec: str, payload: bytes) -> None:
    assert decoded(framing_in(spec, 100), [framing_out(spec, 100).frame(payload)]) == Outcome([payload])


@pytest.mark.parametrize(
    "spec", [r"\n", r"\0", r"\x1e", r"END\r\n", r"a\tb", r"~\n", r"\xff", r"~\xfe", r"\xc0", "json", "none"]
)
def test_json_text_needs_no_escape_where_it_cannot_contain_the_delimiter(spec: str) -> None:
    assert framing_out(spec, 5).escapes == ()


@pytest.mark.parametrize(
    ("spec", "escape"),
    [
        ("~", (b"~", rb"\u007e")),
        ("|", (b"|", rb"\u007c")),
        ("END;", (b";", rb"\u003b")),
        ("/", (b"/", rb"\u002f")),
        ("_a", (b"_", rb"\u005f")),
        ("§", ("§".encode(), rb"\u00a7")),
        ("a×b", ("×".encode(), rb"\u00d7")),
        (r"\x7f", (b"\x7f", rb"\u007f")),
        (r"\xc2\x85", (b"\xc2\x85", rb"\u0085")),
        (r"}\x20,#", (b"#", rb"\u0023")),
    ],
)
def test_one_character_of_the_delimiter_is_replaced(spec: str, escape: tuple[bytes, bytes]) -> None:
    assert [(mark, instead.lower()) for mark, instead in framing_out(spec, 5).escapes] == [escape]


CHARACTERS = st.one_of(
    st.sampled_from("~|;/_#'`^ \\\"{}[]:,+-.0eEtruen\x7f\x85§×£¬é\u20ac\U0001f600"),
    st.characters(codec="utf-8", max_codepoint=0x100),
)
DELIMITERS = st.one_of(
    st.text(CHARACTERS, min_size=1, max_size=4).map(str.encode),
    st.binary(min_size=1, max_size=3),
)


def values(delimiter: bytes) -> st.SearchStrategy[Any]:
    """JSON values whose strings are full of the delimiter and its parts."""
    parts = {delimiter.decode("utf-8", "ignore"), *delimiter.decode("latin-1"), "\\", '"', "u007e", "{", "}", "é"}
    tricky = st.lists(st.sampled_from(sorted(parts)), max_size=6).map("".join)
    strings = st.one_of(tricky, st.text(CHARACTERS, max_size=5))
    numbers = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
    leaves = st.one_of(st.none(), st.booleans(), numbers, strings)
    return st.recursive(
        leaves, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(strings, inner, max_size=4))
    )


@settings(deadline=None, max_examples=some(200))
@given(st.data(), DELIMITERS)
def test_json_text_stays_one_frame_and_means_the_same_under_any_delimiter(
    data: st.DataObject, delimiter: bytes
) -> None:
    spec = "delim:" + "".join(f"\\x{byte:02x}" for byte in delimiter)
    try:
        encoder = framing_out(spec, 1 << 20)
    except FramingSpecError:
        assume(False)
    value = data.draw(values(delimiter))
    wire = encoder.frame(JsonEncoder(encoder.escapes).encode(value))
    outcome = decoded(framing_in(spec, 1 << 20), [wire + wire])
    assert len(outcome.frames) == 2
    assert outcome == Outcome(outcome.frames)
    assert all(_same(parse(frame), value) for frame in outcome.frames)


@pytest.mark.parametrize("spec", SPECS)
@settings(deadline=None, max_examples=some(40))
@given(data=st.data())
def test_json_text_stays_one_frame_and_means_the_same_under_every_framing(spec: str, data: st.DataObject) -> None:
    try:
        encoder = framing_out(spec, 1 << 20)
    except FramingSpecError:
        return  # in only
    value = {"data": data.draw(values(check_of(spec).alphabet(spec)))}
    text = JsonEncoder(encoder.escapes).encode(value)
    assume(spec != "length:1" or len(text) < 256)
    outcome = decoded(framing_in(spec, 1 << 20), [encoder.frame(text) + encoder.frames([text])])
    assert outcome == Outcome([text, text])
    assert _same(parse(text), value)


@given(DELIMITERS)
@example(b"~")
@example(b"\xc3\xa9~")
def test_a_delimiter_is_accepted_just_when_it_has_a_character_that_json_does_without(delimiter: bytes) -> None:
    free = delimiter.translate(None, b' "\\{}[]:,+-.') and any(
        byte < 0x20 or byte in b"\x7f\xc0\xc1" or byte >= 0xF5 or (byte < 0x7F and not chr(byte).isalnum())
        for byte in delimiter.translate(None, b' "\\{}[]:,+-.')
    )
    assume(free or all(byte < 0x80 for byte in delimiter))  # of others see the table above
    try:
        framing_out("delim:" + "".join(f"\\x{byte:02x}" for byte in delimiter), 9)
    except FramingSpecError:
        assert not free
    else:
        assert free


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and bool(one == other)


def test_a_varint_has_seven_bits_a_byte_and_no_byte_more_than_it_needs() -> None:
    lengths = {
        0: b"\0",
        1: b"\1",
        127: b"\x7f",
        128: b"\x80\1",
        300: b"\xac\2",
        16383: b"\xff\x7f",
        16384: b"\x80\x80\1",
    }
    assert {number: varint(number) for number in lengths} == lengths
