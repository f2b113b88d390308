"""Whom a message names: strings, numbers in their digits, nobody in particular for null."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.counters import Counters
from bridge.decoding import DECODE
from bridge.messages import Delivery, PayloadMode
from bridge.relay.routing import Routing, RoutingOptions
from bridge.relay.undelivered import MOST, Undelivered
from tests.unit.relays import singly

PAYLOADS = ["text", "json", "bytes"]


class Router:
    """An Outbound to whoever is asked for, or to these alone; a client has the name of its user."""

    def __init__(self, payload: str = "text", there: tuple[str, ...] = (), event_key: str | None = None) -> None:
        self.counters, self.there = Counters(), there
        self.undelivered = Undelivered(self.counters, lambda most: there[:most])
        options = RoutingOptions(PayloadMode(payload), "message", event_key, "to")
        self.outbound = Routing(options, DECODE, self.sids, self.counters, self.undelivered)

    def sids(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        found = tuple(name for name in dict.fromkeys(names) if not self.there or name in self.there)
        return found, len(set(names)) - len(found)

    def burst(self, *frames: str) -> list[Delivery]:
        return [one for each in self.outbound.burst([frame.encode() for frame in frames]) for one in singly(each)]

    def to(self, frame: str) -> tuple[str, ...] | None:
        (delivery,) = self.burst(frame)
        return delivery.to


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    ("key", "to"),
    [
        ("null", None),
        ("7", ("7",)),
        ("-7", ("-7",)),
        ("0", ("0",)),
        ("-0", ("0",)),
        ("7.0", ("7",)),
        ("70e-1", ("7",)),
        ("1e3", ("1000",)),
        ("1.50", ("1.5",)),
        ("1e22", ("1" + "0" * 22,)),
        ("18446744073709551615", ("18446744073709551615",)),
        ("123456789012345678901234567890", ("123456789012345678901234567890",)),
        ("9007199254740993.0", ("9007199254740993",)),
        ('["ann",7,7.0,"7",12345678901234567890123]', ("ann", "7", "12345678901234567890123")),
    ],
)
def test_a_number_is_the_name_in_its_digits_and_null_is_as_if_the_key_were_not_there(
    payload: str, key: str, to: tuple[str, ...] | None
) -> None:
    frame = f'{{"to":{key},"x":1}}'
    assert Router(payload).to(frame) == to
    for others in (['{"to":"ann"}'] * 3, ['{"to":1}'], ['{"to":7}', '{"x":1}'], ["words"]):
        router = Router(payload)
        found = {one.to for one in router.burst(*others, frame, *others)}
        assert to in found
        assert found <= {to, ("ann",), ("1",), ("7",), None}


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("key", ["true", "false", "{}", "[true]", "[null]", '["ann",null]', '["ann",{}]', "[[7]]"])
def test_anything_else_is_refused_and_counted_also_where_python_takes_it_for_a_number(payload: str, key: str) -> None:
    for others in ([], ['{"to":1}', '{"to":0}'], ['{"to":"ann"}']):
        router = Router(payload)
        assert len(router.burst(*others, f'{{"to":{key},"x":1}}')) == len(others)
        assert router.counters["bad_user_key"] == 1


@pytest.mark.parametrize("key", ["NaN", "Infinity", "-Infinity", "[NaN]"])
def test_what_is_no_number_names_nobody(key: str) -> None:
    router = Router()
    assert router.burst(f'{{"to":{key}}}') == []
    assert router.counters["bad_user_key"] == 1


@pytest.mark.parametrize("key", ["1e400", "9" * 5000, "1e-400", "1e999999999", "0." + "1" * 500])
def test_a_number_longer_than_any_name_is_nobodys_and_costs_nothing(key: str) -> None:
    router = Router(there=("ann",))
    assert router.burst(f'{{"to":{key}}}') == []
    assert router.counters["unknown_users"] == 1


@given(st.integers() | st.integers(-(2**70), 2**70), st.booleans())
def test_each_whole_number_is_its_own_name_alone_and_among_others(number: int, many: bool) -> None:
    others = ['{"to":5}', '{"to":"5"}', '{"to":5.0}'] if many else []
    (*_, last) = Router().burst(*others, f'{{"to":{number}}}')
    assert last.to == (str(number),)


# What reaches nobody.


def test_there_is_a_row_for_each_that_is_not_there_with_how_often_and_who_is() -> None:
    router = Router(there=("ann", "bob"))
    router.burst('{"to":"zoe"}', '{"to":"ann"}', '{"to":"zoe"}', '{"to":"yan"}')
    router.burst('{"to":["ann","zoe"]}')
    rows = router.undelivered.rows()
    assert [(row["kind"], row["to"], row["count"], row["users"]) for row in rows] == [
        ("unknown-user", ["yan"], 1, ["ann", "bob"]),
        ("unknown-user", ["zoe"], 3, ["ann", "bob"]),
    ]
    assert all(isinstance(row["t"], float) and row["why"] == "no such user is there" for row in rows)
    assert router.counters["unknown_users"] == 4


@pytest.mark.parametrize(
    ("payload", "frame", "kind", "to"),
    [
        ("text", '{"to":[]}', "empty-list", []),
        ("text", '{"to":true}', "bad-user-key", None),
        ("text", '{"to":"ann"', "unreadable", None),
        ("json", '{"to":"ann"', "unreadable", None),
        ("json", "words", "not-json", None),
        ("json", '{"type":"bridge:link"}', "event-name", None),
        ("text", '{"type":5,"to":"ann"}', "event-name", ["ann"]),
    ],
)
def test_each_kind_is_logged_once_in_a_while_and_has_a_row(
    caplog: pytest.LogCaptureFixture, payload: str, frame: str, kind: str, to: object
) -> None:
    caplog.set_level(logging.WARNING)
    router = Router(payload, ("ann",), "type")
    for _ in range(5):
        router.burst(frame)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("! a message")
    (row,) = router.undelivered.rows()
    assert (row["kind"], row["to"], row["count"]) == (kind, to, 5)
    assert str(row["why"]) in line


def test_an_event_name_that_is_null_or_missing_is_no_fault() -> None:
    router = Router(event_key="type")
    assert [one.event for one in router.burst('{"type":null}', '{"x":1}')] == ["message"] * 2
    assert router.undelivered.rows() == []


def test_the_rows_are_bounded_in_number_and_size() -> None:
    router = Router(there=("x" * 128,) * 50)
    router.burst(*(f'{{"to":"{n}"}}' for n in range(1000)))
    router.burst(json.dumps({"to": ["y" * 1000 + str(n) for n in range(1000)]}))
    rows = router.undelivered.rows()
    assert len(rows) == MOST
    assert len(json.dumps(rows)) < MOST * 4096
    assert router.counters["unknown_users"] == 2000
    router.burst('{"to":' + "[" * 900 + "]" * 900 + "}")
    assert len(json.dumps(router.undelivered.rows())) < MOST * 4096
