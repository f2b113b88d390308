"""routing.py: which message to whom, as what; which event as which message. With the real codec."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.counters import Counters
from bridge.decoding import DECODE
from bridge.messages import Delivery, PayloadMode, Texts
from bridge.relay.event_message import EventMessages
from bridge.relay.json_lookalike import looks_like_object
from bridge.relay.routing import Routing, RoutingOptions
from bridge.relay.undelivered import Undelivered

#: User -> the clients that it has.
THERE = {"ann": ("a1", "a2"), "bob": ("b1",), "größe": ("g1",), "": ("e1",)}


def sids(names: Iterable[str]) -> tuple[tuple[str, ...], int]:
    wanted = list(dict.fromkeys(names))
    found = dict.fromkeys(sid for name in wanted for sid in THERE.get(name, ()))
    return tuple(found), sum(name not in THERE for name in wanted)


class Router:
    """An Outbound over THERE, and what it counts."""

    def __init__(self, payload: str = "text", event_key: str | None = None, user_key: str | None = "username") -> None:
        self.counters = Counters()
        options = RoutingOptions(PayloadMode(payload), "message", event_key, user_key)
        self.outbound = Routing(options, DECODE, sids, self.counters, Undelivered(self.counters, lambda most: ()))

    def route(self, frame: str | bytes) -> list[Delivery]:
        return self.outbound.route(frame.encode() if isinstance(frame, str) else frame)

    def to(self, frame: str | bytes) -> tuple[str, ...] | None:
        """To whom a frame goes: None is all, () is nobody."""
        deliveries = self.route(frame)
        return deliveries[0].to if deliveries else ()

    def counted(self) -> dict[str, int]:
        return {name: count for name, count in self.counters.snapshot().items() if count}


# From the server.


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
@pytest.mark.parametrize(
    "frame", ['{"a":1}', "{}", "[1,2]", '"text"', "5", "-1.5e3", "null", "true", "[]", '[{"username":"ann"}]', " {} "]
)
def test_what_names_no_user_goes_to_all(payload: str, frame: str) -> None:
    router = Router(payload)
    assert [(d.event, d.to) for d in router.route(frame)] == [("message", None)]
    assert router.counted() == {}


@pytest.mark.parametrize("payload", ["text", "bytes"])
@pytest.mark.parametrize("frame", ["", "hello", "move:1:2", '"{"', "'ann'", "[1,2", "a:b, 'c': d", "\0"])
def test_what_is_not_json_goes_to_all_as_it_is(payload: str, frame: str) -> None:
    router = Router(payload)
    assert router.to(frame) is None
    assert router.counted() == {}


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
@pytest.mark.parametrize(
    ("frame", "to"),
    [
        ('{"username":"ann","x":1}', ("a1", "a2")),
        ('{"x":1,"username":["bob","ann"]}', ("b1", "a1", "a2")),
        ('{"username":["ann","ann","bob","ann"]}', ("a1", "a2", "b1")),
        ('{"username":"größe"}', ("g1",)),
        (r'{"username":"gr\u00f6\u00dfe"}', ("g1",)),
        (r'{"\u0075sername":"ann"}', ("a1", "a2")),
        (r'{"user\u006eame":"bob"}', ("b1",)),
        ('{ "username" : "ann" }', ("a1", "a2")),
        ('{"username":"ann","username":"bob"}', ("b1",)),
        ('{"username":""}', ("e1",)),
        ('{"x":{"username":"bob"},"username":"ann"}', ("a1", "a2")),
    ],
)
def test_what_names_users_goes_to_each_of_their_clients_once(payload: str, frame: str, to: tuple[str, ...]) -> None:
    router = Router(payload)
    assert router.to(frame) == to
    assert router.counted() == {}


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
@pytest.mark.parametrize(
    ("frame", "to", "missing"),
    [
        ('{"username":"zoe"}', (), 1),
        ('{"username":"Ann"}', (), 1),
        ('{"username":["zoe","yan","zoe"]}', (), 2),
        ('{"username":["zoe","bob"]}', ("b1",), 1),
    ],
)
def test_users_who_are_not_there_are_dropped_and_counted(
    payload: str, frame: str, to: tuple[str, ...], missing: int
) -> None:
    router = Router(payload)
    assert router.to(frame) == to
    assert router.counted() == {"unknown_users": missing}


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
def test_an_empty_list_of_users_is_nobody(payload: str) -> None:
    router = Router(payload)
    assert router.route('{"username":[]}') == []
    assert router.counted() == {}


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
@pytest.mark.parametrize("user", ["true", "{}", '["ann",true]', "[null]", '[["ann"]]', '{"ann":1}'])
def test_a_user_key_of_another_type_is_refused_and_counted(payload: str, user: str) -> None:
    router = Router(payload)
    assert router.route(f'{{"username":{user},"x":1}}') == []
    assert router.counted() == {"bad_user_key": 1}


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
def test_without_a_user_key_everything_goes_to_all(payload: str) -> None:
    router = Router(payload, user_key=None)
    for frame in ('{"username":"ann"}', '{"username":7}', r'{"\u0075sername":"ann"}'):
        assert router.to(frame) is None
    assert router.counted() == {}


@pytest.mark.parametrize("payload", ["text", "bytes"])
def test_without_any_key_nothing_has_to_be_read(payload: str) -> None:
    router = Router(payload, user_key=None)
    assert router.to("[" * 100_000 + r'"\u0061"' + "]" * 100_000) is None
    assert router.counted() == {}


@pytest.mark.parametrize("key", ["to", "user_name", "user-name", "größe", 'a"b', "a\\b", "a/b", "🎮", "a b", "ключ"])
def test_a_key_is_found_however_it_is_written(key: str) -> None:
    router = Router(user_key=key)
    everything_escaped = "".join(f"\\u{unit:04x}" for unit in _utf16(key))
    slashed = json.dumps(key, ensure_ascii=False)[1:-1].replace("/", "\\/")
    for written in (json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1], everything_escaped, slashed):
        assert router.to(f'{{"{written}":"ann"}}') == ("a1", "a2"), written


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


@given(
    key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
    escaped=st.lists(st.booleans(), min_size=8, max_size=8),
    upper=st.booleans(),
)
@example(key="a/b", escaped=[False] * 8, upper=False)
def test_no_way_to_write_a_key_makes_a_message_for_one_go_to_all(key: str, escaped: list[bool], upper: bool) -> None:
    pieces = []
    for char, hide in zip(key, escaped, strict=False):
        if hide or ord(char) < 32:
            pieces += [f"\\u{unit:04X}" if upper else f"\\u{unit:04x}" for unit in _utf16(char)]
        elif char in '"\\':
            pieces.append("\\" + char)
        elif char == "/" and upper:
            pieces.append("\\/")
        else:
            pieces.append(char)
    frame = '{"x":1,"' + "".join(pieces) + '":"bob"}'
    assert json.loads(frame)[key] == "bob"
    assert Router(user_key=key).to(frame) == ("b1",)


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ('"state"', "state"),
        ('"größe"', "größe"),
        (json.dumps("x" * 128), "x" * 128),
        (json.dumps("x" * 129), "message"),
        ('""', "message"),
        ('"connect"', "message"),
        ('"disconnect"', "message"),
        ('"connect_error"', "message"),
        ('"newListener"', "message"),
        ('"removeListener"', "message"),
        ('"*"', "message"),
        ('"bridge:link"', "message"),
        (r'"a\u0000b"', "message"),
        ("5", "message"),
        ("null", "message"),
        ('["state"]', "message"),
    ],
)
@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
def test_the_event_key_names_the_event_unless_that_can_not_be_one(payload: str, name: str, event: str) -> None:
    router = Router(payload, event_key="type")
    (delivery,) = router.route(f'{{"type":{name},"x":1}}')
    assert delivery.event == event
    assert delivery.to is None
    assert router.counters["event_names_refused"] == (event == "message" and name != "null")


def test_the_field_stays_in_the_payload_and_a_message_without_it_is_the_default() -> None:
    router = Router("json", event_key="type")
    assert router.route('{"type":"state","x":1}')[0].payload.json == b'{"type":"state","x":1}'
    assert [router.route(frame)[0].event for frame in ('{"x":1}', "[1]", '"type"')] == ["message"] * 3


def test_one_key_may_name_both_the_user_and_the_event() -> None:
    (delivery,) = Router(event_key="username").route('{"username":"ann"}')
    assert (delivery.event, delivery.to) == ("ann", ("a1", "a2"))


@given(st.text(st.characters(codec="utf-8")))
def test_text_arrives_unchanged(text: str) -> None:
    for delivery in Router("text").route(text):
        assert json.loads(delivery.payload.json) == text


@pytest.mark.parametrize("frame", ['{"a": 1.0e2,\t"a":2}', "12345678901234567890123", '"\\u00e4"', "  [1 , 2]\r\n"])
def test_a_value_arrives_as_the_server_wrote_it(frame: str) -> None:
    (delivery,) = Router("json").route(frame)
    assert delivery.payload.json == frame.encode()


@given(st.binary().filter(lambda data: not looks_like_object(data)))
@example(b"\xff\xfe")
@example(b"")
def test_bytes_arrive_unchanged_and_nothing_is_counted_as_replaced(data: bytes) -> None:
    router = Router("bytes")
    (delivery,) = router.route(data)
    assert delivery.payload.attachments == (data,)
    assert router.counted() == {}


def test_what_is_not_utf8_is_replaced_and_counted_in_text() -> None:
    router = Router("text")
    (delivery,) = router.route(b"caf\xe9!")
    assert json.loads(delivery.payload.json) == "caf\ufffd!"
    assert router.counted() == {"not_utf8": 1}


@pytest.mark.parametrize("payload", ["text", "bytes"])
def test_what_is_not_utf8_still_goes_only_to_the_user_whom_it_names(payload: str) -> None:
    assert Router(payload).to(b'{"username":"bob","name":"caf\xe9"}') == ("b1",)
    assert Router(payload).to(b'{"username":"zo\xe9"}') == ()


def test_what_is_not_utf8_is_refused_and_counted_in_json() -> None:
    router = Router("json")
    assert router.route(b'{"name":"caf\xe9"}') == []
    assert router.counted() == {"not_utf8": 1}


@pytest.mark.parametrize("frame", ["", "hello", '{"a":NaN}', "[Infinity]", "-Infinity", "01", "'a'", "1 2", "[1,]"])
def test_what_is_not_json_is_refused_and_counted_in_json(frame: str) -> None:
    router = Router("json")
    assert router.route(frame) == []
    assert router.counted() == {"not_json": 1}


@pytest.mark.parametrize("payload", ["text", "bytes"])
@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_an_odd_number_does_not_make_a_private_message_public(payload: str, odd: str) -> None:
    router = Router(payload)
    assert router.to(f'{{"username":"bob","x":{odd}}}') == ("b1",)
    assert router.to(f'{{"x":{odd}}}') is None
    assert router.counted() == {}


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
def test_what_is_nested_too_deeply_to_be_read_goes_to_nobody_if_it_may_name_a_user(payload: str) -> None:
    router = Router(payload)
    bomb = "[" * 100_000 + "]" * 100_000
    assert router.route(f'{{"x":{bomb},"username":"bob"}}') == []
    assert router.counted() == {"not_json": 1, "unreadable": 1}
    if payload != "json":
        assert router.to(bomb) is None


def test_a_refused_frame_is_logged_shortened(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Router("json").route("x" * 1_000_000)
    (line,) = [record.getMessage() for record in caplog.records]
    assert len(line) < 300


@given(st.binary(max_size=60), st.sampled_from(["text", "json", "bytes"]))
def test_any_bytes_go_to_all_to_some_or_to_nobody_but_raise_nothing(data: bytes, payload: str) -> None:
    assert len(Router(payload, event_key="e").route(data)) <= 1


# Towards the server.


def inbound(user_key: str | None = "username", reserved: Iterable[str] = ("username", "action")) -> EventMessages:
    return EventMessages(user_key, "action", reserved, Counters())


@pytest.mark.parametrize(
    ("args", "rest"),
    [
        ([], {}),
        ([{}], {}),
        ([{"x": 1, "y": 2}], {"x": 1, "y": 2}),
        ([None], {"data": None}),
        ([[1, 2]], {"data": [1, 2]}),
        ([[]], {"data": []}),
        (["text"], {"data": "text"}),
        ([0], {"data": 0}),
        ([False], {"data": False}),
        ([b"\x00"], {"data": b"\x00"}),
        ([{"x": 1}, 2], {"args": [{"x": 1}, 2]}),
        ([None, None], {"args": [None, None]}),
        (list(range(1000)), {"args": list(range(1000))}),
        ([{"data": 1, "args": 2}], {"data": 1, "args": 2}),
    ],
)
def test_arguments_follow_the_user_and_the_action(args: list[object], rest: dict[str, object]) -> None:
    message = inbound().message("ann", "move", args)
    assert list(message.items()) == [("username", "ann"), ("action", "move"), *rest.items()]


def test_a_client_can_not_set_the_bridges_own_keys() -> None:
    counters = Counters()
    table = EventMessages("username", "action", {"username", "action"}, counters)
    payload: dict[str, object] = {"action": "win", "x": 1, "username": "eve", "Username": "eve"}
    for message in (table.message("ann", "move", [payload]), *table.messages("ann", [["move", payload]] * 2)):
        assert message == {"username": "ann", "action": "move", "x": 1}
    assert counters["keys_stripped"] == 9
    assert payload["username"] == "eve"  # the client's own object is left as it was


def test_without_a_user_key_none_is_written_and_none_is_taken() -> None:
    message = inbound(user_key=None).message(None, "move", [{"username": "eve", "x": 1}])
    assert list(message.items()) == [("action", "move"), ("x", 1)]


def test_presence_is_the_user_and_the_action_alone() -> None:
    assert list(inbound().message("ann", "connected").items()) == [("username", "ann"), ("action", "connected")]


_ARGS = st.lists(st.none() | st.integers() | st.text() | st.dictionaries(st.text(), st.integers()), max_size=3)


@given(_ARGS)
def test_whatever_the_arguments_user_and_action_come_first_and_are_the_bridges(args: list[object]) -> None:
    message = inbound().message("ann", "move", args)
    assert list(message)[:2] == ["username", "action"]
    assert (message["username"], message["action"]) == ("ann", "move")


# A handler in between.


@pytest.mark.parametrize(
    ("frames", "apart"),
    [
        ([b'{"user":"ann"}', b'{"user":"bob"}', b'{"user":"nobody"}'], True),
        ([b'{"user":"ann"}', b'{"x":1}'], False),
        ([b'{"user":"ann"}', b"[1]"], False),
    ],
)
def test_a_burst_says_whether_all_of_it_is_for_somebody(frames: list[bytes], apart: bool) -> None:
    router = Router(user_key="user")
    [texts] = router.outbound.burst(frames)
    assert isinstance(texts, Texts)
    assert texts.to is not None
    assert texts.apart == apart == (None not in texts.to)


def test_in_one_burst_the_same_users_are_looked_up_once() -> None:
    router, asked = Router(user_key="user"), list[tuple[str, ...]]()
    look = router.outbound._sids

    def looked_up(users: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        asked.append(users)
        return look(users)

    router.outbound._sids = looked_up
    router.outbound.burst([b'{"user":["ann","bob"],"n":%d}' % n for n in range(50)])
    assert asked == [("ann", "bob")]


def test_a_message_that_a_handler_has_changed_goes_where_it_would_have_gone() -> None:
    router = Router("json", event_key="type")
    decoded = router.outbound.decode_or_none(b'{"username":"bob","type":"state","x":1}')
    assert decoded is not None
    message = decoded[0]
    del message["username"]
    message["type"] = "other"
    (delivery,) = router.outbound.default(*decoded)
    assert (delivery.event, delivery.to) == ("state", ("b1",))
    assert delivery.payload.json == b'{"username":"bob","type":"state","x":1}'


@pytest.mark.parametrize(("payload", "message"), [("text", '{"a":1}'), ("json", {"a": 1}), ("bytes", b'{"a":1}')])
def test_a_handler_is_given_a_message_as_clients_are(payload: str, message: object) -> None:
    decoded = Router(payload).outbound.decode_or_none(b'{"a":1}')
    assert decoded is not None
    assert decoded[0] == message


def test_a_handler_is_not_given_what_is_refused() -> None:
    router = Router("json")
    assert router.outbound.decode_or_none(b"nonsense") is None
    assert router.counted() == {"not_json": 1}
