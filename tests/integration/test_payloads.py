"""What the server sends, as text, as a value and as bytes; what is not UTF-8, not JSON, not finite."""

from __future__ import annotations

from tests.client import Client
from tests.node_client import NodeClient
from tests.process import Bridge
from tests.tcpserver import TcpServer


def test_text_is_unchanged_and_what_is_no_utf8_is_replaced_and_counted() -> None:
    with TcpServer() as server, Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        ann.linked()
        peer.send('{"é":"\\u00e9 \U0001f600", "n": 1e400}~'.encode() + b"\xff\xfe caf\xc3~" + b"[1,2~" + b"end~")
        ann.got("message", "end")
        assert ann.all("message") == [
            '{"é":"\\u00e9 \U0001f600", "n": 1e400}',
            "�� caf�",
            "[1,2",
            "end",
        ]
        assert bridge.counter("not_utf8") == 1


def test_text_with_nan_still_goes_to_the_user_it_names_alone() -> None:
    flags = ("--identity", "register")
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge:
        peer = server.accept()
        with Client(bridge.url) as ann, Client(bridge.url) as bob:
            assert ann.ask("register", "ann")["ok"]
            assert bob.ask("register", "bob")["ok"]
            huge = b"9" * 5000
            peer.send(b'{"username":"ann","x":NaN}~{"username":"ann","x":-Infinity}~')
            peer.send(b'{"username":"ann","x":' + huge + b'}~{"username":"ann","x":"\xff"}~')
            peer.send(b'{"username":"ann","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}~end~")
            bob.got("message", "end")
            ann.got("message", "end")
            assert bob.all("message") == ["end"]
            assert [text[:24] for text in ann.all("message")][:2] == [
                '{"username":"ann","x":Na',
                '{"username":"ann","x":-I',
            ]
            assert len(ann.all("message")) == 5  # the one that is too deep to be read goes to nobody
            assert bridge.counter("not_json") == 1


def test_values_are_spliced_in_verbatim_and_what_is_no_json_is_refused() -> None:
    with TcpServer() as server, Bridge("--server", server.address, "--payload", "json") as bridge:
        peer = server.accept()
        with NodeClient(bridge.url) as ann:
            ann.connected()
            ann.got("bridge:user")
            good = [
                b'{"a": [1, 2.50, "x"], "a": 3}',
                b"[1,[2]]",
                b'"text"',
                b"17",
                b"null",
                b"true",
                b"12345678901234567890",
            ]
            bad = [b"words", b"{", b"NaN", b'{"x":Infinity}', b'"\xff"', b"", b"[" * 20_000 + b"]" * 20_000]
            peer.send(b"".join(frame + b"~" for pair in zip(good, bad, strict=True) for frame in pair) + b'"end"~')
            ann.got("message", "end")
            got = [line["args"] for line in ann.said.entries if line.get("event") == "message"]
            assert got == [
                [{"a": 3}],
                [[1, [2]]],
                ["text"],
                [17],
                [None],
                [True],
                [12345678901234567000],
                ["end"],
            ]
            assert bridge.counter("not_json") == 6
            assert bridge.counter("not_utf8") == 1


def test_verbatim_means_to_the_byte() -> None:
    """Another client than JavaScript's sees the numbers as the server wrote them."""
    import websocket

    with TcpServer() as server, Bridge("--server", server.address, "--payload", "json") as bridge:
        peer = server.accept()
        raw = websocket.create_connection(
            f"ws://127.0.0.1:{bridge.port}/socket.io/?EIO=4&transport=websocket", timeout=15
        )
        raw.recv()
        raw.send("40")
        while "bridge:user" not in str(raw.recv()):
            pass
        peer.send(b'{ "n" : 1.50e0,"big":123456789012345678901234567890 }~')
        assert str(raw.recv()).startswith('42["message",{ "n" : 1.50e0,"big":123456789012345678901234567890 },"')
        raw.close()


def test_bytes_arrive_as_binary_and_are_still_routed() -> None:
    flags = ("--payload", "bytes", "--identity", "register", "--framing-in", "length:2")
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge:
        peer = server.accept()
        with NodeClient(bridge.url) as ann, Client(bridge.url) as bob:
            assert ann.ask("register", "ann")["ok"]
            assert bob.ask("register", "bob")["ok"]
            for frame in (b"\x00\xff~", b'{"username":"bob"}', b'{"username":"bob","\xff":NaN}', b"end"):
                peer.send(len(frame).to_bytes(2, "big") + frame)
            bob.got("message", b"end")
            assert bob.all("message") == [
                b"\x00\xff~",
                b'{"username":"bob"}',
                b'{"username":"bob","\xff":NaN}',
                b"end",
            ]
            ann.got("message", {"binary": "ZW5k"})
            assert [line["args"][0]["binary"] for line in ann.said.entries if line.get("event") == "message"] == [
                "AP9+",
                "ZW5k",
            ]
