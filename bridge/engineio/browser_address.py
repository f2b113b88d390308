"""Says which browser a request comes from, be it through a proxy on this machine.

Must not know what follows from it.

Use: `browser_address(environ)`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

__all__ = ["browser_address"]


def browser_address(environ: Mapping[str, Any]) -> str:
    """The browser's IP address: the peer's, or, if that is a proxy on this machine, the one that it gives."""
    peer = str(environ.get("REMOTE_ADDR", ""))
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    if forwarded is None or not _is_here(peer):
        return peer
    last = str(forwarded).rpartition(",")[2].strip()  # what comes before it anybody may have written
    return last if _address(last) is not None else peer


def _is_here(peer: str) -> bool:
    address = _address(peer)
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address) and (mapped or address).is_loopback)  # type: ignore[union-attr]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
