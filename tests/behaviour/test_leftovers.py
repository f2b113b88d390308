"""A thousand connects and closes by each transport leave nothing behind."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.behaviour.sites import SETTINGS, Site
from tests.behaviour.wire import CLOSE, Wire, frame
from tests.waiting import PATIENCE

pytestmark = pytest.mark.long

TIMES, AT_ONCE = 1000, 4
#: How many more objects of any kind there may be after a thousand clients: caches, not clients.
SLACK = 40


@pytest.fixture(scope="module", params=["plain", "ours"])
def apart(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A process that nobody else uses."""
    site = Site(request.param, *SETTINGS["quick"])
    yield site
    site.close()


class Poll:
    """As small a polling client as can be, on one connection."""

    def __init__(self, at: Site) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", at.port, timeout=PATIENCE)
        self._path = "/socket.io/?EIO=4&transport=polling"
        self.sid = json.loads(self.ask("GET")[1:])["sid"]
        self._path += f"&sid={self.sid}"
        self.ask("POST", "40")
        assert "40{" in self.ask("GET")  # behind a ping, on a busy machine

    def ask(self, method: str, body: str | None = None) -> str:
        """One request; the answer's body."""
        self._http.request(method, self._path, body)
        return self._http.getresponse().read().decode()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def by_polling(at: Site, n: int) -> None:
    """One client: it joins a room, has an ack and is gone."""
    poll = Poll(at)
    poll.ask("POST", f'42["join","room {n % 7}"]\x1e42["call",{n}]\x1e421["echo",{n}]')
    assert f"431[{n}]" in poll.ask("GET")
    poll.ask("POST", "41\x1e1" if n % 2 else "1")
    poll.close()


def by_websocket(at: Site, n: int) -> None:
    """The same, and each goes in a way of its own."""
    wire = Wire.session(at)
    wire.send(f'42["join","room {n % 7}"]', f'42["call",{n}]')
    assert wire.event(f'["echo",{n}]')[-1] == f"437[{n}]"
    go(wire, n)


def by_upgrade(at: Site, n: int) -> None:
    """The same, by polling first."""
    poll = Poll(at)
    wire = Wire.open(at, f"transport=websocket&sid={poll.sid}")
    wire.send("2probe", "5", f'42["join","room {n % 7}"]')
    assert wire.event(f'["echo",{n}]')[-1] == f"437[{n}]"
    go(wire, n)
    poll.close()


def go(wire: Wire, n: int) -> None:
    """One of the ways to go."""
    if n % 5 == 0:
        wire.send("41", "1")
        wire.rest()
    elif n % 5 == 1:
        wire.write(frame(CLOSE, b"\x03\xe8"))
        wire.rest()
    elif n % 5 == 2:
        wire.send('42["hang_up"]')
        wire.rest()
    elif n % 5 == 3:
        wire.reset()
    wire.close()


def settled(at: Site, before: dict[str, Any]) -> dict[str, Any]:
    """What is there once no more of it goes away, at the latest after a while."""
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while more(at.stats(), before) and time.monotonic() < deadline:
        pause.wait(0.2)
    return at.stats()


def more(after: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What there is more of."""
    found = {
        name: (before[name], after[name])
        for name in ("sessions", "sockets", "rooms", "callbacks", "pending", "halves", "files", "threads")
        if after[name] > before[name]
    }
    objects = {
        name: (before["objects"].get(name, 0), count)
        for name, count in after["objects"].items()
        if count > before["objects"].get(name, 0) + SLACK
    }
    everything = after["everything"] - before["everything"]
    return {**found, **objects, **({"everything": everything} if everything > TIMES // 2 else {})}


@pytest.mark.parametrize("one", [by_polling, by_websocket, by_upgrade], ids=lambda one: str(one.__name__))
def test_a_thousand_clients_that_came_and_went_leave_nothing_behind(apart: Site, one: Any) -> None:
    for n in range(20):
        one(apart, n)
    before = settled(apart, {**apart.stats(), "sessions": 0, "sockets": 0, "rooms": 0})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda n: one(apart, n), range(TIMES)))
    assert more(settled(apart, before), before) == {}
