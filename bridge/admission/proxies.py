"""Has a request say what the browser said, if it comes through a proxy that is trusted.

Who asks, for which host and how is in X-Forwarded-For, -Host and -Proto then, and anybody may have written into them
too. So only what trusted proxies have written counts: from the last hop on that is none of them. Afterwards the environ
has it where it stands without a proxy, so that nothing else need know of proxies. Must not know who may connect.

Use: `Proxies(("10.0.0.0/8",), counters).settle(environ)`; `environ["REMOTE_ADDR"]` is the browser's address.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from bridge.counters import Counters

__all__ = ["IGNORED", "MOST_TOLD", "Ignored", "Proxies"]

#: In an environ: what a proxy said that is not trusted, an `Ignored`.
IGNORED = "bridge.ignored_forwarding"
MOST_TOLD = 10  # peers whose headers are ignored that the log names
REMEMBERED = 1024  # addresses

_FOR, _HOST, _PROTO = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}", re.ASCII)
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}  # some say of WebSockets that they are ones

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Ignored(NamedTuple):
    """What was not believed. `host`: "" if it was not said; `scheme` likewise."""

    peer: str
    host: str
    scheme: str


class Proxies:
    """`trusted`: addresses and networks."""

    def __init__(self, trusted: tuple[str, ...], counters: Counters) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in trusted)
        self._flags, self._counters = trusted, counters
        self._told: set[str] = set()
        self._trusts = lru_cache(REMEMBERED)(self._is_trusted)

    def settle(self, environ: dict[str, Any]) -> None:
        """Put the browser's address, its Host header and its scheme where they belong."""
        if _FOR not in environ and _HOST not in environ and _PROTO not in environ:
            return
        peer = str(environ.get("REMOTE_ADDR", ""))
        hops = [_without_port(hop) for hop in _items(environ, _FOR)]
        if self._trusts(peer):
            believed = self._believed(hops)
            self._believe(environ, believed)
        else:
            believed = 1 if _is_loopback(peer) else 0  # a proxy on this machine, for the address alone
            self._ignore(environ, peer)
        written = hops[len(hops) - min(believed, len(hops)) :]
        environ["REMOTE_ADDR"] = next((hop for hop in written if _address(hop) is not None), peer)

    def _believed(self, hops: list[str]) -> int:
        """Return how many of the last items trusted proxies have written: up to the first hop that is none of them."""
        for count, hop in enumerate(reversed(hops), 1):
            if not self._trusts(hop):
                return count
        return max(1, len(hops))

    def _believe(self, environ: dict[str, Any], believed: int) -> None:
        host, scheme = (_said(environ, name, believed) for name in (_HOST, _PROTO))
        if host:
            environ["HTTP_HOST"] = host
        if scheme.lower() in _SCHEMES:
            environ["wsgi.url_scheme"] = _SCHEMES[scheme.lower()]

    def _ignore(self, environ: dict[str, Any], peer: str) -> None:
        host, scheme = _said(environ, _HOST, 1), _said(environ, _PROTO, 1)
        if not host and not scheme:
            return
        environ[IGNORED] = Ignored(peer, host, _SCHEMES.get(scheme.lower(), ""))
        if len(self._told) < MOST_TOLD:
            self._told.add(peer)
        self._counters.note(
            "forwarding_ignored",
            "! X-Forwarded-Host and -Proto from %s are ignored, as it is no trusted proxy; if it is one of yours, "
            "start the bridge with %s",
            peer, " ".join(f"--trusted-proxies {proxy}" for proxy in (*self._flags, peer)),
            quiet=math.inf, kind=peer if peer in self._told else "others",
        )  # fmt: skip

    def _is_trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)


def _items(environ: Mapping[str, Any], name: str) -> list[str]:
    text = str(environ.get(name, ""))
    return [item.strip() for item in text.split(",")] if text else []


def _without_port(hop: str) -> str:
    """Return a hop without the port that some proxies write; "" for one with a zone, which may be any text."""
    if "%" in hop:
        return ""
    found = _WITH_PORT.fullmatch(hop)
    return found[1] or found[2] if found else hop


def _said(environ: Mapping[str, Any], name: str, believed: int) -> str:
    """Return what the first of these proxies said, each of which adds its own item or writes a new one."""
    items = _items(environ, name)
    return items[-min(believed, len(items))] if items else ""


def _is_loopback(text: str) -> bool:
    address = _address(text)
    return address is not None and address.is_loopback


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
