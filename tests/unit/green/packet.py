"""Socket.IO packets: what a client's become, and what is none."""

from __future__ import annotations

import warnings
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import pytest  # noqa: E402
from socketio import packet  # noqa: E402

from bridge.engineio.session_context import UnreadablePacket  # noqa: E402
from bridge.socketio_server.packet import EVENT, event_packet, readable  # noqa: E402

Plain = event_packet(10, dict)
Strict = readable(Plain)


def read(text: Any) -> Any:
    return Plain(encoded_packet=text)


def test_an_event_of_the_default_namespace_is_an_argument_of_ours() -> None:
    assert EVENT == "bridge:event"
    for text, wanted in (
        ('2["move",{"x":1}]', [EVENT, None, ["move", {"x": 1}]]), ('23["move"]', [EVENT, 3, ["move"]]),
        ('2/,7["connect"]', [EVENT, 7, ["connect"]]), ("20[]", [EVENT, 0, []]), ('2"x"', [EVENT, None, "x"]),
        ("2", [EVENT, None, None]),
    ):  # fmt: skip
        found = read(text)
        assert (found.packet_type, found.id, found.data) == (packet.EVENT, None, wanted), text


def test_events_of_other_namespaces_and_other_packets_are_as_they_are() -> None:
    for text, kind, number, data in (
        ('2/x,3["a"]', packet.EVENT, 3, ["a"]), ('33["a"]', packet.ACK, 3, ["a"]), ("0", packet.CONNECT, None, None),
        ('0{"a":1}', packet.CONNECT, None, {"a": 1}), ("1", packet.DISCONNECT, None, None),
        ('4"no"', packet.CONNECT_ERROR, None, "no"),
    ):  # fmt: skip
        found = read(text)
        assert (found.packet_type, found.id, found.data) == (kind, number, data), text


def test_an_event_whose_json_can_t_be_read_is_an_event_without_data() -> None:
    for text, number in (('2["a"', None), ('23{"a', 3), ("2" + "[" * 100_000, None), ("2" + "1" * 101, int("1" * 100))):
        found = read(text)
        assert (found.packet_type, found.attachment_count) == (packet.EVENT, 0)
        assert found.data == [EVENT, number, None], text[:20]
    for text in ('3["a"', '0{"a"', '51-["a"', "0" + "[" * 100_000):
        with pytest.raises((ValueError, RecursionError)):
            read(text)


def test_what_is_no_packet_of_any_kind_is_an_error() -> None:
    for text in ("7", "x", "-1", "9[]", b"2[]", 2, "\u0662[]"):
        with pytest.raises(ValueError, match=r"^this is no Socket\.IO packet$"):
            read(text)


def test_attachments_are_counted_and_without_any_it_is_plain() -> None:
    assert read('51000-["a"]').attachment_count == 1000  # how many there may be is the session's matter
    for text, kind, data in (('50-["a"]', packet.EVENT, [EVENT, None, ["a"]]), ('5["a"]', packet.EVENT, None),
                             ('60-3["a"]', packet.ACK, ["a"]), ("2", packet.EVENT, None)):  # fmt: skip
        found = read(text)
        assert (found.packet_type, found.attachment_count) == (kind, 0)
        if data:
            assert found.data == data
    found = read('52-9["a"]')
    assert (found.packet_type, found.data, found.id) == (packet.BINARY_EVENT, [EVENT, 9, ["a"]], None)
    found = read('61-9["a"]')
    assert (found.packet_type, found.data, found.id) == (packet.BINARY_ACK, ["a"], 9)


def test_attachments_take_their_places_when_the_last_one_has_come() -> None:
    found = read('52-1["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]')
    assert found.add_attachment(b"12345") is False
    assert found.add_attachment(b"67890") is True
    assert found.data == [EVENT, 1, ["a", b"67890", b"12345"]]


