"""What events' handlers return, and what becomes of it, over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.handlers import Handled, written
from tests.tcpserver import TcpServer

RETURNS = """
import itertools

def setup(bridge):
    returns = {
        "nothing": None,
        "object": {"b": 1, "a": "~"},
        "array": [1, "~", None],
        "text": "as it is, \\u00e4",
        "raw": b"\\x00\\xff raw",
        "text-with-delimiter": "a~b",
        "bytes-with-delimiter": b"a~b",
        "number": 5,
        "tuple": ({"a": 1}, {"a": 2}),
        "object-with-bytes": {"data": b"hi"},
    }
    for name, value in returns.items():
        bridge.on_event(name)(lambda client, value=value: value)

    @bridge.on_event("several")
    def several(client, tag):
        yield {"tag": tag, "n": 0}
        yield f"{tag} one"
        yield f"{tag} two".encode()
        yield [tag, 3]

    @bridge.on_event("an-empty-iterator")
    def an_empty_iterator(client):
        yield from ()

    @bridge.on_event("iterator-of-bad-ones")
    def iterator_of_bad_ones(client):
        yield {"n": 0}
        yield "a~b"

    @bridge.on_event("fails-halfway")
    def fails_halfway(client):
        yield {"n": 0}
        raise OSError("no more")

    @bridge.on_event("endless")
    def endless(client):
        return ({"n": n} for n in itertools.count())

    @bridge.on_event("binary")
    def binary(client, data, deep):
        inner = deep["inner"][0]
        return {"types": [type(data).__name__, type(inner).__name__], "hex": data.hex() + inner.hex()}

    @bridge.on_event("fails")
    def fails(client, what):
        return {"length": len(what)}

    @bridge.on_event("exits")
    def exits(client):
        raise SystemExit("enough")

    @bridge.on_event("refuses")
    def refuses(client):
        raise bridge.Refused("bad-event", "only on Sundays")

    @bridge.on_event("refuses-strangely")
    def refuses_strangely(client):
        raise bridge.Refused("too-late", "it is over")

    @bridge.on_event("who")
    def who(client):
        client.state["asked"] = client.state.get("asked", 0) + 1
        return {
            "sid": client.sid, "user": client.user, "address": client.address,
            "clients": [one.sid for one in client.clients], "asked": client.state["asked"],
            "all": len(bridge.clients), "users": list(bridge.users),
        }
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handled]:
    path = written(tmp_path_factory.mktemp("returns"), RETURNS)
    with TcpServer() as server, Handled(server, [path]) as at:
        yield at


@pytest.fixture
def ann(at: Handled) -> Iterator[Client]:
    with at.client() as client:
        yield client


@pytest.mark.parametrize(
    ("event", "frames"),
    [
        ("nothing", []),
        ("object", [rb'{"b":1,"a":"\u007e"}']),
        ("array", [rb'[1,"\u007e",null]']),
        ("text", ["as it is, ä".encode()]),
        ("raw", [b"\x00\xff raw"]),
        ("an-empty-iterator", []),
        ("object-with-bytes", [b'{"data":{"_binary":"aGk="}}']),
    ],
)
def test_what_a_handler_returns_is_what_the_server_gets(
    at: Handled, ann: Client, event: str, frames: list[bytes]
) -> None:
    assert at.frames_of(ann, event) == frames


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ("text-with-delimiter", "delimiter-in-frame"),
        ("bytes-with-delimiter", "delimiter-in-frame"),
        ("iterator-of-bad-ones", "delimiter-in-frame"),
        ("number", "handler-error"),
        ("tuple", "handler-error"),
        ("fails-halfway", "handler-error"),
        ("exits", "handler-error"),
        ("endless", "too-big"),
        ("refuses", "bad-event"),
        ("refuses-strangely", "handler-error"),
    ],
)
def test_what_cannot_be_sent_is_refused_whole_and_counted(at: Handled, ann: Client, event: str, code: str) -> None:
    refused = at.bridge.counter("refused_" + code.replace("-", "_"))
    before = len(at.peer.frames.entries)
    answer = ann.ask(event)
    assert (answer["ok"], answer["error"]) == (False, code)
    assert at.bridge.counter("refused_" + code.replace("-", "_")) == refused + 1
    assert at.frames_of(ann, "object") == [rb'{"b":1,"a":"\u007e"}']  # the next event works
    sent = b"\n".join(at.peer.frames.entries[before:])
    assert b'"n"' not in sent
    assert b"a~b" not in sent


def test_a_refusal_with_a_code_that_is_none_is_a_handler_error_whose_log_lists_the_codes(
    at: Handled, ann: Client
) -> None:
    assert ann.ask("refuses-strangely")["error"] == "handler-error"
    assert "bad-event, too-big, not-json" in at.bridge.said("'too-late' is no code of a refusal")


def test_what_a_handler_refuses_on_purpose_is_acked_in_its_words(ann: Client) -> None:
    assert ann.ask("refuses") == {"ok": False, "error": "bad-event", "message": "only on Sundays"}


