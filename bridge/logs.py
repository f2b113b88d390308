"""Format log lines. app.py configures this once; libraries and modules only log.

Names, origins and payloads that clients send are in them: what a terminal would obey or hide is made visible here, so
nobody else has to.

Use: `configure("info", "text")`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from textwrap import indent
from types import TracebackType

from bridge.visible import visible

__all__ = ["configure"]

log = logging.getLogger("bridge")

_Info = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_TEXT = "%(asctime)s %(levelname)-7s %(message)s"


def configure(level: str, style: str) -> None:
    """Send log lines to stderr, as text or as JSON, one line each; and exceptions that nobody catches."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text(_TEXT, "%H:%M:%S"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    if not issubclass(kind, SystemExit | KeyboardInterrupt):
        log.error("! an exception that nobody caught", exc_info=(kind, error or kind(), where))


class _Text(logging.Formatter):
    """Lines of text. What belongs to a line, such as a traceback, is indented: nothing in it can pass for a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = visible(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: _Info) -> str:  # noqa: N802
        return indent(visible(super().formatException(ei), keep="\n"), "  ")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": visible(record.name),
            "message": visible(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = visible(self.formatException(record.exc_info), keep="\n")
        return json.dumps(line, ensure_ascii=False)
