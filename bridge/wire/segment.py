"""Messages, encoded: the form that they have from the encoder to the sockets. Sans-IO.

Must not know who gets them.

Use: `Segment(frame(b"2"))`; `Segment(data, 3, keys)`; `AnswerSegment(encode_acks([1], {"ok": True}))`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

__all__ = ["AnswerSegment", "Segment"]


class Segment:
    """Frames that go out together.

    `count`: how many messages of the server they are; 0: the bridge's own packets, which no policy drops. `keys`: the
    conflation key of each message; `ends`: where each message ends, if known.
    """

    __slots__ = ("count", "data", "ends", "keys")
    answers = False

    def __init__(
        self, data: bytes | memoryview, count: int = 0, keys: Sequence[Hashable] = (), ends: Sequence[int] = ()
    ) -> None:
        self.data, self.count, self.keys, self.ends = data, count, keys, ends


class AnswerSegment(Segment):
    """Frames that the client has asked for, such as acks and pongs, or has to answer, as pings.

    There are no more of them than the client causes, so a client that does not read them is not read.
    """

    __slots__ = ()
    answers = True
