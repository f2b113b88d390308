"""delivery_tracker.py: numbers that rise without gaps, and what of it the server has not confirmed."""

from __future__ import annotations

import json

import pytest

from bridge.link.outgoing.delivery_tracker import DeliveryTracker, confirmations
from bridge.link.outgoing.message import OutgoingMessage
from bridge.messages import AsIs


def entry(confirming: DeliveryTracker, *payloads: bytes, apart: bool = False) -> OutgoingMessage:
    """One that is the last in the queue."""
    made = OutgoingMessage(len(payloads), payloads=payloads)
    written = confirming.numbered(payloads)
    made.fill(written if apart else [b"".join(written)])
    confirming.give(made)
    return made


def hand(confirming: DeliveryTracker, *entries: OutgoingMessage) -> None:
    """A connection has them, whole."""
    for one in entries:
        for _ in one.pieces:
            one.at += 1
            confirming.handed(one)


def test_the_number_is_the_last_key_of_an_object_and_the_rest_is_as_it_was() -> None:
    confirming = DeliveryTracker(b"{}")
    assert confirming.numbered([b'{"a":{"b":1}}', b"{}", b'{"c":"}"}']) == [
        b'{"a":{"b":1},"seq":1}', b'{"seq":2}', b'{"c":"}","seq":3}',
    ]  # fmt: skip


@pytest.mark.parametrize("payload", [b"[1]", b"5", b"", b'"{}"', AsIs(b'{"a":1}')])
def test_what_is_no_object_or_to_be_sent_as_it_is_has_no_number(payload: bytes) -> None:
    confirming = DeliveryTracker(b"{}")
    assert confirming.numbered([payload, b'{"a":1}']) == [payload, b'{"a":1,"seq":1}']
    alone = entry(confirming, payload)
    assert (alone.first, alone.last) == (0, 0)


def test_numbers_are_taken_only_by_what_is_queued() -> None:
    confirming = DeliveryTracker(b"{}")
    confirming.numbered([b"{}"] * 5)
    first = entry(confirming, b"{}", b"[]", b"{}")
    assert (first.first, first.last) == (1, 2)
    assert entry(confirming, b"{}").first == 3


def test_a_confirmation_is_for_all_up_to_its_number() -> None:
    confirming = DeliveryTracker(b"{}")
    entries = [entry(confirming, b"{}") for _ in range(5)]
    hand(confirming, *entries[:4])
    assert confirming.frames == 4
    assert confirming.size == sum(one.size for one in entries[:4])
    assert confirming.confirm(2) == entries[:2]
    assert confirming.confirm(2) == confirming.confirm(1) == confirming.confirm(-7) == []
    assert confirming.confirm(4) == entries[2:4]
    assert (confirming.frames, confirming.size) == (0, 0)


def test_what_no_connection_has_had_can_not_be_confirmed() -> None:
    confirming = DeliveryTracker(b"{}")
    one, two = entry(confirming, b"{}"), entry(confirming, b"{}")
    assert confirming.confirm(1) is None
    hand(confirming, one)
    assert confirming.confirm(2) is None
    assert confirming.confirm(1) == [one]
    hand(confirming, two)
    assert confirming.confirm(2) == [two]


def test_several_frames_of_one_event_are_confirmed_together_and_sent_piece_by_piece() -> None:
    confirming = DeliveryTracker(b"{}")
    one = entry(confirming, b"{}", b"[]", b"{}", b"{}", apart=True)
    one.at = 1
    confirming.handed(one)
    assert confirming.confirm(2) is None
    assert confirming.confirm(1) == []
    one.at = 3
    confirming.handed(one)
    assert confirming.confirm(3) is None
    assert confirming.confirm(2) == []
    one.at = 4
    confirming.handed(one)
    assert confirming.confirm(3) == [one]


def test_what_is_not_confirmed_is_sent_again_in_order_until_it_is_given_up() -> None:
    confirming = DeliveryTracker(b"{}")
    entries = [entry(confirming, b"{}") for _ in range(4)]
    hand(confirming, *entries)
    confirming.confirm(1)
    assert confirming.again() == entries[1:]
    assert all(one.again and one.at == 0 for one in entries[1:])
    confirming.give_up([entries[2]])
    assert confirming.again() == [entries[1], entries[3]]
    hand(confirming, entries[1], entries[3])
    assert confirming.frames == 2
    assert confirming.confirm(4) == [entries[1], entries[3]]
    assert confirming.size == 0


def test_the_numbers_of_what_no_connection_has_had_are_given_anew() -> None:
    confirming = DeliveryTracker(b"{}")
    entries = [entry(confirming, b"{}"), entry(confirming, b"{}"), entry(confirming, b"[]"), entry(confirming, b"{}")]
    hand(confirming, entries[0])
    confirming.take_back(entries[1:])
    assert [one.last for one in entries] == [1, 0, 0, 0]
    assert entry(confirming, b"{}").first == 2


@pytest.mark.parametrize(
    ("frame", "number"),
    [
        (b'{"confirm":7}', 7),
        (b' { "confirm" : 7 } ', 7),
        (b'{"confirm":-1}', -1),
        (b'\xef\xbb\xbf{"confirm":7}', 7),
        (b'\0 {"confirm":7}\0', 7),
        (b'{"confirm":7,"more":1}', None),
        (b'{"confirm":"7"}', None),
        (b'{"confirm":7.0}', None),
        (b'{"confirm":true}', None),
        (b'{"confirm":7', None),
        (b'["confirm",7]', None),
        (b'{"a":{"confirm":7}}', None),
        (b'{"text":"\\"confirm\\""}', None),
        (b"hello", None),
        (b"", None),
        (b'{"confirm":7}' + b" " * 1000, None),
    ],
)
def test_only_an_object_with_that_one_key_and_a_whole_number_confirms(frame: bytes, number: int | None) -> None:
    others = [json.dumps("confirm").encode(), b"x"]
    found = confirmations([others[0], frame, others[1]])
    assert found == (([], [others[0], frame, others[1]]) if number is None else ([number], others))


def test_a_burst_without_any_is_given_back_as_it_is() -> None:
    burst = [b"a", b'{"confirmed":7}']
    assert confirmations(burst)[1] is burst
