"""What `on_message` returns, what is emitted from elsewhere, and who gets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.client import Client
from tests.handlers import Handled, written
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

MESSAGES = """
import threading

def setup(bridge):
    Emit, known = bridge.Emit, {}

    @bridge.on_event("me")
    def me(client):
        known["me"] = client

    @bridge.on_event("answer")
    def answer(client, payload):
        bridge.emit("answer", payload, to=client)

    @bridge.on_message
    def said(message):
        if not isinstance(message, dict):
            return Emit("other", {"got": message})
        to, do = message.get("to"), message.get("do")
        if do == "drop":
            return None
        if do == "one":
            return Emit("private", message["x"], to=to)
        if do == "both":
            return [Emit("private", {"x": 1}, to=to), Emit("summary", {"users": 1}), bridge.DEFAULT, None]
        if do == "client":
            return Emit("private", "by client", to=known["me"])
        if do == "many":
            return Emit("private", "many", to=[*to, known["me"], "nobody"])
        if do == "within":
            bridge.emit("first", 1)
            return Emit("second", 2)
        if do == "bytes":
            return Emit("bytes", {"data": [b"\\x00\\xff"]})
        if do == "fail":
            raise LookupError("nowhere to be found")
        if do == "exit":
            raise SystemExit(3)
        if do == "number":
            return 5
        if do == "half":
            return [Emit("half", 1), "what is this"]
        return bridge.DEFAULT

    def elsewhere():
        bridge.send({"from": "thread"})
        bridge.send(str(n) for n in range(3))
        bridge.emit("news", {"from": "thread"})

    @bridge.app.post("/thread")
    def thread():
        threading.Thread(target=elsewhere).start()
        return "started"

    @bridge.app.post("/route/<user>")
    def route(user):
        try:
            bridge.send({"from": "route", "users": list(bridge.users)})
        except bridge.Refused as error:
            return {"error": error.code}, 503
        bridge.emit("news", {"from": "route"}, to=user)
        bridge.emit("news", {"from": "route", "to": "all"})
        return {"sent": True}
