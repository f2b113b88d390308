"""Waits for what ends the process: a signal, or the failure of a part without which a bridge is none.

Must not know what is then stopped.

Use: `shutdown = Shutdown()`; `shutdown.hear_signals()`; `shutdown.wait()`; `return shutdown.exit_code`.
"""

from __future__ import annotations

import os
import signal

__all__ = ["Shutdown"]


class Shutdown:
    """`exit_code`: 0 as long as nothing has failed, 1 from then on."""

    def __init__(self) -> None:
        # A pipe, because a signal does not wake the hub from its poll, and a byte in a pipe does.
        self._wakes, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._begun, self.exit_code = False, 0

    def hear_signals(self) -> None:
        """From now on SIGTERM and SIGINT end the wait, and a second one of them the process, at once. SIGHUP, which
        comes when a terminal is closed, does nothing."""
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._begin())

    def fail(self) -> None:
        """End the wait because something failed. From any thread."""
        self.exit_code = 1
        os.write(self._wake, b"!")

    def wait(self) -> None:
        """Return after the first signal or failure."""
        os.read(self._wakes, 1)

    def _begin(self) -> None:
        if self._begun:
            os._exit(1)
        self._begun = True
