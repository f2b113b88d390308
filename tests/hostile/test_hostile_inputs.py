"""Some hundred hostile inputs of every kind in each run of the tests, and that harm would be seen."""

from __future__ import annotations

from random import Random

import pytest

from tests.hostile.attempts import SECRET, Outcome, acked, answered, closed, only_its_own, refused, unharmed
from tests.hostile.run import KINDS, run
from tests.process import Bridge

EACH = 8  # inputs of a kind
SEED = 1


def test_hostile_inputs_of_every_kind_do_no_harm() -> None:
    report = run(EACH * len(KINDS), SEED)
    assert report.problems == []
    assert set(report.kinds.values()) == {EACH}


def test_the_same_seed_makes_the_same_inputs_and_another_makes_others() -> None:
    def made(seed: int) -> list[tuple[bytes, ...]]:
        return [kind.make(Random(f"{seed} {n}"), f"x{n}x").data for n, kind in enumerate(KINDS)]

    assert made(1) == made(1) != made(2)


def test_no_two_kinds_have_the_same_name() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("right", "harm"),
    [
        (refused(400), Outcome(statuses=[200], closed=True)),
        (refused(400), Outcome(statuses=[400, 200], closed=True)),
        (refused(400), Outcome(statuses=[400])),
        (refused(400), Outcome(closed=True)),
        (answered(404), Outcome(statuses=[200])),
        (answered(404), Outcome(statuses=[404], body=b"x" + SECRET)),
        (answered(404), Outcome()),
        (closed(1002), Outcome(closed=True, code=1000)),
        (closed(1002), Outcome(alive=True)),
        (acked(7, "bad-user"), Outcome(acks={7: {"ok": True}}, alive=True)),
        (acked(7, "bad-user"), Outcome(acks={7: {"error": "bad-user"}})),
        (unharmed, Outcome(closed=True)),
        (only_its_own, Outcome()),
    ],
)
def test_what_is_not_right_is_a_problem(right: object, harm: Outcome) -> None:
    assert callable(right)
    assert right(harm) != ""


def test_a_bridge_that_serves_what_it_must_not_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a handlers file that opens a door: a route that serves the site's private files."""
    started = Bridge.__init__

    def with_a_door(self: Bridge, *args: str, **options: object) -> None:
        folder = options["cwd"]
        (folder / "door.py").write_text(DOOR)  # type: ignore[operator]
        started(self, *args, "--handlers", "door.py", **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Bridge, "__init__", with_a_door)
    files = [kind for kind in KINDS if kind.name == "a file that is private"]
    report = run(60, SEED, files)
    assert any("a file that is private: it was sent a secret" in problem for problem in report.problems)


DOOR = """
from pathlib import Path

def setup(bridge):
    @bridge.app.before_request
    def serve():
        from flask import request
        path = Path(request.path.strip("/"))
        return path.read_bytes() if path.is_file() else None
"""
