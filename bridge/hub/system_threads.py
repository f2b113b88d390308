"""Makes logging, and the end of the process, work in every thread of the system, not the hub's alone.

Must not know who uses it.

Use: `lock_logging()` once everything is patched; `end_after(2.0, code)` when nothing is left to do but to end.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from eventlet.patcher import original

__all__ = ["end_after", "lock_logging"]

_threading: Any = original("threading")


def lock_logging() -> None:
    """Let loggers and their handlers have real locks. With eventlet's, two threads that log at the same moment would
    wait for one another for ever; and as no log handler of ours waits in green, none is kept by two green threads."""
    logging._lock = _threading.RLock()  # type: ignore[attr-defined]
    logging.threading = _threading  # type: ignore[attr-defined]


def end_after(seconds: float, code: int) -> None:
    """End the process, whatever keeps it: eventlet's thread pool waits at exit for what it still does."""

    def end() -> None:
        _threading.Event().wait(seconds)  # not sleep(), which fails where libfaketime has the clock
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)

    _threading.Thread(target=end, name="bridge-end", daemon=True).start()
