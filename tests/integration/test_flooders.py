"""Clients that send what is of no use, as fast as they go: each is closed, and nobody else notices."""

from __future__ import annotations

from contextlib import suppress

import pytest
import websocket

from tests.process import Bridge
from tests.raw import Poll
from tests.sites import site
from tests.viewer import masked, until
from tests.waiting import PATIENCE

PING, PONG = 9, 10

#: What nobody has any use for.
USELESS = {
    "pings": masked(b"", PING),
    "pongs": masked(b"", PONG),
    "pings of Engine.IO": masked(b"2"),
    "pongs of Engine.IO": masked(b"3"),
    "a namespace that is not served": masked(b"40/nope,"),
    "events elsewhere": masked(b'42/nope,["a"]'),
    "a second CONNECT": masked(b"40"),
    "acks": masked(b"431[]"),
    "names": masked(b'421["connect"]'),
    "half an event": masked(b"42["),
    "numbers": masked(b'42["disconnect",1234567890123456789012345]'),
}


@pytest.mark.parametrize("kind", USELESS)
def test_who_sends_what_is_of_no_use_is_closed_with_1008(kind: str) -> None:
    with site() as at:
        honest, viewer = at.viewer(), at.viewer()
        viewer.write(USELESS[kind] * 390)
        viewer.emit("after", ack=5)
        assert viewer.answer(5) == {"ok": True}
        viewer.write(USELESS[kind] * 1000)
        assert viewer.closed.wait(PATIENCE)
        assert viewer.code == 1008
        assert at.counters("clients_flooding") == [1]
        honest.emit("after", ack=1)
        assert honest.answer(1) == {"ok": True}


@pytest.mark.parametrize("kind", ["pings", "names"])
def test_who_floods_on_reads_why_it_is_closed_all_the_same(kind: str) -> None:
    with site() as at:
        viewer = at.viewer()
        with suppress(OSError):  # it is not read any more, and then cut off
            while not viewer.closed.is_set():
                viewer.write(USELESS[kind] * 5000)
        assert viewer.closed.wait(PATIENCE)
        assert viewer.code == 1008


def test_who_is_not_registered_may_try_so_often_and_no_more() -> None:
    with site("--identity", "register") as at:
        viewer = at.viewer()
        viewer.write(masked(b'421["a"]') * 1000)
        assert viewer.closed.wait(PATIENCE)
        assert viewer.code == 1008
        assert at.counters("refused_not_registered") > [400]


def test_a_post_of_what_is_of_no_use_ends_its_session() -> None:
    with site() as at:
        poll = Poll(at.bridge)
        assert poll.post("\x1e".join(["3"] * 390)) == 200
        assert poll.post("\x1e".join(["3"] * 100_000)) == 400
        until(lambda: at.counters("clients_flooding") == [1])


def test_a_socket_that_is_tried_has_the_same_budget() -> None:
    with site() as at:
        poll = Poll(at.bridge)
        tried = websocket.create_connection(poll.upgrade, PATIENCE)
        assert tried.sock is not None
        tried.sock.sendall(masked(b"", PING) * 1000)
        until(lambda: at.counters("clients_flooding") == [1])
        tried.shutdown()  # type: ignore[no-untyped-call]
        assert poll.post("3") == 200  # as to all that are over, see docs/protocol.md
        assert poll.post("40") == 400


def test_no_other_refusal_counts() -> None:
    with Bridge("--server", "127.0.0.1:1", "--when-down", "refuse") as bridge:
        url = f"ws://127.0.0.1:{bridge.port}/socket.io/?EIO=4&transport=websocket"
        tried = websocket.create_connection(url, PATIENCE)
        assert tried.sock is not None
        tried.send("40")
        tried.sock.sendall(b"".join(masked(b'42%d["a"]' % n) for n in range(2000)))
        while not str(answer := tried.recv()).startswith("431999["):
            assert answer
        assert "link-down" in str(answer)
        tried.shutdown()  # type: ignore[no-untyped-call]
        assert bridge.counter("clients_flooding") == 0
