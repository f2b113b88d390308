"""The packets in the body of a POST."""

from __future__ import annotations

import pytest

from bridge.engineio.packets import packets_of
from bridge.wire.websocket_frames import BINARY, TEXT


def test_packets_are_parted_by_their_separator() -> None:
    assert list(packets_of(b"40")) == [(TEXT, b"40")]
    assert list(packets_of(b'42["a"]\x1e3\x1ebAAEC\x1eb/w==')) == [
        (TEXT, b'42["a"]'), (TEXT, b"3"), (BINARY, b"\0\1\2"), (BINARY, b"\xff"),
    ]  # fmt: skip
    assert list(packets_of(b"bAA\r\nE C\t")) == [(BINARY, b"\0\1\2")]


@pytest.mark.parametrize("packet", [b"2", b"2probe", b"5", b"6"])
def test_what_is_not_sent_by_polling_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match="by polling"):
        list(packets_of(b"40\x1e" + packet))


@pytest.mark.parametrize("packet", [b"bA", b"b!!!!", b"bAA=C"])
def test_a_binary_packet_that_is_not_base64_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match="not base64"):
        list(packets_of(packet))
