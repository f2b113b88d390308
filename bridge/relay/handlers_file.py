"""Load a handlers file and run its `setup(bridge)`.

Whatever is wrong in the file becomes one HandlersError with file, line and reason.
Must not know what the hooks do.

Use: `load(Path("game.py"), bridge)`.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from typing import Any

from bridge.errors import HandlersError
from bridge.relay.hook_checks import is_async
from bridge.relay.hook_results import ASYNC

__all__ = ["load"]


def load(path: Path, bridge: Any) -> None:
    """Run the file and its `setup(bridge)`. Raises HandlersError."""
    path = path.resolve()
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that a file beside it can be imported but hides nothing
    name = f"bridge_handlers_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise HandlersError(str(path), 0, "this is no Python file (its name has to end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        setup = getattr(module, "setup", None)
        if not callable(setup):
            raise HandlersError(str(path), 0, "there is no function setup(bridge) in it")
        if is_async(setup) or _is_unfinished(setup(bridge)):
            code = getattr(setup, "__code__", None)
            raise HandlersError(str(path), code.co_firstlineno if code else 0, f"setup is async: {ASYNC}")
    except HandlersError:
        raise
    except BaseException as error:  # SystemExit and eventlet.Timeout too
        raise HandlersError(str(path), _line(error, path), _reason(error)) from error


def _is_unfinished(result: object) -> bool:
    """Tell whether a call has only made what would have to be awaited."""
    if inspect.iscoroutine(result):
        result.close()  # or Python warns that nobody awaited it
    return inspect.isawaitable(result) or inspect.isasyncgen(result)


def _line(error: BaseException, path: Path) -> int:
    """Return the line at which it went wrong: the innermost one in the file itself."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == path:
        return error.lineno or 0
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    return (lines[-1] if lines else 0) or 0


def _reason(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
