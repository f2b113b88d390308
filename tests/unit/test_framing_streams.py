"""Every decoder against an oracle: any bytes, in any pieces, give the same frames and the same end."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.errors import FramingError
from bridge.link.framing.registry import framing_in, framing_out
from tests.unit.framings import BOM, Outcome, chunked, cuts, decoded, delimited, jsons, netstrings, sized, varints

Oracle = Callable[[int], Callable[[bytes], Outcome]]

#: Framing string -> (its delimiters, bytes that make its streams interesting).
DELIMITERS = {
    "~": ([b"~"], b"~a"),
    r"\n": ([b"\n"], b"\n\ra"),
    r"\r\n": ([b"\r\n"], b"\r\na"),
    r"\0": ([b"\0"], b"\0a"),
    r"\xff": ([b"\xff"], b"\xffa"),
    "~~": ([b"~~"], b"~a"),
    "AAB": ([b"AAB"], b"AB"),
    "ABAB": ([b"ABAB"], b"AB"),
    r"END\r\n": ([b"END\r\n"], b"END\r\n"),
    "é": ([b"\xc3\xa9"], b"\xc3\xa9a"),
    "~ |": ([b"~", b"|"], b"~|a"),
    r"\r \r\n": ([b"\r", b"\r\n"], b"\r\na"),
    r"\n \r\n": ([b"\n", b"\r\n"], b"\r\na"),
    r"\n \r\n \r": ([b"\n", b"\r\n", b"\r"], b"\r\na"),
    r"\n ~": ([b"\n", b"~"], b"\n~\ra"),
    r"\n \r": ([b"\n", b"\r"], b"\n\ra"),
    r"\n \n\n": ([b"\n", b"\n\n"], b"\n\ra"),
    r"\n x\r": ([b"\n", b"x\r"], b"\n\rxa"),
    "~ ~~": ([b"~", b"~~"], b"~a"),
    "ABC B": ([b"ABC", b"B"], b"ABC"),
    "A ABC": ([b"A", b"ABC"], b"ABC"),
    "A ABC B": ([b"A", b"ABC", b"B"], b"ABC"),
    "AAB AAC BA": ([b"AAB", b"AAC", b"BA"], b"ABC"),
    r"\n\n~ \n": ([b"\n\n~", b"\n"], b"\n\r~a"),
    "A AB ABC ABCD": ([b"A", b"AB", b"ABC", b"ABCD"], b"ABCD"),
}

COUNTED: dict[str, tuple[Oracle, bytes]] = {
    "netstring": (netstrings, b"0123:,a"),
    "varint": (varints, b"\x00\x01\x02\x80\x81\xff"),
    "length:1": (lambda limit: sized(1, "be", limit), b"\x00\x01\x02\x03\xff"),
    "length:2": (lambda limit: sized(2, "be", limit), b"\x00\x01\x02\x03\xff"),
    "length:2le": (lambda limit: sized(2, "le", limit), b"\x00\x01\x02\x03\xff"),
    "length:4be": (lambda limit: sized(4, "be", limit), b"\x00\x00\x00\x01\x02"),
    "length:4le": (lambda limit: sized(4, "le", limit), b"\x00\x00\x00\x01\x02"),
    "length:8": (lambda limit: sized(8, "be", limit), b"\x00\x00\x00\x00\x01"),
    "length:8le": (lambda limit: sized(8, "le", limit), b"\x00\x00\x00\x00\x01"),
}

#: Of each framing: two dozen share the same few decoders, which have a thousand together.
EXAMPLES = 40
LIMITS = st.sampled_from([0, 1, 2, 3, 5, 30])


def over(alphabet: bytes, size: int = 40) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(list(alphabet)), max_size=size).map(bytes)


@pytest.mark.parametrize("spec", DELIMITERS)
@settings(deadline=None, max_examples=EXAMPLES)
@given(data=st.data(), limit=LIMITS)
def test_delimiters_cut_any_stream_in_any_pieces_as_the_oracle_does(spec: str, data: st.DataObject, limit: int) -> None:
    delimiters, alphabet = DELIMITERS[spec]
    pieces = data.draw(chunked(over(alphabet)))
    assert decoded(framing_in(spec, limit), pieces) == delimited(delimiters, limit)(b"".join(pieces))


@settings(deadline=None, max_examples=500)
@given(st.data(), st.sampled_from([b"AB", b"\r\n"]), LIMITS)
def test_delimiters_that_overlap_in_any_way_cut_as_the_oracle_does(
    data: st.DataObject, letters: bytes, limit: int
) -> None:
    delimiters = data.draw(st.lists(over(letters, 3).filter(bool), min_size=1, max_size=4, unique=True))
    pieces = data.draw(chunked(over(letters + b"x")))
    spec = " ".join(each.decode() for each in delimiters)
    assert decoded(framing_in(spec, limit), pieces) == delimited(delimiters, limit)(b"".join(pieces))


@pytest.mark.parametrize("spec", COUNTED)
@settings(deadline=None, max_examples=EXAMPLES)
@given(data=st.data(), limit=LIMITS)
def test_counted_frames_come_from_any_stream_in_any_pieces_as_from_the_oracle(
    spec: str, data: st.DataObject, limit: int
) -> None:
    oracle, alphabet = COUNTED[spec]
    pieces = data.draw(chunked(over(alphabet)))
    assert decoded(framing_in(spec, limit), pieces) == oracle(limit)(b"".join(pieces))
    begins = data.draw(chunked(over(alphabet).map(BOM.__add__)))
    assert decoded(framing_in(spec, limit), begins) == oracle(limit)(b"".join(begins))


@pytest.mark.parametrize("spec", ["netstring", "varint", "length:4", "length:4le", "length:8", "length:8le"])
def test_a_byte_order_mark_before_the_first_count_is_passed_over(spec: str) -> None:
    stream = framing_out(spec).frame(b"hello") + framing_out(spec).frame(b"")
    for pieces in (cuts(BOM + stream, []), cuts(BOM + stream, range(40))):
        assert decoded(framing_in(spec), pieces).frames == [b"hello", b""]
    assert decoded(framing_in(spec), [stream, BOM]).error in ("truncated-frame", "bad-frame")  # only at the beginning


def test_what_may_be_a_length_is_one() -> None:
    frame = framing_out("length:1").frame(b"\xbb\xbf" + b"x" * 237)
    assert frame[:3] == BOM
    assert decoded(framing_in("length:1"), [frame]).frames == [frame[1:]]
    assert decoded(framing_in("length:1", 100), [BOM + b"\x02hi"]).frames == [b"hi"]


def test_byte_order_marks_between_json_values_are_passed_over() -> None:
    stream = BOM + b'{"a":1}' + BOM + BOM + b"[2]" + b" " + BOM + b'"x"\n' + BOM + b"word," + BOM
    for pieces in (cuts(stream, []), cuts(stream, range(60)), *(cuts(stream, [at]) for at in range(60))):
        assert decoded(framing_in("json", 7), pieces) == Outcome([b'{"a":1}', b"[2]", b'"x"', b"word"])


BRACKETS_AND_THE_LIKE = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b'\\"',
    b",",
    b":",
    b" ",
    b"\n",
    b"~",
    b"|",
    b";",
    b"\x1e",
]
VALUES = [
    b"1",
    b"\xef",
    b"\xbb\xbf",
    BOM,
    b"-2.5e3",
    b"true",
    b"a",
    b"\xc3\xa9",
    b'"k"',
    b'"\\\\"',
    b'{"a":1}',
    b"[[1],{}]",
    b"\xff",
    b"[[[{}]]]",
]
MARKS = [b"\xef", b"\xbb\xbf", BOM]
PIECES_OF_JSON = st.sampled_from(BRACKETS_AND_THE_LIKE + VALUES + MARKS)


@settings(deadline=None, max_examples=1000)
@given(pieces=chunked(st.lists(PIECES_OF_JSON, max_size=25).map(b"".join)), limit=st.sampled_from([1, 3, 10, 200]))
@example(pieces=[b'"a\\', b'"', b'b"'], limit=200)
@example(pieces=[b'{"a":"\\\\', b'"}'], limit=200)
def test_json_values_come_from_any_stream_in_any_pieces_as_from_the_oracle(pieces: list[bytes], limit: int) -> None:
    stream = b"".join(pieces)
    if _has_a_backslash_between_values(stream, limit):
        return  # no JSON text has one there; only that it does no harm is promised, and tested below
    assert decoded(framing_in("json", limit), pieces) == jsons(limit)(stream)


def _has_a_backslash_between_values(stream: bytes, limit: int) -> bool:
    rest = stream
    for frame in jsons(limit)(stream).frames:
        gap, _, rest = rest.partition(frame)
        if b"\\" in gap:
            return True
    return b"\\" in rest.split(b'"')[0].split(b"{")[0].split(b"[")[0]


EVERY = [*DELIMITERS, *COUNTED, "json"]


@pytest.mark.parametrize("spec", EVERY)
@settings(deadline=None, max_examples=EXAMPLES)
@given(pieces=chunked(st.binary(max_size=60)), limit=LIMITS)
def test_any_bytes_give_frames_within_the_limit_or_a_framing_error(spec: str, pieces: list[bytes], limit: int) -> None:
    decoder = framing_in(spec, limit)
    frames: list[bytes] = []
    try:
        for piece in pieces:
            frames += decoder.feed(piece)
        frames += decoder.eof()
    except FramingError as error:
        frames += error.frames
    assert all(type(frame) is bytes and len(frame) <= limit for frame in frames)
    assert decoded(framing_in(spec, limit), [b"".join(pieces)]).frames == frames


JSON_VALUES = st.sampled_from([b"{}", b"[]", b'""', b'{"a":"}"}', b"[1,[2]]", b'"\\""', '"é"'.encode()])


@pytest.mark.parametrize("spec", [spec for spec in EVERY if " " not in spec and spec not in ("AAB", "ABAB", "é")])
@settings(deadline=None, max_examples=EXAMPLES)
@given(data=st.data())
def test_what_was_framed_comes_out_again_whatever_the_pieces(spec: str, data: st.DataObject) -> None:
    free = st.binary(max_size=300 if spec != "length:1" else 255)
    if spec in DELIMITERS:
        _, forbidden = DELIMITERS[spec]
        free = free.map(lambda frame: frame.translate(None, forbidden))
    payloads = data.draw(st.lists(JSON_VALUES if spec == "json" else free, max_size=8))
    encoder = framing_out(spec, 1000)
    pieces = data.draw(chunked(st.just(b"".join(map(encoder.frame, payloads)))))
    assert decoded(framing_in(spec, 1000), pieces) == Outcome(payloads)


@pytest.mark.parametrize("spec", ["~", r"\n", "~~", "~ |", r"\r \r\n", "ABC B"])
@pytest.mark.parametrize("single_bytes", [False, True])
def test_a_frame_of_the_limit_passes_and_one_byte_more_is_skipped(spec: str, single_bytes: bool) -> None:
    decoder = framing_in(spec, 10)
    stream = DELIMITERS[spec][0][0].join([b"x" * 10, b"y" * 11, b"z" * 200, b"end", b""])
    pieces = cuts(stream, range(len(stream) if single_bytes else 0))
    assert decoded(decoder, pieces) == Outcome([b"x" * 10, b"end"], skipped=2)
    assert [(error.limit, error.head) for error in decoder.skipped] == [(10, b"y" * 11), (10, b"z" * 64)]


HEADERS: dict[str, Callable[[int], bytes]] = {
    "varint": lambda size: bytes([size]),
    "length:1": lambda size: bytes([size]),
    "length:2le": lambda size: struct.pack("<H", size),
    "length:4": lambda size: struct.pack(">I", size),
    "length:8le": lambda size: struct.pack("<Q", size),
    "netstring": lambda size: b"%d:" % size,
}


@pytest.mark.parametrize("spec", HEADERS)
@pytest.mark.parametrize("single_bytes", [False, True])
def test_a_counted_frame_of_the_limit_passes_and_one_byte_more_ends_the_stream(spec: str, single_bytes: bool) -> None:
    end = b"," if spec == "netstring" else b""
    stream = b"".join(HEADERS[spec](size) + b"x" * size + end for size in (10, 0, 11))
    pieces = cuts(stream, range(len(stream) if single_bytes else 0))
    assert decoded(framing_in(spec, 10), pieces) == Outcome([b"x" * 10, b""], error="frame-too-big")


@pytest.mark.parametrize("fits", [b'{"a":"12"}', b"[[[1]],22]", b'"12345678"', b"1234567890"])
@pytest.mark.parametrize("single_bytes", [False, True])
def test_a_json_value_of_the_limit_passes_and_one_byte_more_ends_the_stream(fits: bytes, single_bytes: bool) -> None:
    stream = fits + b" " + fits.replace(b"2", b"23", 1) + b" "
    pieces = cuts(stream, range(len(stream) if single_bytes else 0))
    assert decoded(framing_in("json", 10), pieces) == Outcome([fits], error="frame-too-big")