"""


class Both:
    """Two clients of different users, and the bridge."""

    def __init__(self, at: Handled) -> None:
        self.at, self.ann, self.bob = at, at.client(), at.client()
        for client in (self.ann, self.bob):
            at.peer.message(username=client.sid, action="connected")

    def said(self, *messages: object) -> None:
        """The server says these, and both clients have had all that came of it."""
        end = f"end {len(self.ann.events.entries)}"
        self.at.peer.send_json(*messages, end)
        for client in (self.ann, self.bob):
            client.got("other", {"got": end})

    def got(self, client: Client) -> list[tuple[str, object]]:
        """The client's events but for the bridge's own and the ends."""
        return [(name, value) for name, value in client.events.entries if name != "other" and ":" not in name]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("messages"), MESSAGES)


@pytest.fixture(scope="module")
def at(path: Path) -> Iterator[Handled]:
    with TcpServer() as server, Handled(server, [path], "--payload", "json") as at:
        yield at


@pytest.fixture
def both(at: Handled) -> Iterator[Both]:
    both = Both(at)
    with both.ann, both.bob:
        yield both


def test_none_drops_and_default_routes_as_if_there_were_no_handler(both: Both) -> None:
    both.said({"do": "drop"}, {"do": "x"}, {"do": "x", "username": both.bob.sid})
    assert both.got(both.ann) == [("message", {"do": "x"})]
    assert both.got(both.bob) == [("message", {"do": "x"}), ("message", {"do": "x", "username": both.bob.sid})]


def test_one_message_becomes_a_private_part_and_a_summary_and_itself_in_that_order(both: Both) -> None:
    message = {"do": "both", "to": both.ann.sid}
    both.said(message)
    assert both.got(both.ann) == [("private", {"x": 1}), ("summary", {"users": 1}), ("message", message)]
    assert both.got(both.bob) == [("summary", {"users": 1}), ("message", message)]


@pytest.mark.parametrize("payload", [None, 1, "text", [1, [2]], {"a": "ä\u2028"}, True])
def test_an_emitted_payload_is_one_argument_of_any_json_type(both: Both, payload: object) -> None:
    both.said({"do": "one", "to": both.ann.sid, "x": payload})
    assert both.got(both.ann) == [("private", payload)]
    assert both.got(both.bob) == []


def test_bytes_may_be_anywhere_in_an_emitted_payload(both: Both) -> None:
    both.said({"do": "bytes"})
    assert both.got(both.bob) == [("bytes", {"data": [b"\x00\xff"]})]


def test_a_client_or_a_list_of_users_and_clients_can_be_emitted_to_each_once(both: Both) -> None:
    assert both.ann.ask("me")["ok"]
    unknown = both.at.bridge.counter("unknown_users")
    both.said({"do": "client"}, {"do": "many", "to": [both.ann.sid, both.bob.sid, both.bob.sid]})
    assert both.got(both.ann) == [("private", "by client"), ("private", "many")]
    assert both.got(both.bob) == [("private", "many")]
    assert both.at.bridge.counter("unknown_users") == unknown + 1


def test_what_a_handler_emits_on_its_way_comes_before_what_it_returns(both: Both) -> None:
    both.said({"n": 1}, {"do": "within"}, {"n": 2})
    assert both.got(both.ann) == [("message", {"n": 1}), ("first", 1), ("second", 2), ("message", {"n": 2})]


@pytest.mark.parametrize(
    ("do", "logged"),
    [
        ("fail", "LookupError: nowhere"),
        ("exit", "SystemExit: 3"),
        ("number", "TypeError: on_message returns None, Emit"),
        ("half", "TypeError: on_message returns None, Emit"),
    ],
)
def test_a_message_whose_handler_fails_reaches_nobody_and_the_next_one_does(both: Both, do: str, logged: str) -> None:
    failed = both.at.bridge.counter("handler_errors")
    both.said({"n": 1}, {"do": do}, {"n": 2})
    assert both.got(both.ann) == [("message", {"n": 1}), ("message", {"n": 2})]
    assert both.at.bridge.counter("handler_errors") == failed + 1
    both.at.bridge.said("the handler setup.<locals>.said failed")
    both.at.bridge.said(logged)


def test_an_event_can_be_answered_to_its_client_alone(both: Both) -> None:
    assert both.ann.ask("answer", {"x": [b"hi"]}) == {"ok": True}
    assert both.ann.got("answer") == {"x": [b"hi"]}
    both.said()
    assert both.got(both.bob) == []


def test_a_flask_route_sends_and_emits(both: Both) -> None:
    answer = requests.post(f"{both.at.bridge.url}/route/{both.ann.sid}", timeout=PATIENCE)
    assert answer.json() == {"sent": True}
    assert both.at.peer.message(**{"from": "route"})["users"] == [both.ann.sid, both.bob.sid]
    both.said()
    assert both.got(both.ann) == [("news", {"from": "route"}), ("news", {"from": "route", "to": "all"})]
    assert both.got(both.bob) == [("news", {"from": "route", "to": "all"})]


def test_a_thread_sends_and_emits(both: Both) -> None:
    start = len(both.at.peer.frames.entries)
    requests.post(f"{both.at.bridge.url}/thread", timeout=PATIENCE)
    assert both.ann.got("news") == {"from": "thread"}
    assert both.bob.got("news") == {"from": "thread"}
    both.at.peer.frames.wait(lambda f: f == b"2", start=start)
    assert both.at.peer.frames.entries[start:] == [b'{"from":"thread"}', b"0", b"1", b"2"]


def test_sending_while_the_link_is_down_is_refused_where_it_is_tried(path: Path) -> None:
    with TcpServer() as server, Handled(server, [path], "--when-down", "refuse") as at, at.client() as ann:
        server.close()
        ann.linked("waiting")
        answer = requests.post(f"{at.bridge.url}/route/ann", timeout=PATIENCE)
        assert (answer.status_code, answer.json()) == (503, {"error": "link-down"})
        assert ann.ask("answer", 1) == {"ok": True}  # nothing for the server, so nothing to refuse


@pytest.mark.parametrize(("payload", "got"), [("text", '{"n": 1}'), ("bytes", b'{"n": 1}'), ("json", {"n": 1})])
def test_a_message_comes_decoded_as_the_payload_setting_says(tmp_path: Path, payload: str, got: object) -> None:
    text = "def setup(bridge):\n    bridge.on_message(lambda m: bridge.Emit('got', [type(m).__name__, m]))\n"
    with TcpServer() as server:
        at = Handled(server, [written(tmp_path, text)], "--payload", payload)
        with at, at.client() as ann:
            at.peer.send(b'{"n": 1}~')
            assert ann.got("got") == [type(got).__name__, got]
