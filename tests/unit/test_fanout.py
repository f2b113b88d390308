"""fanout.py: each message encoded once, sent in order to whom it is for."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from bridge.clients import fanout
from bridge.clients.fanout import Fanout
from bridge.clients.packets import encode_event
from bridge.messages import Delivery, Payload
from bridge.tally import Tally

Sent = list[tuple[str, list[str | bytes]]]


def fan(clients: Sequence[str]) -> tuple[Fanout, Sent, Tally]:
    sent: Sent = []
    tally = Tally()
    return Fanout(lambda sid, packets: sent.append((sid, list(packets))), lambda: clients, tally), sent, tally


def test_a_message_to_all_goes_to_every_client_once() -> None:
    out, sent, tally = fan(["a", "b", "c"])
    out.publish([Delivery("message", Payload.text("hi"))])
    assert sent == [(sid, ['2["message","hi"]']) for sid in ("a", "b", "c")]
    assert tally["deliveries"] == 3


def test_a_message_to_some_goes_to_these_alone() -> None:
    out, sent, tally = fan(["a", "b", "c"])
    out.publish([Delivery("message", Payload.of(1), ("c", "a"))])
    assert [sid for sid, _ in sent] == ["c", "a"]
    assert tally["deliveries"] == 2


def test_messages_keep_their_order_for_each_client() -> None:
    out, sent, _ = fan(["a", "b"])
    burst = [Delivery("n", Payload.of(n), ("a",) if n % 3 == 0 else None) for n in range(50)]
    out.publish(burst)
    assert [packets[0] for sid, packets in sent if sid == "a"] == [f'2["n",{n}]' for n in range(50)]
    assert [packets[0] for sid, packets in sent if sid == "b"] == [f'2["n",{n}]' for n in range(50) if n % 3]


def test_binary_goes_with_its_attachments_in_one_piece() -> None:
    out, sent, _ = fan(["a"])
    out.publish([Delivery("raw", Payload.of([b"x", b"y"]))])
    assert [len(packets) for _, packets in sent] == [3]


def test_nobody_there_and_nobody_meant_is_nothing_to_do() -> None:
    out, sent, tally = fan([])
    out.publish([Delivery("message", Payload.text("hi"))])
    out.publish([])
    out, sent_to_nobody, _ = fan(["a"])
    out.publish([Delivery("message", Payload.text("hi"), ())])
    assert sent == sent_to_nobody == []
    assert tally["deliveries"] == 0


def test_each_message_is_encoded_once_however_many_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []

    def counted(event: str, payload: Payload) -> list[str | bytes]:
        encoded.append(event)
        return encode_event(event, payload)

    monkeypatch.setattr(fanout, "encode_event", counted)
    out, sent, _ = fan([str(n) for n in range(100)])
    out.publish([Delivery("one", Payload.of(1)), Delivery("two", Payload.of(2))])
    assert encoded == ["one", "two"]
    assert len(sent) == 200


def test_a_long_burst_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[float] = []
    monkeypatch.setattr(time, "sleep", turns.append)
    clock = iter(n * 0.0005 for n in range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    out, _, _ = fan(["a"])
    out.publish([Delivery("n", Payload.of(n)) for n in range(100)])
    assert turns
    assert set(turns) == {0}
    assert len(turns) >= 100 * 0.0005 / 0.003


def test_clients_may_come_and_go_while_a_message_is_sent() -> None:
    clients = {"a": 1, "b": 2}
    sent: list[str] = []

    def send(sid: str, _: Sequence[str | bytes]) -> None:
        sent.append(sid)
        clients.pop("b", None)
        clients["c"] = 3

    Fanout(send, lambda: clients, Tally()).publish([Delivery("m", Payload.of(1)), Delivery("m", Payload.of(2))])
    assert sent == ["a", "b", "a", "c"]
