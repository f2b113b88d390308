"""A handler that runs in a thread of the system, beside all others, so that it may block.

Who called it waits until it is over, as for any handler that takes its time. Must not know threads: it is given what
makes a call in one.

Use: `hook = beside(function, run)`; `hook(client, 1)` returns what `function(client, 1)` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

__all__ = ["RunInThread", "beside", "here"]

#: Makes a call somewhere else, waits for it, and returns or raises what it does.
RunInThread = Callable[..., Any]

_END = object()


def here(function: Callable[..., Any], *args: Any) -> Any:
    """Make the call: where nothing is known of other threads."""
    return function(*args)


def beside(function: Callable[..., Any], run: RunInThread) -> Callable[..., Any]:
    """The same, made by `run`; if it gives an iterator, so is each of its steps."""

    @wraps(function)
    def hook(*args: Any) -> Any:
        result = run(function, *args)
        return _steps(result, run) if isinstance(result, Iterator) else result

    return hook


def _steps(iterator: Iterator[Any], run: RunInThread) -> Iterator[Any]:
    while (item := run(next, iterator, _END)) is not _END:
        yield item
