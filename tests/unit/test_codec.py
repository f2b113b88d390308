"""codec.py: what is text, what is JSON, and how any value is written so that it comes back the same."""

from __future__ import annotations

import base64
import json
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.errors import BridgeError, Refused
from bridge.link.codec import JsonEncoder, NotJson, TooDeep, parse, parse_exact, parse_lenient, to_text
from tests.unit.amount import some

encode = JsonEncoder().encode

ANY_STRING = st.text(st.characters(codec=None), max_size=8)  # halves of surrogate pairs included
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))


def values(strings: st.SearchStrategy[str], leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.one_of(st.none(), st.booleans(), strings, leaves),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(strings, inner, max_size=4)),
        max_leaves=12,
    )


def test_numbers_are_read_exactly_where_that_is_asked_for_whatever_else_is_lenient() -> None:
    assert parse_exact('\ufeff{"a":"\t","n":[1e400,0.1,12345678901234567890]}\0') == {
        "a": "\t",
        "n": [Decimal("1e400"), Decimal("0.1"), Decimal(12345678901234567890)],
    }
    with pytest.raises(NotJson):
        parse_exact("{")


def test_text_is_the_frame_in_utf_8() -> None:
    assert to_text("né 🎲\0".encode()) == ("né 🎲\0", False)
    assert to_text(b"") == ("", False)


def test_a_replacement_character_of_the_server_s_own_is_no_replacement() -> None:
    assert to_text("\ufffd".encode()) == ("\ufffd", False)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\x80", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"])
def test_bytes_that_are_not_utf_8_are_replaced_and_it_is_told(bad: bytes) -> None:
    text, replaced = to_text(b"a" + bad + b"z")
    assert replaced
    assert (text[0], text[-1]) == ("a", "z")
    assert set(text[1:-1]) == {"\ufffd"}


@pytest.mark.parametrize(
    ("frame", "value"),
    [
        (b'{"a":[1,-2.5,true,null,"x"]}', {"a": [1, -2.5, True, None, "x"]}),
        (b" 7 ", 7),
        (b'"x"', "x"),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ud800"', "\ud800"),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b'{"far":1e400,"n":5}', {"far": math.inf, "n": 5}),
        (b"1E-400", 0.0),
    ],
)
def test_json_has_its_value(frame: bytes, value: object) -> None:
    found = parse(frame)
    assert found == value
    assert parse_lenient(frame.decode()) == value
    assert json.dumps(found) == json.dumps(value)  # also the same types


@pytest.mark.parametrize(
    "frame",
    [
        *(b"", b" ", b"hello", b"True", b"{", b"{}{}", b'{"a":1}}', b"{'a':1}", b"[1,]", b"//\n1", b"\xef\xbb\xbf1"),
        *(b"01", b"+1", b".5", b"1.", b"0x1", b"1_000", b"\xa01", b"\x0c1"),
        *(b'"', b'"\\x"', b'"\\u12"'),
    ],
)
def test_what_is_not_json_is_refused_in_both_ways(frame: bytes) -> None:
    with pytest.raises(NotJson) as refused:
        parse(frame)
    assert refused.value.code == "not-json"
    with pytest.raises(NotJson):
        parse_lenient(frame.decode("latin-1"))


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_not_json_but_do_not_hide_a_key(name: str) -> None:
    text = f'{{"username":"ann","x":{name}}}'
    with pytest.raises(NotJson):
        parse(text.encode())
    assert parse_lenient(text)["username"] == "ann"


@pytest.mark.parametrize("frame", [b'"\xff"', b'"\xed\xa0\x80"', '"é"'.encode("utf-16"), '{"a":1}'.encode("utf-16-le")])
def test_only_utf_8_is_json(frame: bytes) -> None:
    with pytest.raises(NotJson):
        parse(frame)


def test_numbers_of_any_length_are_read() -> None:
    for digits in (20, 400, 5000):
        found = parse_lenient('{"username":"ann","n":' + "9" * digits + "}")
        assert found["username"] == "ann"
        assert found["n"] > 9e18
        assert parse(b"[" + b"9" * digits + b"]")[0] > 9e18


@pytest.mark.parametrize("depth", [5_000, 1_000_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":1}'])
def test_a_depth_bomb_is_too_deep_and_nothing_worse(depth: int, brackets: str) -> None:
    opened, closed = brackets[:-1].rstrip("1"), brackets[-1]
    for bomb in (opened * depth + "1" + closed * depth, opened * depth):
        with pytest.raises(TooDeep) as refused:
            parse_lenient(bomb)
        assert refused.value.code == "not-json"
        with pytest.raises(NotJson):
            parse(bomb.encode())


def test_the_512_levels_of_json_framing_can_be_read_and_written() -> None:
    frame = b"[" * 512 + b"]" * 512
    assert encode(parse(frame)) == frame
    assert encode(parse_lenient(frame.decode())) == frame


@given(st.one_of(st.binary(max_size=30), st.text('{}[]:,"\\0u1eE+-.nultrfasNI ', max_size=12).map(str.encode)))
@settings(deadline=None, max_examples=some(500))
def test_any_bytes_are_json_or_are_refused(frame: bytes) -> None:
    def result(read: Callable[[], Any]) -> Any:
        try:
            return read()
        except BridgeError as error:
            return error.code

    def stdlib() -> Any:
        try:
            text = frame.decode()
            return json.loads(text, parse_constant=int)
        except ValueError:
            return "not-json"

    found = result(lambda: parse(frame))
    assert repr(found) == repr(stdlib())
    if found != "not-json":
        assert repr(result(lambda: parse_lenient(frame.decode()))) == repr(found)


@given(values(ANY_STRING, NUMBERS))
@example({"\ud800": ["\udfff", "\ud83d", 2**64, -(2**63) - 1, -0.0, 5e-324]})
@example(["é", "\ud800", 1])
@settings(deadline=None)
def test_any_value_comes_back_as_it_was(value: Any) -> None:
    text = encode(value)
    assert repr(json.loads(text)) == repr(json.loads(json.dumps(value)))
    parse(text)


@given(values(ANY_STRING, NUMBERS), st.sampled_from(["~", "§", "/", "#", "\x7f", "×"]))
@settings(deadline=None)
def test_the_escaped_character_is_nowhere_in_the_text_and_the_value_is_the_same(value: Any, character: str) -> None:
    escape = (character.encode(), b"\\u%04x" % ord(character))
    text = JsonEncoder([escape]).encode({character: value, "k": f"\\{character}\\\\{character}"})
    assert escape[0] not in text
    assert json.loads(text) == json.loads(encode({character: value, "k": f"\\{character}\\\\{character}"}))


@given(values(st.text(max_size=8), st.integers(-(2**63), 2**64 - 1)))
def test_text_is_compact_and_utf_8_and_is_read_as_the_same_value(value: Any) -> None:
    assert parse(encode(value)) == value
    assert encode(value).decode() == json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace(
        "\x7f", "\x7f"
    )


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**300 + 7, -(10**4000)])
def test_an_integer_of_any_size_keeps_its_digits(number: int) -> None:
    assert encode({"n": number}) == b'{"n":%d}' % number


