"""The recogniser: right of what can be told, silent about what can't be, and never wrong with confidence."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import FramingError
from bridge.link.framing.length_prefix import varint
from bridge.link.framing.registry import framing_in
from bridge.link.recogniser.encodings import encoding
from bridge.link.recogniser.guess import Guess, flag, spec_of, visible
from bridge.link.recogniser.recognise import LOOKED_AT, recognise
from tests.unit.amount import QUICK, some
from tests.unit.streams import JUNK, Stream, framed, junk, unknown

SEEDS = st.integers(0, 1 << 32)


def decoded(spec: str, data: bytes) -> list[bytes]:
    try:
        return framing_in(spec).feed(data)
    except FramingError as error:
        return error.frames


def outcome(stream: Stream, guess: Guess | None) -> str:
    """Right: the frames that this framing makes are those that the server meant."""
    if guess is None:
        return "can't tell"
    if guess.code != "framing" or guess.framing is None:
        return "wrong"
    found = decoded(guess.framing, stream.data)[: len(stream.frames)]
    return "right" if [f.strip() for f in found] == [f.strip() for f in stream.frames] else "wrong"


def test_of_thousands_of_streams_99_in_100_are_recognised_and_none_is_taken_for_another() -> None:
    counts: Counter[str] = Counter()
    kinds: set[str] = set()
    streams = some(3000)
    for seed in range(streams):
        stream = framed(random.Random(seed))
        kinds.add(stream.kind)
        result = outcome(stream, guess := recognise(stream.data))
        assert result != "wrong", (seed, stream.kind, guess, stream.data[:200])
        counts[result] += 1
    assert len(kinds) > (50 if QUICK else 60)
    assert counts["right"] + counts["can't tell"] == streams
    assert counts["right"] >= 0.99 * streams


def test_framings_that_the_bridge_has_not_are_named_and_no_flag_is_offered() -> None:
    counts: Counter[bool] = Counter()
    for seed in range(800):
        stream = unknown(random.Random(seed))
        guess = recognise(stream.data)
        assert guess is None or (guess.code, guess.framing) == ("framing", None), (seed, stream.kind, guess)
        counts[guess is not None] += 1
    assert counts[True] >= 0.99 * 800


def test_of_random_bytes_prose_base64_and_other_junk_nothing_is_said() -> None:
    kinds: set[str] = set()
    for seed in range(some(800)):
        stream = junk(random.Random(seed))
        kinds.add(stream.kind)
        assert (guess := recognise(stream.data)) is None, (seed, stream.kind, guess, stream.data[:200])
    assert kinds == set(JUNK)


@given(SEEDS)
def test_whatever_the_stream_the_guess_is_not_a_wrong_one(seed: int) -> None:
    stream = framed(random.Random(seed))
    assert outcome(stream, recognise(stream.data)) != "wrong", stream.kind


@given(SEEDS, st.floats(0, 1))
def test_however_much_of_a_stream_is_there_the_guess_is_not_a_wrong_one(seed: int, part: float) -> None:
    stream = framed(random.Random(seed))
    data = stream.data[: int(part * len(stream.data))]
    guess = recognise(data)
    if guess is not None and guess.framing is not None:
        found = [frame.strip() for frame in decoded(guess.framing, data)]
        assert found == [frame.strip() for frame in stream.frames][: len(found)], (stream.kind, guess, data[-50:])


@given(st.binary(max_size=300) | st.text(alphabet='{}[]":,~|\n\r\0 a1\x02\x03', max_size=200).map(str.encode))
def test_any_bytes_are_looked_at_without_an_error_and_what_is_offered_can_be_used(data: bytes) -> None:
    guess = recognise(data)
    if guess is not None and guess.framing is not None:
        assert decoded(guess.framing, data), guess


@pytest.mark.parametrize(
    ("data", "code", "looks"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "http", "web server"),
        (b"HTTP/1.0 404 Not found\r\n", "http", "web server"),
        (b"<!DOCTYPE HTML>\n<html lang='en'>\n<head>", "http", "web server"),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80", "http", "HTTP/2"),
        (b"\x15\x03\x01\0\x02\x02\x46", "tls", "TLS"),
        (b"\x15\x03\x03\0\x02\x02\x0a", "tls", "TLS"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "protocol", "SSH"),
        (b"220 mail.example.org ESMTP Postfix\r\n", "protocol", "mail"),
        (b"220 (vsFTPd 3.0.3)\r\n", "protocol", "FTP"),
        (b"220 welcome\r\n", "protocol", "SMTP or FTP"),
        (b"+OK ready\r\n", "protocol", "POP3"),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "protocol", "IMAP"),
        (b"-ERR unknown command\r\n", "protocol", "Redis"),
        (b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23", "protocol", "telnet"),
        (b"\xff\xfb\x01\xff\xfb\x03login: ", "protocol", "telnet"),
        (b"J\0\0\0\x0a8.0.36\0\x08\0\0\0", "protocol", "MySQL"),
        (b"E\0\0\0\x55SFATAL\0VFATAL\0", "protocol", "PostgreSQL"),
        (b"RFB 003.008\n", "protocol", "VNC"),
        (b'INFO {"server_id":"x","version":"2"}\r\n', "protocol", "NATS"),
        (b"AMQP\0\0\x09\x01", "protocol", "AMQP"),
        (b":irc.example NOTICE * :*** Looking up\r\n", "protocol", "IRC"),
        ('{"a":1}\n{"a":2}\n'.encode("utf-16"), "encoding", "UTF-16"),
        ('{"a":1}\n{"a":2}\n'.encode("utf-16-le"), "encoding", "UTF-16 (little-endian)"),
        ('{"a":1}\n{"a":2}\n'.encode("utf-16-be"), "encoding", "UTF-16 (big-endian)"),
        ("hello, here I am\n".encode("utf-32-be"), "encoding", "UTF-32"),
    ],
)  # fmt: skip
def test_other_protocols_and_encodings_are_named(data: bytes, code: str, looks: str) -> None:
    guess = recognise(data)
    assert guess is not None
    assert (guess.code, guess.framing) == (code, None)
    assert looks in guess.looks


@pytest.mark.parametrize(
    ("data", "framing"),
    [
        (b'{"a":1}\n', r"\n"),
        (b'\xef\xbb\xbf{"a":1}\n{"a":2}\n', r"\n"),
        (b'{"a":1}', "json"),
        (b'{"a":1}{"a":2}{"a', "json"),
        (b'{\n "a": 1\n}\n{\n "a": 2\n}\n', "json"),
        (b'{"a":"x~y"}|{"a":"|"}|', "json"),
        (b'{"a":1}\xc2\xa7{"a":2}\xc2\xa7', r"\xc2\xa7"),
        (b'{"a":1}json{"a":2}json', "delim:json"),
        (b'{"a":1} | {"a":2} | ', r"\x20|\x20"),
        ('{"a":"é"}\n'.encode("latin-1") * 3, r"\n"),
        (b"hello\n", r"\n"),
        (b"hello\nyou", None),
        (b"some words\x0cand more", None),
        (b"some words and more\x0c", None),
        (b"a word\x0c" * 5, r"\x0c"),
        (b"\x05hello\x03you\x04what\x02is", "length:1"),
        (b'\x07{"a":1}\x08{"a":12}', "length:1"),
        (b"\x02\x08\x01\x03\x08\x96\x01\x04\x08\x96\x01\x10", None),  # protobuf's, but too few to tell
    ],
)
def test_what_is_told_apart_with_care(data: bytes, framing: str | None) -> None:
    guess = recognise(data)
    assert (guess and guess.framing) == framing


def test_a_varint_that_the_end_cuts_off_is_one_and_one_of_ten_bytes_is_none() -> None:
    frames = [b'{"a":"%b"}' % (b"x" * size) for size in (200, 300, 400)]
    stream = b"".join(varint(len(frame)) + frame for frame in frames)
    for rest, framing in ((b"", "varint"), (b"\xc8", "varint"), (b"\xff" * 9, "varint"), (b"\xff" * 10, None)):
        guess = recognise(stream + rest)
        assert (guess and guess.framing) == framing


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_sixteen_bytes_of_wide_letters_are_enough_and_fewer_are_not(name: str) -> None:
    data = "hello you".encode(name)
    guess = encoding(data[:16])
    assert guess is not None
    assert guess.code == "encoding"
    assert encoding(data[:15]) is None


#: Each again and again.
ADVERSARIES: dict[str, bytes] = {
    "brackets": b"[", "braces": b"{", "levels": b'{"a":', "zeros": b"\0", "arrays": b"[1,", "empty": b"[]",
    "lines": b"[]\n",
    "random": os.urandom(LOOKED_AT), "netstrings": b"1:a,", "digits": b"1", "headers": b"a: b\r\n", "tildes": b"~",
    "high": b"\xff", "small": b"\0\1a", "word": b"aEND", "broken": b'[{"a":[1,2,3]}x', "words": b'["[",', "ones": b"\1",
    "cut": b'["' + b"x" * LOOKED_AT, "octets": b"1 a", "length": b"content-length", "marks": b"\x02a\x03",
    "returns": b"\r",
    "fields": b"a:", "wide": b"a\0", "gaps": b"{}" + b"|" * 30, "lines of text": b"a b\n", "varints": b"\x81\x01",
}  # fmt: skip


@pytest.mark.parametrize("name", ADVERSARIES)
def test_nothing_takes_longer_than_50_ms(name: str) -> None:
    data = (ADVERSARIES[name] * (LOOKED_AT // len(ADVERSARIES[name]) + 1))[:LOOKED_AT]
    spent = []
    for _ in range(5):
        began = time.thread_time()  # what others do on this machine does not count
        recognise(data)
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.05


def test_what_is_shown_is_printable_and_what_is_offered_can_be_typed() -> None:
    assert visible(b"a\\b\n\r\t\0\x7f\xe9") == r"a\\b\n\r\t\0\x7f\xe9"
    assert visible(b"x" * 65) == "x" * 64 + "…"
    assert [flag("--framing-in", spec_of(d)) for d in (b"\n", b"|", b"END\r\n", b" | ", b"json", b"'", b"--")] == [
        r"--framing-in '\n'", "--framing-in '|'", r"--framing-in 'END\r\n'", r"--framing-in '\x20|\x20'",
        "--framing-in delim:json", """--framing-in ''"'"''""", "--framing-in=--",
    ]  # fmt: skip
    assert flag("--framing-in", "length:4be") == "--framing-in length:4be"


@given(st.binary(min_size=1, max_size=12))
def test_a_delimiter_is_written_so_that_it_is_read_as_the_same(delimiter: bytes) -> None:
    assert framing_in(spec_of(delimiter)).feed(b"a" + delimiter + b"b") == framing_in(
        "".join(f"\\x{byte:02x}" for byte in delimiter)
    ).feed(b"a" + delimiter + b"b")
