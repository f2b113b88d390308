"""look_alikes.py: who is there under another name that looks the same."""

from __future__ import annotations

import pytest

from bridge.relay import look_alikes
from bridge.relay.look_alikes import LookAlikes

CYRILLIC = "аnn"


def looking(*names: str) -> LookAlikes:
    looks = LookAlikes()
    for at, name in enumerate(names):
        looks.add(name, names[: at + 1])
    return looks


def test_a_look_alike_is_found_whoever_came_first() -> None:
    assert looking("bob", "ann", CYRILLIC).like(CYRILLIC) == ["ann"]
    assert looking("bob", CYRILLIC, "ann").like("ann") == [CYRILLIC]


def test_the_name_itself_and_those_who_have_gone_are_no_look_alikes() -> None:
    looks = looking("ann", CYRILLIC)
    looks.remove("ann")
    assert looks.like(CYRILLIC) == []
    looks.remove(CYRILLIC)
    looks.add("ann", [])
    assert looks.like(CYRILLIC) == ["ann"]


def test_two_names_of_ascii_alone_are_never_alike() -> None:
    looks = looking("Il", "é")
    assert looks.like("ll") == []
    assert looks.like("Ӏl") == ["Il"]


def test_as_long_as_all_names_are_ascii_nothing_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_alikes, "skeleton", None)
    looks = looking(*map(str, range(1000)))
    assert looks.like("7") == []
    looks.remove("7")
