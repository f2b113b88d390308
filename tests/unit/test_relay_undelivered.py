"""Whom a handler names that is not there has a row in /bridge/status; whoever is there has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.relay.hook_results import Emit
from bridge.relay.users import Client
from tests.unit.relays import At

Row = tuple[object, object, object]


def rows(to: Callable[[Client], Any]) -> list[Row]:
    """What is told of what on_message emits to them. `here` is there; `gone`, a client, has gone for good."""
    clients: list[Client] = []
    at = At("sid", lambda bridge: bridge.on_message(lambda message: Emit("e", 1, to(clients[0]))))
    at.up()
    at.come("here", "gone")
    clients.extend(one for one in at.users.clients if one.sid == "gone")
    at.go("gone")
    at.users.remove("gone")
    at.relay.burst([b"x"])
    return [(row["kind"], row["to"], row["why"]) for row in at.undelivered.rows()]


def test_a_frame_that_is_not_utf_8_has_a_row_where_json_is_wanted() -> None:
    at = At("sid", payload="json")
    at.relay.burst([b'"\xff"'])
    (row,) = at.undelivered.rows()
    assert (row["kind"], row["to"], at.counters["not_utf8"]) == ("not-utf8", None, 1)
    assert str(row["why"]).startswith("it is not UTF-8: ")


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        (lambda gone: None, []),
        (lambda gone: "here", []),
        (lambda gone: ["here"], []),
        (lambda gone: [], [("empty-list", [], "a handler emits 'e' to an empty list")]),
        (lambda gone: "zoe", [("unknown-user", ["zoe"], "a handler emits 'e'; no such user is there")]),
        (lambda gone: ["here", "zoe"], [("unknown-user", ["zoe"], "a handler emits 'e'; no such user is there")]),
        (lambda gone: gone, [("gone-client", ["gone"], "a handler emits 'e'; this client has gone")]),
        (lambda gone: [gone, "here"], [("gone-client", ["gone"], "a handler emits 'e'; this client has gone")]),
    ],
)  # fmt: skip
def test_whom_a_handler_names_in_vain_is_told(to: Callable[[Client], object], wanted: list[Row]) -> None:
    assert rows(to) == wanted
