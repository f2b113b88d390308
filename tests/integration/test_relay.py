"""Browser to server and back: presence, identities, acks and routes, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client import Client
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


class Setup:
    """A bridge with its link up."""

    def __init__(self, server: TcpServer, *flags: str) -> None:
        self.bridge = Bridge("--server", server.address, *flags)
        self.peer: Peer = server.accept()

    def __enter__(self) -> Setup:
        return self

    def __exit__(self, *_: object) -> None:
        self.bridge.__exit__()

    def client(self, **connect: object) -> Client:
        client = Client(self.bridge.url, **connect)  # type: ignore[arg-type]
        client.linked()
        return client


@pytest.fixture(scope="module")
def usual() -> Iterator[Setup]:
    """One that is shared, for tests that leave it as it was."""
    with TcpServer() as server, Setup(server) as at:
        yield at


@pytest.fixture(scope="module")
def registering() -> Iterator[Setup]:
    """The same, where users register."""
    with TcpServer() as server, Setup(server, "--identity", "register") as at:
        yield at


def test_an_event_reaches_the_server_as_one_compact_object_with_its_keys_in_order(server: TcpServer) -> None:
    with Setup(server) as at, at.client() as ann:
        assert ann.ask("move", {"x": 1, "y": [2, None]}) == {"ok": True}
        frame = at.peer.frames.wait(lambda f: b"move" in f)
        assert frame == f'{{"username":"{ann.sid}","action":"move","x":1,"y":[2,null]}}'.encode()


@pytest.mark.parametrize(
    ("args", "keys"),
    [
        ((), b""),
        (({"a": 1},), b',"a":1'),
        (({},), b""),
        ((None,), b',"data":null'),
        (([1, 2],), b',"data":[1,2]'),
        (("text",), b',"data":"text"'),
        ((1.5,), b',"data":1.5'),
        ((True,), b',"data":true'),
        ((b"\x00\xff",), b',"data":{"_binary":"AP8="}'),
        (({"deep": [b"hi"]},), b',"deep":[{"_binary":"aGk="}]'),
        (({"a": 1}, "b"), b',"args":[{"a":1},"b"]'),
        ((1, 2, 3), b',"args":[1,2,3]'),
        (({"username": "eve", "action": "win", "x": 1},), b',"x":1'),
        (({"päivä": "ä\u2028\U0001f600"},), ',"päivä":"ä\u2028\U0001f600"'.encode()),
    ],
)
def test_arguments_become_keys(usual: Setup, args: tuple[object, ...], keys: bytes) -> None:
    with usual.client() as ann:
        assert ann.ask("go", *args)["ok"]
        frame = usual.peer.frames.wait(lambda f: b'"go"' in f and ann.sid.encode() in f)
        assert frame == b'{"username":"' + ann.sid.encode() + b'","action":"go"' + keys + b"}"


def test_a_thousand_arguments_arrive(server: TcpServer) -> None:
    with Setup(server) as at, at.client() as ann:
        assert ann.ask("many", *range(1000))["ok"]
        assert at.peer.message(action="many")["args"] == list(range(1000))


def test_stripped_keys_are_counted_and_the_keys_can_be_renamed(server: TcpServer) -> None:
    with (
        Setup(
            server, "--user-key", "player", "--action-key", "type", "--connected", "joined", "--disconnected", "left"
        ) as at,
        at.client() as ann,
    ):
        at.client().close()
        at.peer.message(type="left")
        at.peer.message(player=ann.sid, type="joined")
        assert ann.ask("go", {"player": "eve", "type": "x", "username": "kept"})["ok"]
        assert at.peer.message(type="go") == {"player": ann.sid, "type": "go", "username": "kept"}
        assert at.bridge.counter("keys_stripped") == 2


OWN = ["bridge:link", "bridge:", "connected", "disconnected"]
SOCKET_IO = ["*", "connect", "disconnect", "connect_error", "newListener", "removeListener"]


@pytest.mark.parametrize("name", ["", "x" * 129, "x" * 10_000, "a\nb", "\x00", *SOCKET_IO, *OWN])
def test_a_bad_event_name_is_refused_and_nothing_else_happens(usual: Setup, name: str) -> None:
    refused = usual.bridge.counter("refused_bad_event")
    with usual.client() as ann:
        sid = ann.sid
        ann.sio._send_packet(ann.sio.packet_class(2, data=[name, 1], namespace="/", id=77))
        assert ann.ask("after") == {"ok": True}
        assert usual.bridge.counter("refused_bad_event") == refused + 1
    usual.peer.message(username=sid, action="disconnected")
    said = [m["action"] for m in usual.peer.messages if m["username"] == sid]
    assert said == ["connected", "after", "disconnected"]


def test_a_bad_name_is_answered_with_its_code(server: TcpServer) -> None:
    with Setup(server) as at, at.client() as ann:
        answer = ann.ask("bridge:x")
        assert answer["ok"] is False
        assert answer["error"] == "bad-event"
        assert isinstance(answer["message"], str)


def test_under_identity_none_there_is_no_user_key_no_presence_and_all_goes_to_all(server: TcpServer) -> None:
    with Setup(server, "--identity", "none") as at, at.client() as ann, at.client() as bob:
        assert ann.ask("connected", {"username": "eve", "x": 1})["ok"]
        assert ann.ask("register", "ann")["ok"]
        at.peer.send(b'{"username":"nobody","n":1}~')
        assert ann.got("message") == bob.got("message") == '{"username":"nobody","n":1}'
        assert at.peer.first(2) == [{"action": "connected", "x": 1}, {"action": "register", "data": "ann"}]
        assert ann.all("bridge:user") == []


def test_presence_under_sid_comes_first_and_goes_last(server: TcpServer) -> None:
    with Setup(server) as at:
        with at.client() as ann:
            sid = ann.sid
            ann.got("bridge:user", {"user": sid})
            ann.emit("a")
            assert ann.ask("b", {"n": 2})["ok"]
        at.peer.message(action="disconnected")
        assert at.peer.messages == [
            {"username": sid, "action": "connected"},
            {"username": sid, "action": "a"},
            {"username": sid, "action": "b", "n": 2},
            {"username": sid, "action": "disconnected"},
        ]


def test_before_register_nothing_is_taken_and_nothing_is_said_of_the_client(server: TcpServer) -> None:
    with Setup(server, "--identity", "register") as at:
        with at.client() as ann:
            assert ann.ask("move", 1)["error"] == "not-registered"
        with at.client() as bob:
            assert bob.ask("register", "bob") == {"ok": True, "user": "bob"}
            bob.got("bridge:user", {"user": "bob"})
            assert bob.ask("move", 1)["ok"]
        at.peer.message(action="disconnected")
        assert [(m["username"], m["action"]) for m in at.peer.messages] == [
            ("bob", "connected"), ("bob", "move"), ("bob", "disconnected"),
        ]  # fmt: skip


def test_two_tabs_of_one_user_are_announced_once_and_taken_leave_of_once(server: TcpServer) -> None:
    with Setup(server, "--identity", "register") as at:
        first, second = at.client(), at.client()
        assert first.ask("register", "ann")["ok"]
        assert second.ask("register", {"username": " ann "}) == {"ok": True, "user": "ann"}
        at.peer.send_json({"username": "ann", "n": 1})
        assert first.got("message") == second.got("message")
        first.close()
        assert second.ask("still", 1)["ok"]
        at.peer.send_json({"username": "ann", "n": 2})
        second.got("message", '{"username": "ann", "n": 2}')
        second.close()
        at.peer.message(action="disconnected")
        assert [m["action"] for m in at.peer.messages] == ["connected", "still", "disconnected"]


def test_each_tab_of_a_user_is_told_who_it_is(server: TcpServer) -> None:
    with Setup(server, "--identity", "register") as at, at.client() as first, at.client() as second:
        for tab in (first, second):
            assert tab.ask("register", "ann")["ok"]
            tab.got("bridge:user", {"user": "ann"})
        assert first.all("bridge:user") == second.all("bridge:user") == [{"user": "ann"}]


def test_the_same_name_again_is_nothing_and_another_name_changes_the_user(server: TcpServer) -> None:
    with Setup(server, "--identity", "register") as at, at.client() as ann:
        for name in ("ann", "ann", "eve"):
            assert ann.ask("register", name) == {"ok": True, "user": name}
        assert ann.ask("done")["ok"]
        assert [(m["username"], m["action"]) for m in at.peer.first(4)] == [
            ("ann", "connected"), ("ann", "disconnected"), ("eve", "connected"), ("eve", "done"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 129, "x" * 1_000_000, "a\x00b", "a\nb", 5, None, ["ann"], {}, {"username": 7}]
)
def test_a_bad_user_name_is_refused(registering: Setup, name: object) -> None:
    before = len(registering.peer.messages)
    with registering.client() as ann:
        assert ann.ask("register", name)["error"] == "bad-user"
        good = f"user {ann.sid}"
        assert ann.ask("register", good)["ok"]
    registering.peer.message(username=good, action="disconnected")
    assert registering.peer.messages[before:] == [
        {"username": good, "action": "connected"},
        {"username": good, "action": "disconnected"},
    ]


def test_two_ways_to_type_a_name_are_one_user(server: TcpServer) -> None:
    with Setup(server, "--identity", "register") as at, at.client() as ann:
        assert ann.ask("register", "Ju\u0308rgen") == {"ok": True, "user": "J\u00fcrgen"}


def test_register_is_acked_while_the_link_is_down_and_events_say_link_down() -> None:
    with TcpServer() as server:
        address = server.address
    refuse = ("--when-down", "refuse")
    with Bridge("--server", address, "--identity", "register", *refuse) as bridge, Client(bridge.url) as ann:
        ann.linked("waiting")
        assert ann.ask("register", "ann") == {"ok": True, "user": "ann"}
        assert ann.ask("move", 1)["error"] == "link-down"


def test_a_message_goes_to_the_user_it_names_to_each_once_or_to_all(server: TcpServer) -> None:
    with Setup(server, "--identity", "register") as at, at.client() as ann, at.client() as bob:
        assert ann.ask("register", "ann")["ok"]
        assert bob.ask("register", "bob")["ok"]
        frames = [
            b'{"username":"ann","n":1}',
            b'{"username":["bob","ann","bob","stranger"],"n":2}',
            b'{"username":[],"n":3}',
            b'{"username":"stranger","n":4}',
            b'{"username":true,"n":5}',
            b'{"username":["ann",{}],"n":6}',
            b'{"us\\u0065rname":"bob","n":7}',
            b'{"username":"ann","username":"bob","n":8}',
            b'["username","ann"]',
            b'"username"',
            b"17",
            b"plain words",
            b"",
            b'{"n":9}',
        ]
        at.peer.send(b"~".join(frames) + b"~")
        everybody = ['["username","ann"]', '"username"', "17", "plain words", "", '{"n":9}']
        ann.got("message", '{"n":9}')
        bob.got("message", '{"n":9}')
        assert ann.all("message") == [frames[0].decode(), frames[1].decode(), *everybody]
        assert bob.all("message") == [frames[1].decode(), frames[6].decode(), frames[7].decode(), *everybody]
        counters = at.bridge.status()["counters"]
        assert counters["unknown_users"] == 2
        assert counters["bad_user_key"] == 2


def test_the_event_name_comes_from_the_settings_or_from_a_field(server: TcpServer) -> None:
    with Setup(server, "--event", "state", "--event-key", "type") as at, at.client() as ann:
        names = ["tick", "", "x" * 129, "connect", "bridge:link", "*", "a\x01", 5]
        at.peer.send_json(*[{"type": name} for name in names], {"other": 1}, [1])
        ann.got("state", "[1]")
        events = [name for name, _ in ann.events.entries if not name.startswith("bridge:")]
        assert events == ["tick"] + ["state"] * 9
        assert ann.all("tick") == ['{"type": "tick"}']


def test_events_of_one_client_keep_their_order(server: TcpServer) -> None:
    with Setup(server) as at, at.client() as ann:
        for n in range(2000):
            ann.emit("n", n)
        assert ann.ask("end")["ok"]
        at.peer.message(action="end")
        assert [m["data"] for m in at.peer.messages if m["action"] == "n"] == list(range(2000))


def test_messages_in_one_burst_and_across_reads_keep_their_order(server: TcpServer) -> None:
    with Setup(server) as at, at.client() as ann:
        data = b"".join(b'{"n":%d}~' % n for n in range(5000))
        for start in range(0, len(data), 7919):
            at.peer.send(data[start : start + 7919])
        ann.got("message", '{"n":4999}')
        assert ann.all("message") == [f'{{"n":{n}}}' for n in range(5000)]


def test_after_a_disconnect_packet_the_user_is_gone_at_once(server: TcpServer) -> None:
    with Setup(server) as at:
        ann = at.client()
        ann.sio._send_packet(ann.sio.packet_class(1, namespace="/"))
        at.peer.message(action="disconnected")
        assert at.bridge.status()["clients"] == 0
        ann.close()


def test_a_polling_client_gets_and_sends_the_same(server: TcpServer) -> None:
    with Setup(server) as at, at.client(transports=["polling"]) as ann:
        assert ann.ask("move", {"x": 1}) == {"ok": True}
        at.peer.send(b'{"n":1}~')
        assert ann.got("message") == '{"n":1}'
