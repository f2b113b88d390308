"""Says who may read all that the bridge knows of itself: whoever asks from this machine, and not through a proxy.

Must not know what there is to read.

Use: `is_local(environ)`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bridge.admission.hosts import host_name, is_loopback_name

__all__ = ["is_local", "is_loopback"]

#: What a proxy adds: with one of these, it is not the browser that is on this machine.
_PROXIED = (
    "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP", "HTTP_FORWARDED",
    "HTTP_VIA",
)  # fmt: skip
REMEMBERED = 1024


def is_local(environ: Mapping[str, Any]) -> bool:
    """Tell whether a request comes from this machine itself. A proxy that says nothing of itself is known by the name
    that it was asked for, unless it hides that too."""
    if not is_loopback(str(environ.get("REMOTE_ADDR", ""))) or any(name in environ for name in _PROXIED):
        return False
    host = environ.get("HTTP_HOST")
    return host is None or _is_for_this_machine(host)


@lru_cache(REMEMBERED)
def _is_for_this_machine(host: str) -> bool:
    return is_loopback_name(host_name(host))


@lru_cache(REMEMBERED)
def is_loopback(address: str) -> bool:
    """Tell whether an address of a peer is this machine's for itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
