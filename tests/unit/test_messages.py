"""messages.py: payloads in Socket.IO's form."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.messages import Delivery, Payload

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_WITH_BINARY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def put_back(value: object, attachments: tuple[bytes, ...]) -> object:
    """What a Socket.IO client makes of placeholders (socket.io-parser's reconstructPacket)."""
    if isinstance(value, list):
        return [put_back(item, attachments) for item in value]
    if isinstance(value, dict):
        if value.get("_placeholder") is True:
            number = value["num"]
            assert isinstance(number, int)
            return attachments[number]
        return {key: put_back(item, attachments) for key, item in value.items()}
    return value


@given(st.text())
def test_a_text_is_one_json_string(text: str) -> None:
    payload = Payload.text(text)
    assert json.loads(payload.json) == text
    assert payload.attachments == ()


def test_json_text_is_spliced_in_as_it_is() -> None:
    assert Payload.verbatim(b'{"a": 1.0,\n"a":2}').json == b'{"a": 1.0,\n"a":2}'


@given(st.binary())
def test_bytes_are_one_attachment(data: bytes) -> None:
    payload = Payload.binary(data)
    assert put_back(json.loads(payload.json), payload.attachments) == data


@given(_JSON)
def test_any_json_value_comes_through(value: object) -> None:
    payload = Payload.of(value)
    assert json.loads(payload.json) == value
    assert payload.attachments == ()


@given(_WITH_BINARY)
def test_bytes_anywhere_come_through(value: object) -> None:
    payload = Payload.of(value)
    assert put_back(json.loads(payload.json), payload.attachments) == value


def test_tuples_and_the_other_kinds_of_bytes_are_taken_too() -> None:
    payload = Payload.of((1, bytearray(b"a"), memoryview(b"b")))
    assert put_back(json.loads(payload.json), payload.attachments) == [1, b"a", b"b"]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_not_a_number_becomes_null_as_in_javascript(odd: float) -> None:
    assert Payload.of({"x": odd, "y": [odd]}).json == b'{"x":null,"y":[null]}'


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_not_a_number_becomes_null_beside_what_the_fast_encoder_does_not_take(odd: float) -> None:
    assert json.loads(Payload.of({"x": odd, "big": 2**70}).json) == {"x": None, "big": 2**70}


def test_half_a_surrogate_pair_is_escaped_as_in_javascript() -> None:
    assert json.loads(Payload.of("\ud83d").json) == "\ud83d"
    Payload.of("\ud83d").json.decode()


@pytest.mark.parametrize("value", [{1, 2}, object(), {"a": {3}}, {(1, 2): 3}, [10**5000], 1j])
def test_what_json_can_not_carry_is_refused(value: object) -> None:
    with pytest.raises(Refused) as refused:
        Payload.of(value)
    assert refused.value.code == "not-json"


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(Refused, match="not-json"):
        Payload.of(value)


def test_a_delivery_is_to_all_unless_it_says_to_whom() -> None:
    assert Delivery("message", Payload.text("hi")).to is None


def test_a_payload_of_the_bridge_s_own_is_what_a_handler_s_would_be() -> None:
    own: list[dict[str, object]] = [
        {"user": "ann"},
        {"user": "\ud800"},
        {"state": "up", "reason": None, "hint": {"n": 1.5}},
    ]
    for value in own:
        assert Payload.own(value) == Payload.of(value)
