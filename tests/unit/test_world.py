"""The demo server's world, without a socket and without time."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.demo.world import HEIGHT, MAX_USERS, WIDTH, Message, World

DT = 1 / 30


def world_with(*names: str) -> World:
    world = World(Random(7))
    for name in names:
        world.handle({"username": name, "action": "connected"})
    return world


def body(world: World, name: str) -> dict[str, Any]:
    return next(body for body in world.snapshot()["bodies"] if body["name"] == name)


def names(world: World, kind: str = "user") -> list[str]:
    return [body["name"] for body in world.snapshot()["bodies"] if body["kind"] == kind]


def run(world: World, seconds: float) -> list[Message]:
    return [message for _ in range(round(seconds / DT)) for message in world.step(DT)]


def steered_together(world: World, one: str, other: str) -> list[Message]:
    """Steer each towards where the other is until they touch."""
    out: list[Message] = []
    for _ in range(600):
        a, b = body(world, one), body(world, other)
        for name, dx, dy in ((one, b["x"] - a["x"], b["y"] - a["y"]), (other, a["x"] - b["x"], a["y"] - b["y"])):
            world.handle({"username": name, "action": "move", "dx": dx, "dy": dy})
        out += world.step(DT)
        if any(message["action"] == "bump" for message in out):
            return out
    raise AssertionError("they never met")


def test_a_user_is_welcomed_alone_and_announced_to_all() -> None:
    welcome, joined = World(Random(1)).handle({"username": "ada", "action": "connected"})
    assert (welcome["username"], welcome["action"]) == ("ada", "welcome")
    assert joined == {"action": "joined", "name": "ada"}


def test_a_user_announced_again_is_welcomed_but_does_not_join_twice() -> None:
    world = world_with("ada")
    assert [message["action"] for message in world.handle({"username": "ada", "action": "connected"})] == ["welcome"]
    assert names(world) == ["ada"]


def test_a_user_who_disconnects_leaves_the_field_once() -> None:
    world = world_with("ada", "bob")
    gone = {"username": "ada", "action": "disconnected"}
    assert world.handle(gone) == [{"action": "left", "name": "ada"}]
    assert world.handle(gone) == []
    assert names(world) == ["bob"]


@pytest.mark.parametrize(
    ("steering", "x", "y"),
    [
        ({"dx": 1, "dy": 0}, 1, 0),
        ({"dx": 0, "dy": -1}, 0, -1),
        ({"keys": {"ArrowLeft": True, "up": False}}, -1, 0),
        ({"keys": {"s": True, "w": False}}, 0, 1),
    ],
)
def test_a_move_steers_until_the_next_one(steering: dict[str, object], x: int, y: int) -> None:
    world = world_with("ada")
    before = body(world, "ada")
    world.handle({"username": "ada", "action": "move", **steering})
    for _ in range(3):
        world.step(DT)
    after = body(world, "ada")
    assert (sign(after["x"] - before["x"]), sign(after["y"] - before["y"])) == (x, y)


def sign(value: float) -> int:
    return (value > 0) - (value < 0)


def test_a_user_who_lets_go_comes_to_rest() -> None:
    world = world_with("ada")
    world.handle({"username": "ada", "action": "move", "dx": 1, "dy": 0})
    run(world, 0.2)
    world.handle({"username": "ada", "action": "move", "dx": 0, "dy": 0})
    run(world, 2)
    before = body(world, "ada")
    run(world, 0.5)
    assert abs(body(world, "ada")["x"] - before["x"]) <= 0.1


def test_a_move_of_a_user_never_announced_makes_it_join() -> None:
    world = World(Random(1))
    assert world.handle({"username": "eve", "action": "move", "dx": 1}) == [{"action": "joined", "name": "eve"}]
    assert names(world) == ["eve"]


def test_nobody_ever_leaves_the_field_by_moving() -> None:
    world = world_with("ada")
    world.handle({"username": "ada", "action": "move", "dx": -1, "dy": 1})
    for _ in range(20):
        run(world, 1)
        assert all(0 <= body["x"] <= WIDTH and 0 <= body["y"] <= HEIGHT for body in world.snapshot()["bodies"])


def test_there_is_life_without_any_user() -> None:
    world = World(Random(1))
    before = world.snapshot()["bodies"]
    run(world, 1)
    assert [
        b for b, a in zip(before, world.snapshot()["bodies"], strict=True) if (a["x"], a["y"]) == (b["x"], b["y"])
    ] == []


def test_chat_goes_to_all_and_is_shortened() -> None:
    world = world_with("ada")
    said = world.handle({"username": "ada", "action": "chat", "data": " hi " + "x" * 900})
    assert said == [{"action": "chat", "from": "ada", "text": "hi " + "x" * 197}]


@pytest.mark.parametrize("data", [None, 3, "", "  ", ["hi"]])
def test_chat_that_is_no_text_is_answered_to_its_sender_only(data: object) -> None:
    (answer,) = world_with("ada").handle({"username": "ada", "action": "chat", "data": data})
    assert (answer["username"], answer["action"]) == ("ada", "unknown")


def test_echo_says_the_same_to_the_same_user() -> None:
    message = {"username": "ada", "action": "echo", "args": [1, {"b": None}]}
    assert world_with("ada").handle(message) == [message]


def test_an_unknown_action_is_named_to_its_sender() -> None:
    (answer,) = world_with("ada").handle({"username": "ada", "action": "fly"})
    assert (answer["username"], answer["action"], answer["got"]) == ("ada", "unknown", "fly")


def test_two_users_who_touch_are_both_told_once() -> None:
    world = world_with("ada", "bob")
    bumps = [m for m in steered_together(world, "ada", "bob") if m["action"] == "bump" and len(m["username"]) == 2]
    assert [sorted(bump["username"]) for bump in bumps] == [["ada", "bob"]]


def test_a_collected_coin_is_told_to_its_collector_with_the_score() -> None:
    world = world_with("ada")
    for _ in range(3000):
        coin, ada = next(b for b in world.snapshot()["bodies"] if b["kind"] == "coin"), body(world, "ada")
        dx, dy = coin["x"] - ada["x"], coin["y"] - ada["y"]
        world.handle({"username": "ada", "action": "move", "dx": dx, "dy": dy})
        scored = [message for message in world.step(DT) if message["action"] == "scored"]
        if scored:
            break
    assert scored == [{"username": "ada", "action": "scored", "score": 1}]
    assert body(world, "ada")["score"] == 1


def test_a_full_field_takes_nobody_more_but_says_so() -> None:
    world = world_with(*(f"user {n}" for n in range(MAX_USERS)))
    answers = world.handle({"username": "late", "action": "connected"})
    assert [message["action"] for message in answers] == ["welcome", "full"]
    assert len(names(world)) == MAX_USERS


def test_without_user_names_everything_goes_to_all() -> None:
    world = World(Random(1))
    assert world.handle({"action": "move", "dx": 1}) == [{"action": "joined", "name": "everybody"}]
    (answer,) = world.handle({"action": "fly"})
    assert "username" not in answer


def test_a_typical_world_message_is_small() -> None:
    world = world_with("x" * 20, "y" * 20, "z" * 20)
    assert len(json.dumps(world.snapshot(), separators=(",", ":"))) < 1500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
hostile = st.fixed_dictionaries(
    {},
    optional={
        "username": json_values | st.just("ada"),
        "action": json_values | st.sampled_from(["connected", "disconnected", "move", "chat", "echo"]),
        "dx": json_values,
        "dy": json_values,
        "keys": json_values,
        "data": json_values,
    },
)


@given(st.lists(hostile | json_values, max_size=12))
def test_no_message_breaks_the_world(messages: list[object]) -> None:
    world = World(Random(1))
    for message in messages:
        assert all("action" in answer for answer in world.handle(message))
        world.step(DT)
    text = json.dumps(world.snapshot(), allow_nan=False)
    assert json.loads(text)["bodies"]
