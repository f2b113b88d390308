"""What is fuzzed: for any bytes, each of these returns, or fails because the bridge did what it must not.

They have no randomness of their own, so an input that fails once fails always; see tests/fuzz/test_corpus.py.

Use: `TARGETS["frames"](b"\\x81\\x80\\0\\0\\0\\0")`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from bridge.delivery.history import History
from bridge.errors import Refused
from bridge.link.codec import JsonEncoder, NotJson, parse, parse_lenient
from bridge.link.framing.registry import framing_in
from bridge.link.hint import CODES, Reading, no_frame, still_holds, with_frames
from bridge.link.recogniser.recognise import recognise
from bridge.messages import PayloadMode
from bridge.recovery.session_registry import SessionRegistry
from bridge.recovery.session_token import SessionToken, TokenSigner
from bridge.wire.offsets import Offsets
from bridge.wire.socketio_packets import decode_events
from bridge.wire.websocket_frames import FrameReader, WebSocketError
from tests.fuzz.http_target import requests
from tests.fuzz.websocket import Outcome as Messages
from tests.fuzz.websocket import read
from tests.unit.framings import SPECS, check_of, cuts, decoded

__all__ = ["KEY", "SESSION", "TARGETS", "Target"]

Target = Callable[[bytes], None]

LIMITS = [0, 1, 2, 5, 30, 1 << 20]


def _pieces(data: bytes) -> tuple[int, int, list[int], bytes]:
    """Two numbers to choose by, where to cut, and the stream: of one input."""
    head, stream = data[:8].ljust(8, b"\0"), data[8:]
    return head[0], head[1], [at * (1 + head[7]) % (len(stream) + 1) for at in head[2:7]], stream


def framing(data: bytes) -> None:
    """Any bytes in any pieces are the same frames and the same end."""
    which, limit, places, stream = _pieces(data)
    spec = SPECS[which % len(SPECS)]
    most = LIMITS[limit % len(LIMITS)]
    found = decoded(framing_in(spec, most), cuts(stream, places))
    assert found == decoded(framing_in(spec, most), [stream] if stream else []), (spec, most)
    assert found == decoded(framing_in(spec, most), cuts(stream, range(len(stream)))), (spec, most)
    assert all(len(frame) <= most for frame in found.frames), (spec, most)
    if spec != "json" or b"\\" not in stream:  # between values, the oracle does not know what one does
        assert found == check_of(spec).oracle(spec, most)(stream), (spec, most)


DEEP = 300
ESCAPES = [(b"~", b"\\u007e")], [(b"<", b"\\u003c"), (b">", b"\\u003e")]


def codec(data: bytes) -> None:
    """What is read as JSON is JSON, and is written so that it is read as the same, without its delimiter."""
    parse_anything(data)
    try:
        value = parse(data)
    except NotJson:
        return
    if data.count(b"[") + data.count(b"{") > DEEP:
        return  # what it is compared with recurses
    assert _same(value, json.loads(data.decode(), parse_int=float), exactly=False), value
    for escapes in ((), *ESCAPES):
        try:
            text = JsonEncoder(escapes).encode(value)
        except Refused:
            assert not _is_finite(value), value
            continue
        assert _same(parse(text), value), (text, value)
        assert not any(mark in text for mark, _ in escapes), text


def parse_anything(data: bytes) -> None:
    """It is read for its keys, or is no JSON."""
    try:
        parse_lenient(data.decode(errors="replace"))
    except NotJson:
        pass


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _same(a: Any, b: Any, exactly: bool = True) -> bool:
    """Equal; numbers within what a float can say if not `exactly`, or beyond 64 bits."""
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(_same(a[key], b[key], exactly) for key in a)
    if isinstance(a, list):
        return (
            isinstance(b, list) and len(a) == len(b) and all(_same(*pair, exactly) for pair in zip(a, b, strict=True))
        )
    if not _is_number(a) or not _is_number(b) or (exactly and abs(a) < 1 << 63):
        return type(a) is type(b) and bool(a == b)
    return bool(a == b) if abs(a) == math.inf else abs(a - b) <= abs(a) * 1e-15


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def frames(data: bytes) -> None:
    """Any bytes of a client in any pieces are the messages that RFC 6455 says, or the error that it says."""
    which, _, places, stream = _pieces(data)
    limit = [0, 1, 125, 126, 1000, 70_000][which % 6]
    wanted = read(stream, limit)
    for pieces in ([stream], cuts(stream, places), cuts(stream, range(len(stream)))):
        found = _messages(pieces, limit)
        assert found == wanted, (limit, pieces)


def _messages(pieces: list[bytes], limit: int) -> Messages:
    reader, found = FrameReader(limit), list[tuple[int, bytes]]()
    try:
        for piece in pieces:
            found += reader.feed(piece)
    except WebSocketError as error:
        return found + error.messages, error.status
    return found, 0


def events(data: bytes) -> None:
    """A packet is the event that it says, exactly, or is left to others."""
    packets = [b"42" + packet for packet in data.split(b"\xff")]
    for packet, event in zip(packets, decode_events(packets), strict=True):
        assert decode_events([packet]) == [event]
        if event is None:
            continue
        number, args = event
        digits, bracket, rest = packet[2:].partition(b"[")
        assert digits == b"" if number is None else int(digits) == number, packet
        assert isinstance(args[0], str), packet
        assert _same(args, json.loads(bracket + rest)), packet


KEY = b"a key for fuzzing and nothing else"
SESSION = SessionToken("session", "sid", "tvem_AcT")


def tokens(data: bytes) -> None:
    """Whatever a client shows at its CONNECT, it is answered, and is nobody else's session."""
    text = data.decode(errors="surrogateescape")
    for shown in _shown(text):
        found = TokenSigner(KEY).read(shown)
        assert found is None or found == SESSION, shown
        number = Offsets("abcdef").number(shown)
        assert number is None or number >= 0, shown
    made = TokenSigner(KEY).make(SESSION)
    assert TokenSigner(KEY).read(made) == SESSION
    assert TokenSigner(KEY + b"!").read(made) is None
    try:
        auth = json.loads(text)
    except (ValueError, RecursionError):
        return
    sessions = SessionRegistry(TokenSigner(KEY), Offsets("abcdef"), History(120.0, 1 << 20), 120.0)
    sessions.sid_of(auth)
    greeting = sessions.greet(auth)
    assert greeting.after is None, auth
    assert greeting.sid in (None, SESSION.sid), auth


