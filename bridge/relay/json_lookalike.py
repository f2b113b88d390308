"""Recognise frames that look like a JSON object, readable or not: they may be meant for one user alone.

Knows bytes and nothing else: the codec says whether a frame can be read.

Use: `looks_like_object(b'{"username":"ann","pi')` -> True; `looks_like_object(b"{ann} says hi")` -> True;
`looks_like_object(b"ann says hi")` -> False.
"""

from __future__ import annotations

import re

__all__ = ["looks_like_object", "worth_a_look"]

#: Bytes that may stand around an object: control characters, white space, and the byte order marks of UTF-8, UTF-16 and
#: UTF-32.
_AROUND = bytes(range(0x21)) + b"\x7f\xa0\xc2\xef\xbb\xbf\xfe\xff"

# The end of a quoted text and a colon, with the zeros that UTF-16 and UTF-32 have between.
_QUOTED = re.compile(rb'"[\s\0]*:')
# The same as Python's repr writes it. By itself it occurs in sentences; after a brace or comma it is a key.
_SINGLE = re.compile(rb"[{,][\s\0]*'[^']{0,1000}'[\s\0]*:")


def looks_like_object(frame: bytes) -> bool:
    """Tell whether the frame looks like an object: it begins with `{` or ends with `}`, or contains a key, that is, a
    quoted text and a colon."""
    middle = frame.strip(_AROUND)
    if middle[:1] == b"{" or middle[-1:] == b"}" or _QUOTED.search(frame):
        return True
    return b"{" in frame and _SINGLE.search(frame) is not None


def worth_a_look(data: bytes) -> bool:
    """Tell whether any frame in the data might look like an object: far quicker than looking at each frame."""
    return b"{" in data or b"}" in data or b'"' in data
