"""Stock clients, Node's and Python's, by polling, by upgrade and by WebSocket: what an application can tell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.behaviour.sites import Site, Sites
from tests.behaviour.stock import TRANSPORTS, Client, Stock

Open = Callable[..., Client]

VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 12345678901, "", "å€😀", "\x00\x1e\x7f\u2028", [], {}, [[], [{}]],
    {"a": {"b": [1, "2", None]}, "": 0}, "x" * 5000, '"4\\',
]  # fmt: skip


@pytest.fixture
def at(sites: Sites, engine: str) -> Site:
    """Python's client may wait for the next ping before it goes."""
    return sites.get(engine, "stock")


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["node", "python"])
def connect(request: pytest.FixtureRequest, at: Site, stock: Stock, transport: str) -> Any:
    """Opens clients of one kind, which leave at the end. Of those that upgrade, each has when it is returned."""
    with ExitStack() as clients:

        def connect(namespace: str = "/", auth: Any = None, wait: bool = True) -> Client:
            client = stock.client(at, request.param, TRANSPORTS[transport], namespace, auth)
            clients.enter_context(client)
            if wait:
                assert client.sid
            if wait and transport == "upgrade" and request.param == "node":
                client.said.wait(lambda line: "upgrade" in line)
            return client

        yield connect


def test_it_connects_by_the_transports_that_it_wants(connect: Open, transport: str) -> None:
    ann = connect()
    (seen,) = ann.ask("who")
    assert seen["sid"] == ann.sid
    assert seen["namespace"] == "/"
    assert seen["transport"] == ("polling" if transport == "polling" else "websocket")
    assert (seen["path"], seen["method"], seen["address"]) == ("/socket.io/", "GET", "127.0.0.1")


def test_acks_have_what_the_handler_returned(connect: Open) -> None:
    ann = connect()
    assert ann.ask("echo") == []
    assert ann.ask("nothing") == []
    assert ann.ask("echo", *VALUES) == VALUES
    for value in VALUES:
        assert ann.ask("echo", value) == [value]


def test_acks_come_in_the_order_of_their_events(connect: Open) -> None:
    ann = connect()
    for n in range(200, 212):
        ann.emit("echo", n, ack=n)
    ann.ask("echo")
    assert [line["answer"] for line in ann.said.entries if line.get("ack", 0) >= 200] == [[n] for n in range(200, 212)]


def test_binary_goes_both_ways_at_any_depth(connect: Open) -> None:
    ann = connect()
    everything = bytes(range(256))
    args = [everything, b"", {"a": [everything, {"b": b"\x00"}]}, "text", [b"1", b"2"]]
    assert ann.ask("echo", *args) == args
    ann.emit("say", *args)
    assert ann.got("said") == args


def test_large_messages_go_both_ways(connect: Open) -> None:
    ann = connect()
    text, data = "å" * 12_000, bytes(60_000)
    assert ann.ask("echo", text) == [text]
    assert ann.ask("echo", data) == [data]


def test_rooms_have_those_who_joined(connect: Open) -> None:
    ann, bob, eve = connect(), connect(), connect()
    room = "room of " + ann.sid
    assert ann.ask("join", room) == [[room]]
    assert bob.ask("join", room) == [[room]]
    ann.emit("tell", room, 1, b"2")
    assert [ann.got("told"), bob.got("told")] == [[1, b"2"]] * 2
    assert bob.ask("leave", room) == [[]]
    eve.emit("tell", room, "again")
    ann.said.wait(lambda line: line.get("args") == ["again"])
    assert [one.ask("echo") for one in (bob, eve)] == [[], []]
    assert [len(one.all("told")) for one in (ann, bob, eve)] == [2, 1, 0]


def test_a_broadcast_reaches_everybody_of_its_namespace(connect: Open) -> None:
    ann, bob, eve = connect(), connect(), connect("/chat")
    mark = f"of {ann.sid}"
    ann.emit("everybody", mark)
    ann.emit("others", mark)
    for one, events in ((ann, ["all"]), (bob, ["all", "other"])):
        for event in events:
            one.said.wait(lambda line, event=event: line.get("event") == event and line["args"] == [mark])  # type: ignore[misc]
    assert [one.ask("echo") for one in (ann, eve)] == [[], []]
    assert [mark] not in ann.all("other")
    assert [mark] not in eve.all("all") + eve.all("other")


