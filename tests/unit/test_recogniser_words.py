"""The recogniser: what each kind of stream is called, what is offered for it, and after how many frames it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from bridge.link.recogniser.guess import Guess, visible
from bridge.link.recogniser.recognise import recognise

JSON = [b'{"a":1}', b'{"a":22}', b'{"a":333}', b"[1,2]"] * 3
TEXT = [b"hello there", b"move 1 2", b"bye now all", b"stop it please"] * 3
HEADERS = "Content-Length headers before each frame"
NONE = "JSON values with no delimiter between them"
KINDS = pytest.mark.parametrize("frames", [JSON, TEXT], ids=["JSON", "text"])


def known_after(frames: Sequence[bytes], framed: Callable[[bytes], bytes]) -> int:
    """How many whole frames there are when it is first known what they are, and from then on."""
    full = recognise(b"".join(map(framed, frames)))
    if full is None:
        return 0
    unlike = [n for n in range(len(frames)) if recognise(b"".join(map(framed, frames[:n]))) != full]
    return unlike[-1] + 1


@KINDS
@pytest.mark.parametrize("itself", [False, True])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("order", ["big", "little"])
def test_each_length_is_named_by_its_width_its_order_and_what_it_counts(
    frames: list[bytes], width: int, order: Any, itself: bool
) -> None:
    guess = recognise(b"".join((len(f) + itself * width).to_bytes(width, order) + f for f in frames))
    words = f"a length of {width} byte{'s' * (width > 1)} before each frame"
    if width > 1:
        words += ", the highest byte first" if order == "big" else ", the lowest byte first"
    spec = f"length:{width}" + ("" if width == 1 else {"big": "be", "little": "le"}[order])
    known = width != 3 and not itself
    assert guess == Guess(
        "framing", words + ", that counts itself" * itself, spec if known else None, json=frames is JSON
    )


@KINDS
@pytest.mark.parametrize(
    ("framed", "looks", "framing"),
    [
        (lambda f: b"%d:%b," % (len(f), f), "netstrings: digits, a colon, the frame, a comma", "netstring"),
        (lambda f: b"%d %b" % (len(f), f), "octet counting (RFC 6587): digits, a space, the frame", None),
        (lambda f: b"Content-Length: %d\r\n\r\n%b" % (len(f), f), HEADERS, None),
        (lambda f: b"X: 1\ncontent-length:%d\nY:\n\n%b" % (len(f), f), HEADERS, None),
    ],
)  # fmt: skip
def test_each_length_in_digits_is_named(
    frames: list[bytes], framed: Callable[[bytes], bytes], looks: str, framing: str | None
) -> None:
    assert recognise(b"".join(map(framed, frames))) == Guess("framing", looks, framing)


@KINDS
@pytest.mark.parametrize(
    "delimiter", [b"\n", b"\r\n", b"\0", b"\r", b"|", b"~", b"END", b"\x1e", b";", b"\x1e\n", b"\x03", b"||"]
)
def test_each_delimiter_is_named_as_it_is_written_in_the_setting(frames: list[bytes], delimiter: bytes) -> None:
    spec = r"\n" if delimiter == b"\r\n" else visible(delimiter)
    words = f"JSON with {spec} after each value" if frames is JSON else f"text with {spec} after each frame"
    if frames is TEXT and spec == r"\n":
        words = r"lines, each with \n at its end"
    guess = recognise(b"".join(f + delimiter for f in frames))
    assert guess == Guess("framing", words, spec, json=frames is JSON)


@KINDS
@pytest.mark.parametrize(("start", "end"), [(b"\x02", b"\x03"), (b"\x0b", b"\x1c\r"), (b"\x1e", b"\n")])
def test_marks_on_both_sides_are_named_and_nothing_is_offered(frames: list[bytes], start: bytes, end: bytes) -> None:
    what = "JSON" if frames is JSON else "text"
    guess = recognise(b"".join(start + f + end for f in frames))
    assert guess == Guess(
        "framing", f"{what} between the marks {visible(start)} and {visible(end)}", None, json=frames is JSON
    )


@pytest.mark.parametrize(
    ("data", "guess"),
    [
        (b'<{"a":1}><{"a":2}>', Guess("framing", "JSON between the marks < and >", json=True)),
        (b'({"a":1})({"a":2})', Guess("framing", "JSON between the marks ( and )", json=True)),
        (b'\x02{"a":1}\x03{"a":2}\x03', None),
        (b'\x02{"a":1}\x03\x02{"a":2}\x04\x02{"a":3}\x03', None),
        (b'{"a":1}{"a":2}[3]', Guess("framing", NONE, "json", json=True)),
        (b'{"a":1}{"a', Guess("framing", NONE, "json", json=True)),
        (b'{"a', None),
        (b'{"a":1}\n{"a":2}\r\n{"a":3}\n', Guess("framing", r"JSON with \n after each value", r"\n", json=True)),
        (
            b'{"a":1}\n\n{"a":2}\n{"a":3}\n',
            Guess("framing", NONE, "json", json=True),
        ),
        (b'{"a":1}x{"a":2}y{"a":3}z', None),
        (b'{"a":1} | {"a":2} | ', Guess("framing", r"JSON with \x20|\x20 after each value", r"\x20|\x20", json=True)),
        (b"hello theremove 1 2bye now all", None),
        (b"", None),
    ],
)
def test_what_has_more_or_less_between_values_is_told_apart(data: bytes, guess: Guess | None) -> None:
    assert recognise(data) == guess


#: How a frame is written, and after how many of JSON, text and random bytes that is known; 0: never.
KNOWN: list[tuple[Callable[[bytes], bytes], int, int, int]] = [
    (lambda f: f + b"\n", 1, 1, 0),
    (lambda f: f + b"|", 1, 3, 0),
    (lambda f: f + b"END", 2, 3, 0),
    (lambda f: f + b"\0", 1, 1, 0),
    (lambda f: f + b"||", 2, 3, 0),
    (lambda f: b"\x02" + f + b"\x03", 1, 1, 0),
    (lambda f: b"\x0b" + f + b"\x1c\r", 1, 1, 0),
    (lambda f: bytes([len(f)]) + f, 1, 2, 0),
    (lambda f: len(f).to_bytes(2, "big") + f, 1, 1, 3),
    (lambda f: len(f).to_bytes(4, "little") + f, 1, 1, 3),
    (lambda f: len(f).to_bytes(3, "big") + f, 2, 2, 0),
    (lambda f: (8 + len(f)).to_bytes(8, "big") + f, 2, 2, 0),
    (lambda f: b"%d:%b," % (len(f), f), 1, 1, 1),
    (lambda f: b"%d %b" % (len(f), f), 3, 3, 3),
    (lambda f: b"Content-Length: %d\r\n\r\n%b" % (len(f), f), 1, 1, 1),
]


@pytest.mark.parametrize(("framed", "json", "text", "binary"), KNOWN)
def test_each_is_known_after_so_many_frames(
    framed: Callable[[bytes], bytes], json: int, text: int, binary: int
) -> None:
    chance = Random(1)
    noise = [chance.randbytes(size) for size in range(5, 60)]
    assert (known_after(JSON, framed), known_after(TEXT, framed), known_after(noise, framed)) == (json, text, binary)


def test_messages_of_protobuf_are_known_after_a_few() -> None:
    chance = Random(1)
    messages = [bytes([8, n % 128, 18, n]) + chance.randbytes(n) for n in range(5, 60)]
    assert known_after(messages, lambda f: bytes([len(f)]) + f) == 5
    assert known_after(messages, lambda f: len(f).to_bytes(2, "big") + f) == 3
    assert known_after(messages, lambda f: len(f).to_bytes(4, "little") + f) == 3
