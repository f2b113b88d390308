"""Every decoder against an oracle: any bytes, in any pieces, give the same frames and the same end."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.errors import FramingError, Refused
from bridge.link.framing.registry import FramingSpecError, framing_in, framing_out
from tests.unit.amount import some
from tests.unit.framings import BOM, SPECS, Outcome, check_of, chunked, cuts, decoded, delimiters, jsons

#: Those of the registry, and delimiters that begin like each other, end like each other or are in each other.
EVERY = [
    *SPECS,
    r"\r\n", r"\0", r"\xff", "~~", "AAB", "ABAB", "é", "~ |", r"\n \r\n", r"\n \r\n \r", r"\n ~", r"\n \r", r"\n \n\n",
    r"\n x\r", "~ ~~", "ABC B", "A ABC", "A ABC B", "AAB AAC BA", r"\n\n~ \n", "A AB ABC ABCD",
]  # fmt: skip

#: Of each framing: two dozen share the same few decoders, which have a thousand together.
EXAMPLES = some(40)
LIMITS = st.sampled_from([0, 1, 2, 3, 5, 30])


def over(alphabet: bytes, size: int = 40) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(list(alphabet)), max_size=size).map(bytes)


@pytest.mark.parametrize("spec", EVERY)
@settings(deadline=None, max_examples=EXAMPLES)
@given(data=st.data(), limit=LIMITS)
def test_any_stream_in_any_pieces_gives_the_frames_of_the_oracle(spec: str, data: st.DataObject, limit: int) -> None:
    oracle, alphabet = check_of(spec)
    pieces = data.draw(chunked(over(alphabet(spec))))
    assert decoded(framing_in(spec, limit), pieces) == oracle(spec, limit)(b"".join(pieces))
    begins = data.draw(chunked(over(alphabet(spec)).map(BOM.__add__)))
    assert decoded(framing_in(spec, limit), begins) == oracle(spec, limit)(b"".join(begins))


@settings(deadline=None, max_examples=some(500))
@given(st.data(), st.sampled_from([b"AB", b"\r\n"]), LIMITS)
def test_delimiters_that_overlap_in_any_way_cut_as_the_oracle_does(
    data: st.DataObject, letters: bytes, limit: int
) -> None:
    some = data.draw(st.lists(over(letters, 3).filter(bool), min_size=1, max_size=4, unique=True))
    pieces = data.draw(chunked(over(letters + b"x")))
    spec = " ".join(each.decode() for each in some)
    assert decoded(framing_in(spec, limit), pieces) == check_of(spec).oracle(spec, limit)(b"".join(pieces))


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


@settings(deadline=None, max_examples=some(1000))
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


@pytest.mark.parametrize("spec", EVERY)
@settings(deadline=None, max_examples=EXAMPLES)
@given(data=st.data())
def test_what_is_not_refused_comes_out_as_it_went_in_whatever_the_pieces(spec: str, data: st.DataObject) -> None:
    try:
        encoder = framing_out(spec, 300)
    except FramingSpecError:
        return  # in only
    free = st.one_of(over(check_of(spec).alphabet(spec), 6), st.binary(max_size=300))
    free = free.filter(lambda payload: payload[-1:] != b"\r")  # which a newline takes with it
    sent, wire = [], b""
    for payload in data.draw(st.lists(JSON_VALUES if encoder.undivided else free, max_size=8)):
        try:
            wire += encoder.frame(payload)
        except Refused:
            continue
        sent.append(payload)
    assert decoded(framing_in(spec, 300), data.draw(chunked(st.just(wire)))) == Outcome(sent)
    assert not sent or encoder.frames(sent) == wire


@pytest.mark.parametrize("spec", ["~", r"\n", "~~", "~ |", r"\r \r\n", "ABC B"])
@pytest.mark.parametrize("single_bytes", [False, True])
def test_a_frame_of_the_limit_passes_and_one_byte_more_is_skipped(spec: str, single_bytes: bool) -> None:
    decoder = framing_in(spec, 10)
    stream = delimiters(spec)[0].join([b"x" * 10, b"y" * 11, b"z" * 200, b"end", b""])
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