def test_the_server_may_ask_and_is_answered(connect: Open) -> None:
    ann = connect()
    ann.emit("call", 1, "zwei", b"\x03")
    assert ann.got("question") == [1, "zwei", b"\x03"]
    assert ann.got("answered") == [1, "zwei", b"\x03"]


def test_namespaces_are_apart(connect: Open) -> None:
    ann, bob = connect(), connect("/chat")
    assert bob.ask("who")[0]["namespace"] == "/chat"
    ann.emit("say", 1)
    bob.emit("say", 2)
    assert [ann.got("said"), bob.got("said")] == [[1], [2]]


def test_a_connect_that_is_rejected_is_told_why(connect: Open) -> None:
    refused = connect(auth={"refuse": ["not you", {"code": 7}]}, wait=False)
    assert refused.said.wait(lambda line: "refused" in line)["refused"] == {"message": "not you", "data": {"code": 7}}
    refused = connect(auth={"false": True}, wait=False)
    said = refused.said.wait(lambda line: "refused" in line)["refused"]
    assert said["message"] == "Connection rejected by server"
    assert connect(auth={"something": "else"}).ask("echo", 1) == [1]


def test_a_namespace_that_is_not_served_is_refused(connect: Open, at: Site) -> None:
    refused = connect("/random", wait=False)
    said = refused.said.wait(lambda line: "refused" in line)["refused"]
    if at.says("unknown namespace").startswith("{"):
        assert said["message"] == "Invalid namespace"


def test_a_client_that_leaves_is_gone(connect: Open, at: Site) -> None:
    ann = connect()
    ann.leave()
    (reason,) = at.reasons(ann.sid)
    assert reason == "client disconnect" or (ann.hasty and reason == "transport close")
    assert ann.over() in ("io client disconnect", "client disconnect")


def test_a_client_that_the_server_disconnects_is_told(connect: Open, at: Site) -> None:
    ann = connect()
    ann.emit("leave_me")
    assert ann.over() in ("io server disconnect", "server disconnect")
    assert at.reasons(ann.sid) == ["server disconnect"]


def test_a_client_whose_transport_the_server_closes_is_told(connect: Open, at: Site) -> None:
    ann = connect()
    ann.emit("hang_up")
    assert ann.over() in ("transport close", "server disconnect", "transport error")
    assert at.reasons(ann.sid) == ["server disconnect"]


def test_events_come_once_and_in_order_while_it_upgrades(connect: Open) -> None:
    ann = connect(wait=False)
    assert ann.sid
    ann.emit("stream", 150)
    for n in range(10):
        ann.emit("keep", n)
    ann.said.wait(lambda line: line.get("event") == "number" and line["args"] == [149])
    assert ann.all("number") == [[n] for n in range(150)]
    assert ann.ask("give") == [list(range(10))]


def test_a_session_s_values_are_kept(connect: Open) -> None:
    ann, bob = connect(), connect()
    ann.ask("remember", {"a": 1})
    assert ann.ask("recall") == [{"a": 1}]
    assert bob.ask("recall") == []


def test_clients_stay_connected_by_pings_of_a_second(sites: Sites, engine: str, stock: Stock) -> None:
    at = sites.get(engine, "beating")
    with ExitStack() as clients:
        pages = [
            clients.enter_context(stock.client(at, kind, transports))
            for kind in ("node", "python")
            for transports in TRANSPORTS.values()
        ]
        assert all(one.sid for one in pages)
        with pytest.raises(AssertionError, match="did not come"):
            pages[0].said.wait(lambda line: "disconnect" in line, timeout=3.5)
        for one in pages:
            assert one.ask("echo", 1) == [1]
            assert not [line for line in one.said.entries if "disconnect" in line]


def test_a_client_hears_the_end_of_the_server(engine: str, stock: Stock) -> None:
    with ExitStack() as clients:
        at = Site(engine)
        pages = [
            clients.enter_context(stock.client(at, kind, transports))
            for kind in ("node", "python")
            for transports in TRANSPORTS.values()
        ]
        assert all(one.sid for one in pages)
        at.close()
        assert {one.over() for one in pages} <= {"transport close", "transport error"}
