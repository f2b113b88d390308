"""What looks like an object of JSON, whether it can be read or not: a message that may be meant for one user alone.

Knows bytes and nothing else; whether a frame can be read is for the codec to say.

Use: `looks_like_object(b'{"username":"ann","pi')` -> True; `looks_like_object(b"{ann} says hi")` -> True;
`looks_like_object(b"ann says hi")` -> False.
"""

from __future__ import annotations

import re

__all__ = ["looks_like_object", "worth_a_look"]

#: What may be around an object without being part of it: control characters, white space, and byte order marks of
#: UTF-8, UTF-16 and UTF-32.
_AROUND = bytes(range(0x21)) + b"\x7f\xa0\xc2\xef\xbb\xbf\xfe\xff"

# The end of a quoted text and a colon, with the zeros that UTF-16 and UTF-32 have between.
_QUOTED = re.compile(rb'"[\s\0]*:')
# The same as Python's repr writes it. Alone it would be in many a sentence; behind a brace or comma it is a key.
_SINGLE = re.compile(rb"[{,][\s\0]*'[^']{0,1000}'[\s\0]*:")


def looks_like_object(frame: bytes) -> bool:
    """Whether the frame begins with `{` or ends with `}`, what may be around them aside, or has a key in it: a quoted
    text and a colon."""
    middle = frame.strip(_AROUND)
    if middle[:1] == b"{" or middle[-1:] == b"}" or _QUOTED.search(frame):
        return True
    return b"{" in frame and _SINGLE.search(frame) is not None


def worth_a_look(data: bytes) -> bool:
    """Whether something in there may look like an object; far quicker than to look at each frame."""
    return b"{" in data or b"}" in data or b'"' in data
