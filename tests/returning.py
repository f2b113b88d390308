"""A client by hand that does the stock client's half of recovery: it keeps its pid and the offsets that it got.

Use: `with Returning(bridge) as ann: …`; then `with Returning(bridge, pid=ann.pid, offset=ann.offsets[-1]) as again: …`.
"""

from __future__ import annotations

import json
from typing import Any

from tests.process import Bridge
from tests.viewer import Viewer, until

__all__ = ["Returning"]


class Returning(Viewer):
    """`auth`: what goes with its CONNECT."""

    def __init__(self, bridge: Bridge, *, stalled: bool = False, **auth: object) -> None:
        super().__init__(bridge, stalled=stalled, rcvbuf=4096 if stalled else None, auth=auth)

    @property
    def pid(self) -> str:
        """Its pid, "" if it has none."""
        [connect] = [packet for packet in self.packets if packet.startswith("40")]
        return str(json.loads(connect[2:]).get("pid", ""))

    @property
    def events(self) -> list[list[Any]]:
        """The arguments of each message of the server's."""
        return [json.loads(packet[2:])[1:] for packet in self.packets if packet.startswith('42["message"')]

    @property
    def texts(self) -> list[str]:
        """The messages."""
        return [str(arguments[0]) for arguments in self.events]

    @property
    def numbers(self) -> list[int]:
        """Those that are a number."""
        return [int(text) for text in self.texts if text.isdigit()]

    @property
    def offsets(self) -> list[str]:
        """The offset of each message."""
        return [str(arguments[-1]) for arguments in self.events]

    def until(self, count: int) -> None:
        """Wait for so many messages."""
        until(lambda: len(self.texts) >= count)
