"""packets.py: events as Socket.IO packets, read back by python-socketio's own parser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio import packet

from bridge.clients.packets import encode_ack, encode_event
from bridge.messages import Payload

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def parsed(packets: list[str | bytes]) -> Any:
    """What python-socketio makes of the packets of one event or ack."""
    found = packet.Packet(encoded_packet=packets[0])
    for attachment in packets[1:]:
        found.add_attachment(attachment)
    assert len(found.attachments) == found.attachment_count
    return found


def test_an_event_is_written_as_the_protocol_has_it() -> None:
    assert encode_event("message", Payload.text('a"b')) == ['2["message","a\\"b"]']
    assert encode_event("move", Payload.of({"x": 1})) == ['2["move",{"x":1}]']
    assert encode_event("raw", Payload.binary(b"\0\xff")) == [
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


def test_json_of_the_server_is_not_rewritten() -> None:
    assert encode_event("m", Payload.verbatim(b'{"a": 1.10,"a":2e0}')) == ['2["m",{"a": 1.10,"a":2e0}]']


@pytest.mark.parametrize("event", ["größe", 'a"b\\', "🎮", "1", "[", "-"])
def test_an_events_name_may_be_any_text(event: str) -> None:
    assert parsed(encode_event(event, Payload.of(1))).data == [event, 1]


@given(st.integers(0, 2**53))
def test_an_ack_answers_with_one_argument(ack_id: int) -> None:
    found = parsed([encode_ack(ack_id, {"ok": True})])
    assert found.packet_type == packet.ACK
    assert found.id == ack_id
    assert found.data == [{"ok": True}]


def test_an_ack_says_what_its_message_says_in_any_language() -> None:
    text = encode_ack(3, {"ok": False, "error": "bad-user", "message": "“größe”\n"})
    assert text.startswith("33[")
    assert json.loads(text[2:])[0]["message"] == "“größe”\n"
