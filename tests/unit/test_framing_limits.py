"""What hostile or unlucky streams cost: time in proportion to their bytes, memory in proportion to the limit."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterable

import pytest

from bridge.errors import BadFrame, FrameTooBig, TruncatedFrame
from bridge.link.framing.registry import Decoder, framing_in, framing_of
from tests.unit.amount import QUICK
from tests.unit.framings import SPECS

MIB = 1 << 20
CHUNK = 1 << 16


def singles(stream: bytes) -> Iterable[bytes]:
    return (stream[at : at + 1] for at in range(len(stream)))


def chunks(stream: bytes) -> Iterable[bytes]:
    return (stream[at : at + CHUNK] for at in range(0, len(stream), CHUNK))


def seconds(decoder: Decoder, pieces: Iterable[bytes]) -> float:
    started = time.process_time()
    for piece in pieces:
        decoder.feed(piece)
    return time.process_time() - started


def growth(spec: str, stream: Callable[[int], bytes], size: int, pieces: Callable[[bytes], Iterable[bytes]]) -> float:
    """How many times the processor time of `size` bytes sixteen times as many take: 16 if linear, 256 if quadratic.

    The least of three: neighbours on the machine can only make it more. The first will do, if it is small already.
    """

    def cost(length: int) -> float:
        return seconds(framing_in(spec, 1 << 30), pieces(stream(length)))

    once = max(min(cost(size) for _ in range(3)), 1e-4)
    found = cost(16 * size) / once
    return found if found < 32 else min(found, *(cost(16 * size) / once for _ in range(2)))


FRAMES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "one delimiter": ("~", lambda n: b"x" * n + b"~"),
    "a longer delimiter": ("END\\r\\n", lambda n: b"x" * n + b"END\r\n"),
    "nearly the delimiter": ("AAAAAAAB", lambda n: b"A" * n + b"B"),
    "carriage returns": ("\\n", lambda n: b"\r" * n + b"\n"),
    "alternatives": ("\\r\\n \\n ~", lambda n: b"x" * n + b"~"),
    "nearly an alternative": ("AAAB AAC B", lambda n: b"A" * n + b"B"),
    "no end of delimiters": ("~", lambda n: b"~" * n),
    "a length": ("length:4", lambda n: n.to_bytes(4, "big") + b"x" * n),
    "empty frames": ("length:1", bytes),
    "a netstring": ("netstring", lambda n: b"%d:%b," % (n, b"x" * n)),
    "a varint": ("varint", lambda n: b"\x00" * n),
    "a JSON string": ("json", lambda n: b'"' + b"x" * n + b'"'),
    "JSON escapes": ("json", lambda n: b'"' + b'\\"' * (n // 2) + b'"'),
    "JSON backslashes": ("json", lambda n: b'{"a":"' + b"\\\\" * (n // 2) + b'"}'),
    "a JSON object": ("json", lambda n: b"{" + b'"a":"b",' * (n // 8) + b"}"),
    "JSON brackets": ("json", lambda n: b"[" + b"[]," * (n // 3) + b"]"),
    "deep JSON": ("json", lambda n: (b"[" * 500 + b"]" * 500) * (n // 1000)),
    "an open string": ("json", lambda n: b'{"a":"' + b'\\"' * (n // 2)),
    "an open object": ("json", lambda n: b'{"a":1' + b',"b":"\\\\"' * (n // 9)),
    "quotes": ("json", lambda n: b'"' * n),
    "a JSON word": ("json", lambda n: b"1" * n + b" "),
    "white space": ("json", lambda n: b" " * n),
}


def test_the_cost_of_every_framing_is_measured() -> None:
    measured = {framing_of(spec).name for spec, _ in FRAMES.values()}
    assert measured == {framing_of(spec).name for spec in SPECS}, "FRAMES in tests/unit/test_framing_limits.py"


@pytest.mark.parametrize("case", FRAMES)
def test_sixteen_times_the_bytes_in_single_bytes_cost_no_quadratic_time(case: str) -> None:
    spec, stream = FRAMES[case]
    assert growth(spec, stream, 1 << (11 if QUICK else 13), singles) < 64


@pytest.mark.parametrize("case", FRAMES)
def test_sixteen_times_the_bytes_in_large_reads_cost_no_quadratic_time(case: str) -> None:
    spec, stream = FRAMES[case]
    assert growth(spec, stream, 1 << (14 if QUICK else 16), chunks) < 64


def peak(decoder: Decoder, pieces: Iterable[bytes]) -> int:
    """The most memory that the decoder takes in addition, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        for piece in pieces:
            decoder.feed(piece)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("spec", ["~", "\\n", "END\\r\\n", "~ END", "\\r \\r\\n"])
