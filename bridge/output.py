"""What the bridge prints. A pipe that nobody reads any more, as after `| head`, is no error: it is quiet then.

Must not know what is said, nor to whom.

Use: `say(help_text)`; `say(problems, sys.stderr)`.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

from bridge.errors import ServeError

__all__ = ["say"]


def say(text: str, stream: TextIO | None = None) -> None:
    """Print it, on stdout unless told otherwise. Raises ServeError if stdout can't be written though somebody may want
    it, as on a full disk; afterwards nothing more is printed there, and the end of the process does not fail for it."""
    stream = stream or sys.stdout
    if stream is None:  # it was closed from the start
        return
    try:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # what the terminal's encoding lacks is no reason to fail
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        _leave(stream)
    except OSError as error:
        _leave(stream)
        if stream is sys.stdout:
            raise ServeError(f"what was asked for can't be written: {error.strerror}") from None


def _leave(stream: TextIO) -> None:
    """What is still in its buffer goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
