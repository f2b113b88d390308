"""WebSocket frames as clients may send them, and as they may not."""

from __future__ import annotations

import struct

import pytest

from tests.behaviour.sites import Site
from tests.behaviour.wire import (
    BINARY,
    CLOSE,
    END,
    MORE,
    PING,
    PONG,
    TEXT,
    Control,
    Wire,
    codes,
    frame,
    message,
    upgrading,
)

ECHO = '427["echo",1]'
ACK = "437[1]"


def close(code: int, words: str = "") -> bytes:
    """A close frame."""
    return frame(CLOSE, struct.pack("!H", code) + words.encode())


def fragments(opcode: int, data: bytes, size: int, between: bytes = b"") -> bytes:
    """One message in frames of so many bytes, with something between each two."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    last = len(pieces) - 1
    return between.join(frame(MORE if n else opcode, piece, fin=n == last) for n, piece in enumerate(pieces))


@pytest.mark.parametrize("size", [1, 5, 12])
def test_a_message_in_fragments_is_one_message(at: Site, size: int) -> None:
    with Wire.session(at) as wire:
        wire.write(fragments(TEXT, ECHO.encode(), size))
        assert wire.next() == ACK


def test_a_binary_message_in_fragments_is_one_attachment(at: Site) -> None:
    with Wire.session(at) as wire:
        data = bytes(range(256)) * 4
        wire.send('451-7["echo",{"_placeholder":true,"num":0}]')
        wire.write(fragments(BINARY, data, 100))
        assert [wire.next(), wire.next()] == ['461-7[{"_placeholder":true,"num":0}]', data]


def test_pings_between_fragments_are_answered_at_once(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.write(fragments(TEXT, ECHO.encode(), 5, frame(PING, b"still there?")))
        assert [wire.next() for _ in range(3)] == [Control("pong", b"still there?")] * 2 + [ACK]


def test_pongs_and_empty_fragments_between_fragments_are_nothing(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.write(fragments(TEXT, ECHO.encode(), 5, frame(PONG, b"x") + frame(MORE, b"", fin=False)))
        assert wire.next() == ACK


def test_fragments_may_come_byte_by_byte(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.write(fragments(TEXT, '427["echo","å€😀"]'.encode(), 3, frame(PING, b"p")), pieces=1)
        heard = list(iter(wire.next, '437["\\u00e5\\u20ac\\ud83d\\ude00"]'))
        assert set(heard) == {Control("pong", b"p")}


@pytest.mark.parametrize("length", [0, 1, 100, 105, 106, 107, 125, 126, 127, 65_522, 65_523, 65_600, 99_000])
def test_a_message_of_any_length_arrives(at: Site, length: int) -> None:
    with Wire.session(at) as wire:
        wire.send(f'427["echo","{"x" * length}"]')
        assert wire.next() == f'437["{"x" * length}"]'


def test_a_long_message_may_come_in_any_pieces(at: Site) -> None:
    with Wire.session(at) as wire:
        for pieces in (1, 7, 1000):
            wire.write(message(f'427["echo","{"x" * 400}"]'), pieces)
            assert wire.next() == f'437["{"x" * 400}"]'


def test_several_frames_in_one_segment_are_handled_in_order(at: Site) -> None:
    with Wire.session(at) as wire:
        frames = [
            frame(PING, b"a"),
            message('42["say",1]'),
            frame(PONG),
            message("3"),
            message('42["say",2]'),
            frame(PING),
        ]
        wire.write(b"".join(frames))
        heard = [wire.next() for _ in range(4)]
        assert [one for one in heard if isinstance(one, str)] == ['42["said",1]', '42["said",2]']
        assert [one for one in heard if isinstance(one, Control)] == [Control("pong", b"a"), Control("pong", b"")]


def test_five_hundred_events_in_one_segment_are_acked_in_order(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.send(*(f'42{n}["echo"]' for n in range(500)))
        assert [wire.next() for _ in range(500)] == [f"43{n}[]" for n in range(500)]


@pytest.mark.parametrize("data", [b"", b"x", bytes(125)])
def test_a_ping_is_answered_with_its_data(at: Site, data: bytes) -> None:
    with Wire.session(at) as wire:
        wire.write(frame(PING, data))
        assert wire.next() == Control("pong", data)
        assert wire.event('["echo",1]') == [ACK]


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\2\3\4"])
def test_any_mask_is_taken_off(at: Site, mask: bytes) -> None:
    with Wire.session(at) as wire:
        data = ECHO.encode()
        masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))
        wire.write(bytes([0x81, 0x80 | len(data)]) + mask + masked)
        assert wire.next() == ACK


def test_a_length_in_more_bytes_than_it_needs_is_no_length(at: Site) -> None:
    with Wire.session(at) as wire:
        wanted = at.says("length in more bytes than it needs")
        data = ECHO.encode()
        wire.write(b"\x81\xff" + len(data).to_bytes(8, "big") + bytes(4) + data)
        wire.write(b"\x81\xfe" + len(data).to_bytes(2, "big") + bytes(4) + data)
        assert codes(wire.next() for _ in wanted) == wanted


WRONG: dict[str, tuple[bytes, int]] = {
    "no mask": (frame(TEXT, ECHO.encode(), masked=False), 1002),
    "no mask on a ping": (frame(PING, b"", masked=False), 1002),
    "reserved bit 1": (frame(TEXT, ECHO.encode(), reserved=4), 1002),
    "reserved bit of a ping": (frame(PING, b"", reserved=4), 1002),
    "opcode 3": (frame(3), 1002),
    "opcode 7": (frame(7, b"x"), 1002),
    "opcode 11": (frame(11), 1002),
    "opcode 15": (frame(15, b"x"), 1002),
    "a ping in fragments": (frame(PING, b"x", fin=False), 1002),
    "a close in fragments": (frame(CLOSE, b"", fin=False), 1002),
    "a long ping": (frame(PING, bytes(126)), 1002),
    "a long close": (frame(CLOSE, b"\x03\xe8" + bytes(124)), 1002),
    "the end of no message": (frame(MORE, b"x"), 1002),
    "the middle of no message": (frame(MORE, b"x", fin=False), 1002),
    "a text in a text": (frame(TEXT, b"42", fin=False) + frame(TEXT, b'["say"]'), 1002),
    "a text in a binary": (frame(BINARY, b"42", fin=False) + frame(TEXT, b"x", fin=False), 1002),
    "half a close code": (frame(CLOSE, b"x"), 1002),
    **{f"close {code}": (close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)},
    "close with words that are not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1002),
    "eight exbibytes": (b"\x81\xff\x7f" + b"\xff" * 7 + bytes(4), 1009),
    "a text above the limit": (b"\x81\xff" + (100_001).to_bytes(8, "big") + bytes(4), 1009),
    "a binary above the limit": (b"\x82\xff" + (100_001).to_bytes(8, "big") + bytes(4), 1009),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_frame_ends_the_connection_with_its_code(at: Site, what: str) -> None:
    wrong, code = WRONG[what]
    with Wire.session(at) as wire:
        wire.write(wrong + message(ECHO))
        assert codes(wire.rest()) == [("close", code)]
        assert at.reasons(wire.sid) == ["transport close"]


@pytest.mark.parametrize("bit", [2, 1])
def test_the_bits_that_no_extension_has_end_the_connection_too(at: Site, bit: int) -> None:
    with Wire.session(at) as wire:
        wire.write(frame(TEXT, ECHO.encode(), reserved=bit) + frame(PING) + frame(CLOSE, b"\x03\xe8"))
        heard = codes(wire.rest())
        assert heard[-1] == ("close", at.says("reserved bits"))
        assert (Control("pong") in heard) == (at.says("reserved bits") == 1000)


def test_what_came_before_the_wrong_frame_is_handled(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.write(message('42["say",1]') + frame(PING, b"x") + frame(3))
        heard = codes(wire.rest())
        assert heard[-1] == ("close", 1002)
        assert Control("pong", b"x") in heard
        assert at.reasons(wire.sid) == ["transport close"]


@pytest.mark.parametrize(
    "text",
    [
        [b'42["\xff"]'],
        [b'42["caf\xc3"]'],
        [b"\xed\xa0\x80"],
        [b"\xf4\x90\x80\x80"],
        [b"\xc0\xaf"],
        [b'42["\xc3', b'\x28"]'],
        [b"4", b"\xe2\x82"],
    ],
)
def test_text_that_is_not_utf8_ends_the_connection(at: Site, text: list[bytes]) -> None:
    last = len(text) - 1
    with Wire.session(at) as wire:
        wire.write(b"".join(frame(MORE if n else TEXT, piece, fin=n == last) for n, piece in enumerate(text)))
        assert codes(wire.rest()) == [("close", at.says("text that is not UTF-8"))]
        assert at.reasons(wire.sid) == ["transport close"]


def test_a_character_may_be_cut_by_fragments(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.write(fragments(TEXT, '427["echo","€€"]'.encode(), 14))
        assert wire.next() == '437["\\u20ac\\u20ac"]'


def test_a_message_above_the_limit_in_fragments_below_it_ends_the_connection(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.write(frame(TEXT, b'42["keep","', fin=False) + frame(MORE, b"x" * 99_000, fin=False))
        wire.write(frame(MORE, b"x" * 1_100 + b'"]'))
        assert [one for one in wire.rest() if isinstance(one, (str, bytes))] == []
        assert len(at.reasons(wire.sid)) == 1


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999])
def test_a_close_frame_is_answered_with_its_code(at: Site, code: int) -> None:
    with Wire.session(at) as wire:
        wire.write(close(code, "bye å"))
        assert codes(wire.rest()) == [("close", code)]
        assert at.reasons(wire.sid) == ["transport close"]


def test_a_close_frame_without_a_code_is_answered(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.write(frame(CLOSE))
        (answer,) = codes(wire.rest())
        assert answer in (("close", 0), ("close", 1000))
        assert at.reasons(wire.sid) == ["transport close"]


def test_nothing_after_a_close_frame_is_handled(at: Site) -> None:
    with Wire.session(at) as wire, Wire.session(at) as other:
        other.send('42["join","after close"]')
        wire.write(close(1000) + message('42["tell","after close",1]'))
        assert codes(wire.rest()) == [("close", 1000)]
        assert at.reasons(wire.sid) == ["transport close"]
        assert other.event('["echo",1]') == [ACK]


def test_compression_may_be_offered(at: Site) -> None:
    with Wire(at) as wire:
        offer = "permessage-deflate; client_max_window_bits, permessage-deflate; server_no_context_takeover"
        answer = wire.ask(upgrading(Sec_WebSocket_Extensions=offer))
        assert answer.status == 101
        taken = answer.headers.get("sec-websocket-extensions")
        assert (taken.partition(";")[0] if taken else None) == at.says("compression")
        if not taken:
            assert str(wire.next()).startswith("0{")
            wire.connect()
            assert wire.event('["echo",1]') == [ACK]


def test_an_unknown_extension_is_not_taken(at: Site) -> None:
    with Wire(at) as wire:
        answer = wire.ask(upgrading(Sec_WebSocket_Extensions="x-webkit-deflate-frame, bbf-usp-protocol"))
        assert answer.status == 101
        assert "sec-websocket-extensions" not in answer.headers
        assert str(wire.next()).startswith("0{")


def test_the_end_is_heard_as_the_end(at: Site) -> None:
    with Wire.session(at) as wire:
        wire.write(close(1000))
        assert wire.next() != END
        assert wire.next() == END
