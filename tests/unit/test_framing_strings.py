"""The strings that choose a framing: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.link.framing.registry import FRAMINGS, NAMES, FramingSpecError, framing_in, framing_out, unescape

#: Framing strings that are no delimiter.
WORDS = [form for name, framing in FRAMINGS.items() if name != "delim:" for form in framing.forms]

PLAIN = {
    "~": b"~",
    "|": b"|",
    r"\n": b"\n",
    r"\r": b"\r",
    r"\t": b"\t",
    r"\0": b"\0",
    r"\\!": b"\\!",
    r"\x1e": b"\x1e",
    r"\x1E": b"\x1e",
    r"\xff": b"\xff",
    r"\xc2\xa7": "§".encode(),
    "§": "§".encode(),
    "\n": b"\n",
    "\t": b"\t",
    r"END\r\n": b"END\r\n",
    r"\x20~": b" ~",
    r"\\n|": rb"\n|",
    r"\01|": b"\x001|",
    "delim:~": b"~",
    r"delim:\n": b"\n",
    r"delim:delim:|": b"delim:|",
    "delim:length:4;": b"length:4;",
    "jsonn;": b"jsonn;",
    "Json;": b"Json;",
    "netstring;": b"netstring;",
    "none|": b"none|",
    "lenght:4;": b"lenght:4;",
}


@pytest.mark.parametrize("spec", PLAIN)
def test_a_delimiter_is_its_text_with_the_escapes_decoded(spec: str) -> None:
    assert framing_out(spec, 9).frame(b"1") == b"1" + PLAIN[spec]
    assert framing_in(spec, 9).feed(b"1" + PLAIN[spec] + b"2") == [b"1"]


@pytest.mark.parametrize("word", [*WORDS, "length:x"])
def test_delim_takes_a_word_for_its_letters(word: str) -> None:
    assert framing_in("delim:" + word, 9).feed(b"1" + unescape(word) + b"2") == [b"1"]


@pytest.mark.parametrize(("word", "delimiter"), NAMES.items())
def test_the_usual_delimiters_have_names_in_both_directions_and_among_alternatives(word: str, delimiter: bytes) -> None:
    assert framing_in(word, 9).feed(b"1" + delimiter + b"2") == [b"1"]
    assert framing_out(word, 9).frame(b"1") == b"1" + delimiter
    assert framing_out(word, 9).escapes == ()
    assert framing_in(f"~ {word}", 9).feed(b"1~2" + delimiter) == [b"1", b"2"]
    assert framing_in("delim:" + word, 9).feed(b"1" + word.encode() + b"2") == [b"1"]


def test_a_newline_by_its_name_takes_a_carriage_return_with_it() -> None:
    assert framing_in("lines", 9).feed(b"1\r\n2\n") == [b"1", b"2"]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("newlines", "newline"), ("line", "lines"), ("jsonl", "ndjson"), ("jsonn", "json"), ("cr:lf", "crlf"),
        ("null", "nul"), ("tabs", "tab"), ("lenght:4", "length:4"), ("netstrings", "netstring"), ("varints", "varint"),
        ("jsonlines", "ndjson"), ("eol", "newline"), ("nl", "newline"), ("linefeed", "newline"), ("zero", "nul"),
        ("protobuf", "varint"), ("delimited", "varint"), ("raw", "none"),
        ("lsp", ""), ("fixed:18", ""), ("end", ""), ("ab", "tab"), ("a1", ""), ("x:", ""),
    ],
)  # fmt: skip
def test_what_looks_like_a_word_but_is_none_is_refused_with_the_nearest_and_a_way_to_it(
    text: str, nearest: str
) -> None:
    for make, spec in ((framing_in, text), (framing_out, text), (framing_in, f"~ {text}")):
        with pytest.raises(FramingSpecError) as raised:
            make(spec, 9)
        said = str(raised.value)
        assert said.startswith(f"{text!r} is no framing; ")
        assert ("did you mean" in said) == bool(nearest)
        assert f"did you mean {nearest}?" in said or not nearest
        assert "newline (lines, lf, ndjson), crlf, nul, tab, json, length:1|2|4|8, netstring, varint, none" in said
        assert said.endswith(f"as a delimiter it is delim:{text}")
    assert framing_in("delim:" + text, 9).feed(b"1" + text.encode()) == [b"1"]


@pytest.mark.parametrize("text", [*WORDS, "length:"])
def test_what_is_a_framing_by_itself_is_none_of_several_delimiters(text: str) -> None:
    with pytest.raises(FramingSpecError) as raised:
        framing_in(f"~ {text}", 9)
    assert str(raised.value) == f"{text!r} can't be one of several; as a delimiter it is delim:{text}"
    assert framing_in(f"~ delim:{text}", 99).feed(b"1" + text.encode() + b"2~") == [b"1", b"2"]


@pytest.mark.parametrize("text", ["JSON", "END", "a", "1a", "é", "a.b", "ab;", "a_b", "_ab"])
def test_what_looks_like_no_word_is_a_delimiter(text: str) -> None:
    assert framing_in(text, 9).feed(b"1" + text.encode()) == [b"1"]


def test_alternatives_are_separated_by_one_space() -> None:
    assert framing_in(r"~ \x20 AB", 9).feed(b"1~2 3AB4") == [b"1", b"2", b"3"]


@pytest.mark.parametrize("spec", ["", "delim:", " ", " ~", "~ ", "~  |"])
def test_an_empty_delimiter_is_refused(spec: str) -> None:
    with pytest.raises(FramingSpecError):
        framing_in(spec, 9)
    with pytest.raises(FramingSpecError):
        framing_out(spec, 9)


@pytest.mark.parametrize(
    "spec", ["length:", "length:3", "length:16", "length:4xe", "length:4BE", "length:4 ", "length:x"]
)
def test_an_unknown_length_is_refused_with_what_would_do(spec: str) -> None:
    for framing in (framing_in, framing_out):
        with pytest.raises(FramingSpecError, match="length:4") as raised:
            framing(spec, 9)
        assert "delim:" in str(raised.value)


@pytest.mark.parametrize("spec", ["\\", "~\\", r"\q", r"\x", r"\x1", r"\xg0", r"\x 1", r"\u007e", r"\N"])
def test_an_unknown_escape_is_refused(spec: str) -> None:
    with pytest.raises(FramingSpecError, match=r"\\"):
        framing_in(spec, 9)


def test_no_framing_is_for_out_only() -> None:
    with pytest.raises(FramingSpecError, match="out"):
        framing_in("none", 9)


def test_out_takes_one_delimiter_and_says_how_to_write_a_space() -> None:
    with pytest.raises(FramingSpecError, match=r"\\x20"):
        framing_out("~ |", 9)


def test_text_that_utf_8_does_not_have_is_refused() -> None:
    for framing in (framing_in, framing_out):
        with pytest.raises(FramingSpecError):
            framing("~\udc80", 9)


@pytest.mark.parametrize(
    "spec", ["END", "a", "1", "é", ".", "-", "+", ",", ":", '"', r"\\", "{", "}]", r"\x20", "delim:ende"]
)
def test_a_delimiter_that_json_text_may_contain_is_refused_for_out_only(spec: str) -> None:
    assert framing_in(spec, 9)
    with pytest.raises(FramingSpecError):
        framing_out(spec, 9)


@pytest.mark.parametrize("spec", [r"\x80", r"\xa9", r"\xa9a", r"\xc3", r"\xa9\xc3", r"\xe2\x80"])
def test_bytes_that_are_parts_of_characters_are_refused_for_out(spec: str) -> None:
    with pytest.raises(FramingSpecError):
        framing_out(spec, 9)


@given(st.text(max_size=8))
@example("length:")
@example("\\x")
@example("delim:\\")
def test_any_text_is_a_framing_or_is_refused_in_words(spec: str) -> None:
    told = []
    for framing in (framing_in, framing_out):
        try:
            framing(spec, 9)
        except FramingSpecError as error:
            told.append(str(error))
    assert all(len(text) > 10 for text in told)
