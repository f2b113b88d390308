"""Hostile bytes on a WebSocket: frames that are none, packets that are none, what a client may not be.

Use: `PACKET_KINDS` -> the kinds.
"""

from __future__ import annotations

import json
from random import Random

from tests.hostile.attempts import Attempt, Kind, Right, Sender, acked, closed, only_its_own
from tests.hostile.wire import LAST
from tests.viewer import masked

__all__ = ["PACKET_KINDS", "event", "said"]

ZERO = b"\0\0\0\0"  # a mask that changes nothing
PROTOCOL, UTF8, POLICY, TOO_BIG = 1002, 1007, 1008, 1009


def event(number: int, *values: object) -> bytes:
    """The packet of an event that asks for an ack."""
    return f"42{number}{json.dumps(values)}".encode()


def said(
    random: Random, sender: Sender, packet: bytes, right: Right = only_its_own, *, reaches: bool = False
) -> Attempt:
    """A packet in a WebSocket's frame, or now and then in the body of a POST."""
    polls = random.random() < 0.3
    return Attempt(sender, (packet if polls else masked(packet),), right, reaches, polls=polls)


def client(data: bytes, right: Right = only_its_own, *, reaches: bool = False) -> Attempt:
    return Attempt(Sender.CLIENT, (data,), right, reaches)


def broken_frame(random: Random, marker: str) -> Attempt:
    text = f'42["{marker}"]'.encode()
    size = len(text)
    wrong = [
        bytes([0x81, size]) + text, bytes([random.choice([0x91, 0xA1, 0xC1, 0xF1]), 0x80 | size]) + ZERO + text,
        bytes([0x80 | random.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), 0x80 | size]) + ZERO + text,
        bytes([random.choice([0x89, 0x8A]), 0xFE, 0, 200]) + ZERO + b"x" * 200, bytes([0x09, 0x80]) + ZERO,
        bytes([0x80, 0x80 | size]) + ZERO + text, bytes([0x01, 0x80 | size]) + ZERO + text + masked(text),
        bytes([0x81, 0xFF, 0x80]) + bytes(7) + ZERO, bytes([0x88, 0x81]) + ZERO + b"x",
    ]  # fmt: skip
    return client(random.choice(wrong), closed(PROTOCOL, TOO_BIG))


def not_utf8(random: Random, marker: str) -> Attempt:
    odd = random.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"])
    return said(random, Sender.CLIENT, b'42["' + marker.encode() + odd + b'"]', closed(UTF8))


def too_big(random: Random, _: str) -> Attempt:
    size = random.choice([1 << 25, 1 << 31, 1 << 62, (1 << 63) - 1])
    return client(bytes([0x81, 0xFF]) + size.to_bytes(8, "big") + ZERO, closed(TOO_BIG))


def no_packet(random: Random, marker: str) -> Attempt:
    texts = [marker, "", "9", "7", "-1", " 4", "é", "\x1e", f"8{marker}", "4", "4x", "48", f"4-1{marker}"]
    return said(random, Sender.CLIENT, random.choice(texts).encode(), closed(POLICY, PROTOCOL, UTF8))


def no_event(random: Random, marker: str) -> Attempt:
    shapes = [
        '42["{}"', '42"{}"', "42[{}]", '42{{"{}":1}}', '42["{}",]', '42["{}",NaN]', '42["{}",\x00]', '42["{}"]x',
        '42[["{}"]]',
        "42[]", '42[null,"{}"]', "42", '4200000000000000000000000000000["{}",]',
        '42["{}",1e999999]', '42-1["{}"]',
    ]  # fmt: skip
    return said(random, Sender.CLIENT, random.choice(shapes).format(marker).encode())


def unknown_namespace(random: Random, marker: str) -> Attempt:
    space = random.choice([f"/{marker}", "/" * 300, "/\u202e", "/admin", "/,", "/%2f"])
    packet = random.choice(
        [
            f"40{space},",
            f'42{space},["{marker}"]',
            f'40{space},{{"token":"{marker}"}}',
            f"41{space},",
            f'43{space},1["x"]',
        ]
    )
    return said(random, Sender.CLIENT, packet.encode())