def test_what_is_wrong_with_an_attachment_ends_the_packet_at_once() -> None:
    one, two = '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":"x"}'
    for text, attachments, wanted in (
        (f'51-1["a",{one}]', [b"x" * 10], [EVENT, 1, ["a", b"x" * 10]]),
        (f'51-1["a",{one}]', [b"x" * 11], [EVENT, 1, None]), (f'51-1["a",{one}]', ["text"], [EVENT, 1, None]),
        (f'52-1["a",{one}]', [b"x" * 5, b"x" * 6], [EVENT, 1, None]), (f'51-1["a",{two}]', [b"x"], [EVENT, 1, None]),
        ('51-1["a",{"_placeholder":true,"num":7}]', [b"x"], [EVENT, 1, None]), (f'61-1["a",{one}]', ["text"], []),
        (f'61-1["a",{one}]', [b"x"], ["a", b"x"]), ('51-/x,["a"]', ["text"], []), ("61-1", ["text"], []),
    ):  # fmt: skip
        found = read(text)
        for attachment in attachments[:-1]:
            assert found.add_attachment(attachment) is False
        assert found.add_attachment(attachments[-1]) is True, text
        assert found.data == wanted, text


def test_connect_is_answered_with_what_is_made_of_its_data() -> None:
    made = event_packet(10, lambda data: {**data, "pid": "ü"})
    assert made(packet.CONNECT, {"sid": "s"}).encode() == '0{"sid":"s","pid":"ü"}'
    assert made(packet.CONNECT, {"sid": "s"}, namespace="/").encode() == '0{"sid":"s","pid":"ü"}'
    assert made(packet.CONNECT, {"sid": "s"}, namespace="/x").encode() == '0/x,{"sid":"s"}'
    assert made(packet.CONNECT, {"a": "b"}).encode() == '0{"a":"b"}'
    assert made(packet.CONNECT).encode() == "0"
    assert made(packet.EVENT, {"sid": "s"}).encode() == '2{"sid":"s"}'
    assert made(packet.EVENT, ["a", b"x"]).encode() == ['51-["a",{"_placeholder":true,"num":0}]', b"x"]
    assert Plain(packet.CONNECT, {"sid": "s"}).encode() == '0{"sid":"s"}'
    assert (Plain.max_attached, Plain.__name__) == (10, "EventPacket")


def unreadable(text: Any) -> str:
    with pytest.raises(UnreadablePacket) as caught:
        Strict(encoded_packet=text)
    return str(caught.value)


def test_a_strict_reader_takes_what_protocol_5_has() -> None:
    for text in ('2["a"]', '2/x,["a"]', '2/x,["a",1]', "3[]", '31["a"]', "0", "0/x,", '0{"a":1}', "1", "1/x,",
                 '51-["a",{"_placeholder":true,"num":0}]', "61-1[]", '51-/x,["a"]'):  # fmt: skip
        assert str(Strict(encoded_packet=text).packet_type) == text[0], text
    assert Strict(packet.EVENT, ["a"]).encode() == '2["a"]'
    assert Strict(encoded_packet='52-["a"]').attachment_count == 2


def test_a_strict_reader_says_what_is_wrong_with_anything_else() -> None:
    for empty in ("", b""):
        assert unreadable(empty) == "an empty message"
    assert unreadable(b"x") == "ValueError: an attachment that was not announced"
    assert unreadable("7") == "ValueError: this is no Socket.IO packet"
    assert unreadable('3["a"').startswith("JSONDecodeError: ")
    for text in ("0[]", '0"x"', "1{}", "3{}", "3", '2/x,{"a":1}', "2/x,[]", "2/x,[1]", "2/x,", '4"no"', "4",
                 "51-/x,[1]", "51-/x,[]", "61-1{}"):  # fmt: skip
        assert unreadable(text) == f"this is no packet of Socket.IO's: {text!r}"
    long = "1" + '"' + "x" * 100 + '"'
    assert unreadable(long) == f"this is no packet of Socket.IO's: {long[:75]!r}"


def test_a_strict_reader_ends_who_sends_attachments_out_of_place() -> None:
    strict = readable(packet.Packet)
    found = strict(encoded_packet='52-["a",{"_placeholder":true,"num":0}]')
    assert found.add_attachment(b"x") is False
    assert found.add_attachment(b"y") is True
    with pytest.raises(UnreadablePacket, match="an attachment is out of place: Unexpected binary attachment"):
        found.add_attachment(b"z")
    for number in ("7", '"x"', "[]"):
        found = strict(encoded_packet=f'51-["a",{{"_placeholder":true,"num":{number}}}]')
        with pytest.raises(UnreadablePacket, match="an attachment is out of place: "):
            found.add_attachment(b"x")
    for text in ('51-["a",{"_placeholder":true,"num":0}]', '52-["a"]'):
        found = strict(encoded_packet=text)
        with pytest.raises(UnreadablePacket, match="an attachment is text"):
            found.add_attachment("text")
