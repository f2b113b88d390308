"""Says by which names the bridge may be asked for: loopback names, addresses, this machine's names, and those allowed.

A page of a stranger can have its own name lead to the bridge's address (DNS rebinding); the browser then takes the
bridge for that page's own server, and the Host header alone tells that it is not. An address can't be rebound.
Must not know HTTP beyond that header; looks nothing up.

Use: `hosts = Hosts(allowed, own_names(node, hosts_file), counters)`; `hosts.allows(host)`; `hosts.refuse(host, None)`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from bridge.admission.proxies import Ignored
from bridge.counters import Counters, shorten

__all__ = ["LONGEST", "Hosts", "host_name", "is_loopback_name", "own_names"]

LONGEST = 261  # characters of a Host header: a name of 253, a dot, a colon, a port
REMEMBERED = 1024  # Host headers

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{0,5})?", re.ASCII | re.IGNORECASE)
_LOOPBACK = frozenset(("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"))


class Hosts:
    """`allowed`: names besides the usual ones, exact or as `*.example.org`; `own`: the names of this machine."""

    def __init__(self, allowed: tuple[str, ...], own: Iterable[str], counters: Counters) -> None:
        self._counters, self._flags = counters, allowed
        self._names = _LOOPBACK | frozenset(own) | {name for name in allowed if not name.startswith("*.")}
        self._endings = (".localhost", *(name[1:] for name in allowed if name.startswith("*.")))
        self._remembered = lru_cache(REMEMBERED)(self._judge)

    def allows(self, host: str) -> bool:
        """Whether a request with this Host header is for this bridge; the port does not count."""
        return len(host) <= LONGEST and self._remembered(host)

    def refuse(self, host: str, ignored: Ignored | None) -> str:
        """Count and log a request that is for another; returns which flags would let it in, or nothing if none can.

        `ignored`: what a proxy that is not trusted said, if one did.
        """
        wanted, proxy = host, ""
        if ignored is not None and ignored.host and host_name(ignored.host) != host_name(host):
            wanted, proxy = ignored.host, f"--trusted-proxies {ignored.peer}"
        name = host_name(wanted) if len(wanted) <= LONGEST else ""
        needed = [] if self.allows(wanted) else [name]
        advice = _flags(needed, proxy) if name else ""
        said = _flags([*self._flags, *needed] if needed else [], proxy) if advice else ""
        self._counters.note(
            "hosts_refused", "! a request for the host %s was refused, as this bridge has no such name%s",
            shorten(host), said and f"; if it should have, start it with {said}",
        )  # fmt: skip
        return advice

    def _judge(self, host: str) -> bool:
        name = host_name(host)
        return bool(name) and (name in self._names or name.endswith(self._endings) or _is_address(name))


def host_name(host: str) -> str:
    """Return the name or address in a Host header, in lower case, without port and final dot; "" if there is none."""
    found = _HOST.fullmatch(host)
    return found[1].lower().removesuffix(".") if found else ""


def is_loopback_name(name: str) -> bool:
    """Tell whether a name, as host_name() returns it, is this machine's for itself alone."""
    if _is_address(name):
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    return name in _LOOPBACK or name.endswith(".localhost")


def own_names(node: str, hosts_file: str) -> set[str]:
    """Return the names of a machine: the one that it gives itself, those in its line of /etc/hosts, and, of each that
    has no dot, the one that it has in its network by multicast DNS (RFC 6762)."""
    node = node.lower()
    names = {node, node.partition(".")[0]} - {""}
    for line in hosts_file.lower().splitlines():
        others = line.partition("#")[0].split()[1:]
        if names.intersection(others) - _LOOPBACK:
            names.update(others)
    return names | {f"{name}.local" for name in names if "." not in name}


def _is_address(name: str) -> bool:
    try:
        if name.startswith("["):
            ipaddress.IPv6Address(name[1:-1])
        else:
            ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def _flags(hosts: Iterable[str], proxy: str) -> str:
    return " ".join([*(f"--allowed-hosts {host}" for host in hosts), *([proxy] if proxy else [])])
