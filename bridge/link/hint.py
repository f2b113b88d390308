"""Say what seems wrong with what the server sends, and name the flag that would mend it. Sans-IO.

Compares the recogniser's guess with the settings in use. A hint shows only the first 64 bytes of a stream, and no
addresses. Must not know sockets or the time.

Use: `no_frame(b'{"a":1}\\n', 8, reading)` -> Hint("framing", "…", "--framing-in '\\n'"); `with_frames(…)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.link.framing.registry import frames_of
from bridge.link.recogniser.encodings import is_utf_8
from bridge.link.recogniser.guess import Guess, flag, visible
from bridge.link.recogniser.json_values import is_structured, is_value
from bridge.link.recogniser.recognise import protocol, recognise
from bridge.messages import PayloadMode

__all__ = ["CODES", "DEFAULT_READING", "Hint", "Reading", "no_frame", "of_protocol", "still_holds", "with_frames"]

#: Code -> what seems wrong.
CODES: dict[str, str] = {
    "framing": "the server's frames end otherwise than `--framing-in` says, or are over `--max-frame`",
    "http": "a web server answers at `--server`",
    "tls": "the server speaks TLS",
    "itself": "`--server` is the bridge's own address",
    "protocol": "the server speaks another protocol, such as SSH, SMTP or telnet",
    "encoding": "the server's text is not UTF-8, or under `--payload json` not JSON",
    "silent-after-event": "the server has said nothing since it was sent its first frame",
    "closes-after-event": "the server closes the connection after each frame that it is sent",
    "expects-first": "the server closes the connection after waiting for somebody to say something",
}

_ENOUGH = 50  # frames that are looked at: if so many are good, the others are
_LOOKED_AT = 16 * 1024  # bytes that are looked at if there are frames, which are nearly always good
_ADVICE = {
    "http": "; --server has to be the port that speaks plain TCP",
    "tls": "; the bridge speaks plain TCP: name a port without TLS, or put stunnel or socat in between",
    "protocol": "; --server has to be the port of your own server",
}


@dataclass(frozen=True, slots=True)
class Hint:
    """What seems wrong.

    `code`: one of CODES; `text`: for people; `fix`: the flag that would mend it, as it is typed in a shell;
    `framing`: the framing string in it; `vague`: something seems wrong, but not what.
    """

    code: str
    text: str
    fix: str | None = None
    framing: str | None = None
    vague: bool = False

    def as_json(self) -> dict[str, str | None]:
        """Return the hint as in the event `bridge:link`."""
        return {"code": self.code, "text": self.text, "try": self.fix}


@dataclass(frozen=True, slots=True)
class Reading:
    """The settings for reading what the server sends, and for framing what is sent to it."""

    framing_in: str = "~"
    framing_out: str = "~"
    payload: PayloadMode = PayloadMode.TEXT
    max_frame: int = 1 << 20


DEFAULT_READING = Reading()


def no_frame(data: bytes, total: int, reading: Reading, sure: bool = False) -> Hint | None:
    """Make the hint for `data`, the first of `total` bytes in which no frame was found.

    `sure`: something is certainly wrong; then, if nothing can be recognised, the hint says so. Otherwise that is None.
    """
    guess = recognise(data)
    begins = f". It begins: {visible(data)}"
    in_use = flag("--framing-in", reading.framing_in)
    if guess is not None and guess.code != "framing":
        return _of_guess(guess, begins)
    largest = max(map(len, frames_of(data, reading.framing_in)), default=0)
    if largest > reading.max_frame:
        fix = f"--max-frame {1 << (4 * largest).bit_length()}"
        return Hint("framing", f"every frame so far is over --max-frame {reading.max_frame}{begins}", fix)
    if guess is not None and not largest:
        looks = f"no frame has come with {in_use}: what the server sends looks like {guess.looks}"
        return _of_framing(guess, looks, begins)
    if not sure:
        return None
    text = f"{total} bytes have come, but no frame with {in_use}; which framing it is can't be told{begins}"
    return Hint("framing", text, vague=True)


def with_frames(data: bytes, reading: Reading) -> Hint | None:
    """Make the hint for the first bytes of a stream with frames, if these are not what the server means; else None."""
    data = data[:_LOOKED_AT]
    begins = f". It begins: {visible(data)}"
    guess = protocol(data)
    if guess is not None:
        return _of_guess(guess, begins)
    frames = frames_of(data, reading.framing_in)[:_ENOUGH]
    good = [_is_json(frame) for frame in frames]
    if not frames or all(good):
        return None
    guess = recognise(data)
    if guess is not None and guess.code == "encoding" and reading.payload is not PayloadMode.BYTES:
        return _of_guess(guess, begins)
    if guess is not None and guess.json and not (guess.framing and frames_of(data, guess.framing)[:_ENOUGH] == frames):
        in_use = flag("--framing-in", reading.framing_in)
        return _of_framing(guess, f"frames come, but {in_use} cuts them wrongly: they look like {guess.looks}", begins)
    return _of_contents(frames, good, reading, begins)


def of_protocol(answer: bytes) -> Hint | None:
    """Make the hint for a server's answer to a probe of some protocol; None if it is not recognised."""
    guess = protocol(answer)
    return _of_guess(guess, "") if guess else None


