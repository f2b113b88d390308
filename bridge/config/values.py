"""Define the types of settings, each with the words for what it accepts.

A type is an `Annotated` alias that pydantic reads: how text becomes a value, the
limits, and a `Kind` that says the same in words for the help and the problems.
Validators raise ValueError with the problem in words, or an empty one where the
kind's `wants` says enough. They accept their own result unchanged. Must not know
which settings there are, nor where a value comes from.

Use: `port: Port = 8080` in a pydantic model.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from bridge.config.addresses import Address, address, host_fits, host_pattern, listen_host, network, port_number
from bridge.names import MAX_NAME, event_problem, has_control
from bridge.visible import unseen

__all__ = [
    "Address", "Count", "EventName", "EventNames", "FieldName", "FramingText", "Grace", "Greetings", "HandlerFiles",
    "HostList", "Identity", "Idle", "Interval", "Kind", "Lifetime", "ListenHost", "ListenPort", "LogFormat", "LogLevel",
    "Name", "NetworkList", "OnOff", "OptionalFolder", "OptionalName", "OptionalText", "OriginList", "Pause",
    "PayloadChoice", "ReplyId", "Retry", "Secret", "ServerAddress", "Size", "SlowChoice", "StateFolder", "Switch",
    "UnhandledChoice", "UnitHint", "UnreadableChoice", "WhenDown",
]  # fmt: skip

_SIZE = re.compile(r"(\d{1,18}) ?(?:([kmg])(?:ib)?)?", re.ASCII | re.IGNORECASE)
_ODD_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?([kmg]?)i?(?:b|bytes?)?", re.ASCII | re.IGNORECASE)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*://)(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?", re.ASCII)
_NO_PORT_NEEDED = {("http://", 80), ("https://", 443)}
_SWITCH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Kind:
    """A type in words. `metavar`: the word for the value in the help; `wants`: what follows "needs …" in a problem."""

    metavar: str
    wants: str
    switch: bool = False
    many: bool = False
    secret: bool = False


class UnitHint(ValueError):
    """Says what a value would be in the setting's unit; the problem adds what the setting needs."""


def _whole(value: object) -> int:
    """Return an int, or the one in a text. A bool is refused, although Python takes it for an int."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise _without_unit(str(value)) from None


def _without_unit(text: str) -> ValueError:
    """Make the error for a text that is no number of seconds: `500ms` is one in another unit."""
    found = _SECONDS.fullmatch(text)
    if found is None:
        return ValueError()
    unit = found[2] if found[2] == "ms" else found[2][0]
    return UnitHint(f"is {float(found[1]) * _UNITS[unit]:.12g} in seconds")


def _size(value: object) -> int:
    """Parse a number of bytes: `65536`, `64k`, `64KiB`. The suffixes are powers of 1024, as limits usually are."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    odd = _ODD_SIZE.fullmatch(value) if isinstance(value, str) and match is None else None
    if odd is not None:
        size = float(odd[1]) * (1 << 10 * " kmg".index((odd[2] or " ").lower()))
        raise UnitHint(f"is {size:.0f} in bytes")
    if match is None:
        return _whole(value)
    return int(match[1]) << 10 * " kmg".index((match[2] or " ").lower())


def _switch(value: object) -> bool:
    if isinstance(value, str | int) and str(value).lower() in _SWITCH:
        return _SWITCH[str(value).lower()]
    raise ValueError


def _encodable(text: str) -> str:
    """Check that UTF-8 can write the text: bytes of a variable that are not UTF-8 arrive as surrogates."""
    if any(unicodedata.category(char) == "Cs" for char in text):
        raise ValueError("is not UTF-8")
    return text