def control_packet(random: Random, _: str) -> Attempt:
    return said(
        random,
        Sender.CLIENT,
        random.choice([b"0{}", b"1", b"6", b"2", b"3probe", b"5", b"40", b"43[]", b"431[1]", b"44{}"]),
    )


def attachments(random: Random, marker: str) -> Attempt:
    count = random.choice([11, 100, 1001, 10**9, 10**25])
    places = random.choice(['{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":10}', "1"])
    return said(random, Sender.CLIENT, f'45{count}-["{marker}",{places}]'.encode(), closed(POLICY))


def missing_attachment(random: Random, marker: str) -> Attempt:
    """The last one never comes, and its sender goes."""
    places = ",".join(f'{{"_placeholder":true,"num":{n}}}' for n in range(3))
    data = masked(f'453-["{marker}",{places}]'.encode()) + masked(random.randbytes(random.randrange(2000)), 2) * 2
    return Attempt(Sender.CLIENT, (data,), only_its_own, leaves=True)


def deep(random: Random, marker: str) -> Attempt:
    depth = random.randrange(100, 5000)
    start, end = random.choice([("[", "]"), ('{"a":', "}")])
    return said(random, Sender.CLIENT, f'42["deep",{start * depth}"{marker}"{end * depth}]'.encode(), reaches=True)


def delimiter(random: Random, marker: str) -> Attempt:
    forged = json.dumps({"username": "evil", "action": "evil", "m": marker})
    value = random.choice(
        [
            f"~{forged}~",
            {f"~{forged}~": 1},
            [f'"}}~{forged}~{{"'],
            "~" * 500,
            "\\~\\",
            {"~": {"~": "~"}},
            "\u007e\ufe4f~",
        ]
    )
    return said(random, Sender.CLIENT, event(5, "say", value), reaches=True)


def forged_user(random: Random, marker: str) -> Attempt:
    keys = ["username", "action", "Username", "username\0", "USERNAME", "\ufeffusername", "action "]
    made = dict.fromkeys(random.sample(keys, 3), "evil") | {"m": marker}
    twice = f'42["say",{{"username":"evil","m":"{marker}","username":"evil","action":"evil"}}]'
    return said(
        random,
        Sender.CLIENT,
        random.choice([event(5, "say", made), event(5, "say", made, made), twice.encode()]),
        reaches=True,
    )


def forged_pid(random: Random, marker: str) -> Attempt:
    """Who shows a pid that is not his own is a client that nobody knows."""
    pids: list[object] = [
        marker,
        f"{marker}.honest-0.x",
        "A" * 200,
        "..",
        1,
        None,
        [marker],
        {"pid": marker},
        "honest-0",
        "\u0000",
        "=" * 5000,
    ]
    auth = {
        "pid": random.choice(pids),
        "offset": random.choice([marker, "0", 1, None, "9" * 30, "aaaaaa-9"]),
        "user": "honest-0",
    }
    data = masked(b"40" + json.dumps(auth).encode()) + masked(event(LAST, "after"))
    return Attempt(Sender.SOCKET, (data,), acked(LAST, "not-registered"))


def before_connect(random: Random, marker: str) -> Attempt:
    packet = random.choice(
        [f'42["{marker}"]', f'421["{marker}"]', f'451-["{marker}",{{"_placeholder":true,"num":0}}]', '43["x"]']
    )
    return Attempt(
        Sender.SOCKET, (masked(packet.encode()) * random.randrange(1, 5), bytes([0x88, 0x80]) + ZERO), only_its_own
    )


def half_a_frame(random: Random, marker: str) -> Attempt:
    whole = masked(f'42["{marker}","{"x" * random.randrange(70_000)}"]'.encode())
    return Attempt(Sender.CLIENT, (whole[: random.randrange(1, len(whole) - 1)],), only_its_own, leaves=True)


