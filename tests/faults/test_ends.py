"""ends.py: where frames end, however the bytes are cut."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.wire.websocket_frames import frame
from tests.faults.ends import Delimited, Ends, WebSocketFrames
from tests.unit.framings import cuts
from tests.viewer import masked

HEAD = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n"


def found(ends: Ends, pieces: list[bytes]) -> list[int]:
    """Where frames end in the whole."""
    before, places = 0, list[int]()
    for piece in pieces:
        places += [before + place for place in ends.feed(piece)]
        before += len(piece)
    return places


@settings(deadline=None)
@given(st.lists(st.binary(max_size=5).map(lambda text: text.replace(b"~", b"") + b"~")), st.lists(st.integers(0, 50)))
def test_a_delimiter_ends_a_frame(frames: list[bytes], at: list[int]) -> None:
    assert found(Delimited(b"~"), cuts(b"".join(frames) + b"rest", at)) == list(accumulate(map(len, frames)))


SIZES = st.lists(st.sampled_from([0, 1, 125, 126, 300, 65535, 65536]), max_size=4)


@pytest.mark.parametrize("frame_of", [frame, masked])
@settings(deadline=None)
@given(sizes=SIZES, at=st.lists(st.integers(0, 200_000), max_size=20))
def test_websocket_frames_end_where_their_lengths_say(frame_of: object, sizes: list[int], at: list[int]) -> None:
    assert callable(frame_of)
    parts = [HEAD, *(frame_of(b"x" * size) for size in sizes)]
    assert found(WebSocketFrames(), cuts(b"".join(parts) + b"\x81", at)) == list(accumulate(map(len, parts)))


def test_http_that_is_about_no_websocket_has_no_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert found(WebSocketFrames(), [head + b"hello", head, b"world"]) == [len(head)]
