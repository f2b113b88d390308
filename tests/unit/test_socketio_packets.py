"""socketio_packets.py: events as Socket.IO packets in WebSocket frames, read back by python-socketio's own parser."""

from __future__ import annotations

import base64
import json
import re
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio import packet

from bridge.messages import SEPARATOR, Payload
from bridge.wire.offsets import Offsets
from bridge.wire.socketio_packets import decode_events, encode_acks, encode_event, encode_texts, polled
from bridge.wire.websocket_frames import frames_in

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_TEXTS = st.lists(st.text() | st.text(f'{SEPARATOR}a"', max_size=3), min_size=1)


def packets(frames: bytes) -> list[str | bytes]:
    """The Engine.IO messages in these frames, without their type."""
    found: list[str | bytes] = []
    for text in polled([frames]):
        assert text[0] in "4b"
        found.append(text[1:] if text[0] == "4" else base64.b64decode(text[1:]))
    return found


def parsed(frames: bytes) -> Any:
    """What python-socketio makes of the packets of one event or ack."""
    first, *attachments = packets(frames)
    found = packet.Packet(encoded_packet=first)
    for attachment in attachments:
        found.add_attachment(attachment)
    assert len(found.attachments) == found.attachment_count
    return found


def test_an_event_is_written_as_the_protocols_have_it() -> None:
    assert encode_event("message", Payload.text('a"b')) == b'\x81\x1442["message","a\\"b"]'
    assert packets(encode_event("move", Payload.of({"x": 1}))) == ['2["move",{"x":1}]']
    assert packets(encode_event("raw", Payload.binary(b"\0\xff"))) == [
        '51-["raw",{"_placeholder":true,"num":0}]',
        b"\0\xff",
    ]


@given(st.text(min_size=1), _VALUES)
def test_any_event_with_any_value_is_read_back_as_it_was(event: str, value: object) -> None:
    found = parsed(encode_event(event, Payload.of(value)))
    assert found.packet_type in (packet.EVENT, packet.BINARY_EVENT)
    assert found.namespace is None
    assert found.id is None
    assert found.data == [event, value]


@given(st.text(min_size=1), st.text())
def test_a_text_is_read_back_as_it_was_and_is_the_only_argument(event: str, text: str) -> None:
    assert parsed(encode_event(event, Payload.text(text))).data == [event, text]


@given(st.text(min_size=1), _TEXTS)
def test_texts_encoded_together_are_the_bytes_of_each_encoded_alone(event: str, texts: list[str]) -> None:
    frames = [text.encode() for text in texts]
    alone = [encode_event(event, Payload.text(text)) for text in texts]
    for ends in (True, False):
        together = encode_texts(event, frames, SEPARATOR.join(texts), ends)
        assert together.data == b"".join(alone)
        assert together.count == len(texts)
    together = encode_texts(event, frames, SEPARATOR.join(texts), True)
    assert list(together.ends) == [end for _, _, end in frames_in(together.data)]


@pytest.mark.parametrize("length", [0, 1, 105, 106, 107, 108, 109, 110, 111, 112, 65_515, 65_520, 65_525, 70_000])
def test_texts_of_any_length_have_the_head_of_their_length(length: int) -> None:
    texts = ["x" * length, "y" * length, "é" * length, "z"]
    together = encode_texts("message", [text.encode() for text in texts], SEPARATOR.join(texts), False)
    assert together.data == b"".join(encode_event("message", Payload.text(text)) for text in texts)


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("number", [1, 2, 5, 150, 9_000])
@pytest.mark.parametrize("before", [0, 63, 64**2 - 3, 2 * 64**2 - 3, 64**3 - 70, 65 * 64**2 - 1, 64**4 - 100])
def test_texts_numbered_together_are_the_bytes_of_each_with_its_offset(
    before: int, number: int, alike: bool, ends: bool
) -> None:
    offsets = Offsets("epoch1")
    offsets.reserve(before)
    first = offsets.reserve(number)
    texts = [f"{n:05}" if alike else f"{n}" + "x" * (n % 130) for n in range(number)]
    frames = [text.encode() for text in texts]
    together = encode_texts("news", frames, SEPARATOR.join(texts), ends, offsets.runs(first, number))
    alone = [encode_event("news", Payload.text(text), offsets.text(first + n)) for n, text in enumerate(texts)]
    assert together.data == b"".join(alone)
    assert together.count == number
    assert list(together.ends) == (list(accumulate(map(len, alone))) if ends else [])


