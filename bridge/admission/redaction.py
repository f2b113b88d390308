"""Takes addresses out of what strangers are told of the link.

Must not know who is a stranger.

Use: `public = without_addresses(status, "10.0.0.5", 8000)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["without_addresses"]

_HIDDEN = "…"
_PORT = r"(?::[0-9]{1,5}\b)?"
_ADDRESS = re.compile(
    rf"(?<![\w.])(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}{_PORT}"  # IPv4
    rf"|\[[0-9a-f]*:[0-9a-f:.]*(?:%\w+)?\]{_PORT}"  # IPv6, in brackets
    r"|(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f.]*(?:%\w+)?(?!\w)"  # and bare
    r"|(?<![\w.-])(?:localhost|[\w-]+(?:\.[\w-]+)+):[0-9]{1,5}\b"  # a name with a port
    r"|(?<=://)[^\s/'\"]+",  # the host of a URL
    re.ASCII | re.IGNORECASE,
)


def without_addresses(status: Mapping[str, object], host: str, port: int) -> dict[str, object]:
    """Return a link's status, as for `bridge:link`, whose texts name no address. `host`, `port`: the server's."""
    if status["reason"] is None and status["hint"] is None:
        return dict(status)
    server = _server(host, port)

    def public(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: public(item) for key, item in value.items()}
        if not isinstance(value, str):
            return value
        return _ADDRESS.sub(_HIDDEN, server.sub("the server", value))

    return {**status, "reason": public(status["reason"]), "hint": public(status["hint"])}


@lru_cache(1)
def _server(host: str, port: int) -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in (f"[{host}]:{port}", f"{host}:{port}", host))
    return re.compile(rf"(?:the (?:name )?)?(?<![\w.-])(?:{names})(?![\w-])", re.IGNORECASE)
