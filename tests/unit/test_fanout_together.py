"""fanout.py: a short segment for many clients is sent in few calls; anything else to each client by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from bridge.counters import Counters
from bridge.delivery.backpressure import Backpressure
from bridge.delivery.client_registry import ClientRegistry
from bridge.delivery.fanout import LITTLE, Fanout
from bridge.delivery.history import History
from bridge.messages import Delivery, Payload
from bridge.wire.socketio_packets import encode_event
from tests.unit.outboxes import FakeClient, message, send_many


class Fan:
    """A fan-out to so many clients. `calls`: the descriptors of each call for several."""

    def __init__(self, number: int) -> None:
        self.clients = [FakeClient() for _ in range(number)]
        self.calls: list[Sequence[int]] = []
        registry = ClientRegistry(History(0, 0), Counters())
        registry.plain.update((f"sid {at}", client.outbox) for at, client in enumerate(self.clients))
        self.out = Fanout(registry, Backpressure(), Counters(), send_many=self.send_many)

    def send_many(self, fds: Sequence[int], data: bytes | memoryview) -> Iterable[tuple[int, int]]:
        self.calls.append(fds)
        return send_many(fds, data)

    def say(self, size: int = 100) -> None:
        """One message of so many bytes on the wire."""
        text = "x" * (size - len(encode_event("m", Payload.text("x" * 200))) + 200 if size > 200 else size)
        self.out.publish([Delivery("m", Payload.text(text))])


@pytest.mark.parametrize(
    ("clients", "calls"), [(1, []), (15, []), (16, [16]), (64, [64]), (79, [64]), (80, [64, 16]), (128, [64, 64])]
)
def test_from_sixteen_clients_on_up_to_64_are_sent_to_in_one_call(clients: int, calls: list[int]) -> None:
    fan = Fan(clients)
    fan.say()
    assert [len(fds) for fds in fan.calls] == calls
    assert all(len(client.writes) == 1 for client in fan.clients)


@pytest.mark.parametrize(("size", "calls"), [(LITTLE, [64]), (LITTLE + 1, [])])
def test_what_is_not_little_is_sent_to_each_by_itself(size: int, calls: list[int]) -> None:
    fan = Fan(64)
    fan.say(size)
    assert {len(client.sent) for client in fan.clients} == {size}
    assert [len(fds) for fds in fan.calls] == calls


def test_for_whom_something_waits_there_is_no_descriptor_and_it_is_kept_in_order() -> None:
    fan = Fan(16)
    fan.clients[3].room = 0
    fan.clients[3].outbox.put(message(1))
    fan.clients[3].room = 1 << 60
    fan.say()
    assert [at for at, fd in enumerate(fan.calls[0]) if fd == -1] == [3]
    assert fan.clients[3].sent == b""
    assert fan.clients[3].outbox.flush()
    assert fan.clients[3].sent == bytes(message(1).data) + fan.clients[0].sent
