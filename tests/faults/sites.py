"""A server that counts, the bridge, and a proxy on either side of it.

Use: `with between("--identity", "register") as at, at.crowd(clients=8) as crowd: …; assert at.verdict(crowd) == []`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from random import Random
from types import MappingProxyType

from tests.faults.counting import CountingServer
from tests.faults.crowd import Crowd, Group, Member
from tests.faults.ends import Delimited
from tests.faults.proxy import Proxy
from tests.faults.verdict import judge
from tests.process import Bridge
from tests.viewer import until

__all__ = ["MIXED", "Between", "between"]

#: The ways in which browsers come.
MIXED = (["websocket"], ["websocket"], ["polling", "websocket"], ["polling"])

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Between:
    """`link`: the proxy between bridge and server; `browsers`: the one between browsers and bridge."""

    def __init__(self, stack: ExitStack, *flags: str, seed: int = 0, env: Mapping[str, str] = _NOTHING) -> None:
        self._flags = flags
        self.confirm = "--confirm" in flags
        self.server = stack.enter_context(CountingServer(self.confirm, seed))
        random = Random(seed)
        self.link = stack.enter_context(Proxy(self.server.port, partial(Delimited, b"~"), random))
        self.bridge = stack.enter_context(Bridge("--server", self.link.address, *flags, cwd=None, **env))
        self.browsers = stack.enter_context(Proxy(self.bridge.port, random=random))
        until(self.linked)

    def group(self, name: str = "a", clients: int = 4, events: float = 40, **options: object) -> Group:
        """Clients through the proxy, and a witness past it."""
        identity = "register" if "register" in self._flags else "sid"
        fields = {"transports": MIXED, **options}
        return Group(name, self.browsers.url, self.bridge.url, clients, identity, events, **fields)  # type: ignore[arg-type]

    def crowd(self, clients: int = 4, events: float = 40, **options: object) -> Crowd:
        """One such group, all of it connected."""
        crowd = Crowd(self.group("a", clients, events, **options))
        crowd.ready()
        until(lambda: len(self.server.present) == clients + 1)
        return crowd

    def linked(self) -> bool:
        """Whether the link is up, as both ends see it."""
        return self.bridge.status()["link"]["state"] == "connected" and len(self.link.lines) == 1

    def rest(self, timeout: float = 30.0) -> None:
        """Heal everything, and let the server send nothing more of its own."""
        self.browsers.heal()
        self.link.heal()
        until(self.linked, timeout)
        self.server.pause()

    def verdict(self, crowd: Crowd, whole: bool = False) -> list[str]:
        """Everything that is wrong, once all has come to rest. `whole`: see verdict.messages."""
        return self.judged(self.account(crowd), whole)

    def judged(self, members: Sequence[Member], whole: bool = False) -> list[str]:
        """The same, of accounts that are known already."""
        with suppress(AssertionError):  # what was acked last may be under way still, or lost with a link that broke
            until(lambda: self._last_ones_are_there(members), 3)
        return list(judge(self.server, members, self.confirm, whole, self.lost))

    @property
    def lost(self) -> int:
        """How many frames of the bridge's may be lost, once all has come to rest: those that it says may be, and those
        that came as far as the proxy."""
        return self.bridge.counter("frames_unconfirmed") + self.link.frames_up - self.server.frames

    def account(self, crowd: Crowd) -> list[Member]:
        """What everybody got, once all has come to rest."""
        self.browsers.heal()
        crowd.all_there()
        crowd.emit(0)
        self.rest()
        crowd.settled(lambda: [self.server.send(1)])
        until(lambda: self.server.present == {each.user for each in crowd.report()}, 15, 0.2)
        return crowd.report()

    def _last_ones_are_there(self, members: Sequence[Member]) -> bool:
        there = set(self.server.log)
        return all((each.name, max(each.ok)) in there for each in members if each.ok)


@contextmanager
def between(*flags: str, seed: int = 0, env: Mapping[str, str] = _NOTHING) -> Iterator[Between]:
    """One, and everything of it closed at the end. `env`: variables of the bridge's process."""
    with ExitStack() as stack:
        yield Between(stack, *flags, seed=seed, env=env)
