"""The same script, made up by chance, over both engines: what is heard must be the same to the last byte."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.behaviour.polling import Polling
from tests.behaviour.sites import Site, Sites
from tests.behaviour.wire import BINARY, CLOSE, MORE, PING, PONG, TEXT, Control, Heard, Wire, codes, frame

FEW = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@dataclass
class Script:
    """Bytes to write, in segments of these sizes; then how to end."""

    frames: list[bytes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


def pieces(draw: st.DrawFn, opcode: int, data: bytes) -> list[bytes]:
    """One message in fragments, with control frames in between."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    parts = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    frames = []
    for n, part in enumerate(parts):
        frames.append(frame(MORE if n else opcode, part, fin=n == len(parts) - 1))
        frames += [
            frame(kind, draw(st.binary(max_size=20)))
            for kind in draw(st.lists(st.sampled_from([PING, PONG]), max_size=1))
        ]
    return frames


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Events, some with attachments, some to be acked, in any fragments and segments."""
    script = Script()
    for n in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(["echo", "say", "nothing", "nope", "boom"]))
        args = draw(st.lists(VALUE, max_size=3))
        ack = draw(st.sampled_from(["", str(n)]))
        binary = draw(st.lists(st.binary(max_size=200), max_size=2))
        holders = [{"_placeholder": True, "num": number} for number in range(len(binary))]
        head = f"45{len(binary)}-" if binary else "42"
        script.frames += pieces(draw, TEXT, f"{head}{ack}{json.dumps([name, *args, *holders])}".encode())
        for data in binary:
            script.frames += pieces(draw, BINARY, data)
    script.sizes = draw(st.lists(st.integers(1, 400), min_size=1, max_size=10))
    return script


def heard(at: Site, script: Script) -> tuple[list[Heard], list[Heard], list[str]]:
    """Messages and control frames, each in order, and why the client went."""
    data = b"".join(script.frames)
    with Wire.session(at) as wire:
        start = 0
        while start < len(data):
            size = script.sizes[start % len(script.sizes)]
            wire.write(data[start : start + size])
            start += size
        said = wire.event('["echo"]', 99)
        assert said[-1] == "4399[]"
        wire.write(frame(CLOSE, struct.pack("!H", 1001)))
        said += wire.rest()
        controls = [one for one in codes(said) if isinstance(one, tuple)]
        return [one for one in said if not isinstance(one, Control)], controls, at.reasons(wire.sid)  # type: ignore[return-value]


@given(script=scripts())
@FEW
def test_any_events_in_any_fragments_and_segments(sites: Sites, script: Script) -> None:
    assert heard(sites.get("ours"), script) == heard(sites.get("plain"), script)


@st.composite
def packets(draw: st.DrawFn) -> list[list[str]]:
    """POSTs, each of some packets."""
    name = st.sampled_from(["echo", "say", "nothing", "nope", "boom"])
    one = st.builds(
        lambda name, args, ack, space: f"42{space}{ack}{json.dumps([name, *args])}",
        name, st.lists(VALUE, max_size=3), st.sampled_from(["", "1"]), st.sampled_from(["", "/chat,", "/random,"]),
    )  # fmt: skip
    return draw(st.lists(st.lists(one, min_size=1, max_size=5), min_size=1, max_size=4))


def polled(at: Site, posts: list[list[str]]) -> list[str]:
    """The packets of all polls, up to the last ack."""
    with Polling.session(at) as poll:
        for post in posts:
            assert poll.post("\x1e".join(post)).status == 200
        return poll.event('["echo"]', 99)


@given(posts=packets())
@FEW
def test_any_events_by_polling(sites: Sites, posts: list[list[str]]) -> None:
    assert polled(sites.get("ours"), posts) == polled(sites.get("plain"), posts)


@given(data=st.binary(min_size=2, max_size=40))
@settings(FEW, max_examples=60)
def test_any_bytes_end_a_websocket_alike_or_not(sites: Sites, data: bytes) -> None:
    def fate(at: Site) -> tuple[list[object], list[str]]:
        with Wire.session(at) as wire:
            wire.write(data)
            wire.finish()
            return codes(wire.rest()), at.reasons(wire.sid)

    if not data[0] & 0x30:  # but for the bits that plain does not look at
        assert fate(sites.get("ours")) == fate(sites.get("plain"))
