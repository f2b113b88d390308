"""What looks like an object of JSON and can't be read may be for one user: nobody else ever gets it."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.counters import Counters
from bridge.decoding import DECODE
from bridge.messages import Delivery, PayloadMode, Texts
from bridge.relay.json_lookalike import looks_like_object, worth_a_look
from bridge.relay.routing import Routing, RoutingOptions
from bridge.relay.undelivered import Undelivered
from tests.unit.amount import some
from tests.unit.relays import singly

PAYLOADS = ["text", "json", "bytes"]

#: What an object becomes in the hands of servers that write it otherwise, and what cuts and joins make of it.
SPOILT = [
    '{"username":"ann","pin":2',
    '{"userna',
    "{",
    'ername":"ann","pin":2}',
    '":"ann","pin":2}',
    "}",
    '":"ann","pin":"2',
    'x{"username":"ann"}',
    '{"username":"ann"}x',
    'x{"username":"ann"}x',
    '{"username":"ann"}{"username":"ann"}',
    '{"username":"ann"}\n\0{"username":"ann"}\n\0',
    '{"x":1}{"x":2}',
    "{'username': 'ann', 'pin': None}",
    "x{'username': 'ann'}x",
    '{"username":"ann",}',
    '{username:"ann"}',
    '{"username":"ann" "pin":2}',
    '{"username" "ann"}',
    '{"username":ann}',
    '{"username":"ann","pin":0x10}',
    '{"username":"ann","pin":undefined}',
    '{"username":"ann\\x"}',
    '{"username":"ann"} // to ann',
    '/* to ann */ {"username":"ann"}',
    '// {"username":"ann"} //',
    '[{"username":"ann"},]',
    r'"{\"username\":\"ann\",\"pi',
    "\0{",
    "\ufeff\0 {x",
    '{"username":"ann",' + '"x":[' * 5000 + "]" * 5000 + "}",
    '"username":"ann"',
]


class Router:
    """An Outbound to ann and bob, each with one client."""

    def __init__(self, payload: str, refuse: bool = True, event_key: str | None = None, key: str = "username") -> None:
        self.counters = Counters()
        options = RoutingOptions(PayloadMode(payload), "message", event_key, key, refuse=refuse)
        self.outbound = Routing(options, DECODE, self.sids, self.counters, Undelivered(self.counters, lambda most: ()))

    def sids(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        found = [name for name in dict.fromkeys(names) if name in ("ann", "bob", "caf\ufffd")]
        return tuple(found), len(set(names)) - len(found)

    def burst(self, *frames: bytes) -> list[Delivery]:
        return [one for each in self.outbound.burst(frames) for one in singly(each)]


def spoilt_in_utf_16() -> list[bytes]:
    text = '{"username":"ann","pin":2}'
    return [text.encode(form) for form in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("frame", [*(text.encode() for text in SPOILT), *spoilt_in_utf_16()])
def test_what_looks_like_an_object_but_is_unreadable_goes_to_nobody_alone_or_among_others(
    payload: str, frame: bytes
) -> None:
    good = b'{"username":"bob"}'
    for burst in ([frame], [good, frame, good], [good] * 50 + [frame], [frame, b'{"x":1}'], [b"[1]", frame, b"[2]"]):
        router = Router(payload)
        to = [one.to for one in router.burst(*burst)]
        assert to == [("bob",) if each == good else None for each in burst if each != frame]
        assert router.counters["unreadable"] == (payload != "json" or not DECODE.to_text(frame)[1])


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    "frame",
    [
        b'{"username":"ann","x":NaN}',
        b'{"username":"ann","x":-Infinity}',
        b'{"username":"ann","x":' + b"9" * 5000 + b"}",
        b'{"username":"ann","x":"a\nb\x00"}',
        b'\0{"username":"ann","pin":2}',
        b'\r\n\0 {"username":"ann","pin":2}\0\0\r\n',
        b'\xef\xbb\xbf{"username":"ann"}',
        b'\0\xef\xbb\xbf {"username":"ann"}',
        b'{"username":"ann","x":"\\ud800"}',
    ],
)
def test_what_can_be_read_but_for_little_still_goes_to_its_user_alone(payload: str, frame: bytes) -> None:
    for burst in ([frame], [frame] * 3, [b'{"username":"bob"}', frame], [b"words", frame]):
        router = Router(payload)
        to = [one.to for one in router.burst(*burst)]
        strict = b"NaN" not in frame and b"Infinity" not in frame and b"a\nb" not in frame
        assert to.count(("ann",)) == (burst.count(frame) if payload != "json" or strict else 0)
        assert router.counters["unreadable"] == 0


@pytest.mark.parametrize("payload", ["text", "bytes"])
@pytest.mark.parametrize(
    "frame",
    [
        "hello", "move:1:2", "'ann'", "[1,2", '["a","b",]', '"', '"a" "b"', "a { b", "a } b", "it's 'so': yes", "5",
        '"{\\"username\\":\\"ann\\"}"', '["username",":"]', "{}", '{"x":{"username":"ann"}}', '[{"username":"ann"}]',
        "",
        "\0", "cannot open 'x': no such file", "x, 'y': z", '"said \\"so\\": yes"',
    ],
)  # fmt: skip
def test_what_does_not_look_like_an_object_or_can_be_read_goes_to_all_as_it_is(payload: str, frame: str) -> None:
    data = frame.encode()
    for burst in ([data], [data, data], [b'{"username":"bob"}', data]):
        router = Router(payload)
        assert [one.to for one in router.burst(*burst)].count(None) == burst.count(data)
        assert router.counters["unreadable"] == 0


@pytest.mark.parametrize("frame", SPOILT)
def test_told_to_broadcast_it_goes_to_all_but_not_where_values_are_promised(frame: str) -> None:
    for payload in ("text", "bytes"):
        router = Router(payload, refuse=False)
        assert [one.to for one in router.burst(frame.encode())] == [None]
        assert router.counters["unreadable"] == 0
    router = Router("json", refuse=False)
    assert router.burst(frame.encode()) == []
    assert (router.counters["not_json"], router.counters["unreadable"]) == (1, 0)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_bytes_of_a_name_or_key_that_are_no_utf8_make_it_nobodys(payload: str) -> None:
    assert Router(payload).burst(b'{"username":"caf\xe9"}') == []
    assert Router(payload).burst(b'{"username":["ann","caf\xe9"]}') == []
    assert Router(payload, key="käse").burst(b'{"k\xe4se":"ann"}') == []
    assert [one.to for one in Router(payload, key="käse").burst('{"käse":"ann"}'.encode())] == [("ann",)]


_JUNK = st.binary(max_size=6) | st.sampled_from(
    [b"\0", b"\n", b"\xef\xbb\xbf", b"x", b"#", b"[", b"]", b'"', b"'", b",", b"//", b"/*", b"1", b" ", b"\xff\xfe"]
)


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """An object for ann, and what a server or a cut has made of it."""
    value: dict[str, object] = draw(
        st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(), max_size=2)
    )
    value = {**value, "username": "ann", "pin": draw(st.integers())}
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    data = draw(
        st.sampled_from(
            [
                text.encode(errors="surrogatepass"),
                repr(value).encode(errors="surrogatepass"),
                text.replace('"', "'").encode(errors="surrogatepass"),
                text.replace("}", ",}").encode(errors="surrogatepass"),
                text.replace("{", "{/* secret */").encode(errors="surrogatepass"),
                text.encode("utf-16", errors="surrogatepass"),
                text.encode("utf-32-be", errors="surrogatepass"),
                text.encode(errors="surrogatepass") * 2,
            ]
        )
    )
    cut = draw(st.integers(0, len(data)))
    return draw(st.sampled_from([data, data[:cut], data[cut:]]))


def _is_value_of_another_kind(data: bytes) -> bool:
    """Whether it is good JSON that names nobody: an array, a text, or an object without the key."""
    try:
        value = DECODE.lenient(data.decode())
    except (ValueError, DECODE.not_json):
        return False
    return not isinstance(value, dict) or value.get("username") is None


@settings(max_examples=some(600))
@given(mutilated(), st.sampled_from(PAYLOADS), st.lists(st.sampled_from([b'{"username":"bob"}', b"[1]"]), max_size=3))
def test_however_an_object_for_ann_is_mutilated_bob_never_gets_it(
    data: bytes, payload: str, others: list[bytes]
) -> None:
    if not data.strip(b"\0\xff\xfe"):
        return  # nothing is left of it
    assert looks_like_object(data)
    to = [one.to for one in Router(payload).burst(*others, data)]
    assert to.count(None) == others.count(b"[1]")
    assert to.count(("bob",)) == others.count(b'{"username":"bob"}')


@settings(max_examples=some(300))
@given(mutilated(), _JUNK, _JUNK, st.sampled_from(["text", "bytes"]))
def test_junk_around_it_changes_nothing(data: bytes, before: bytes, after: bytes, payload: str) -> None:
    frame = before + data + after
    if not looks_like_object(frame):
        return
    for one in Router(payload).burst(frame):
        assert one.to == ("ann",) or (one.to is None and _is_value_of_another_kind(frame.strip(b"\0 \n\t\r"))), frame


@given(st.binary(max_size=80))
def test_what_is_not_worth_a_look_does_not_look_like_an_object(data: bytes) -> None:
    assert worth_a_look(data) or not looks_like_object(data)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b'{"username":"ann","pin":2', 'expecting \',\' delimiter, at byte 25: b\'{"username":"ann","pin":2\''),
        ('{"ü":1}{'.encode(), "extra data, at byte 8"),
        (b'\0\0{"a":\xff}', "expecting value, at byte 7"),
        (b'{"username":"caf\xe9"}', "not UTF-8 where it names its user"),
        (b'{"username":' + b"[" * 100_000, "nested too deeply to be read"),
    ],
)
def test_the_log_says_what_is_wrong_at_which_byte_and_what_would_let_it_pass(
    caplog: pytest.LogCaptureFixture, frame: bytes, said: str
) -> None:
    caplog.set_level(logging.WARNING)
    router = Router("bytes")
    for _ in range(3):
        assert router.burst(frame) == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert said in line
    assert "--unreadable broadcast" in line
    assert len(line) < 300
    assert router.counters["unreadable"] == 3


def test_objects_for_all_that_can_be_read_stay_in_one_piece() -> None:
    router = Router("text")
    for burst in ([b'{"x":1}'] * 9, [b'{"x":1}', b"words", b'{"y":"}"}'], [b'{"username":"ann"}', b'{"x":1}', b"[1]"]):
        assert isinstance(router.outbound.burst(burst)[0], Texts)
    assert not isinstance(router.outbound.burst([b'{"x":1}', b'{"x":'])[0], Texts)


def test_a_handler_is_given_it_and_only_what_it_leaves_to_the_settings_is_refused() -> None:
    router = Router("text")
    decoded = router.outbound.decode_or_none(b"move {x}")
    assert decoded is not None
    assert decoded[0] == "move {x}"
    assert router.counters["unreadable"] == 0
    assert router.outbound.default(*decoded) == []
    assert router.counters["unreadable"] == 1
