"""Who takes part, and how each is started: `… --server 127.0.0.1:PORT --port 0`.

Must not know what is measured.

Use: `CONTESTANTS["ours"].command(feed_port)`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from bench.build import BUILT, PROJECT

__all__ = ["CONTESTANTS", "Contestant", "faulty"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """`argv` starts it, before its two options; `pings`: whether its idle clients cost it something; `works`: those
    that it takes part in, if not in all."""

    name: str
    title: str
    argv: tuple[str, ...]
    pings: bool = True
    works: tuple[str, ...] = ()

    def command(self, feed_port: int) -> list[str]:
        """What to run; it connects to the feed and serves on a free port that it prints."""
        return [*self.argv, "--server", f"127.0.0.1:{feed_port}", "--port", "0"]


_NODE = ("node", str(BUILT / "node" / "plain.js"))
_ALL = (
    Contestant("ours", "the bridge", (sys.executable, str(PROJECT / "app.py"))),
    Contestant(
        "ours-off",
        "the bridge, recovery off",
        (sys.executable, str(PROJECT / "app.py"), "--recovery", "off"),
        works=("burst-64", "burst-512", "users-64", "idle"),
    ),
    Contestant(
        "ours-apart",
        "the bridge, io_uring off",
        (sys.executable, str(PROJECT / "app.py"), "--io-uring", "off"),
        works=("rate-1000", "rate-60", "cost"),
    ),
    Contestant("plain", "plain Flask-SocketIO", (sys.executable, str(PROJECT / "bench" / "peers" / "plain.py"))),
    Contestant("node", "Node", _NODE),
    Contestant("node-joined", "Node, same idea", (_NODE[0], str(BUILT / "node" / "joined.js"))),
    Contestant("go", "Go", (str(BUILT / "peer"),)),
    Contestant("go-joined", "Go, same idea", (str(BUILT / "peer"), "--joined")),
    Contestant("limit", "C limit", (str(BUILT / "limit"),), pings=False),
)

CONTESTANTS: dict[str, Contestant] = {contestant.name: contestant for contestant in _ALL}


def faulty(fault: str) -> Contestant:
    """The C program, spoiling every thousandth message."""
    return Contestant(f"limit-{fault}", "", (*CONTESTANTS["limit"].argv, "--fault", fault), pings=False)
