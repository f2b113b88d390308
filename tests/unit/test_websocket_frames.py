"""Frames against RFC 6455: an encoder of masked frames, written from the RFC, says what there is to be read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.wire.websocket_frames import (
    BINARY,
    CLOSE,
    NOT_UTF8,
    PING,
    POLICY_VIOLATION,
    PONG,
    TEXT,
    FrameReader,
    WebSocketError,
    close_answer,
    close_frame,
    frame,
    frames_in,
    messages_in,
)

MORE = 0
LIMIT = 1 << 20
PROTOCOL_ERROR, TOO_BIG = 1002, 1009

Message = tuple[int, bytes]


def masked(opcode: int, payload: bytes = b"", *, final: bool = True, key: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    """One frame of a client, section 5.2: what each bit is, and the shortest of the three forms of the length."""
    if len(payload) < 126:
        length = bytes([0x80 | len(payload)])
    elif len(payload) < 1 << 16:
        length = bytes([0x80 | 126]) + struct.pack("!H", len(payload))
    else:
        length = bytes([0x80 | 127]) + struct.pack("!Q", len(payload))
    body = bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))
    return bytes([0x80 * final | opcode]) + length + key + body


def read(chunks: Iterable[bytes], limit: int = LIMIT) -> list[Message]:
    """What a reader makes of them, each chunk with a reader of its own wherever the last one held nothing."""
    reader = FrameReader(limit)
    found: list[Message] = []
    for chunk in chunks:
        found += reader.feed(chunk)
        if reader.idle:
            reader = FrameReader(limit)
    assert reader.idle
    return found


def outcome(chunks: Iterable[bytes], limit: int) -> tuple[list[Message], int]:
    """The messages, those before an error included, and the error's close code or 0."""
    reader, found = FrameReader(limit), []
    try:
        for chunk in chunks:
            found += reader.feed(chunk)
    except WebSocketError as error:
        return found + error.messages, error.status
    return found, 0


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data in chunks, cut at these places."""
    marks = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(marks)]


KEYS = st.binary(min_size=4, max_size=4)
PAYLOADS = st.binary(max_size=140) | st.sampled_from([125, 126, 127, 300, 65535, 65536]).map(lambda n: b"\xa5" * n)
CONTROLS = st.tuples(st.sampled_from([PING, PONG, CLOSE]), st.binary(max_size=125))


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Message]]:
    """Bytes of a client, and the messages in them: whole, in fragments, with control frames anywhere."""
    wire = b""
    wanted: list[Message] = []
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.integers(0, 3)) == 0:
            control = draw(CONTROLS)
            wire, wanted = wire + masked(*control, key=draw(KEYS)), [*wanted, control]
            continue
        kind, parts = draw(st.sampled_from([TEXT, BINARY])), draw(st.lists(PAYLOADS, min_size=1, max_size=4))
        for place, part in enumerate(parts):
            final = place == len(parts) - 1
            wire += masked(MORE if place else kind, part, final=final, key=draw(KEYS))
            for control in [] if final else draw(st.lists(CONTROLS, max_size=2)):
                wire, wanted = wire + masked(*control), [*wanted, control]
        wanted.append((kind, b"".join(parts)))
    return wire, wanted


@settings(deadline=None)
@given(streams(), st.lists(st.integers(0, 1 << 18), max_size=12))
def test_any_messages_in_any_chunks_are_read_as_they_were_sent(
    stream: tuple[bytes, list[Message]], places: list[int]
) -> None:
    wire, wanted = stream
    assert read(cut(wire, places)) == wanted


@settings(deadline=None)
@given(streams())
def test_byte_by_byte_is_no_different(stream: tuple[bytes, list[Message]]) -> None:
    wire, wanted = stream
    wire, wanted = (wire, wanted) if len(wire) < 2000 else (masked(TEXT, b"x" * 200), [(TEXT, b"x" * 200)])
    assert read(wire[at : at + 1] for at in range(len(wire))) == wanted


def test_the_examples_of_the_rfc_are_read() -> None:  # section 5.7
    hello = bytes([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
    assert read([hello]) == [(TEXT, b"Hello")]
    pong = bytes([0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
    assert read([pong]) == [(PONG, b"Hello")]


def test_a_ping_between_fragments_comes_before_the_message_they_make() -> None:
    wire = masked(TEXT, b"Hel", final=False) + masked(PING, b"?") + masked(MORE, b"lo")
    for cuts in (0, len(wire)):
        assert read(cut(wire, range(cuts))) == [(PING, b"?"), (TEXT, b"Hello")]


def test_a_fragment_or_half_a_frame_is_held_and_a_whole_message_is_not() -> None:
    reader = FrameReader(LIMIT)
    assert reader.idle
    for wire in (masked(TEXT, b"a", final=False), masked(PING), masked(MORE, b"b" * 500)[:300]):
        reader.feed(wire)
        assert not reader.idle
    assert reader.feed(masked(MORE, b"b" * 500)[300:]) == [(TEXT, b"a" + b"b" * 500)]
    assert reader.idle


# What is no frame of a client.

WRONG = {
    "a reserved bit": bytes([0xC1]) + masked(TEXT, b"a")[1:],
    "another reserved bit": bytes([0xA1]) + masked(TEXT, b"a")[1:],
    "the third reserved bit": bytes([0x91]) + masked(TEXT, b"a")[1:],
    "a reserved bit of a control frame": bytes([0x8A | 0x40]) + masked(PONG)[1:],
    "an unknown data frame": masked(3, b"a"),
    "an unknown control frame": masked(11),
    "no mask": frame(b"a"),
    "no mask on a control frame": frame(b"", PING),
    "a control frame in fragments": masked(PING, b"a", final=False),
    "a control frame of 126 bytes": masked(PING, b"a" * 126),
    "a control frame of 70,000 bytes": masked(CLOSE, b"a" * 70_000),
    "a message inside another": masked(TEXT, b"a", final=False) + masked(TEXT, b"b"),
    "a message's beginning inside another": masked(TEXT, b"a", final=False) + masked(BINARY, b"b", final=False),
    "a continuation of nothing": masked(MORE, b"a"),
    "a continuation after the last": masked(TEXT, b"a", final=False) + masked(MORE, b"b") + masked(MORE, b"c"),
}


@pytest.mark.parametrize("wire", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("bytewise", [False, True])
def test_what_breaks_the_protocol_is_1002_and_what_came_before_it_counts(wire: bytes, bytewise: bool) -> None:
    wire = masked(TEXT, b"before") + wire + masked(TEXT, b"after")
    found, status = outcome(cut(wire, range(len(wire)) if bytewise else []), LIMIT)
    assert status == PROTOCOL_ERROR
    assert found[0] == (TEXT, b"before")
    assert (TEXT, b"after") not in found


def test_what_is_wrong_is_said_by_the_head_alone() -> None:
    for head in (bytes([0x83, 0x80]), bytes([0x81, 0x00]), bytes([0x89, 0xFE])):
        for cuts in ([], [1]):
            assert outcome(cut(head, cuts), LIMIT) == ([], PROTOCOL_ERROR)


@settings(deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6))
@example(b"\x81\xff" + b"\xff" * 8, [])
def test_any_bytes_give_messages_or_an_error_and_the_chunking_does_not_matter(data: bytes, places: list[int]) -> None:
    assert outcome(cut(data, places), 300) == outcome([data], 300)
    assert outcome([data], 300)[1] in (0, PROTOCOL_ERROR, TOO_BIG)


# The limit.


def fragments(sizes: Sequence[int]) -> bytes:
    """One message in fragments of these sizes, with a ping of the largest size in between, which does not count."""
    wire = b""
    for place, size in enumerate(sizes):
        wire += masked(MORE if place else BINARY, b"x" * size, final=place == len(sizes) - 1)
        wire += masked(PING, b"p" * 125) if place < len(sizes) - 1 else b""
    return wire


@pytest.mark.parametrize("limit", [100, 125, 126, 1000, 65535, 65536, 70_000])
def test_the_limit_is_inclusive_and_counts_a_message_not_its_fragments(limit: int) -> None:
    splits: list[Callable[[int], list[int]]] = [lambda n: [n], lambda n: [0, n], lambda n: [1, n - 1], lambda n: [n, 0]]
    for split in splits:
        good = [message for message in read([fragments(split(limit)) * 2], limit) if message[0] == BINARY]
        assert good == [(BINARY, b"x" * limit)] * 2
        with pytest.raises(WebSocketError) as caught:
            read([fragments(split(limit + 1))], limit)
        assert caught.value.status == TOO_BIG
        assert str(limit) in caught.value.reason


@pytest.mark.parametrize("size", [101, 200, 70_000])
def test_too_big_is_said_by_the_head_before_any_of_it_is_here(size: int) -> None:
    head = masked(TEXT, b"x" * size)[: {101: 2, 200: 4, 70_000: 10}[size]]
    with pytest.raises(WebSocketError) as caught:
        FrameReader(100).feed(head)
    assert caught.value.status == TOO_BIG


def test_a_length_beyond_all_memory_is_too_big() -> None:
    for length in (1 << 63, (1 << 64) - 1):
        with pytest.raises(WebSocketError) as caught:
            FrameReader(LIMIT).feed(bytes([0x82, 0xFF]) + struct.pack("!Q", length))
        assert caught.value.status == TOO_BIG


def test_empty_fragments_have_an_end() -> None:
    begun, more = masked(TEXT, final=False), masked(MORE, final=False)
    assert outcome([begun, *[more] * 999], 1000) == ([], 0)
    assert outcome([begun, *[more] * 1000], 1000) == ([], TOO_BIG)


# What it costs.


@pytest.mark.parametrize("step", [1, 100])
def test_a_frame_in_many_reads_is_joined_once(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 2 << 20
    wire = bytes([0x82, 0xFF]) + struct.pack("!Q", size) + b"\0\0\0\0" + b"x" * size
    reader, copied, largest = FrameReader(size), 0, 0
    inner = FrameReader._frames

    def frames(self: FrameReader, data: bytes, messages: list[Message]) -> int:
        nonlocal copied, largest
        copied += len(data)
        largest = max(largest, len(data))
        return inner(self, data, messages)

    monkeypatch.setattr(FrameReader, "_frames", frames)
    found: list[Message] = []
    for at in range(0, len(wire), step):
        found += reader.feed(wire[at : at + step])
    assert found == [(BINARY, b"x" * size)]
    assert largest == len(wire)
    assert copied < len(wire) + 100 * step  # the head is looked at a few times, the payload once


def test_frames_after_one_that_was_long_in_coming_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = masked(BINARY, b"x" * 20_000) + masked(TEXT, b"y") * 500 + masked(BINARY, b"z" * 20_000)
    looked = 0
    inner = FrameReader._frames

    def frames(self: FrameReader, data: bytes, messages: list[Message]) -> int:
        nonlocal looked
        looked += len(data)
        return inner(self, data, messages)

    monkeypatch.setattr(FrameReader, "_frames", frames)
    assert len(read(cut(wire, range(0, len(wire), 100)))) == 502
    assert looked < 2 * len(wire)


# Frames of our own.


@settings(deadline=None)
@given(st.binary(max_size=300) | st.sampled_from([65535, 65536, 70_000]).map(bytes), st.sampled_from([TEXT, BINARY]))
@example(bytes(125), TEXT)
@example(bytes(126), TEXT)
@example(bytes(65535), TEXT)
@example(bytes(65536), TEXT)
def test_a_frame_of_ours_is_the_rfcs_unmasked_one(payload: bytes, opcode: int) -> None:
    theirs = masked(opcode, payload, key=b"\0\0\0\0")
    size = len(theirs) - len(payload) - 4
    assert frame(payload, opcode) == theirs[:1] + bytes([theirs[1] & 0x7F]) + theirs[2:size] + payload


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PONG, CLOSE]), PAYLOADS)))
def test_frames_of_ours_are_found_again(sent: list[Message]) -> None:
    sent = [(opcode, data[:125] if opcode in (PONG, CLOSE) else data) for opcode, data in sent]
    data = b"".join(frame(payload, opcode) for opcode, payload in sent)
    assert [(opcode, data[start:end]) for opcode, start, end in frames_in(data)] == sent


@settings(deadline=None)
@given(st.lists(st.tuples(PAYLOADS, st.lists(PAYLOADS, max_size=3))))
def test_a_message_of_ours_is_a_text_with_its_attachments(sent: list[tuple[bytes, list[bytes]]]) -> None:
    whole = [frame(text) + b"".join(frame(each, BINARY) for each in attached) for text, attached in sent]
    data = b"".join(whole)
    assert [data[start:end] for start, end in messages_in(data)] == whole


def test_a_close_frame_has_its_status_and_a_reason_that_fits() -> None:
    assert close_frame(1000) == b"\x88\x02\x03\xe8"
    for status in (PROTOCOL_ERROR, NOT_UTF8, POLICY_VIOLATION, TOO_BIG):
        data = close_frame(status, "why " * 50)
        [(opcode, start, end)] = frames_in(data)
        assert opcode == CLOSE
        assert end - start == 125
        assert data[start:] == struct.pack("!H", status) + (b"why " * 50)[:123]


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe9bye", b"\x03\xf6", b"\x0b\xb8own", b"\x13\x87"])
def test_a_close_frame_is_answered_with_its_own_code(payload: bytes) -> None:
    assert close_answer(payload) == frame(payload[:2], CLOSE)


@pytest.mark.parametrize(
    "payload", [b"\x03", b"\0\0", b"\x03\xe7", b"\x03\xec", b"\x03\xed", b"\x03\xee", b"\x03\xf7", b"\x13\x88"]
)
def test_a_close_frame_with_a_code_that_none_may_send_is_1002(payload: bytes) -> None:
    assert close_answer(payload)[2:4] == struct.pack("!H", PROTOCOL_ERROR)


def test_a_close_frame_whose_reason_is_not_utf8_is_1002() -> None:
    assert close_answer(b"\x03\xe8\xff")[2:4] == struct.pack("!H", PROTOCOL_ERROR)
