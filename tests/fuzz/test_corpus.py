"""What fuzzing has found, once more: every input that was kept, through its target."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.corpus import kept
from tests.fuzz.targets import KEY, SESSION, TARGETS, Target


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_that_was_kept_is_taken_as_it_must_be(name: str) -> None:
    target, inputs = TARGETS[name], kept(name)
    assert len(inputs) > 10
    for data in inputs:
        target(data)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_so_are_their_changes_by_chance(target: Target) -> None:
    chance = random.Random(1)
    inputs = kept(target.__name__)
    for _ in range(300):
        data = bytearray(chance.choice(inputs))
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        try:
            target(bytes(data))
        except BaseException as error:
            raise AssertionError(f"{bytes(data)!r} is not taken as it must be") from error


def test_one_of_the_tokens_that_were_kept_is_read() -> None:
    from bridge.recovery.session_token import TokenSigner

    found = [TokenSigner(KEY).read(data.decode(errors="replace")) for data in kept("tokens")]
    assert SESSION in found
