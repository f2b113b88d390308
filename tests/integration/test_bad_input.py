"""Junk from browsers, as packets, requests and arguments that no library would write.

Whatever it is: refused, counted, logged once in a while, and nobody else notices. The rest of
docs/protocol.md's table is in test_relay.py, test_link.py and test_payloads.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from tests.client import Client
from tests.node_client import NodeClient
from tests.process import Bridge
from tests.raw import Poll, Raw, http
from tests.tcpserver import Peer, TcpServer
from tests.waiting import PATIENCE

LIMIT = 20_000  # bytes of a frame
DEEP = "[" * 100_000 + "]" * 100_000


class Setup:
    """A bridge with its link up, and somebody who must not notice anything."""

    def __init__(self, server: TcpServer, *flags: str) -> None:
        self.bridge = Bridge("--server", server.address, "--max-frame", str(LIMIT), *flags)
        self.peer: Peer = server.accept()
        self.witness = Client(self.bridge.url)
        self.witness.linked()

    def actions_of(self, user: str, last: str = "after") -> list[str]:
        """What the server was told of a user, up to this action at least."""
        self.peer.message(username=user, action=last)
        return [message["action"] for message in self.peer.messages if message["username"] == user]

    def all_is_well(self) -> None:
        """The witness is connected and served."""
        assert self.witness.ask("still here") == {"ok": True}
        self.peer.send(b"for all~")
        self.witness.got("message", "for all")


@pytest.fixture(scope="module")
def at() -> Iterator[Setup]:
    with TcpServer() as server:
        setup = Setup(server, "--grace", "0.1")  # most of them wait for a user to have gone
        yield setup
        setup.witness.close()
        setup.bridge.__exit__()


@pytest.fixture
def raw(at: Setup) -> Iterator[Raw]:
    with Raw(at.bridge) as raw:
        yield raw
    at.all_is_well()


@pytest.mark.parametrize(
    ("packet", "counter"),
    [
        ("42", "refused_bad_event"),
        ('42{"a":1}', "refused_bad_event"),
        ("42[5]", "refused_bad_event"),
        ("42[]", "refused_bad_event"),
        ("42null", "refused_bad_event"),
        ("42[null]", "refused_bad_event"),
        ('42[["a"]]', "refused_bad_event"),
        ('42["a"', "refused_bad_event"),
        ("42words", "refused_bad_event"),
        ('42-1["a"]', "refused_bad_event"),
        ("45", "refused_bad_event"),
        ("43[]", "bad_packets"),
        ("431[1]", "bad_packets"),
        ('42/admin,["a"]', "bad_packets"),
        ("42/" + "x" * 10_000 + ',["x"]', "bad_packets"),
    ],
)
def test_a_packet_that_is_no_event_is_refused_and_the_client_goes_on(
    at: Setup, raw: Raw, packet: str | bytes, counter: str
) -> None:
    before = at.bridge.counter(counter)
    raw.send(packet)
    assert raw.ask(7, '["after"]') == {"ok": True}
    assert at.bridge.counter(counter) == before + 1
    assert at.actions_of(raw.sid) == ["connected", "after"]


@pytest.mark.parametrize(
    "message", ["", "x", "9", "4", "4x", "47", "0", "1x", "3" + DEEP[:9000], "4" + DEEP[:9000], '4"2[1]"', "b4444"]
)
def test_text_that_is_no_engine_io_packet_ends_its_connection_at_once(at: Setup, raw: Raw, message: str) -> None:
    before = at.bridge.counter("bad_packets")
    raw.send(message)
    assert raw.closed() == 1008
    assert at.actions_of(raw.sid, last="disconnected") == ["connected", "disconnected"]
    assert at.bridge.counter("bad_packets") == before + 1


@pytest.mark.parametrize(
    "message",
    [
        "42\u0663[1]",
        "42/x,\u0663[1]",
        "45\u0661-[1]",
        "421\u0663[1]",
        "46",
        '44"x"',
        '45x-["a"]',
        '4599999999999-["a",1]',
        b"\x00\xff",
        b'2["connect"]',
        b"",
    ],
)
def test_what_is_no_socket_io_packet_ends_its_connection_at_once(at: Setup, raw: Raw, message: str | bytes) -> None:
    before = at.bridge.counter("bad_packets")
    raw.send(message)
    assert raw.closed() == 1008
    assert at.actions_of(raw.sid, last="disconnected") == ["connected", "disconnected"]
    assert at.bridge.counter("bad_packets") == before + 1


def test_text_that_is_not_utf8_ends_its_connection_at_once(at: Setup, raw: Raw) -> None:
    before = at.bridge.counter("bad_packets")
    raw.text(b'42["caf\xc3"]')
    assert raw.closed() == 1007
    at.peer.message(username=raw.sid, action="disconnected")
    assert at.bridge.counter("bad_packets") == before + 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x02", 1002),  # not masked
        (b"\x83\x80", 1002),  # an unknown opcode
        (b"\xf1\x80", 1002),  # reserved bits
        (b"\x81\xfe\0\x7d" + bytes(4 + 125), 1002),  # lengths that are not in their shortest form
        (b"\x81\xff" + (65_535).to_bytes(8, "big"), 1002),
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 1009),  # eight exbibytes to come
    ],
)
def test_what_is_no_websocket_frame_ends_its_connection_at_once(at: Setup, raw: Raw, frame: bytes, code: int) -> None:
    raw.write(frame)
    assert raw.closed() == code
    at.peer.message(username=raw.sid, action="disconnected")


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error", "*", "bridge:event", "connected", ""])
def test_a_reserved_event_in_a_raw_packet_is_refused_with_its_code(at: Setup, raw: Raw, name: str) -> None:
    assert raw.ask(7, json.dumps([name, {"x": 1}]))["error"] == "bad-event"
    assert raw.ask(8, '["after"]') == {"ok": True}
    assert at.actions_of(raw.sid) == ["connected", "after"]


@pytest.mark.parametrize(
    ("packets", "code"),
    [
        (['451-7["a",{"_placeholder":true,"num":0}]', '42["b"]'], "bad-event"),  # text where bytes should be
        (['451-7["a",{"_placeholder":true,"num":5}]', b"x"], "bad-event"),
        (['451-7["a",{"_placeholder":true,"num":"x"}]', b"x"], "bad-event"),
        (['451-7["a",{"_placeholder":true,"num":-1}]', b"x"], "bad-event"),
        (['452-7["a",{"_placeholder":true,"num":true}]', b"x", b"y"], "bad-event"),
        (['459-7["a",{"_placeholder":true,"num":0}]', b"x" * 60_000, b"x" * 60_000], "bad-event"),
        (["451-7[]", b"x"], "bad-event"),
        (['451-7["a",{"_placeholder":true,"num":0}]', b"x" * LIMIT], "too-big"),
    ],
)
def test_wrong_attachments_are_a_refused_event_and_hold_up_nothing(
    at: Setup, raw: Raw, packets: list[str | bytes], code: str
) -> None:
    for packet in packets:
        raw.send(packet)
    assert raw.answer(7)["error"] == code
    assert raw.ask(8, '["after"]') == {"ok": True}
    assert at.actions_of(raw.sid) == ["connected", "after"]


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("NaN", "not-json"),
        ("[1,-Infinity]", "not-json"),
        ("1e400", "not-json"),
        ("9" * 5000, "bad-event"),
        (DEEP[:19_000], "bad-event"),
        ("[" * 5000 + "]" * 5000, "bad-event"),
        ('"' + "x" * LIMIT + '"', "too-big"),
    ],
)
def test_an_argument_that_can_not_be_sent_is_refused_with_its_code(
    at: Setup, raw: Raw, argument: str, code: str
) -> None:
    assert raw.ask(7, f'["a",{argument}]')["error"] == code
    assert raw.ask(8, '["after"]') == {"ok": True}
    assert at.actions_of(raw.sid) == ["connected", "after"]


@pytest.mark.parametrize(
    ("argument", "sent"),
    [
        ("123456789012345678901234567890", '"data":123456789012345678901234567890'),
        ("1e308", '"data":1e+308'),
        ("-0.0", '"data":-0.0'),
        ('"\\ud800"', '"data":"\\ud800"'),
        ('"\\u0000\\u001f~"', '"data":"\\u0000\\u001f\\u007e"'),
        ('{"x":1,"x":2}', '"x":2'),
        ('{"_binary":"AA==","__binary":1,"_binary_":2}', '"__binary":"AA==","___binary":1,"_binary_":2'),
        ('[{"\\u005fbinary":12345678901234567890123}]', '"data":[{"__binary":12345678901234567890123}]'),
        ('{"":1,"__proto__":2}', '"":1,"__proto__":2'),
        ("[" * 500 + "]" * 500, '"data":' + "[" * 500 + "]" * 500),
        (",".join("1" for _ in range(1000)), '"args":[' + ",".join("1" for _ in range(1000)) + "]"),
    ],
)
def test_an_odd_argument_that_can_be_sent_arrives(at: Setup, raw: Raw, argument: str, sent: str) -> None:
    assert raw.ask(7, f'["odd",{argument}]') == {"ok": True}
    frame = at.peer.frames.wait(lambda frame: raw.sid.encode() in frame and b'"odd"' in frame)
    assert frame.decode() == f'{{"username":"{raw.sid}","action":"odd",{sent}}}'


def test_an_event_beyond_the_largest_message_ends_its_connection(at: Setup, raw: Raw) -> None:
    """Twice the frame limit and 64 KiB are read, so that what is a little over has its ack."""
    over = 2 * LIMIT + 65536 + 1
    raw.write(b"\x81\xff" + over.to_bytes(8, "big"))
    assert raw.closed() == 1009
    at.peer.message(username=raw.sid, action="disconnected")


def test_a_flood_of_junk_is_counted_each_time_and_logged_in_a_few_short_lines(at: Setup, raw: Raw) -> None:
    lines, before = len(at.bridge.log.entries), at.bridge.counter("bad_packets")
    for _ in range(300):  # of more, it would be closed
        raw.send('42/nowhere,["' + "x" * 1000 + '"]')
    assert raw.ask(7, '["after"]') == {"ok": True}
    assert at.bridge.counter("bad_packets") == before + 300
    new = at.bridge.log.entries[lines:]
    assert len(new) < 5
    assert all(len(line) < 400 for line in new)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x", 400),
        (b"4", 400),
        (b"b!!", 400),
        (b"\x1e\x1e", 400),
        (b"\xff\xfe", 400),
        (b"4" + DEEP.encode()[:20_000], 400),
        (b"9", 400),
        (b"0", 400),
        (b"x" * 200_000, 413),
    ],
)
def test_junk_in_a_polling_request_is_answered_and_holds_up_nobody(at: Setup, body: bytes, status: int) -> None:
    poll = Poll(at.bridge)
    assert poll.post(body) == status
    at.all_is_well()


def test_all_events_that_a_polling_page_emits_at_once_arrive_in_order(at: Setup) -> None:
    """python-engineio's own limit is 16 packets a request, and of 17 it would take none."""
    poll = Poll(at.bridge)
    assert poll.post("\x1e".join(f'42["burst",{n}]' for n in range(1000))) == 200
    at.peer.message(action="burst", data=999)
    assert [m["data"] for m in at.peer.messages if m["action"] == "burst"] == list(range(1000))


