"""Many of Node's stock clients in one process, each of which keeps account of every number that it got and sent.

Use: `with Crowd(Group("a", proxy.url, bridge.url, clients=10)) as crowd: crowd.ready(); …; members = crowd.report()`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.node_client import NodeProcess
from tests.viewer import until
from tests.waiting import PATIENCE

__all__ = ["QUICK", "Connection", "Crowd", "Group", "Member", "Refusal", "Runs"]

#: Numbers as (first, last) of what follows without a gap.
Runs = Sequence[tuple[int, int]]

#: So that clients come back within the time of a test. `timeout`: ms for a connection to come about.
QUICK: Mapping[str, object] = {"reconnectionDelay": 100, "reconnectionDelayMax": 1000, "timeout": 3000}


@dataclass(frozen=True)
class Group:
    """Clients that connect to `url`, and a witness that connects to `direct`; see tests/node/crowd.js."""

    name: str
    url: str
    direct: str
    clients: int
    identity: str = "sid"
    events: float = 0.0  # a second, together
    transports: Sequence[Sequence[str]] = (("websocket",),)
    options: Mapping[str, object] = field(default_factory=lambda: QUICK)


@dataclass(frozen=True)
class Connection:
    """One connection of a client: what it got for all, and for its user alone."""

    sid: str
    recovered: bool
    user: str | None
    all: Runs
    own: Runs


@dataclass(frozen=True)
class Refusal:
    """The ack of one event that was refused: its code and text."""

    number: int
    code: str
    text: str


@dataclass(frozen=True)
class Member:
    """One client's account. `ok`: the numbers of events that were acked ok, with when, in microseconds of the
    machine's monotonic clock; `unknown`: those that nobody answered."""

    group: str
    name: str
    witness: bool
    connected: bool
    connections: Sequence[Connection]
    faults: Sequence[str]
    reasons: Mapping[str, int]
    emitted: int
    ok: Mapping[int, int]
    unknown: frozenset[int]
    refused: Sequence[Refusal]

    @property
    def user(self) -> str | None:
        """Who it is to the server."""
        return self.connections[-1].user if self.connections else None

    @classmethod
    def read(cls, line: dict[str, Any]) -> Member:
        """From what the process has printed."""
        acks = line.pop("acks")
        runs = [
            Connection(
                each["sid"], each["recovered"], each["user"],
                [(a, b) for a, b in each["all"]], [(a, b) for a, b in each["own"]],
            )
            for each in line.pop("connections")
        ]  # fmt: skip
        return cls(
            connections=runs, ok=dict(acks["ok"]), unknown=frozenset(acks["unknown"]),
            refused=[Refusal(*each) for each in acks["refused"]], **line,
        )  # fmt: skip


class Crowd(NodeProcess):
    """The process; see tests/node/crowd.js."""

    def __init__(self, *groups: Group) -> None:
        self._groups = groups
        super().__init__("crowd.js", json.dumps([asdict(group) for group in groups]))

    def ready(self, timeout: float = 60.0) -> None:
        """Wait until all have connected once."""
        self.said.wait(lambda line: "ready" in line, timeout)

    def status(self) -> list[dict[str, Any]]:
        """How each group is now."""
        found: list[dict[str, Any]] = self._ask({"status": True}, "status")["status"]
        return found

    def emit(self, a_second: float) -> None:
        """So many events a second of each group from now on."""
        self.tell({"events": a_second})

    def all_there(self, timeout: float = PATIENCE) -> None:
        """Wait until all are connected at the same time."""
        sizes = [group.clients for group in self._groups]
        self._wait(lambda found: [each["connected"] for each in found] == sizes, timeout)

    def settled(self, send: Callable[[], Sequence[int]], timeout: float = 40.0) -> None:
        """Wait until each group has its last number, and every event is answered.

        `send`: sends one more for each group, and says which; again for those who came too late for the last one.
        """
        until_when = time.monotonic() + timeout
        while True:
            last = list(send())
            try:
                self._wait(lambda found, last=last: self._has(found, last), 3.0)  # type: ignore[misc]
            except AssertionError:
                if time.monotonic() > until_when:
                    raise
            else:
                return

    def _has(self, found: list[dict[str, Any]], last: list[int]) -> bool:
        sizes = [group.clients for group in self._groups]
        there = [each["connected"] for each in found] == sizes and [each["last"] for each in found] == last
        return there and not any(each["pending"] or each["behind"] for each in found)

    def _wait(self, wanted: Callable[[list[dict[str, Any]]], bool], timeout: float) -> None:
        try:
            until(lambda: wanted(self.status()), timeout, 0.1)
        except AssertionError:
            raise AssertionError(f"it did not become so within {timeout} s: {self.status()}") from None

    def report(self) -> list[Member]:
        """Everybody's account."""
        start = len(self.said.entries)
        self.tell({"report": True})
        self.said.wait(lambda line: "reported" in line, 60, start)
        return [Member.read(dict(line["member"])) for line in self.said.entries[start:] if "member" in line]

    def leave(self) -> None:
        """All disconnect, as pages do that call `socket.disconnect()`."""
        self._ask({"close": True}, "closed")

    def _ask(self, command: dict[str, object], answer: str) -> dict[str, Any]:
        start = len(self.said.entries)
        self.tell(command)
        return self.said.wait(lambda line: answer in line, PATIENCE, start)