def test_more_texts_than_a_digit_of_their_offsets_has_values_have_each_its_own() -> None:
    offsets = Offsets("epoch1")
    offsets.reserve(64**3)
    number = 64**3 + 64**2
    first = offsets.reserve(number)
    together = encode_texts("m", [b""] * number, SEPARATOR * (number - 1), False, offsets.runs(first, number))
    alone = [encode_event("m", Payload.text(""), offsets.text(first + n)) for n in range(number)]
    assert together.data == b"".join(alone)


def test_json_of_the_server_is_not_rewritten() -> None:
    assert packets(encode_event("m", Payload.verbatim(b'{"a": 1.10,"a":2e0}'))) == ['2["m",{"a": 1.10,"a":2e0}]']


@pytest.mark.parametrize("event", ["größe", 'a"b\\', "🎮", "1", "[", "-"])
def test_an_events_name_may_be_any_text(event: str) -> None:
    assert parsed(encode_event(event, Payload.of(1))).data == [event, 1]
    assert parsed(bytes(encode_texts(event, [b"a"], "a", False).data)).data == [event, "a"]


@given(st.lists(st.integers(0, 2**53), min_size=1))
def test_acks_answer_with_one_argument_each(ids: list[int]) -> None:
    found = [packet.Packet(encoded_packet=text) for text in packets(encode_acks(ids, {"ok": True}))]
    assert [(each.packet_type, each.id, each.data) for each in found] == [
        (packet.ACK, number, [{"ok": True}]) for number in ids
    ]


def test_an_ack_says_what_its_message_says_in_any_language() -> None:
    (text,) = packets(encode_acks([3], {"ok": False, "error": "bad-user", "message": "“größe”\n"}))
    assert isinstance(text, str)
    assert text.startswith("33[")
    assert json.loads(text[2:])[0]["message"] == "“größe”\n"


@given(st.none() | st.integers(0, 2**49), st.text(), st.lists(st.none() | st.text() | st.integers(-(2**50), 2**50)))
def test_an_event_of_a_client_is_read_as_python_socketio_reads_it(
    number: int | None, name: str, args: list[Any]
) -> None:
    text = f"2{'' if number is None else number}" + json.dumps([name, *args])
    theirs = packet.Packet(encoded_packet=text)
    assert (theirs.id, theirs.data) == (number, [name, *args])
    ours = decode_events([b"4" + text.encode()])
    assert ours == [(number, [name, *args])] or (ours == [None] and re.search("[0-9]{19}", text))  # left to theirs


@pytest.mark.parametrize(
    "packet",
    [
        b"42", b"42x", b"42{}", b"42[]", b"42[1]", b'42["a"', b'42["a",NaN]', b'42/admin,["a"]', b'42-1["a"]',
        b'421234567890123456["a"]', b'42["caf\xc3"]', b'42["a",1234567890123456789]', b'42["a","\\ud800"]',
    ],
)  # fmt: skip
def test_what_has_to_be_looked_at_by_others_is_left_to_them(packet: bytes) -> None:
    assert decode_events([b'42["fine"]', packet, b'427["fine",1]']) == [(None, ["fine"]), None, (7, ["fine", 1])]


def test_a_polling_client_is_given_no_frames_that_are_a_websockets_own_affair() -> None:
    assert list(polled([b"\x81\x012\x89\x00\x88\x02\x03\xe8", b"\x82\x02\0\xff\x81\x011"])) == ["2", "bAP8=", "1"]


def test_an_acks_id_has_fifteen_digits_at_most() -> None:
    assert decode_events([b'42999999999999999["a"]', b'421000000000000000["a"]']) == [
        (999_999_999_999_999, ["a"]),
        None,
    ]