def test_what_the_stock_client_emits_before_its_upgrade_arrives(at: Setup) -> None:
    with NodeClient(at.bridge.url) as ann:
        for n in range(100):  # before it is connected: it sends them in one go, while it is polling
            ann.tell({"emit": ["early", n]})
        at.peer.message(action="early", data=99)
        assert [m["data"] for m in at.peer.messages if m["action"] == "early"] == list(range(100))


def with_headers(count: int) -> bytes:
    """A request with so many headers of 4,000 bytes."""
    headers = b"".join(b"X-%d: %b\r\n" % (n, b"y" * 4000) for n in range(count))
    return b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b\r\n" % headers


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),  # TLS
        (b"\x00" * 50 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"G" * 8192, b"414"),
        (with_headers(16), b"200"),
        (with_headers(17), b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 150 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"GET \xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"400"),
        (b"GET /%ff%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /static/../app.py HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /static/%2e%2e/app.py HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"404"),
        (b"DELETE /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"405"),
        (b"GET /socket.io/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"400"),
        (b"GET /socket.io/?EIO=4&transport=pigeon HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"400"),
        (b"GET /socket.io/?EIO=4&transport=polling&sid=nobody HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
    ],
)
def test_a_request_that_is_junk_is_answered_as_http_has_it(at: Setup, request_: bytes, status: bytes) -> None:
    assert status in http(at.bridge, request_)[:500]
    at.all_is_well()


def test_junk_requests_are_counted_and_logged_once_in_a_while(at: Setup) -> None:
    lines, before = len(at.bridge.log.entries), at.bridge.counter("bad_requests")
    for _ in range(20):
        http(at.bridge, b"\x16\x03\x01" + b"\xff" * 5000 + b"\r\n")
    assert at.bridge.counter("bad_requests") == before + 20
    new = at.bridge.log.entries[lines:]
    assert len(new) < 3
    assert all(len(line) < 400 for line in new)


def test_after_all_of_it_nobody_is_left_and_nothing_was_a_bug(at: Setup) -> None:
    at.all_is_well()
    assert not any("Traceback" in line for line in at.bridge.log.entries)
    assert requests.get(f"{at.bridge.url}/readyz", timeout=PATIENCE).status_code == 200


def test_an_empty_frame_and_one_of_the_limit_arrive_and_one_byte_more_is_skipped(at: Setup) -> None:
    at.peer.send(b"~" + b"a" * LIMIT + b"~" + b"b" * (LIMIT + 1) + b"~after~")
    at.witness.got("message", "after")
    got = [text for text in at.witness.all("message") if not text.startswith("for all")]
    assert got[-3:] == ["", "a" * LIMIT, "after"]


@pytest.mark.parametrize("framing", ["length:4", "netstring", "varint"])
def test_a_counted_frame_of_the_limit_arrives_and_one_byte_more_drops_the_link(framing: str) -> None:
    from bridge.link.framing.registry import framing_out

    frame = framing_out(framing, 2 * LIMIT).frame
    flags = ("--framing-in", framing, "--max-frame", str(LIMIT))
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge, Client(bridge.url) as ann:
        peer = server.accept()
        ann.linked()
        peer.send(frame(b"") + frame(b"a" * LIMIT) + frame(b"b" * (LIMIT + 1)) + frame(b"never"))
        assert "over the limit" in ann.linked("waiting")["reason"]
        server.accept().send(frame(b"again"))
        ann.got("message", "again")
        assert ann.all("message") == ["", "a" * LIMIT, "again"]


def test_a_depth_bomb_from_the_server_is_text_for_all_unless_it_may_name_a_user(at: Setup) -> None:
    deep = DEEP[: LIMIT // 4] + DEEP[-LIMIT // 4 :]
    before = at.bridge.counter("not_json")
    unread = at.bridge.counter("unreadable")
    at.peer.send(f'[{deep}]~{{"username":"{at.witness.sid}","n":{deep}}}~{{"n":{deep}}}~end of the bomb~'.encode())
    at.witness.got("message", "end of the bomb")
    assert [text for text in at.witness.all("message") if "[[[" in text] == [f"[{deep}]"]
    assert at.bridge.counter("unreadable") == unread + 2
    assert at.bridge.counter("not_json") == before + 2


def test_what_is_nearly_json_is_still_for_the_user_whom_it_names(at: Setup) -> None:
    """A server that does not escape line breaks must not tell everybody what is for one."""
    with Client(at.bridge.url) as other:
        other.linked()
        frames = [f'{{"username":"{other.sid}","n":"two\nlines"}}', f' \0{{"username":"{other.sid}"}}\0']
        at.peer.send("~".join([*frames, "nearly over", ""]).encode())
        for client in (other, at.witness):
            client.got("message", "nearly over")
        assert other.all("message") == [*frames, "nearly over"]
        assert not set(frames) & set(at.witness.all("message"))
