"""Rewrite the libraries' log lines as the bridge's: short, rare, counted.

Use: `SocketIO(app, logger=quiet_logger("socketio", counters))`.
"""

from __future__ import annotations

import logging

from bridge.counters import Counters, shorten

__all__ = ["quiet_logger"]

log = logging.getLogger("bridge.clients")


class _OneLine(logging.Filter):
    """Filters one library's lines.

    The libraries log a traceback for each packet that is none, and a line for each that is out of place; a short line
    now and then, and a count, are enough.
    """

    def __init__(self, counters: Counters) -> None:
        super().__init__()
        self._counters = counters

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info and record.levelno == logging.WARNING:
            self._counters.note("bad_packets", "! %s", shorten(record.getMessage(), 200))
            return False
        if not record.exc_info:
            return record.levelno < logging.WARNING or self._is_news(record)
        error = record.exc_info[1]
        what = f"{type(error).__name__}: {error}"  # not repr(), which for a UnicodeDecodeError contains the whole text
        client = getattr(record, "client", "a client")
        self._counters.note("bad_packets", "! a packet of %s could not be read: %s", client, shorten(what, 200))
        log.debug("! %s", record.getMessage(), exc_info=record.exc_info)
        return False

    def _is_news(self, record: logging.LogRecord) -> bool:
        record.msg = f"! {record.msg}"
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def quiet_logger(name: str, counters: Counters) -> logging.Logger:
    """Make the filter for the library of this name."""
    logger = logging.getLogger(f"bridge.clients.{name}")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_OneLine(counters))
    return logger