def _some_text(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError
    return text


def _name(text: str) -> str:
    if not 1 <= len(text) <= MAX_NAME or has_control(text):
        raise ValueError
    return text


def _event(text: str) -> str:
    if unseen(text) or text != text.strip():
        raise ValueError("has characters that nobody sees; another name is needed, such as message")
    if event_problem(text):  # it can only be reserved
        raise ValueError("is a reserved event name; another one is needed, such as message")
    return text


def _field(text: str) -> str:
    if text in ("data", "args"):
        raise ValueError("is where an event's arguments go; another name is needed")
    return text


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _path(value: object, info: ValidationInfo) -> Path:
    """Make an absolute path. A relative one starts at the context, if that is a folder."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError
    base = info.context if isinstance(info.context, Path) else Path()
    return Path(os.path.abspath(base / os.path.expanduser(value)))


def _folder(path: Path) -> Path:
    if not os.path.isdir(path):
        raise ValueError(f"is a file; {path.parent} is its folder" if os.path.isfile(path) else "")
    return path


def _file(path: Path) -> Path:
    if not os.path.isfile(path):
        raise ValueError("is a folder; a file in it is needed" if os.path.isdir(path) else "")
    return path


def _secret(text: str) -> str:
    if text and len(text) < 16:
        raise ValueError("is easily guessed; 16 characters or more are needed")
    return text


def _origin(text: str) -> str:
    """Write an origin as browsers do (RFC 6454, section 6.2): lower case, no default port."""
    if text in ("*", "null"):
        return text
    lower = text.lower() if text.isascii() else ""
    match = _ORIGIN.fullmatch(lower)
    if match is None:
        head = _ORIGIN.match(lower)
        raise ValueError(f"has a path; {head[0]} would do" if head and lower[head.end()] == "/" else "")
    scheme, host, port_text = match.groups()
    port = port_number(port_text or "1")
    if port is None or not host_fits(host):
        raise ValueError
    return f"{scheme}{host}" if not port_text or (scheme, port) in _NO_PORT_NEEDED else match[0]


_Text = Annotated[str, AfterValidator(_encodable)]
_Named = Annotated[_Text, AfterValidator(_name)]
_AbsolutePath = Annotated[Path, BeforeValidator(_path)]
_NAMES = f"a name of 1 to {MAX_NAME} characters, none of them a control character"

Identity = Literal["sid", "register", "none"]
PayloadChoice = Literal["text", "json", "bytes"]
UnhandledChoice = Literal["relay", "drop"]
UnreadableChoice = Literal["refuse", "broadcast"]
SlowChoice = Literal["disconnect", "drop-oldest", "latest"]
OnOff = Literal["on", "off"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]
ReplyId = Literal["text", "number"]
WhenDown = Literal["hold", "refuse"]

ServerAddress = Annotated[
    Address, BeforeValidator(address), Kind("HOST:PORT", "HOST:PORT, such as localhost:8000 or [::1]:8000")
]
ListenHost = Annotated[
    _Text,
    AfterValidator(listen_host),
    Kind("HOST", "an address or a name, such as 127.0.0.1, 0.0.0.0 or ::1"),
]
ListenPort = Annotated[
    int, BeforeValidator(_whole), Field(ge=0, le=65535), Kind("PORT", "a whole number from 0 to 65535")
]
Switch = Annotated[bool, BeforeValidator(_switch), Kind("YES", "true or false", switch=True)]
FramingText = Annotated[_Text, Kind("FRAMING", "a framing, such as ~, newline, json or length:4be")]
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=1, le=1 << 30),
    Kind("SIZE", "a number of bytes from 1 to 1 GiB, such as 65536, 64k or 1MiB"),
]
Count = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=1, le=1_000_000),
    Kind("NUMBER", "a whole number from 1 to 1000000"),
]
Pause = Annotated[
    float,
    BeforeValidator(_number),
    Field(ge=0, le=10, allow_inf_nan=False),
    Kind("SECONDS", "a number of seconds from 0 to 10"),
]
Interval = Annotated[
    float,
    BeforeValidator(_number),
    Field(gt=0, le=86400, allow_inf_nan=False),
    Kind("SECONDS", "a number of seconds over 0, at most 86400"),
]
Lifetime = Annotated[
    float,
    BeforeValidator(_number),
    Field(gt=0, le=31536000, allow_inf_nan=False),
    Kind("SECONDS", "a number of seconds over 0, at most 31536000, a year"),
]
Grace = Annotated[
    float,
    BeforeValidator(_number),
    Field(ge=0, le=3600, allow_inf_nan=False),
    Kind("SECONDS", "a number of seconds from 0 to 3600"),
]
Idle = Annotated[
    float,
    BeforeValidator(_number),
    Field(ge=0, le=86400, allow_inf_nan=False),
    Kind("SECONDS", "a number of seconds from 0 to 86400; 0 is never"),
]
Retry = Annotated[
    float,
    BeforeValidator(_number),
    Field(ge=0.2, le=3600, allow_inf_nan=False),
    Kind("SECONDS", "a number of seconds from 0.2 to 3600"),
]
Greetings = Annotated[
    tuple[_Text, ...],
    Kind("TEXT", "text, with \\n \\r \\t \\0 \\xHH \\\\ as in a delimiter", many=True),
]
OptionalText = Annotated[_Text | None, BeforeValidator(_empty_is_none), Kind("TEXT", "text, or nothing")]
Secret = Annotated[
    Annotated[_Text, AfterValidator(_secret)] | None,
    BeforeValidator(_empty_is_none),
    Kind("SECRET", "a text of 16 characters or more, or nothing", secret=True),
]
StateFolder = Annotated[_Text, AfterValidator(_some_text), Kind("FOLDER", "a folder, which is made if it is not there")]
Name = Annotated[_Named, Kind("NAME", _NAMES)]
EventName = Annotated[_Named, AfterValidator(_event), Kind("NAME", _NAMES)]
FieldName = Annotated[_Named, AfterValidator(_field), Kind("FIELD", _NAMES)]
EventNames = Annotated[
    tuple[Annotated[_Named, AfterValidator(_event)], ...], Kind("NAME", f"an event: {_NAMES}", many=True)
]
OptionalName = Annotated[_Named | None, BeforeValidator(_empty_is_none), Kind("FIELD", f"{_NAMES}, or nothing")]
OptionalFolder = Annotated[
    Annotated[_AbsolutePath, AfterValidator(_folder)] | None,
    BeforeValidator(_empty_is_none),
    Kind("DIR", "a folder that exists, or nothing"),
]
HandlerFiles = Annotated[
    tuple[Annotated[_AbsolutePath, AfterValidator(_file)], ...],
    Kind("FILE", "a Python file that exists", many=True),
]
OriginList = Annotated[
    tuple[Annotated[_Text, AfterValidator(_origin)], ...],
    Kind("ORIGIN", "an origin, such as http://localhost:5173, or *", many=True),
]
HostList = Annotated[
    tuple[Annotated[_Text, AfterValidator(host_pattern)], ...],
    Kind("NAME", "a name, such as game.example.org or *.example.org", many=True),
]
NetworkList = Annotated[
    tuple[Annotated[_Text, AfterValidator(network)], ...],
    Kind("NETWORK", "an address or a network, such as 127.0.0.1 or 10.0.0.0/8", many=True),
]
