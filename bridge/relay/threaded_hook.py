"""Run a handler in a thread of the system, so that it may block without holding up others.

The caller waits for it, as for any handler that takes its time. Must not know threads: it is given the function that
makes a call in one.

Use: `hook = beside(function, run)`; `hook(client, 1)` returns what `function(client, 1)` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

__all__ = ["RunInThread", "beside", "here"]

#: Makes a call in another thread, waits for it, and returns or raises what the call does.
RunInThread = Callable[..., Any]

_END = object()


def here(function: Callable[..., Any], *args: Any) -> Any:
    """Make the call in the same thread."""
    return function(*args)


def beside(function: Callable[..., Any], run: RunInThread) -> Callable[..., Any]:
    """Return a function that calls the given one by `run`; if the result is an iterator, each of its steps as well."""

    @wraps(function)
    def hook(*args: Any) -> Any:
        result = run(function, *args)
        return _steps(result, run) if isinstance(result, Iterator) else result

    return hook


def _steps(iterator: Iterator[Any], run: RunInThread) -> Iterator[Any]:
    while (item := run(next, iterator, _END)) is not _END:
        yield item