def test_a_number_that_python_does_not_write_is_refused() -> None:
    with pytest.raises(Refused):
        encode(10**5000)


def test_halves_of_surrogate_pairs_leave_as_escapes() -> None:
    assert encode(["\ud800x", "é"]).lower() == b'["\\ud800x","\\u00e9"]'
    assert parse(encode({"\udc00": 1})) == {"\udc00": 1}


@pytest.mark.parametrize(
    "binary", [b"\0\xff", bytearray(b"\0\xff"), memoryview(b"\0\xff"), memoryview(b"\0.\xff.")[::2]]
)
def test_bytes_anywhere_become_base64(binary: bytes) -> None:
    placeholder = {"_binary": base64.b64encode(b"\0\xff").decode()}
    assert parse(encode(binary)) == placeholder
    assert parse(encode({"a": [1, binary], "n": None})) == {"a": [1, placeholder], "n": None}
    assert parse(encode([binary, 2**64, "\ud800"]))[0] == placeholder


class Point(NamedTuple):
    x: float
    y: float


@dataclass
class Place:
    name: str
    x: float


def circle() -> list[Any]:
    ring: list[Any] = []
    ring.append({"ring": ring})
    return ring


def tower(levels: int) -> list[Any]:
    top: list[Any] = []
    for _ in range(levels):
        top = [top]
    return top


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        {"a": [1, (2, math.nan)]},
        [None, math.inf],
        [2**64, math.nan],
        Place("x", math.nan),
        Point(1, math.inf),
        {1: 2},
        {None: 1},
        {True: 1},
        {b"a": 1},
        {(1, 2): 3},
        {1: 2, "big": 2**64},
        [{"a": [{2: 3}]}, "\ud800"],
        {1, 2},
        object(),
        [object(), 2**64],
        1j,
        print,
        Place,
        circle(),
        {"c": circle()},
        [2**64, circle()],
        tower(100_000),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(Refused) as refused:
        encode(value)
    assert refused.value.code == "not-json"
    assert refused.value.message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, 2), b"[1,2]"),
        (OrderedDict(b=1, a=2), b'{"b":1,"a":2}'),
        (Point(1, 2.5), b"[1,2.5]"),
        (Place("é", 1.5), '{"name":"é","x":1.5}'.encode()),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), b'"2026-01-02T03:04:05+00:00"'),
        ([None, {"null": "null"}], b'[null,{"null":"null"}]'),
        ('a\x00\n"\\/\x7f\u2028', '"a\\u0000\\n\\"\\\\/\x7f\u2028"'.encode()),
    ],
)
def test_values_of_a_handler_s_own_kinds_are_written(value: Any, text: bytes) -> None:
    assert encode(value) == text


ENCODERS = {"plain": JsonEncoder(), "escaping": JsonEncoder([(b"~", b"\\u007e")])}


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS.keys())
@given(many=st.lists(values(st.text(max_size=8) | st.just("a~b") | ANY_STRING, NUMBERS | st.just(b"\xff")), max_size=4))
@example(many=[1, "a~b", 2**70])
@example(many=[None, {"a": None}])
def test_many_values_are_encoded_as_each_by_itself(encoder: JsonEncoder, many: list[Any]) -> None:
    assert encoder.encode_many(many) == [encoder.encode(value) for value in many]


@pytest.mark.parametrize("bad", [math.nan, [1, math.inf], {1: 2}, object()])
def test_of_many_values_one_that_is_no_json_refuses_all(bad: object) -> None:
    with pytest.raises(Refused, match="can't be written as JSON"):
        JsonEncoder().encode_many(["fine", bad])


def test_a_key_that_a_client_typed_is_not_taken_for_how_bytes_are_written() -> None:
    values = [{"a": b"\0"}, {"_binary": [{"_binary": None}], "__binary": 1}, ["_binary"], {"_binary": 1 << 70}]
    assert JsonEncoder().encode_many(values) == [
        b'{"a":{"_binary":"AA=="}}', b'{"__binary":[{"__binary":null}],"___binary":1}', b'["_binary"]',
        b'{"__binary":1180591620717411303424}',
    ]  # fmt: skip
    assert JsonEncoder().encode({"_binary": 1}) == b'{"_binary":1}'  # a handler's is as it is
