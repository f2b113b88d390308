"""Check functions when they are registered as hooks, so that a mistake is reported at start and not at each event.

Must not know which hooks there are, nor what they return.

Use: `check("on_connect", function, Arguments("def f(client): …", 1, 1))` raises TypeError, which says what to write.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, TypeVar, cast

from bridge.relay.hook_results import ASYNC

__all__ = ["Arguments", "bare", "check", "is_async", "named"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments that a hook is called with.

    `words`: how to write the function; `least`, `most`: how many arguments; `most` None: any number from `least` on.
    """

    words: str
    least: int
    most: int | None


def check(hook: str, function: object, arguments: Arguments) -> None:
    """Raise TypeError if the function can't be called, is `async`, or does not take the hook's arguments."""
    name = getattr(function, "__qualname__", None) or repr(function)
    if not callable(function):
        raise TypeError(f"{hook} takes a function, not {type(function).__name__}")
    if is_async(function):
        raise TypeError(f"{hook}: {name} is async: {ASYNC}")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return  # some builtins have none that can be read
    least, most = _counts(parameters)
    needed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if needed:
        names = ", ".join(needed)
        raise TypeError(f"{hook}: {name} needs {names} by name, which no hook is given: write {arguments.words}")
    fits = most >= arguments.least and (arguments.most is None or least <= arguments.most)
    if not fits:
        raise TypeError(f"{hook}: {name} takes {_in_words(least, most)}: write {arguments.words}")


_MANY = 1 << 30


def _in_words(least: int, most: int) -> str:
    if most == _MANY:
        return f"at least {least} arguments"
    several = "argument" if most == 1 else "arguments"
    return f"{least} {several}" if least == most else f"{least} to {most} {several}"


def _counts(parameters: list[inspect.Parameter]) -> tuple[int, int]:
    """Return how many positional arguments the parameters need and take."""
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        most = _MANY
    else:
        most = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    least = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters)
    return least, most


def is_async(function: Callable[..., object]) -> bool:
    """Tell whether a call would make a coroutine or an asynchronous generator, as far as can be seen beforehand."""
    while isinstance(function, partial):
        function = function.func
    if not inspect.isroutine(function) and not isinstance(function, type):
        function = type(function).__call__  # an object that can be called
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def bare(method: _Method) -> _Method:
    """Make a decorator without arguments say so if it is called with parentheses."""

    @wraps(method)
    def answered(self: Any, *given: Any, **others: Any) -> Any:
        if not given and not others:
            raise TypeError(f"write @bridge.{method.__name__} without parentheses, on the line above the function")
        return method(self, *given, **others)

    return cast("_Method", answered)


def named(method: _Method) -> _Method:
    """Make a decorator that takes a name say so if it is given none."""

    @wraps(method)
    def answered(self: Any, *given: Any, **others: Any) -> Any:
        if (not given and "name" not in others) or (given and callable(given[0])):
            name = method.__name__
            raise TypeError(f'{name} takes the name of an event: write @bridge.{name}("name")')
        return method(self, *given, **others)

    return cast("_Method", answered)
