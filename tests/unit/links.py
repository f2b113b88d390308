"""A link with everything around it recorded, for the tests of connection.py.

Use: `with Linked(server.port) as linked: linked.state("connected")`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from bridge.counters import Counters
from bridge.errors import LinkError
from bridge.link.connection import Connection, LinkOptions, LinkStatus
from bridge.link.dial import Dialer
from bridge.link.framing.registry import framing_in, framing_out
from bridge.link.outgoing.queue import OutgoingQueue
from tests.waiting import PATIENCE, Log

__all__ = ["Linked", "closed_port"]

MAX_FRAME = 1 << 20


class Linked:
    """A running link. `options`: more of the link's; `states`, `bursts`, `frames`, `hints`: what it has told so far."""

    def __init__(
        self,
        port: int = 0,
        *,
        framing: str = "~",
        max_frame: int = MAX_FRAME,
        dial: Callable[[], socket.socket] | None = None,
        limit: int = 1 << 26,
        gap: float = 0.01,
        queue: Callable[[Counters], OutgoingQueue] | None = None,
        **options: Any,
    ) -> None:
        self.counters = Counters()
        self.states: Log[LinkStatus] = Log()
        self.bursts: Log[list[bytes]] = Log()
        self.frames: Log[bytes] = Log()
        self.hints: Log[str | None] = Log()
        self.announce: list[bytes] = []
        encoder = framing_out(framing, max_frame)
        self.uplink = queue(self.counters) if queue else OutgoingQueue(encoder, limit, self._overflow, self.counters)
        self.link = Connection(
            dial or Dialer("127.0.0.1", port).dial,
            partial(framing_in, "~" if framing == "none" else framing, max_frame),
            LinkOptions(f"127.0.0.1:{port}", encoder.separate, gap, **options),
            self.counters,
            outgoing=self.uplink,
            on_burst=self._burst,
            on_state=self._state,
            on_change=self._change,
        )
        self._thread = threading.Thread(target=self.link.run, daemon=True)

    def state(self, name: str, start: int = 0) -> LinkStatus:
        """Wait for a state by its name."""
        return self.states.wait(lambda status: status.state.value == name, start=start)

    def hint(self, code: str | None) -> None:
        """Wait until this is the hint."""
        self.hints.wait(lambda hint: hint == code)

    def names(self) -> list[str]:
        """The states so far."""
        return [status.state.value for status in self.states.entries]

    def end(self) -> None:
        """Close the link and wait until its thread has ended."""
        self.link.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def __enter__(self) -> Linked:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _state(self, status: LinkStatus) -> None:
        if status.state.value == "connected":
            self.uplink.up(self.announce)
        self.states.add(status)

    def _change(self) -> None:
        hint = self.link.status.hint
        self.hints.add(hint.code if hint else None)

    def _burst(self, frames: list[bytes]) -> None:
        self.bursts.add(frames)
        for frame in frames:
            self.frames.add(frame)

    def _overflow(self) -> None:
        self.link.drop(LinkError("busy", "presence piled up"))


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