def test_a_handler_that_fails_is_logged_with_its_traceback_counted_and_acked(at: Handled, ann: Client) -> None:
    failed = at.bridge.counter("handler_errors")
    answer = ann.ask("fails", 5)
    assert (answer["ok"], answer["error"]) == (False, "handler-error")
    assert "TypeError" in answer["message"]
    at.bridge.said("the handler setup.<locals>.fails failed")
    at.bridge.said('return {"length": len(what)}')
    at.bridge.said("TypeError: object of type 'int' has no len()")
    assert at.bridge.counter("handler_errors") == failed + 1
    assert at.frames_of(ann, "fails", "four") == [b'{"length":4}']


def test_arguments_that_do_not_fit_the_function_are_a_handler_error(ann: Client) -> None:
    assert ann.ask("fails")["error"] == "handler-error"
    assert ann.ask("fails", 1, 2, 3)["error"] == "handler-error"


def test_binary_arguments_arrive_as_bytes_wherever_they_are(at: Handled, ann: Client) -> None:
    frames = at.frames_of(ann, "binary", b"\x00\xff", {"inner": [b"~"]})
    assert frames == [b'{"types":["bytes","bytes"],"hex":"00ff7e"}']


def test_an_iterators_frames_come_in_order_with_nothing_between_them(at: Handled, ann: Client) -> None:
    with at.client() as bob:
        start = len(at.peer.frames.entries)

        def several(client: Client, name: str) -> None:
            for n in range(50):
                client.emit("several", f"{name}{n}")
                client.emit(f"between-{name}")

        both = [threading.Thread(target=several, args=pair) for pair in ((ann, "a"), (bob, "b"))]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert ann.ask("last")["ok"]
        assert bob.ask("last")["ok"]
        at.peer.frames.wait(lambda f: b'"last"' in f and bob.sid.encode() in f, start=start)
        frames = at.peer.frames.entries[start:]
    firsts = [index for index, frame in enumerate(frames) if frame.startswith(b'{"tag"')]
    assert len(firsts) == 100
    for first in firsts:
        tag = frames[first].split(b'"')[3]
        assert frames[first + 1 : first + 4] == [tag + b" one", tag + b" two", b'["' + tag + b'",3]']


def test_a_handler_knows_its_client_and_keeps_state_for_it(at: Handled, ann: Client) -> None:
    with at.client() as bob:
        for asked in (1, 2):
            assert ann.ask("who")["ok"]
            told = at.peer.message(sid=ann.sid, asked=asked)
            assert (told["user"], told["address"], told["clients"]) == (ann.sid, "127.0.0.1", [ann.sid])
            assert told["all"] == 2
            assert told["users"] == [ann.sid, bob.sid]
        assert bob.ask("who")["ok"]
        assert at.peer.message(sid=bob.sid)["asked"] == 1


def test_an_event_without_a_handler_is_relayed_as_ever(at: Handled, ann: Client) -> None:
    [frame] = at.frames_of(ann, "unheard-of", {"x": 1})
    assert frame == b'{"username":"%b","action":"unheard-of","x":1}' % ann.sid.encode()


def test_the_first_event_of_each_name_that_no_handler_takes_is_told(at: Handled) -> None:
    with at.client() as bob:
        for name in ("unhandled-one", "unhandled\ntwo", "unhandled-one"):
            bob.ask(name)
        bob.ask("unhandled-binary", b"x")
    assert "--unhandled drop refuses such" in at.bridge.said("the event 'unhandled-one' is relayed though no handler")
    at.bridge.said("the event 'unhandled-binary' is relayed though no handler")
    told = [line for line in at.bridge.log.entries if "relayed though" in line]
    assert len([line for line in told if "unhandled-one" in line]) == 1


def test_unhandled_drop_refuses_what_no_handler_takes_and_counts_it(tmp_path: Path) -> None:
    text = "def setup(bridge):\n    bridge.on_event('go')(lambda client: {'went': 1})\n"
    with TcpServer() as server:
        at = Handled(server, [written(tmp_path, text)], "--unhandled", "drop")
        with at, at.client() as ann:
            answer = ann.ask("elsewhere", {"x": 1})
            assert (answer["ok"], answer["error"]) == (False, "bad-event")
            assert "elsewhere" in answer["message"]
            assert at.bridge.counter("refused_bad_event") == 1
            assert ann.ask("go") == {"ok": True}
            at.peer.message(went=1)
            assert not any(b"elsewhere" in frame for frame in at.peer.frames.entries)


def test_a_frame_of_exactly_the_limit_is_sent_and_one_byte_more_is_too_big(tmp_path: Path) -> None:
    text = "def setup(bridge):\n    bridge.on_event('fill')(lambda client, n: 'x' * n)\n"
    with TcpServer() as server:
        at = Handled(server, [written(tmp_path, text)], "--max-frame", "1000")
        with at, at.client() as ann:
            assert ann.ask("fill", 1000) == {"ok": True}
            at.peer.frames.wait(lambda f: f == b"x" * 1000)
            assert ann.ask("fill", 1001)["error"] == "too-big"
