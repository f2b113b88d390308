"""What is remembered only to be faster is bounded too: see the tables in docs/operations.md."""

from __future__ import annotations

import pytest

from bridge.clients import packets
from bridge.clients.engine import environs
from bridge.clients.engine.environs import Environs
from bridge.relay import events
from tests.unit.relays import At


def test_the_names_that_are_remembered_as_good_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_NAMES", 10)
    at = At("sid")
    at.up()
    at.come("a")
    for n in range(25):
        at.emit("a", f"name {n}")
        assert len(at.relay._events._plain) <= 10
    assert [message["action"] for message in at.said()][-25:] == [f"name {n}" for n in range(25)]


def test_the_heads_of_frames_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets._Heads, "MOST", 10)
    heads = packets._Heads("message", 0)
    made = [heads[length] for length in range(300)]
    assert len(heads) <= 10
    assert made == [packets._Heads("message", 0)[length] for length in range(300)]
    assert packets._heads.cache_info().maxsize == 64


def test_the_sets_of_headers_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environs, "_MOST_KEYS", 10)
    kept = Environs()
    for n in range(25):
        kept["sid"] = {f"HTTP_X_{n}": str(n)}
        assert len(kept._keys) <= 10
        assert kept["sid"][f"HTTP_X_{n}"] == str(n)
    del kept["sid"]
    assert not len(kept)
