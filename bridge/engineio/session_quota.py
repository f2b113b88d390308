"""Says whether a new session may begin, and ends half-open ones, which have not connected to any namespace, if need be.

So one address or connection can't take all the room, and nobody is kept out by sessions that never become clients.
Must not know HTTP, nor how a session is served.

Use: `quota = SessionQuota(limits, joins, counters)`; `quota.refusal(address)`; `quota.add(session)`; later
`quota.joined(session)`, `quota.remove(session)`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

from bridge.counters import Counters
from bridge.engineio.timeouts import TimeoutQueue

__all__ = ["USUAL", "Candidate", "SessionLimits", "SessionQuota", "is_loopback", "network_of"]

_SUBSCRIBER = 64  # bits of an IPv6 address: who has one address of such a network can take any other of it


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions there may be. `half_open`: of those that have not connected to a namespace."""

    clients: int = 15_000  # of 20,000 open files that a process commonly may have
    clients_per_address: int = 2_000  # a school behind one address has fewer
    half_open: int = 1_000  # each lasts for a few round trips
    half_open_per_address: int = 100
    per_connection: int = 100  # begun on one TCP connection; a browser begins one
    proxies: tuple[str, ...] = ()  # networks whose addresses may have any number of half-open ones


USUAL = SessionLimits()


class Candidate(Protocol):
    """A session, as far as it is counted."""

    @property
    def address(self) -> str:
        """The browser's."""

    def finish(self) -> None:
        """End now, as a newer one takes its place."""


C = TypeVar("C", bound=Candidate)


class SessionQuota(Generic[C]):
    """Counts all sessions of one server. `joins`: the half-open ones, the oldest first."""

    def __init__(self, limits: SessionLimits, joins: TimeoutQueue[C], counters: Counters) -> None:
        self.limits = limits
        self._joins, self._counters = joins, counters
        self._proxies = tuple(map(ipaddress.ip_network, limits.proxies))
        self._count = 0
        self._of_address: dict[str, int] = {}  # by network, without this machine's own
        self._half_open: dict[str, dict[C, None]] = {}  # the same, the oldest of each first

    def refusal(self, address: str) -> str:
        """Say why no session may begin, and count that; empty if one may. Half-open ones make way first."""
        limits = self.limits
        self._make_way(address)
        if self._count >= limits.clients:
            reason, flag = "There are too many clients here.", f"--max-clients {limits.clients}"
        elif self._of_address.get(network_of(address), 0) >= limits.clients_per_address:
            reason = "There are too many clients at your address."
            flag = f"--max-clients-per-address {limits.clients_per_address}"
        else:
            return ""
        self._counters.note("clients_refused", "! a client at %s is refused: too many (%s)", address, flag)
        return reason

    def add(self, session: C) -> None:
        """Count a session that has begun, as a half-open one."""
        self._count += 1
        if not is_loopback(session.address):
            network = network_of(session.address)
            self._of_address[network] = self._of_address.get(network, 0) + 1
        self.half_open(session)

    def half_open(self, session: C) -> None:
        """Count it as half-open, for its full time. The oldest ones end if there are too many with it."""
        self._joins.add(session)
        address, limits = session.address, self.limits
        if not is_loopback(address) and not self._is_proxy(address):
            of_address = self._half_open.setdefault(network_of(address), {})
            of_address[session] = None
            if len(of_address) > limits.half_open_per_address:
                self._end(next(iter(of_address)))
        if len(self._joins) > limits.half_open:
            self._end(self._joins.oldest)

    def joined(self, session: C) -> None:
        """Count it as half-open no more."""
        self._joins.discard(session)
        network = network_of(session.address)
        of_address = self._half_open.get(network)
        if of_address is not None and session in of_address:
            del of_address[session]
            if not of_address:
                del self._half_open[network]

    def remove(self, session: C) -> None:
        """Count it no more, as it has ended."""
        self._count -= 1
        self.joined(session)
        network = network_of(session.address)
        count = self._of_address.get(network, 0)
        if count > 1:
            self._of_address[network] = count - 1
        elif count:
            del self._of_address[network]

    def _make_way(self, address: str) -> None:
        """End the oldest half-open session where one more would be too many: of those at the address, or of all."""
        network = network_of(address)
        of_address = self._half_open.get(network)
        if of_address and self._of_address.get(network, 0) >= self.limits.clients_per_address:
            self._end(next(iter(of_address)))
        if self._count >= self.limits.clients and len(self._joins):
            self._end(self._joins.oldest)

    def _is_proxy(self, address: str) -> bool:
        found = _parsed(address) if self._proxies else None
        return found is not None and any(found in network for network in self._proxies)

    def _end(self, session: C) -> None:
        text = "! a client at %s is disconnected: too many connect to no namespace, and it is the oldest of them"
        self._counters.note("half_open_ended", text, session.address)
        session.finish()


@lru_cache(1024)
def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 network of 64 bits."""
    found = _parsed(address)
    if found is None:
        return address
    return str(found) if found.version == 4 else str(ipaddress.ip_network((int(found), _SUBSCRIBER), strict=False))


@lru_cache(1024)
def is_loopback(address: str) -> bool:
    """Whether this is an address of this machine that only itself can have."""
    found = _parsed(address)
    return found is not None and found.is_loopback


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
