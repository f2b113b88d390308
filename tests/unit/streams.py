"""Streams as servers of every kind write them, each with what it is: for the tests of the recogniser.

Use: `stream = framed(random.Random(5)); stream.frames` are those that are whole in `stream.data`.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from bridge.link.framing.length_prefix import ByteOrder, varint

__all__ = ["DELIMITERS", "JUNK", "UNKNOWN", "Stream", "framed", "junk", "unknown"]

WORDS = [
    "move",
    "jump",
    "gold",
    "shovel",
    "player",
    "left",
    "right",
    "hello",
    "there",
    "you",
    "are",
    "the",
    "of",
    "and",
    "a",
    "to",
    "in",
    "game",
    "score",
    "x",
    "y",
    "z",
    "tick",
    "state",
    "Grüße",
    "été",
    "señor",
    "naïve",
    "世界",
    "привет",
    "temp",
    "21.5",
    "-3",
    "42",
    "1,024",
    "ok",
    "done.",
    "What?",
    "it's",
    "(maybe)",
    "50%",
    "a/b",
    "c-d",
    "e_f",
]
DELIMITERS = [
    b"\n", b"\n", b"\n", b"\r\n", b"\r\n", b"\0", b"\0", b"~", b"~", b"|", b";", b"\x1e", b"\x03", b"\x04",
    b"END\r\n", b"END\n", b"||", b"~\n", b"<EOF>", b"\n\n", b"\0\n", b"\r",
]  # fmt: skip
TEXT_DELIMITERS = [
    b"\n", b"\n", b"\n", b"\r\n", b"\r\n", b"\0", b"~", b"|", b"\x1e", b"\x03", b"\x04", b"\x17", b"END\r\n",
    b"END\n", b"~\n", b"<EOF>", b"\r", b"||", b"\0\n",
]  # fmt: skip


@dataclass
class Stream:
    """`data`: the bytes; `frames`: the whole ones; `kind`: how it was made, for messages."""

    data: bytes
    frames: list[bytes]
    kind: str


def sentence(chance: random.Random) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(chance.randrange(1, 12)))


def value(chance: random.Random, depth: int = 2) -> object:
    kind = chance.randrange(9 if depth else 5)
    if kind == 0:
        return chance.randrange(-1000, 100_000)
    if kind == 1:
        return chance.choice([True, False, None, 0.5, -1.25e-7, 3.0])
    if kind <= 4:
        return sentence(chance) + chance.choice(["", "", "\n", "~", "|", '"', "\\", "[", "}"])
    if kind == 5:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(WORDS): value(chance, depth - 1) for _ in range(chance.randrange(1, 5))}


def an_object(chance: random.Random) -> bytes:
    made = {"type": chance.choice(WORDS), "n": value(chance), "more": value(chance)}
    if chance.random() < 0.1:
        return json.dumps([made, 1]).encode()
    pairs = dict(chance.sample(sorted(made.items()), chance.randrange(1, 4)))
    tight = (",", ":") if chance.random() < 0.6 else None
    return json.dumps(pairs, separators=tight, ensure_ascii=chance.random() < 0.5).encode()


def without(make: Callable[[random.Random], bytes], delimiter: bytes) -> Callable[[random.Random], bytes]:
    """Frames that do not have the delimiter in them."""

    def made(chance: random.Random) -> bytes:
        while True:
            frame = make(chance)
            if delimiter not in frame and (frame + delimiter).find(delimiter) == len(frame):
                return frame

    return made


def a_text(chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        return f"{chance.choice(WORDS)} {chance.randrange(1000)} {chance.randrange(1000)}".encode()
    if kind == 1:
        return ",".join(str(chance.randrange(-99, 9999)) for _ in range(chance.randrange(2, 9))).encode()
    if kind == 2:
        return " ".join(f"{w}={chance.randrange(99)}" for w in chance.sample(["x", "y", "hp", "name"], 3)).encode()
    return sentence(chance).encode()


def a_field(number: int, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return varint(number << 3) + varint(chance.randrange(100_000))
    text = sentence(chance).encode()
    return varint(number << 3 | 2) + varint(len(text)) + text


def a_protobuf(chance: random.Random) -> bytes:
    return b"".join(a_field(number, chance) for number in range(1, chance.randrange(2, 6)))


def a_binary(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(4, 200))


def made(frames: list[bytes], wrap: Callable[[bytes], bytes], chance: random.Random, kind: str) -> Stream:
    """One after another, mostly with a part of one more at the end."""
    wrapped = [wrap(frame) for frame in frames]
    last = wrapped.pop()
    cut = 0 if chance.random() < 0.3 else chance.randrange(max(1, len(last)))
    return Stream(b"".join(wrapped) + last[:cut], frames[:-1], kind)


def framed(chance: random.Random) -> Stream:
    """A stream with a framing that the bridge has."""
    count = chance.choice([4, 5, 8, 15, 40]) + 1
    shape = chance.randrange(10)
    if shape < 4:
        end = chance.choice(DELIMITERS)
        make = without(an_object, end)
        return made([make(chance) for _ in range(count)], lambda f: f + end, chance, f"JSON and {end!r}")
    if shape < 6:
        end = chance.choice(TEXT_DELIMITERS)
        make = without(a_text, end)
        return made([make(chance) for _ in range(count)], lambda f: f + end, chance, f"text and {end!r}")
    if shape == 6:
        indent = chance.choice([None, None, 2])
        between = chance.choice([b"", b"", b"\n", b" "]) if indent else b""
        frames = [json.dumps({"a": value(chance), "b": 1}, indent=indent).encode() for _ in range(count)]
        return made(frames, lambda f: f + between, chance, f"JSON alone, {indent} {between!r}")
    if shape == 7:
        frames = [chance.choice([an_object, a_text])(chance) for _ in range(count)]
        return made(frames, lambda f: b"%d:%b," % (len(f), f), chance, "netstring")
    return counted(chance, count)


def counted(chance: random.Random, count: int) -> Stream:
    """With lengths before the frames."""
    width = chance.choice([1, 2, 2, 4, 4, 4, 8, 0])
    contents = [an_object, a_text, a_binary, a_protobuf]
    content = chance.choice(contents[:2] if width == 1 else contents)
    if width == 0 and content is a_binary:
        content = a_protobuf
    if width in (0, 1):
        count = max(count, 12)
    if width == 0:
        return made(
            [content(chance) for _ in range(count)], lambda f: varint(len(f)) + f, chance, f"varint {content.__name__}"
        )
    order: ByteOrder = "big" if chance.random() < 0.5 else "little"
    make = content
    frames = [make(chance)[:255] if width == 1 and content is a_text else make(chance) for _ in range(count)]
    if width == 1:
        frames = [f for f in frames if len(f) < 256] or [b"{}"] * 3
    wrap = lambda f: len(f).to_bytes(width, order) + f  # noqa: E731
    return made(frames, wrap, chance, f"length:{width} {order} {content.__name__}")


def unknown(chance: random.Random) -> Stream:
    """A stream with a framing that the bridge does not have."""
    kind = chance.choice(sorted(UNKNOWN))
    frames = [chance.choice([an_object, a_text])(chance) for _ in range(chance.randrange(5, 30))]
    return made(frames, UNKNOWN[kind], chance, kind)


UNKNOWN: dict[str, Callable[[bytes], bytes]] = {
    "STX and ETX": lambda f: b"\x02" + f + b"\x03",
    "MLLP": lambda f: b"\x0b" + f + b"\x1c\r",
    "Content-Length": lambda f: b"Content-Length: %d\r\n\r\n%b" % (len(f), f),
    "Content-Length and Type": lambda f: b"Content-Length: %d\r\nContent-Type: text\r\n\r\n%b" % (len(f), f),
    "octet counting": lambda f: b"%d %b" % (len(f), f),
    "length:3": lambda f: len(f).to_bytes(3, "big") + f,
    "length:4 that counts itself": lambda f: (len(f) + 4).to_bytes(4, "big") + f,
    "length:2le that counts itself": lambda f: (len(f) + 2).to_bytes(2, "little") + f,
}


def junk(chance: random.Random) -> Stream:
    """Bytes in which there is nothing to be told."""
    kind = chance.choice(sorted(JUNK))
    return Stream(JUNK[kind](chance, chance.choice([3, 20, 100, 700, 5000, 40_000])), [], kind)


JUNK: dict[str, Callable[[random.Random, int], bytes]] = {
    "random bytes": lambda c, n: c.randbytes(n),
    "prose": lambda c, n: ". ".join(sentence(c) for _ in range(n // 30 + 1)).encode()[:n],
    "words": lambda c, n: "".join(c.choice(["alpha", "beta", "gamma"]) for _ in range(n // 5 + 1)).encode(),
    "numbers": lambda c, n: " ".join(str(c.randrange(99999)) for _ in range(n // 5 + 1)).encode(),
    "base64": lambda c, n: base64.b64encode(c.randbytes(n)),
    "base64 in URLs": lambda c, n: base64.urlsafe_b64encode(c.randbytes(n)),
    "base64 in lines": lambda c, n: base64.encodebytes(c.randbytes(max(n, 120))),
    "base85": lambda c, n: base64.b85encode(c.randbytes(n)),
    "hex": lambda c, n: c.randbytes(n).hex().encode(),
    "printable": lambda c, n: bytes(c.randrange(0x20, 0x7F) for _ in range(n)),
    "gzip": lambda c, n: gzip.compress(sentence(c).encode() * (n // 40 + 1), mtime=0),
    "zeros": lambda c, n: bytes(n),
    "one byte": lambda c, n: bytes([c.randrange(256)]) * n,
    "samples": lambda c, n: struct.pack(f"<{n}h", *(c.randrange(-300, 300) for _ in range(n))),
    "floats": lambda c, n: struct.pack(f"<{n}d", *(c.random() * 100 for _ in range(n))),
    "counters": lambda c, n: struct.pack(f">{n}I", *range(n)),
    "points": lambda c, n: b"".join(struct.pack("<ifB", c.randrange(500), c.random(), 1) for _ in range(n)),
    "half an object": lambda c, n: json.dumps({"a": [value(c) for _ in range(n // 20 + 2)]}, indent=2).encode()[
        : n // 2 + 2
    ],
}