def still_holds(hint: Hint, data: bytes, reading: Reading) -> bool:
    """Tell whether the hint is still true of bytes from the middle of a stream with frames."""
    if hint.code == "framing" and (hint.vague or _are_json(frames_of(data, reading.framing_in))):
        return False
    return hint.code != "framing" or hint.framing is None or _are_json(frames_of(data, hint.framing))


def _of_guess(guess: Guess, begins: str) -> Hint:
    return Hint(guess.code, f"what the server sends looks like {guess.looks}{_ADVICE.get(guess.code, '')}{begins}")


def _of_framing(guess: Guess, looks: str, begins: str) -> Hint:
    if guess.framing is None:
        return Hint("framing", f"{looks}, for which the bridge has no framing{begins}")
    return Hint("framing", f"{looks}{begins}", flag("--framing-in", guess.framing), guess.framing)


def _of_contents(frames: list[bytes], good: list[bool], reading: Reading, begins: str) -> Hint | None:
    """Make the hint for frames that come whole but can't be read; None if they can."""
    if reading.payload is not PayloadMode.BYTES and not all(map(is_utf_8, frames)):
        if all(map(_is_latin_1, frames)):
            return Hint("encoding", f"the server's text is not UTF-8; it looks like Latin-1 or Windows-1252{begins}")
        if reading.payload is PayloadMode.JSON and not any(good):
            fix = "--payload bytes"
            return Hint("encoding", f"with --payload json, frames that are not UTF-8 are refused{begins}", fix)
        return None
    if reading.payload is PayloadMode.JSON and not any(map(is_value, frames)):
        text = f"none of the frames is JSON, and with --payload json each of them is refused{begins}"
        return Hint("encoding", text, "--payload text")
    return None


def _are_json(frames: list[bytes]) -> bool:
    """Tell whether there are frames and all are JSON, except the first, which may have begun before."""
    return bool(frames) and all(map(_is_json, frames[1:])) and (len(frames) > 1 or _is_json(frames[0]))


def _is_json(frame: bytes) -> bool:
    """Tell whether the frame is a JSON object or array, or empty."""
    text = frame.strip()
    return not text or is_structured(text)


def _is_latin_1(frame: bytes) -> bool:
    """Tell whether the frame is text, mostly ASCII, with some letters of Western Europe."""
    return not any(byte < 0x20 and byte not in b"\t\r\n" for byte in frame) and (
        3 * len(frame.translate(None, bytes(range(0x80)))) <= len(frame)
    )