def test_a_frame_far_over_the_limit_is_not_held(spec: str) -> None:
    decoder = framing_in(spec, 1000)
    junk = b"x" * CHUNK
    assert peak(decoder, (junk for _ in range(256))) < 8 * CHUNK
    with pytest.raises(TruncatedFrame) as truncated:
        decoder.eof()
    assert truncated.value.pending == 256 * CHUNK


@pytest.mark.parametrize("spec", ["~", "~~", "~ |", "~ ~~"])
def test_a_frame_far_over_the_limit_is_recorded_once_with_its_first_bytes(spec: str) -> None:
    decoder = framing_in(spec, 1000)
    for _ in range(100):
        assert decoder.feed(b"head" + b"x" * 1000) == []
    assert b"next" in decoder.feed(b"~~next~~")
    assert [(error.head, error.limit) for error in decoder.skipped] == [(b"head" + b"x" * 60, 1000)]


@pytest.mark.parametrize("spec", ["~", "~ |"])
def test_the_caller_takes_away_what_was_skipped(spec: str) -> None:
    decoder = framing_in(spec, 3)
    assert decoder.feed(b"1234~") == []
    skipped, decoder.skipped = decoder.skipped, []
    assert [error.head for error in skipped] == [b"1234"]
    assert decoder.feed(b"a~12345~b~") == [b"a", b"b"]
    assert [error.head for error in decoder.skipped] == [b"12345"]


@pytest.mark.parametrize("spec", ["length:4", "length:8le", "varint", "netstring"])
def test_a_length_over_the_limit_is_refused_before_anything_of_its_frame_comes(spec: str) -> None:
    header = {
        "length:4": b"\x7f\xff\xff\xff",
        "length:8le": b"\xff" * 8,
        "varint": b"\xff" * 9 + b"\x01",
        "netstring": b"99999",
    }[spec]
    with pytest.raises(FrameTooBig):
        framing_in(spec, 1000).feed(header)


def test_a_json_value_is_refused_with_its_first_byte_over_the_limit() -> None:
    decoder = framing_in("json", 10)
    assert decoder.feed(b'{"a":"2345') == []
    with pytest.raises(FrameTooBig) as big:
        decoder.feed(b"6")
    assert big.value.head.startswith(b'{"a":"2345')


def test_an_error_carries_the_frames_that_were_complete_before_it() -> None:
    for spec, stream, frames in [
        ("json", b'{"a":1}[2] }', [b'{"a":1}', b"[2]"]),
        ("netstring", b"1:a,1:b,x", [b"a", b"b"]),
        ("length:1", b"\x01a\xff", [b"a"]),
        ("varint", b"\x01a" + b"\xff" * 10, [b"a"]),
    ]:
        with pytest.raises((BadFrame, FrameTooBig)) as error:
            framing_in(spec, 9).feed(stream)
        assert error.value.frames == frames


@pytest.mark.parametrize("brackets", [b"[", b'{"a":', b'[{"a":'])
def test_nesting_of_512_levels_passes_and_513_is_too_deep(brackets: bytes) -> None:
    opened = (brackets * 513).translate(None, b'"a:')
    bare = opened.translate(bytes.maketrans(b"[{", b"]}"))
    fits = opened[:512] + bare[:512]
    for pieces in (singles, chunks):
        decoder, frames = framing_in("json", MIB), []
        for piece in pieces(fits):
            frames += decoder.feed(piece)
        assert frames == [fits]
        assert decoder.feed(opened[:512]) == []
        with pytest.raises(BadFrame, match="deep"):
            decoder.feed(opened[512:513])


def test_brackets_in_strings_are_no_nesting() -> None:
    frame = b'"' + b"[" * 600 + b'"'
    assert framing_in("json", MIB).feed(frame + b'{"a":' + frame + b"}") == [frame, b'{"a":' + frame + b"}"]


