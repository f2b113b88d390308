"""Define what hooks return for the server and for clients, and make payloads of what is for the server.

Says in words what can't be sent. Must not know who calls the hooks, nor sockets or the queue.

Use: `frames_of({"x": 1}, encode, limit, dones)` -> [b'{"x":1}'].
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.messages import AsIs
from bridge.names import event_problem
from bridge.relay.users import Client

__all__ = [
    "ASYNC", "Content", "Default", "Done", "Emit", "Frame", "ToClients", "ToServer", "finished", "frames_of", "report",
]  # fmt: skip

#: Called once, when the outcome is known: None for handed over, else the refusal.
Done = Callable[[Refused | None], object]
#: One frame: JSON, or text or bytes as they are.
Content = dict[Any, Any] | list[Any] | str | bytes | bytearray | memoryview

#: What to tell the author of an `async def`.
ASYNC = (
    "the bridge calls hooks as plain functions, and nothing here would run a coroutine: "
    "write def in place of async def, without await"
)


class Default:
    """The type of `bridge.DEFAULT`: route this message as if there were no handler."""

    def __repr__(self) -> str:
        return "bridge.DEFAULT"


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame for the server, and a function that is told what became of it.

    `content`: a dict or list (as JSON, nothing added), str or bytes (as they are), or None (nothing).
    `done`: called once, with None when the frame was handed to the server's connection (with `confirm`: when
    the server has confirmed it), with a Refused when it was not. Of several frames in the order of sending.
    It must not wait: other frames are held up by it.
    """

    content: Content | None
    done: Done | None = None


@dataclass(frozen=True)
class Emit:
    """One event for clients. `to`: None for all, a user's name, a Client, or a list of these.

    `payload` is one argument: JSON values, or bytes anywhere in them.
    Raises ValueError for an event name that can't be used.
    """

    event: str
    payload: object = None
    to: str | Client | Sequence[str | Client] | None = None

    def __post_init__(self) -> None:
        problem = event_problem(self.event)
        if problem:
            raise ValueError(problem)


#: What a hook may return for the server.
ToServer = Content | Frame | Iterator[Content | Frame | None] | None
#: What on_message may return for clients.
ToClients = Emit | Default | Sequence[Emit | Default | None] | None


def report(hook: Callable[..., object], counters: Counters) -> None:
    """Log the exception that a user's function has just raised, with its traceback, and count it."""
    error = sys.exc_info()[1]
    name = getattr(hook, "__qualname__", hook)
    # One traceback of each kind is news; the same one again for each event of a careless page is not.
    kind = f"{name} {type(error).__name__}"
    counters.note("handler_errors", "! the handler %s failed: %r", name, error, kind=kind, traceback=True)


def finished(dones: Sequence[Done], error: Refused | None, counters: Counters) -> None:
    """Call users' `done` functions with the outcome of their frames."""
    for done in dones:
        try:
            done(error)
        except BaseException:  # SystemExit and eventlet.Timeout are no Exception, and others wait for the caller
            report(done, counters)


def frames_of(result: object, encode: Callable[[object], bytes], limit: int, dones: list[Done]) -> list[bytes]:
    """Read what a handler returned, as payloads for the server.

    `limit`: of all bytes, and of the number of messages, which may be empty; more, as from an iterator that never ends,
    raises Refused("too-big"). `dones`: the functions to be told are added to it, also if this raises.
    Raises TypeError for what can't be sent, Refused for what can't be encoded.
    """
    if isinstance(result, Iterator):
        return _all_of(result, encode, limit, dones)
    if isinstance(result, Frame):
        if result.done is not None:
            dones.append(result.done)
        result = result.content
        if isinstance(result, (Iterator, Frame)):
            raise TypeError("a Frame has the content of one frame: return an iterator of Frames for several")
    if result is None:
        return []
    if isinstance(result, (dict, list)):
        return [encode(result)]
    if isinstance(result, str):
        return [AsIs(_utf8(result))]
    if isinstance(result, (bytes, bytearray, memoryview)):
        return [AsIs(result)]
    raise TypeError(_no_frame(result))


def _all_of(results: Iterator[object], encode: Callable[[object], bytes], limit: int, dones: list[Done]) -> list[bytes]:
    frames: list[bytes] = []
    size = 0
    for count, item in enumerate(results):
        if isinstance(item, Iterator):
            raise TypeError("a handler's iterator gives messages, not iterators")
        for frame in frames_of(item, encode, limit, dones):
            frames.append(frame)
            size += len(frame)
        if max(size, count) > limit:
            raise Refused("too-big", f"the handler makes more than {limit} bytes for one event")
    return frames


def _no_frame(result: object) -> str:
    if isinstance(result, Coroutine):
        result.close()  # else Python would warn that it was never awaited
        return ASYNC
    if isinstance(result, (Awaitable, AsyncIterator)):
        return ASYNC
    return (
        "a handler returns None, a dict, a list, str, bytes, a Frame or an iterator of these, "
        f"not {type(result).__name__}"
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused("not-json", "this text has half a surrogate pair and can't be written as UTF-8") from None
