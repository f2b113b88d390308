"""relay.py under plain threads: presence and events of many clients at once, a link that comes and goes."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import pytest

from bridge.errors import Refused
from bridge.relay.handlers import Bridge
from bridge.relay.users import Client
from tests.unit.relays import At, notice
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Server:
    """What S sees of each connection; its writer is a thread, as the link's is."""

    def __init__(self, at: At) -> None:
        self.at = at
        self.connections: list[list[Any]] = []

    def connect(self) -> None:
        """A connection from its beginning; it lasts until `break_off`."""
        self.connections.append([])
        self.at.up()
        self.writer = threading.Thread(target=self._write, args=(self.connections[-1],))
        self.writer.start()

    def break_off(self) -> None:
        self.at.down()
        self.writer.join(PATIENCE)
        assert not self.writer.is_alive()

    def _write(self, got: list[Any]) -> None:
        while frames := self.at.uplink.take(200):
            got.extend(json.loads(frame) for frame in b"".join(frames).split(b"~")[:-1])
            self.at.uplink.sent()


def believable(history: list[dict[str, object]]) -> set[object]:
    """Who is there at the end. Nobody comes twice, and nobody acts or goes who is not there."""
    there: set[object] = set()
    for message in history:
        user, action = message["username"], message["action"]
        if action == "connected":
            assert user not in there, message
            there.add(user)
        else:
            assert user in there, message
            if action == "disconnected":
                there.remove(user)
    return there


def slow_notices(bridge: Bridge) -> None:
    """The usual notices, from hooks that let other threads have their turn."""

    def came(client: Client) -> Any:
        time.sleep(0)
        return notice(client.user or "", "connected")

    def went(client: Client) -> Any:
        time.sleep(0)
        return notice(client.user or "", "disconnected")

    bridge.on_connect(came)
    bridge.on_register(came)
    bridge.on_disconnect(went)


def run(*work: Callable[[], None]) -> None:
    """Run each in a thread of its own, to its end, and let what fails there fail here."""
    failures: list[BaseException] = []

    def caught(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=caught, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("identity", ["sid", "register"])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_clients_do_at_once_the_server_is_told_what_it_can_believe(identity: str, seed: int) -> None:
    at = At(identity, slow_notices)
    server = Server(at)
    server.connect()
    left: list[str] = []

    def clients(number: int) -> None:
        chance = Random(f"{seed} {number}")
        for turn in range(40):
            sid = f"s{number}-{turn}"
            at.come(sid)
            for n in range(chance.randrange(4)):
                if identity == "register" and chance.random() < 0.6:
                    at.emit(sid, "register", chance.choice(["ann", "bob", "carl"]))
                at.emit(sid, "n", n)
            if chance.random() < 0.9:
                at.go(sid)
            else:
                left.append(sid)

    def link() -> None:
        chance = Random(seed)
        for _ in range(10):
            server.writer.join(chance.random() / 200)  # it works meanwhile
            server.break_off()
            server.connect()

    run(*[partial(clients, number) for number in range(4)], link)
    assert at.uplink.drained(PATIENCE)
    server.break_off()
    histories = [believable(history) for history in server.connections]
    assert histories[-1] == set(at.users.names)
    assert {client.sid for client in at.users.clients} == set(left)
    assert all(len(answers) == 1 for answers in at.acks)
    answered = at.counters["events_ok"] + sum(
        count for name, count in at.counters.snapshot().items() if name.startswith("refused_")
    )
    assert at.counters["events_in"] == answered == len(at.acks)


def test_one_client_registered_by_many_threads_at_once_is_one_user_at_a_time() -> None:
    at = At("register")
    server = Server(at)
    server.connect()
    at.come("a")
    (client,) = at.users.clients

    def rename(number: int) -> None:
        for turn in range(100):
            client.register(f"user {number} {turn}")

    run(*[partial(rename, number) for number in range(4)])
    assert at.uplink.drained(PATIENCE)
    server.break_off()
    assert believable(server.connections[0]) == {client.user} == set(at.users.names)
    assert at.told("a", "bridge:user")[-1] == {"user": client.user}


def test_a_client_that_goes_while_others_register_it_leaves_nobody_behind() -> None:
    for _ in range(50):
        at = At("sid")
        at.up()
        at.come("a")
        (client,) = at.users.clients
        refused: list[str] = []

        def rename(client: Client = client, refused: list[str] = refused) -> None:
            try:
                for n in range(20):
                    client.register(f"user {n}")
            except Refused as error:
                refused.append(error.code)

        run(rename, partial(at.go, "a"), rename)
        assert at.users.names == ()
        assert believable(at.said()) == set()
        assert set(refused) <= {"gone"}


def test_a_page_is_never_left_with_an_old_state_of_the_link() -> None:
    """What a client was sent last is the state that the link is in."""
    at = At("none")

    def read() -> dict[str, object]:
        state = at.link
        time.sleep(0)  # lets other threads have their turn
        return state

    at.read_link = read

    def link() -> None:
        for n in range(300):
            at.link = {"state": n}
            at.relay.link_changed()

    def come(number: int) -> None:
        for n in range(100):
            at.come(f"{number} {n}")

    run(link, partial(come, 1), partial(come, 2))
    seen: dict[str, object] = {}
    for delivery in at.published:
        assert delivery.event == "bridge:link"
        state = json.loads(delivery.payload.json)["state"]
        if delivery.to is None:
            for sid in seen:
                seen[sid] = state
        else:
            seen[delivery.to[0]] = state
    assert len(seen) == 200
    assert set(seen.values()) == {299}
