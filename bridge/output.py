"""Print for the user. A pipe that nobody reads any more, as after `| head`, is no error: nothing more is printed then.

What a terminal would obey or hide is made visible. Must not know what the text says.

Use: `say(help_text)`; `say(problems, sys.stderr)`.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

from bridge.errors import ServeError
from bridge.visible import visible

__all__ = ["say"]


def say(text: str, stream: TextIO | None = None) -> None:
    """Print the text, on stdout unless told otherwise.

    Raises ServeError if stdout can't be written for another reason than a closed pipe, such as a full disk. After a
    failure nothing more is printed there, and the end of the process does not fail because of it.
    """
    stream = stream or sys.stdout
    if stream is None:  # the process was started with it closed
        return
    try:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a character that the terminal lacks is no reason to fail
        print(visible(text, keep="\n"), file=stream, flush=True)
    except BrokenPipeError:
        _leave(stream)
    except OSError as error:
        _leave(stream)
        if stream is sys.stdout:
            raise ServeError(f"what was asked for can't be written: {error.strerror}") from None


def _leave(stream: TextIO) -> None:
    """Discard what is still in the stream's buffer."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