def large_before_connect(random: Random, marker: str) -> Attempt:
    """Half a large message of somebody who has not connected: in a frame, in fragments, or as attachments."""
    start = f'42["{marker}","'.encode()
    rest = b"x" * random.randrange(70_000, 200_000)
    whole = bytes([0x81, 0xFF]) + (2_000_000).to_bytes(8, "big") + ZERO + start + rest
    pieces = masked(start)[:1].replace(b"\x81", b"\x01") + masked(start)[1:] + (b"\x00" + masked(rest)[1:]) * 2
    return Attempt(Sender.SOCKET, (random.choice([whole, pieces]),), closed(POLICY, TOO_BIG))


def typed_binary(random: Random, marker: str) -> Attempt:
    """What the bridge writes for bytes, typed by a client."""
    value = random.choice([{"_binary": "eA=="}, [{"_binary": marker}], {"a": {"_binary": 1}}])
    return said(random, Sender.CLIENT, event(5, "say", value, marker), reaches=True)


def odd_placeholder(random: Random, marker: str) -> Attempt:
    """A place that no attachment is for."""
    number = random.choice(["-1", "1", "7", "1.5", '"0"', "true", "null", "[]", "9" * 26, "-0.0"])
    packet = f'451-["{marker}",{{"_placeholder":true,"num":{number}}}]'
    return client(masked(packet.encode()) + masked(b"data", 2))


def odd_ack_id(random: Random, marker: str) -> Attempt:
    digits = random.choice(["\u0661", "\uff17", "\u096d7", "1\u0662", "\u00b2", "\u2460"])
    return client(masked(f'42{digits}["{marker}"]'.encode()))


def long_way_to_say_it(random: Random, marker: str) -> Attempt:
    """A frame's length in more bytes than it needs (RFC 6455, section 5.2, forbids it)."""
    text = f'42["{marker}"]'.encode()
    wide = random.choice([b"\xfe" + len(text).to_bytes(2, "big"), b"\xff" + len(text).to_bytes(8, "big")])
    return client(b"\x81" + wide + ZERO + text, closed(PROTOCOL))


def flood(random: Random, marker: str) -> Attempt:
    """More of what costs only the bridge than a client may send at once."""
    one = random.choice([
        masked(b"", 9), masked(b"x" * 125, 9), masked(b"", 10), masked(b"3"), masked(f'42/{marker},["x"]'.encode()),
        masked(f'42["connect","{marker}"]'.encode()), masked(b'42["\\u0000"]'),
    ])  # fmt: skip
    return client(one * random.randrange(2000, 4000), closed(POLICY))


def key_of_marks(random: Random, marker: str) -> Attempt:
    """A key that takes long to bring into one form."""
    marks = random.choice(["\u0301\u0316", "\u0316\u0301\u0327", "\ufdfa"]) * random.randrange(1000, 30_000)
    return said(random, Sender.CLIENT, event(5, "say", {"a" + marks: marker}), reaches=True)


def bytes_by_chance(random: Random, _: str) -> Attempt:
    return Attempt(Sender.CLIENT, (random.randbytes(random.randrange(1, 300)),), only_its_own, leaves=True)


PACKET_KINDS = (
    Kind("a frame that is none", broken_frame),
    Kind("text that is not UTF-8", not_utf8),
    Kind("a frame that says it is huge", too_big),
    Kind("a packet that is none", no_packet),
    Kind("an event that is none", no_event),
    Kind("a namespace that is not there", unknown_namespace),
    Kind("a packet that is not the client's", control_packet),
    Kind("more attachments than may be", attachments),
    Kind("an attachment that never comes", missing_attachment),
    Kind("values in values in values", deep),
    Kind("the server's delimiter", delimiter),
    Kind("somebody else's name in an event", forged_user),
    Kind("somebody else's pid", forged_pid),
    Kind("events before CONNECT", before_connect),
    Kind("half a frame", half_a_frame),
    Kind("a large message before CONNECT", large_before_connect),
    Kind("the bridge's word for bytes, typed", typed_binary),
    Kind("a place that no attachment is for", odd_placeholder),
    Kind("an id of an ack in other digits", odd_ack_id),
    Kind("a length in more bytes than it needs", long_way_to_say_it),
    Kind("a flood of what costs nothing to send", flood),
    Kind("a key of many marks", key_of_marks),
    Kind("bytes by chance in a WebSocket", bytes_by_chance),
)
