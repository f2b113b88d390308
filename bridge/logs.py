"""Format log lines. app.py configures this once; libraries and modules only log.

Use: `configure("info", "text")`.
"""

from __future__ import annotations

import json
import logging
import sys
import time

__all__ = ["configure"]

_TEXT = "%(asctime)s %(levelname)-7s %(message)s"


def configure(level: str, style: str) -> None:
    """Send log lines to stderr, as text or as JSON, one line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else logging.Formatter(_TEXT, "%H:%M:%S"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