@pytest.mark.parametrize("text", [b'\\"', b"x\\\\", b'\\u0041\\"'])
def test_a_string_full_of_escapes_takes_no_more_memory_than_a_few_times_its_size(text: bytes) -> None:
    stream = b'{"a":"' + text * (MIB // len(text)) + b'"}'
    decoder = framing_in("json", 2 * MIB)
    assert peak(decoder, [stream]) < 8 * MIB
    assert peak(framing_in("json", 2 * MIB), chunks(stream)) < 8 * MIB


@pytest.mark.parametrize(
    ("spec", "stream", "delay"),
    [
        ("\\r \\r\\n", b"a\r", b""),
        ("~ ~~", b"a~", b""),
        ("A ABC", b"xA", b""),
        ("\\n", b"a\r\n", b""),
        ("ABC B", b"xB", b""),
        ("json", b'{"a":1}', b""),
        ("json", b'"a"', b""),
        ("json", b"12", b" "),
        ("json", b"12", b"{"),
        ("json", b"true", b"\n"),
        ("netstring", b"1:a,", b""),
        ("length:2", b"\0\0", b""),
    ],
)
def test_no_frame_waits_for_a_byte_that_it_does_not_need(spec: str, stream: bytes, delay: bytes) -> None:
    decoder = framing_in(spec, 100)
    assert len(decoder.feed(stream)) == (not delay)
    assert len(decoder.feed(delay)) == bool(delay)


def test_a_carriage_return_before_the_line_feed_does_not_count() -> None:
    for pieces in (singles, chunks):
        decoder, frames = framing_in("\\n", 4), []
        for piece in pieces(b"1234\r\n1234\n\r\n\n\r\r\n12345\n1234\r5\r\n"):
            frames += decoder.feed(piece)
        assert frames == [b"1234", b"1234", b"", b"", b"\r"]
        assert len(decoder.skipped) == 2


@pytest.mark.parametrize(
    "between", [b"", b" \r\n\t", b",", b"~", b"|", b";", b"\x1e", b"\0", b"\x7f", b"#$%&'()*/<=>?@^`!"]
)
def test_json_values_may_have_anything_between_them_that_is_part_of_no_value(between: bytes) -> None:
    frames = [b'{"a":[1,{"b":"}~"}]}', b"[]", b'"x"', b"{}"]
    stream = between + between.join(frames) + between
    for pieces in (singles, chunks):
        decoder, out = framing_in("json", 100), []
        for piece in pieces(stream):
            out += decoder.feed(piece)
        assert out + decoder.eof() == frames


@pytest.mark.parametrize("stray", [b"}", b"]", b":", b"1 }", b'{"a":1}}', b'"a":1'])
def test_a_closer_or_a_colon_between_json_values_is_a_bad_frame(stray: bytes) -> None:
    with pytest.raises(BadFrame):
        framing_in("json", 100).feed(stray)


@pytest.mark.parametrize(("spec", "stream"), [("~", b"a~b"), ("json", b"[1"), ("json", b'"a'), ("length:2", b"\0")])
def test_the_end_inside_a_frame_is_an_error_by_name(spec: str, stream: bytes) -> None:
    decoder = framing_in(spec, 100)
    decoder.feed(stream)
    with pytest.raises(TruncatedFrame) as truncated:
        decoder.eof()
    assert truncated.value.pending == len(stream.rpartition(b"~")[2])


@pytest.mark.parametrize("spec", SPECS)
def test_the_end_between_frames_is_none(spec: str) -> None:
    assert framing_in(spec, 100).eof() == []
    assert framing_in(spec, 100).feed(b"") == []


def test_the_end_completes_a_bare_number_or_word() -> None:
    for word in (b"12", b"-1.5e+3", b"true", b"hello"):
        decoder = framing_in("json", 100)
        assert decoder.feed(word) == []
        assert decoder.eof() == [word]


def test_the_end_decides_for_the_delimiter_that_is_there() -> None:
    decoder = framing_in("ABC B", 100)
    assert decoder.feed(b"xAB") == []
    assert decoder.eof() == [b"xA"]
