"""hint.py: what is said of a stream, in which words, and which flag is offered."""

from __future__ import annotations

import pytest

from bridge.link.hint import Hint, Reading, no_frame, of_protocol, still_holds, with_frames
from bridge.messages import PayloadMode

SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
LINES = b'{"a":1}\n{"a":2}\n'
READING = Reading()
JSON = Reading(payload=PayloadMode.JSON)
BYTES = Reading(payload=PayloadMode.BYTES)
COUNTED = Reading(framing_in="length:1", payload=PayloadMode.JSON)


def test_the_form_in_the_event_has_three_keys() -> None:
    assert Hint("framing", "words", "--flag", "json").as_json() == {"code": "framing", "text": "words", "try": "--flag"}


@pytest.mark.parametrize(
    ("data", "code", "advice"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http", "; --server has to be the port that speaks plain TCP"),
        (
            b"\x15\x03\x01\0\x02\x02\x46",
            "tls",
            "; the bridge speaks plain TCP: name a port without TLS",
        ),
        (SSH, "protocol", "; --server has to be the port of your own server"),
        (LINES.decode().encode("utf-16"), "encoding", ""),
    ],
)
def test_what_is_no_framing_is_named_with_what_to_do(data: bytes, code: str, advice: str) -> None:
    hint = no_frame(data, len(data), READING)
    assert hint is not None
    assert (hint.code, hint.fix, hint.framing, hint.vague) == (code, None, None, False)
    assert hint.text.startswith("what the server sends looks like ")
    assert advice in hint.text
    assert ". It begins: " in hint.text


def test_a_stream_without_a_frame_is_named_with_the_flag_that_fits() -> None:
    assert no_frame(LINES, len(LINES), READING) == Hint(
        "framing",
        "no frame has come with --framing-in '~': what the server sends looks like JSON with \\n after each value"
        '. It begins: {"a":1}\\n{"a":2}\\n',
        r"--framing-in '\n'",
        r"\n",
    )
    marks = no_frame(b"\x02hello you\x03\x02and me\x03", 20, READING)
    assert marks is not None
    assert ", for which the bridge has no framing. It begins: " in marks.text
    assert (marks.code, marks.fix, marks.framing) == ("framing", None, None)


def test_of_what_nothing_can_be_told_something_is_said_only_when_it_is_sure() -> None:
    assert no_frame(b"\x01\x02\xff", 3, READING) is None
    hint = no_frame(b"\x01\x02\xff", 7, READING, sure=True)
    assert hint == Hint(
        "framing",
        "7 bytes have come, but no frame with --framing-in '~'; which framing it is can't be told"
        ". It begins: \\x01\\x02\\xff",
        vague=True,
    )  # fmt: skip


@pytest.mark.parametrize(("size", "fix"), [(101, 512), (127, 512), (128, 1024), (200, 1024)])
def test_frames_over_the_limit_are_named_with_a_limit_that_has_room_for_more(size: int, fix: int) -> None:
    hint = no_frame(b"x" * size + b"~", size + 1, Reading(max_frame=100))
    assert hint is not None
    assert hint.text.startswith("every frame so far is over --max-frame 100. It begins: xxx")
    assert (hint.code, hint.fix, hint.vague) == ("framing", f"--max-frame {fix}", False)
    fits = no_frame(b"x" * 100 + b"~", 101, Reading(max_frame=100))
    assert fits is None


@pytest.mark.parametrize(
    "data", [b"", b"half", b'{"a":1}~', b'{"a":1}~~ ~[2]~', b"move 1~move 2~", "é~".encode(), b'"text"~', b"~"]
)
def test_frames_that_can_be_read_are_no_reason_for_a_hint(data: bytes) -> None:
    assert with_frames(data, READING) is None


def test_another_protocol_is_named_though_there_are_frames() -> None:
    hint = with_frames(SSH, Reading(framing_in=r"\n"))
    assert hint is not None
    assert hint.code == "protocol"


def test_frames_that_are_cut_wrongly_are_told_from_those_that_are_right() -> None:
    data = b'{"a":"x~y"}\n{"a":"z~"}\n'
    hint = with_frames(data, READING)
    assert hint is not None
    assert hint.text.startswith(
        "frames come, but --framing-in '~' cuts them wrongly: they look like JSON with \\n after"
    )
    assert (hint.code, hint.fix, hint.framing) == ("framing", r"--framing-in '\n'", r"\n")
    assert with_frames(data, Reading(framing_in=r"\n")) is None


@pytest.mark.parametrize(
    ("data", "reading", "text", "fix"),
    [
        ("café au lait~".encode("latin-1"), READING, "the server's text is not UTF-8; it looks like Latin-1", None),
        ("café\tau lait~".encode("latin-1"), READING, "the server's text is not UTF-8; it looks like Latin-1", None),
        ("\1café au lait~".encode("latin-1"), READING, None, None),
        (b"a\xff\xfe\xfd\xfc~", READING, None, None),
        (b"\x01\xff\xfe~", JSON, "with --payload json, frames that are not UTF-8 are refused", "--payload bytes"),
        (b'a\xff\xfe\xfdb~{"a":1}~c\xff\xfe\xfd\xfa~x\xff\xfd~', JSON, None, None),
        (b"\x01\xff\xfe~", BYTES, None, None),
        ("café au lait~".encode("latin-1"), BYTES, None, None),
        (b"move 1~", JSON, "none of the frames is JSON, and with --payload json each", "--payload text"),
        (b"move 1~5~", JSON, None, None),
        (b"\3abc\3def\xff", COUNTED, "none of the frames is JSON", "--payload text"),  # the last bytes are no frame
        (b"move 1~", READING, None, None),
    ],
)  # fmt: skip
def test_frames_that_can_not_be_read_are_told_by_what_is_in_them(
    data: bytes, reading: Reading, text: str | None, fix: str | None
) -> None:
    hint = with_frames(data, reading)
    if text is None:
        assert hint is None
    else:
        assert hint is not None
        assert hint.text.startswith(text)
        assert (hint.code, hint.fix) == ("encoding", fix)


def test_an_answer_in_another_protocol_is_named_and_others_are_not() -> None:
    hint = of_protocol(b"\x15\x03\x01\0\x02\x02\x46")
    assert hint is not None
    assert hint.code == "tls"
    assert "It begins" not in hint.text
    assert of_protocol(b"hello") is None
    assert of_protocol(b"") is None


@pytest.mark.parametrize(
    ("hint", "data", "holds"),
    [
        (Hint("framing", "", vague=True), b"anything", False),
        (Hint("framing", "", framing=r"\n"), b'1}\n{"a":2}\n', True),
        (Hint("framing", "", framing=r"\n"), b'{"a":2}\n', True),
        (Hint("framing", "", framing=r"\n"), b"words\nwords\n", False),
        (Hint("framing", "", framing=r"\n"), b"words\n", False),
        (Hint("framing", "", framing=r"\n"), b'{"a":1}~{"a":2}~', False),
        (Hint("framing", ""), b"\x02a\x03", True),
        (Hint("framing", ""), b'{"a":1}~{"a":2}~', False),
        (Hint("encoding", ""), b'{"a":1}~{"a":2}~', True),
        (Hint("http", ""), b"anything", True),
    ],
)
def test_a_hint_holds_until_what_comes_is_otherwise(hint: Hint, data: bytes, holds: bool) -> None:
    assert still_holds(hint, data, READING) is holds
