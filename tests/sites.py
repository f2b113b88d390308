"""A bridge with its server and clients that end with it, and what can be seen of it from outside.

Use: `with site("--slow", "latest") as at: at.viewer(stalled=True); at.feed.send(100)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.process import Bridge
from tests.tcpserver import TcpServer
from tests.viewer import Feed, Viewer

__all__ = ["SMALL", "Site", "connected", "memory", "queued", "site"]

SMALL = 16 * 1024  # bytes of the kernel's for a client that is to stall soon
ESTABLISHED = 1  # a state in /proc/net/tcp


class Site:
    """`stalled`: the server does not read, until it is told to."""

    def __init__(
        self, stack: ExitStack, *flags: str, stalled: bool = False, size: int = 1000, program: Sequence[str] = ()
    ) -> None:
        self._stack = stack
        server = stack.enter_context(TcpServer(stalled=stalled))
        self.bridge = stack.enter_context(Bridge("--server", server.address, *flags, program=program))
        self.peer = server.accept()
        self.feed = Feed(self.peer, size)

    def viewer(self, stalled: bool = False, rcvbuf: int | None = None) -> Viewer:
        """One that reads, or that stalls with as little as can be in its kernel."""
        rcvbuf = rcvbuf or (SMALL if stalled else None)
        return self._stack.enter_context(Viewer(self.bridge, stalled=stalled, rcvbuf=rcvbuf))

    def slow_viewer(self, a_second: int) -> Viewer:
        """One that reads so many bytes a second."""
        pause = 0.02
        viewer = Viewer(self.bridge, rcvbuf=SMALL, at_most=int(a_second * pause), pause=pause)
        return self._stack.enter_context(viewer)

    def counters(self, *names: str) -> list[int]:
        """These counters, as the status page has them."""
        found = self.bridge.status()["counters"]
        return [found[name] for name in names]


@contextmanager
def site(*flags: str, stalled: bool = False, size: int = 1000, program: Sequence[str] = ()) -> Iterator[Site]:
    """One, and everything of it closed at the end. `program`: what runs the bridge."""
    with ExitStack() as stack:
        yield Site(stack, *flags, stalled=stalled, size=size, program=program)


def memory(bridge: Bridge) -> int:
    """Bytes of the process that are in memory."""
    status = Path(f"/proc/{bridge.process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def queued(bridge: Bridge) -> dict[int, int]:
    """Bytes that the kernel keeps for the bridge's clients, those that were closed included, by their port."""
    return {port: size for port, (_, size) in _connections(bridge).items()}


def connected(bridge: Bridge) -> set[int]:
    """The ports of the bridge's clients whose connections nobody has closed."""
    return {port for port, (state, _) in _connections(bridge).items() if state == ESTABLISHED}


def _connections(bridge: Bridge) -> dict[int, tuple[int, int]]:
    found = {}
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if int(local.partition(":")[2], 16) == bridge.port:
            found[int(remote.partition(":")[2], 16)] = int(state, 16), int(queues.partition(":")[0], 16)
    return found
