"""outside_calls.py: a call of a client's method waits for hooks, but not for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bridge.relay import outside_calls
from bridge.relay.outside_calls import PatientCalls
from bridge.relay.users import Client
from tests.waiting import PATIENCE

ANN = Client("1", "127.0.0.1")


def test_a_call_is_made_under_the_lock_which_is_free_again_whatever_it_does() -> None:
    lock, made = threading.RLock(), list[Any]()

    def call(client: Client, argument: object) -> None:
        other = threading.Thread(target=lambda: made.append(lock.acquire(blocking=False)))
        other.start()
        other.join(PATIENCE)
        made.append((client, argument))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        PatientCalls(lambda function, *args: function(*args), lock)(call, ANN, 5)
    assert made == [False, (ANN, 5)]
    assert freed(lock)


def test_a_hook_that_keeps_the_lock_for_too_long_is_told_and_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_calls, "PATIENCE", 0.01)
    lock, kept, made = threading.RLock(), threading.Event(), list[Any]()
    over = threading.Event()

    def keep() -> None:
        with lock:
            kept.set()
            over.wait(PATIENCE)

    hook = threading.Thread(target=keep)
    hook.start()
    assert kept.wait(PATIENCE)
    with pytest.raises(RuntimeError, match=r"a hook has kept all others .* for 0\.01 s.*: nothing has been done"):
        PatientCalls(lambda function, *args: function(*args), lock)(lambda *args: made.append(args), ANN, 5)
    over.set()
    hook.join(PATIENCE)
    assert made == []
    assert freed(lock)


def freed(lock: threading.RLock) -> bool:
    """Whether another thread can have it."""
    taken: list[bool] = []
    other = threading.Thread(target=lambda: taken.append(lock.acquire(blocking=False)))
    other.start()
    other.join(PATIENCE)
    return taken == [True]
