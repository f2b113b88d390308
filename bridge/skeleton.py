"""Say what a text looks like: two texts that look alike have one skeleton (Unicode Technical Standard 39, section 4).

The table is confusables.txt beside this file, which says where it is from. It is read at the first text that is not
ASCII. Must not know what the texts are.

Use: `skeleton("раура1")`, in Cyrillic, is `skeleton("paypal")`.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from bridge.visible import without_unseen

__all__ = ["TABLE", "skeleton"]

TABLE = Path(__file__).with_name("confusables.txt")


def skeleton(text: str) -> str:
    """Return what the text looks like. It is for comparing alone. Upper and lower case differ, as do accents."""
    if text.isascii():
        for one, other in _ascii():
            text = text.replace(one, other)
        return text
    seen = without_unseen(unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFD", seen.translate(_table()))


@cache
def _table() -> dict[int, str]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    pairs = (line.split(";") for line in lines if not line.startswith("#"))
    return {int(one, 16): "".join(chr(int(code, 16)) for code in others.split()) for one, others in pairs}


@cache
def _ascii() -> list[tuple[str, str]]:
    """Return the part of the table for ASCII: replacing eight texts is quicker than looking up each letter."""
    return [(chr(code), look) for code, look in _table().items() if code < 128]
