"""Packets by chance, valid and not: what can be sent arrives as it is, what can't is somebody's own trouble."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random
from typing import Any

import pytest
import requests
import websocket

from tests.fuzz.corpus import kept
from tests.raw import Poll, Raw
from tests.sites import Site, memory, site
from tests.viewer import Viewer, until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.long

SLACK = 8 * 1024 * 1024  # bytes of memory
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"


def value(chance: Random, depth: int = 0) -> Any:
    """Anything that JSON can say."""
    kind = chance.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind == 1:
        return chance.choice([0, -1, 1 << 40, 1.5, -2.25, chance.randrange(1 << 53)])
    if kind <= 5:
        return "".join(chance.choice('a~"\\\n\0é€😀{}[]:,\x1e\x7f') for _ in range(chance.randrange(12)))
    if kind == 6:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {f"k{number}~": value(chance, depth + 1) for number in range(chance.randrange(4))}


def frame_of(user: str, name: str, args: list[Any]) -> dict[str, Any]:
    """What the server gets for it, as docs/protocol.md has it."""
    frame: dict[str, Any] = {"username": user, "action": name}
    if len(args) == 1 and isinstance(args[0], dict):
        return frame | args[0]
    if not args:
        return frame
    return frame | ({"data": args[0]} if len(args) == 1 else {"args": args})


@pytest.mark.parametrize("seed", [1, 2])
def test_events_by_chance_arrive_as_they_are_each_acked_once_in_order(seed: int) -> None:
    chance = Random(seed)
    with site() as at:
        ann = at.viewer()
        events = [(f"event{n}", [value(chance) for _ in range(chance.randrange(4))]) for n in range(400)]
        for number, (name, args) in enumerate(events):
            ann.emit(name, *args, ack=number)
        frames = at.peer.first(1 + len(events))[1:]
        assert frames == [frame_of(ann.sid, name, args) for name, args in events]
        ann.answer(len(events) - 1)
        acks = [packet for packet in ann.packets if packet.startswith("43")]
        assert acks == [f'43{number}[{{"ok":true}}]' for number in range(len(events))]


def packets(chance: Random) -> Iterator[str | bytes]:
    """Packets of a client, some of them spoiled."""
    good: list[str | bytes] = [
        "2", "3", "3probe", "5", "6", "40", "40/x,", '40{"a":1}', "41/x,", '42["a",1]', '4212["a",{"b":[1]}]',
        '42/x,["a"]', '451-["a",{"_placeholder":true,"num":0}]', '452-1["a",{"_placeholder":true,"num":1}]',
        b"\1\2", b"", "430[1]", '43["x"]', '44{"message":"x"}', "461-5[]", '42["connect"]', '42["*",1]', "45", "4",
    ]  # fmt: skip
    while True:
        packet = chance.choice(good)
        if isinstance(packet, str) and chance.random() < 0.5:
            at = chance.randrange(len(packet) + 1)
            packet = packet[:at] + chance.choice(["", "9", "{", "]", "é", "\0", '"', "-", ","]) + packet[at + 1 :]
        yield packet


def taken(at: Site, messages: Iterable[str | bytes]) -> None:
    """A client sends these and is gone, once the bridge has taken them all or has told it off."""
    made = websocket.create_connection(f"ws://127.0.0.1:{at.bridge.port}{WEBSOCKET}", timeout=PATIENCE)
    try:
        made.send("40")
        for each in messages:
            made.send(each, websocket.ABNF.OPCODE_BINARY if isinstance(each, bytes) else websocket.ABNF.OPCODE_TEXT)
        made.ping()
        while made.recv_data(control_frame=True)[0] not in (websocket.ABNF.OPCODE_PONG, websocket.ABNF.OPCODE_CLOSE):
            pass
    except (OSError, websocket.WebSocketException):
        pass  # it was told off
    made.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture
def at() -> Iterator[Site]:
    with site("--connect-timeout", "5") as made:
        yield made


def goes_on(at: Site, ann: Viewer, number: int) -> None:
    """Somebody else is served."""
    ann.emit("still", number, ack=number)
    assert ann.answer(number) == {"ok": True}
    last = at.feed.send(10)
    assert ann.got(last) == list(range(last + 1))


def nothing_is_left(at: Site, ann: Viewer, before: int) -> None:
    """All others have gone, and their memory is free."""
    until(lambda: at.bridge.status()["clients"] == 1)
    assert not ann.closed.is_set()
    assert memory(at.bridge) - before < SLACK


@pytest.mark.parametrize("seed", [1, 2])
def test_packets_by_chance_by_websocket_are_their_senders_own_trouble(at: Site, seed: int) -> None:
    ann, some = at.viewer(), packets(Random(seed))
    before = memory(at.bridge)
    for number in range(150):
        taken(at, islice(some, 4))
        if number % 10 == 0:
            goes_on(at, ann, number)
    nothing_is_left(at, ann, before)


@pytest.mark.parametrize("seed", [1, 2])
def test_packets_by_chance_by_polling_are_their_senders_own_trouble(at: Site, seed: int) -> None:
    ann, some = at.viewer(), packets(Random(seed))
    before = memory(at.bridge)
    for number in range(100):
        poll = Poll(at.bridge)
        body = b"\x1e".join(each if isinstance(each, bytes) else each.encode() for each in (next(some), next(some)))
        assert poll.post(body) in (200, 400)
        poll.post("1")  # it leaves
        if number % 10 == 0:
            goes_on(at, ann, number)
    nothing_is_left(at, ann, before)


def test_bytes_by_chance_in_place_of_frames_are_their_senders_own_trouble(at: Site) -> None:
    ann, before, chance = at.viewer(), memory(at.bridge), Random(1)
    for number, data in enumerate(kept("frames")):
        with Raw(at.bridge) as raw:
            raw.write(data[8:])
            raw.write(bytes(chance.randrange(256) for _ in range(20)))
        if number % 20 == 0:
            goes_on(at, ann, number)
    nothing_is_left(at, ann, before)


def test_http_by_chance_is_answered_or_ended(at: Site) -> None:
    ann, chance = at.viewer(), Random(1)
    queries = [
        "",
        "EIO=4",
        "EIO=3",
        "transport=polling",
        "transport=websocket",
        "sid=x",
        "sid=",
        "t=%00",
        "EIO=4&EIO=3",
    ]
    for number in range(150):
        query = "&".join(chance.sample(queries, chance.randrange(4)))
        method = chance.choice(["GET", "POST", "PUT", "OPTIONS", "DELETE", "HEAD"])
        answer = requests.request(method, f"{at.bridge.url}/socket.io/?{query}", data=b"40", timeout=5)
        assert answer.status_code in (200, 400, 404, 405, 503), (method, query)
        if number % 15 == 0:
            goes_on(at, ann, number)
    assert json.loads(requests.get(f"{at.bridge.url}/healthz", timeout=5).text) == {"status": "ok"}


def test_the_bridge_says_little_about_all_that(at: Site) -> None:
    some = packets(Random(3))
    for _ in range(100):
        taken(at, islice(some, 4))
    until(lambda: at.bridge.status()["clients"] == 0)
    clients = [line for line in at.bridge.log.entries if " id=" in line]  # a line each that comes and goes
    assert len(at.bridge.log.entries) - len(clients) < 60
    assert max(map(len, at.bridge.log.entries)) < 400
