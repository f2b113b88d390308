"""Find characters that nobody sees, and make them visible: control, bidi, zero-width, tag and blank characters.

Must not know what the text is: a name, a log line.

Use: `visible("a\\x1b[2J")` is `a\\\\x1b[2J`; `unseen("a\\u200bb")` is "U+200B ZERO WIDTH SPACE".
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["unseen", "visible", "without_unseen"]

#: Characters that Python prints, or does not know yet, and that nobody sees: those that Unicode calls
#: Default_Ignorable_Code_Point, noncharacters, and letters and symbols that are drawn as nothing.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufdd0-\ufdef\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffe\uffff"
    "\U00016fe4\U0001d159\U00013441\U00013442\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})
_SYMBOLS = frozenset({"So", "Sm", "Po", "Pd"})
_KEYCAP = "\ufe0f\u20e3"


def _all_seen(text: str) -> bool:
    return text.isprintable() and (text.isascii() or not _BLANK.search(text))


def _hidden(char: str) -> bool:
    return bool(_BLANK.match(char)) or (char != " " and unicodedata.category(char) in _UNSEEN)


def unseen(text: str) -> str | None:
    """Return code and name of the first character that nobody sees; None if there is none. The space is none.

    An emoji may be followed by the character that has it drawn in colour, as phones write it.
    """
    if _all_seen(text):
        return None
    for at, char in enumerate(text):
        if _hidden(char) and not (char in "\ufe0e\ufe0f" and _has_style(text, at)):
            return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()
    return None


def _has_style(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    if before.isascii():
        return before.isdigit() and text.startswith(_KEYCAP, at)
    return unicodedata.category(before) in _SYMBOLS


def visible(text: str, keep: str = "") -> str:
    """Return the text with an escape in place of each character that is not seen, as in a literal of Python's.

    `keep`: those that stay as they are, such as line breaks.
    """
    if _all_seen(text):
        return text
    return "".join(
        char if char in keep or (char.isprintable() and not _BLANK.match(char)) else _escape(char) for char in text
    )


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def without_unseen(text: str) -> str:
    """Return the text without the characters that nobody sees. The space stays."""
    if _all_seen(text):
        return text
    return "".join(char for char in text if not _hidden(char))
