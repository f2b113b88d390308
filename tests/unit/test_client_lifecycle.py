"""client_lifecycle.py: a handler's call of a client's method waits for hooks, but not for ever."""

from __future__ import annotations

import threading

import pytest

from bridge.errors import Refused
from bridge.relay import client_lifecycle
from bridge.relay.handlers import Bridge
from bridge.relay.users import Client
from tests.unit.relays import At
from tests.waiting import PATIENCE


def free(lock: threading.RLock) -> bool:
    """Whether another thread can have it."""
    taken: list[bool] = []

    def take() -> None:
        taken.append(lock.acquire(blocking=False))
        if taken[0]:
            lock.release()

    other = threading.Thread(target=take)
    other.start()
    other.join(PATIENCE)
    return taken == [True]


def test_a_call_is_made_under_the_lock_which_is_free_again_whatever_it_does() -> None:
    free_meanwhile: list[bool] = []

    def setup(bridge: Bridge) -> None:
        @bridge.on_register
        def refuse(client: Client) -> None:
            free_meanwhile.append(free(at.relay._lock))
            raise Refused("bad-user", "no")

    at = At("register", setup)
    at.come("a")
    with pytest.raises(Refused, match="no"):
        at.users.clients[0].register("ann")
    assert free_meanwhile == [False]
    assert free(at.relay._lock)


def test_a_hook_that_keeps_the_lock_for_too_long_is_told_and_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_lifecycle, "PATIENCE", 0.01)
    at = At("register")
    at.come("a")
    kept, over = threading.Event(), threading.Event()

    def keep() -> None:
        with at.relay._lock:
            kept.set()
            over.wait(PATIENCE)

    hook = threading.Thread(target=keep)
    hook.start()
    assert kept.wait(PATIENCE)
    (client,) = at.users.clients
    with pytest.raises(RuntimeError, match=r"a hook has kept all others .* for 0\.01 s.*: nothing has been done"):
        client.register("ann")
    over.set()
    hook.join(PATIENCE)
    assert client.user is None
    assert free(at.relay._lock)
