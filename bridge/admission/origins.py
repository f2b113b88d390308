"""Says which pages may connect: those that the bridge serves itself, and those of the origins that are allowed.

Browsers do not ask for WebSockets as CORS has them ask for other things, so the Origin header is looked at for these
too. Must not know Engine.IO.

Use: `origins = Origins(allowed, counters)`; `origins.allows(origin, environ)`; `origins.refuse(origin, environ)`.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from bridge.admission.proxies import IGNORED, Ignored
from bridge.counters import Counters, shorten

__all__ = ["MOST", "NOT_ACCEPTED", "Origins", "canonical", "readable_by"]

MOST = 10  # origins that were refused last and are remembered
NOT_ACCEPTED = "Not an accepted origin"  # what a page is told that may not connect, as python-engineio has it
LONGEST = 300  # characters of an origin: a name has 253

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]/:@\s]+)(?::([0-9]{1,5}))?")
_USUAL = {"http": 80, "https": 443}
#: What may be written into a header and a command line as it is.
_PLAIN = re.compile(r"https?://[a-z0-9._:\[\]-]+")
_FILE = "it is a file or in a sandboxed frame: have it served, by the bridge's --site for example"


class Origins:
    """`allowed`: besides the bridge's own, as browsers write them; `*` is all."""

    def __init__(self, allowed: tuple[str, ...], counters: Counters, clock: Callable[[], float] = time.time) -> None:
        self._allowed, self._counters, self._clock = frozenset(map(canonical, allowed)), counters, clock
        self._flags, self.everybody = allowed, "*" in allowed
        self._refused: dict[str, tuple[int, float]] = {}  # how often, and when last; the newest at the end

    def allows(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        """Whether a page of this origin may connect."""
        if origin is None or self.everybody:
            return True
        name = canonical(origin[: LONGEST + 1])
        return bool(name) and (name in self._allowed or name == _own(environ))

    def refuse(self, origin: str, environ: Mapping[str, Any]) -> str:
        """Count and log one that may not; what is to be done, for whoever has made the page, if that can be said."""
        name = canonical(origin[: LONGEST + 1]) or origin[: LONGEST + 1]
        plain = len(name) <= LONGEST and _PLAIN.fullmatch(name) is not None
        advice = _FILE if name == "null" else ""
        said = advice
        ignored = environ.get(IGNORED)
        if ignored is not None and name == _through(ignored, environ):
            advice = said = f"start the bridge with --trusted-proxies {ignored.peer}"
        elif plain:  # the log's can be copied, with those that are allowed already; a stranger is not told these
            advice, said = (f"start the bridge with {_flags(names)}" for names in ((name,), (*self._flags, name)))
        shown = name if plain else shorten(name)
        count, _ = self._refused.pop(shown, (0, 0.0))
        self._refused[shown] = (count + 1, self._clock())
        if len(self._refused) > MOST:
            del self._refused[next(iter(self._refused))]
        self._counters.note(
            "origins_refused", "! a page of the origin %s may not connect%s", shown, said and f"; {said}"
        )
        return advice

    def refused(self) -> list[dict[str, object]]:
        """Those that were refused last, the newest last: {origin, count, last in epoch seconds}."""
        return [
            {"origin": origin, "count": count, "t": round(last, 3)} for origin, (count, last) in self._refused.items()
        ]


def readable_by(origin: str) -> list[tuple[str, str]]:
    """Return the headers of a refusal that let the foreign page read it: who has made it needs the words, and they say
    nothing that it did not know."""
    return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin"), ("Cache-Control", "no-store")]


@lru_cache(1024)
def canonical(origin: str) -> str:
    """An origin as browsers write it (RFC 6454, section 6.2): lower case, no usual port; "" for what is none."""
    scheme, _, host = origin.strip().lower().partition("://")
    if scheme == "null" and not host:
        return scheme
    found = _HOST.fullmatch(host)
    if found is None:
        return ""
    name, port = found[1], int(found[2] or 0)
    if name.startswith("["):
        try:
            name = f"[{ipaddress.IPv6Address(name[1:-1]).compressed}]"
        except ValueError:
            return ""
    return f"{scheme}://{name}" + (f":{port}" if port and port != _USUAL.get(scheme) else "")


def _own(environ: Mapping[str, Any]) -> str:
    """Return where the page was loaded from, if the bridge serves it."""
    return canonical(f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', '')}")


def _through(ignored: Ignored, environ: Mapping[str, Any]) -> str:
    """Return the same, if the proxy that is not trusted were."""
    scheme, host = ignored.scheme or environ.get("wsgi.url_scheme", "http"), ignored.host
    return canonical(f"{scheme}://{host or environ.get('HTTP_HOST', '')}")


def _flags(origins: Iterable[str]) -> str:
    return " ".join(f"--allowed-origins {origin}" for origin in origins)
