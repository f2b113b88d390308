"""Define a guess about a stream, and write bytes of a stream for people.

Must not know how the guess was made.

Use: `Guess("framing", "lines, each with \\n at its end", "\\n")`; `visible(b"a\\n")` -> "a\\n", four characters.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

__all__ = ["SHOWN", "Guess", "flag", "spec_of", "visible"]

SHOWN = 64  # bytes of a stream that are shown: enough to recognise it, too few to give away its secrets

_NAMED = {0x0A: r"\n", 0x0D: r"\r", 0x09: r"\t", 0x00: r"\0", 0x5C: r"\\"}
_WORDLIKE = re.compile(r"[a-z][a-z0-9:]+\Z|delim:")


@dataclass(frozen=True, slots=True)
class Guess:
    """What a stream looks like.

    `code`: `framing`, `encoding`, or a protocol's; `looks`: in words, after "it looks like"; `framing`: the framing
    string that fits, None if the bridge has none; `json`: all frames are JSON objects or arrays.
    """

    code: str
    looks: str
    framing: str | None = None
    json: bool = False


def visible(data: bytes, limit: int = SHOWN) -> str:
    """Write the first bytes in printable ASCII, with `\\n \\r \\t \\0 \\\\ \\xHH` for the others."""
    text = "".join(
        _NAMED.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data[:limit]
    )
    return text + ("…" if len(data) > limit else "")


def spec_of(delimiter: bytes) -> str:
    """Return the framing string for a delimiter."""
    text = visible(delimiter, len(delimiter)).replace(" ", r"\x20")
    return f"delim:{text}" if _WORDLIKE.match(text) else text


def flag(name: str, value: str) -> str:
    """Write a flag as it is typed in a shell."""
    quoted = shlex.quote(value)
    return f"{name}={quoted}" if value.startswith("-") else f"{name} {quoted}"