def _shown(text: str) -> Iterator[object]:
    """What a client may show: the text, what is in it, and values that are no text."""
    yield text
    yield from text.split()
    yield from (text[a:b] for a, b in pairwise([0, len(text) // 3, len(text)]))
    try:
        yield json.loads(text)
    except (ValueError, RecursionError):
        pass


READINGS = [
    Reading(),
    Reading(r"\n", payload=PayloadMode.JSON),
    Reading("length:4", max_frame=10),
    Reading("json", "~", PayloadMode.BYTES),
]


def recogniser(data: bytes) -> None:
    """Whatever a server sends, what is said of it can be shown and typed, and holds for what it was said of."""
    guess = recognise(data)
    if guess is not None and guess.framing is not None:
        assert guess.code == "framing", guess
        assert decoded(framing_in(guess.framing, len(data) + 1), [data]).frames, guess
    for reading in READINGS:
        for hint in (no_frame(data, len(data), reading), with_frames(data, reading)):
            if hint is None:
                continue
            assert hint.code in CODES, hint
            assert hint.text.isprintable(), hint
            assert hint.framing in (None, guess and guess.framing), hint
            if hint.framing is not None:
                assert hint.framing != reading.framing_in, hint
            still_holds(hint, data[len(data) // 2 :], reading)
    assert no_frame(data, len(data), READINGS[0], sure=True) is not None


#: By name: what `make fuzz` runs.
TARGETS: dict[str, Target] = {
    "framing": framing,
    "codec": codec,
    "frames": frames,
    "events": events,
    "tokens": tokens,
    "recogniser": recogniser,
    "requests": requests,
}
