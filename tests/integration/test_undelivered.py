"""What can't be read or reaches nobody: no page gets it, and the log and the status say what it was."""

from __future__ import annotations

import pytest

from bridge.link.framing.registry import FRAMINGS, framing_out
from tests.client import Client
from tests.process import Bridge
from tests.tcpserver import TcpServer

REGISTER = ("--identity", "register")


class Two:
    """ann and bob at a bridge, and the server's connection."""

    def __init__(self, server: TcpServer, *flags: str) -> None:
        self.bridge = Bridge("--server", server.address, *REGISTER, *flags)
        self.peer = server.accept()
        self.ann, self.bob = Client(self.bridge.url), Client(self.bridge.url)
        for client, name in ((self.ann, "ann"), (self.bob, "bob")):
            assert client.ask("register", name)["ok"]

    def __enter__(self) -> Two:
        return self

    def __exit__(self, *error: object) -> None:
        for client in (self.ann, self.bob):
            client.__exit__(*error)
        self.bridge.__exit__(*error)

    def got(self, end: object) -> tuple[list[object], list[object]]:
        """What ann and bob were sent, up to this message, which is for both."""
        self.ann.got("message", end)
        self.bob.got("message", end)
        return self.ann.all("message")[:-1], self.bob.all("message")[:-1]


@pytest.mark.parametrize("payload", ["text", "json"])
def test_a_null_after_each_frame_hides_nothing(payload: str) -> None:
    with TcpServer() as server, Two(server, "--framing-in", r"\n", "--payload", payload) as two:
        two.peer.send(b'{"username":"ann","pin":1}\n\0{"username":"ann","pin":2}\n\0\n"end"\n')
        ann, bob = two.got('"end"' if payload == "text" else "end")
        assert [one for one in bob if one != "\0"] == []
        if payload == "text":
            assert ann[:2] == ['{"username":"ann","pin":1}', '\0{"username":"ann","pin":2}']
        else:
            assert ann == [{"username": "ann", "pin": 1}, {"username": "ann", "pin": 2}]


@pytest.mark.parametrize("payload", ["text", "json", "bytes"])
def test_a_private_message_that_can_not_be_read_reaches_nobody(payload: str) -> None:
    with TcpServer() as server, Two(server, "--payload", payload) as two:
        two.peer.send(b'{"username":"ann","pin":2~{"username":"ann"}{"username":"ann"}~{\'username\': \'ann\'}~"end"~')
        end = {"text": '"end"', "json": "end", "bytes": b'"end"'}[payload]
        assert two.got(end) == ([], [])
        assert two.bridge.counter("unreadable") == 3
        line = two.bridge.said("can't be read")
        assert "at byte 25" in line
        assert "--unreadable broadcast" in line
        (row,) = two.bridge.status()["undelivered"]
        assert (row["kind"], row["to"], row["count"], row["users"]) == ("unreadable", None, 3, ["ann", "bob"])


def test_told_so_it_reaches_everybody_as_before() -> None:
    with TcpServer() as server, Two(server, "--unreadable", "broadcast") as two:
        two.peer.send(b"move {x}~end~")
        assert two.got("end") == (["move {x}"], ["move {x}"])
        assert two.bridge.counter("unreadable") == 0


def test_the_fragments_of_a_name_with_a_raw_delimiter_reach_nobody() -> None:
    with TcpServer() as server, Two(server) as two, Client(two.bridge.url) as eve:
        assert eve.ask("register", "e~ve")["ok"]
        notice = two.peer.message(username="e~ve")
        two.peer.send(b'{"username":"%b","pin":3}~end~' % notice["username"].encode())
        assert two.got("end") == ([], [])
        eve.got("message", "end")
        assert two.bridge.counter("unreadable") == 2


#: Of each kind one, and more of those that come in several.
FRAMED = [
    "~", r"\n", "~ |", "length:4", "length:4le", "length:8",
    *(kind.forms[0] for name, kind in FRAMINGS.items() if kind.decoder and name not in ("delim:", "length:")),
]  # fmt: skip


@pytest.mark.parametrize("framing", FRAMED)
def test_a_byte_order_mark_is_passed_over_in_every_framing(framing: str) -> None:
    encoder = framing_out(framing.split(" ", maxsplit=1)[0])
    with TcpServer() as server, Two(server, "--framing-in", framing) as two:
        frames = [b'{"username":"ann","a":1}', b'\xef\xbb\xbf{"username":"ann","a":2}', b'\xef\xbb\xbf"all"', b'"end"']
        two.peer.send(b"\xef\xbb\xbf" + b"".join(map(encoder.frame, frames)))
        ann, bob = two.got('"end"')
        assert ann == ['{"username":"ann","a":1}', '{"username":"ann","a":2}', '"all"']
        assert bob == ['"all"']


def test_a_byte_order_mark_is_kept_in_bytes_and_hides_no_user() -> None:
    with TcpServer() as server, Two(server, "--payload", "bytes") as two:
        two.peer.send(b'\xef\xbb\xbf{"username":"ann"}~\xef\xbb\xbfall~end~')
        ann, bob = two.got(b"end")
        assert ann == [b'\xef\xbb\xbf{"username":"ann"}', b"\xef\xbb\xbfall"]
        assert bob == [b"\xef\xbb\xbfall"]


@pytest.mark.parametrize("payload", ["text", "json"])
def test_null_is_for_all_and_a_number_is_the_name_in_its_digits(payload: str) -> None:
    with TcpServer() as server, Two(server, "--payload", payload) as two, Client(two.bridge.url) as seven:
        assert seven.ask("register", "7")["ok"]
        two.peer.send(b'{"username":null,"n":1}~{"username":7,"n":2}~{"username":["ann",7.0],"n":3}~')
        two.peer.send(b'{"username":true,"n":4}~{"username":null}~')
        end: object = '{"username":null}' if payload == "text" else {"username": None}
        ann, bob = two.got(end)
        seven.got("message", end)
        got = [ann, bob, seven.all("message")[:-1]]
        assert [[str(one).replace(" ", "")[-2] for one in each] for each in got] == [["1", "3"], ["1"], ["1", "2", "3"]]
        assert two.bridge.counter("bad_user_key") == 1


def test_whom_a_message_did_not_reach_is_logged_and_shown_with_who_is_there() -> None:
    with TcpServer() as server, Two(server) as two:
        two.peer.send(b'{"username":"zoe"}~{"username":["zoe","ann"]}~{"username":[]}~end~')
        two.got("end")
        assert "'zoe' reached nobody: no such user is there; there is 'ann', 'bob'" in two.bridge.said("'zoe'")
        zoe, empty = two.bridge.status()["undelivered"]
        assert (zoe["to"], zoe["count"], zoe["users"]) == (["zoe"], 2, ["ann", "bob"])
        assert (empty["kind"], empty["to"]) == ("empty-list", [])
