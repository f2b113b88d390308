"""hook_results.py: what a hook returns becomes frames, and what can't be one is told in words."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.relay.hook_results import ASYNC, Done, Frame, finished, frames_of


def encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


async def wait() -> None:
    """What nobody waits for."""


async def stream() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("result", "frames"),
    [
        (None, []),
        ({"a": 1}, [b'{"a":1}']),
        ([1, "x"], [b'[1,"x"]']),
        ("é", ["é".encode()]),
        ("", [b""]),
        (b"\xff", [b"\xff"]),
        (bytearray(b"a"), [b"a"]),
        (memoryview(b"a"), [b"a"]),
        (Frame({"a": 1}), [b'{"a":1}']),
        (Frame(None), []),
        (iter(["a", None, {"b": 1}, Frame("c")]), [b"a", b'{"b":1}', b"c"]),
        (iter([]), []),
    ],
)
def test_what_is_a_frame_or_several_becomes_bytes(result: object, frames: list[bytes]) -> None:
    assert frames_of(result, encode, 100, []) == frames


@pytest.mark.parametrize("result", [5, 1.5, True, object(), ("a",), {"a"}])
def test_what_is_no_frame_is_told_by_its_type(result: object) -> None:
    with pytest.raises(TypeError, match=f"a Frame or an iterator of these, not {type(result).__name__}"):
        frames_of(result, encode, 100, [])


def test_what_is_async_is_told_and_python_does_not_warn_of_it() -> None:
    loop = asyncio.new_event_loop()
    for result in (wait(), stream(), loop.create_future()):
        with pytest.raises(TypeError) as raised:
            frames_of(result, encode, 100, [])
        assert str(raised.value) == ASYNC
    loop.close()
    del result, raised
    gc.collect()


@pytest.mark.parametrize("inner", [Frame("a"), iter(["a"])])
def test_a_frame_has_the_content_of_one(inner: object) -> None:
    with pytest.raises(TypeError, match="a Frame has the content of one frame"):
        frames_of(Frame(inner), encode, 100, [])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a handler's iterator gives messages, not iterators"):
        frames_of(iter([iter(["a"])]), encode, 100, [])


def test_an_iterator_ends_with_its_bytes_and_with_their_number() -> None:
    def many(item: str) -> Iterator[str]:
        while True:
            yield item

    for item in ("x" * 7, ""):
        with pytest.raises(Refused, match="more than 20 bytes") as refused:
            frames_of(many(item), encode, 20, [])
        assert refused.value.code == "too-big"
    assert frames_of(iter(["x" * 10] * 2), encode, 20, []) == [b"x" * 10] * 2
    assert len(frames_of(iter([""] * 21), encode, 20, [])) == 21
    with pytest.raises(Refused):
        frames_of(iter([""] * 22), encode, 20, [])


def test_who_is_to_be_told_is_known_even_if_a_frame_can_not_be_made() -> None:
    dones: list[Done] = []
    with pytest.raises(TypeError):
        frames_of(iter([Frame("a", done=print), Frame(5, done=repr)]), encode, 20, dones)  # type: ignore[arg-type]
    assert dones == [print, repr]
    assert frames_of(Frame("a", done=print), encode, 20, []) == [b"a"]


def test_each_is_told_the_outcome_though_another_fails(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Refused | None] = []
    counters, error = Counters(), Refused("link-down")

    def fails(outcome: Refused | None) -> None:
        raise SystemExit("a bug")

    finished([told.append, fails, told.append], error, counters)
    finished([told.append], None, counters)
    assert told == [error, error, None]
    assert counters["handler_errors"] == 1
    assert "a bug" in caplog.text
