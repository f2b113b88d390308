"""Parse the address of a server and the host to listen on, and explain what is wrong with others.

Only the shape is looked at; no name is resolved. Functions raise ValueError with the problem in words, or an empty
one where there is nothing more to say.

Use: `address("localhost:8000")` -> Address("localhost", 8000).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

__all__ = ["Address", "address", "host_fits", "host_pattern", "listen_host", "network", "port_number"]


@dataclass(frozen=True)
class Address:
    """Where a TCP server listens. `host`: a name or an address, IPv6 without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def port_number(text: str) -> int | None:
    """Return the port from 1 to 65535 that the text is, or None."""
    number = int(text) if re.fullmatch(r"\d{1,5}", text, re.ASCII) else 0
    return number if 1 <= number <= 65535 else None


_OTHERS = ("http", "ws", "redis", "mqtt", "amqp")
_TLS = ("tls", "ssl", "tcps", "https", "wss")
_OPENSSL, _SOCKET = "OPENSSL:", "UNIX-CONNECT:"


def _between(target: str) -> str:
    """Suggest the program that connects to a target to which the bridge can't."""
    put = "put stunnel or socat between" if target.startswith(_OPENSSL) else "put socat between"
    if _OPENSSL in target and not re.search(r":\d+$", target.removeprefix(_OPENSSL)):
        target += ":443"
    return f"{put}, such as socat TCP-LISTEN:8000,bind=127.0.0.1,reuseaddr,fork {target} and --server localhost:8000"


def _of_url(rest: str) -> str:
    """Return the address in the rest of a URL, or an example."""
    found = rest.partition("/")[0]
    host, _, port = found.rpartition(":")
    return found if port_number(port) and host_fits(host) else "localhost:8000"


def _bad_address(text: str) -> str:
    """Say what is wrong with an address that `address` refuses, and what would do."""
    host = text.rpartition(":")[0]
    scheme, _, rest = text.partition("://")
    if text.startswith(("unix:", "/", "./", "~/")):
        path = text.removeprefix("unix:").removeprefix("//")
        return f"is a unix socket, which the bridge does not connect to; {_between(_SOCKET + path)}"
    if rest and scheme.lower() in _TLS:
        return f"needs TLS, which the bridge does not speak; {_between(_OPENSSL + rest.partition('/')[0])}"
    if rest:
        other = f"a server of {scheme.upper()} is none, as the bridge speaks plain TCP: " if scheme in _OTHERS else ""
        return f"{other}needs HOST:PORT without {scheme}://, such as {_of_url(rest)}"
    if apart := re.fullmatch(r"([^\s,;:]+)[\s,;]+(\d+)", text):
        return f"needs a colon between host and port; {apart[1]}:{apart[2]} would do"
    if "," in text:
        return "is more than one address; a bridge has one server, such as localhost:8000"
    if whole := re.fullmatch(r"([^/]+:\d+)/", text):
        return f"ends with a slash; {whole[1]} would do"
    if port_number(text):
        return f"is a port without its host; localhost:{text} would do"
    if text.isdigit():
        return ""
    if _is_ipv6(text) or _is_ipv6(host):
        return "needs the IPv6 address in brackets, then the port, such as [::1]:8000"
    if host_fits(text):
        return f"has no port; {text}:8000 would do"
    if host_fits(host):
        return f"needs a port from 1 to 65535; {host}:8000 would do"
    return f"has no host; localhost{text} would do" if not host and port_number(text[1:]) else ""


def host_fits(host: str) -> bool:
    """Tell whether a text has the shape of a host; IPv6 is in brackets."""
    if host.startswith("["):
        return host.endswith("]") and _is_ipv6(host[1:-1])
    return bool(re.fullmatch(r"[^\s:/@\[\]?#\\]{1,253}", host)) and host.isprintable()


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def address(value: object) -> Address:
    """Parse HOST:PORT. Raises ValueError."""
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError
    host, _, port_text = value.rpartition(":")
    port = port_number(port_text)
    if port is None or not host_fits(host):
        raise ValueError(_bad_address(value))
    return Address(host.strip("[]"), port)


def listen_host(text: str) -> str:
    """Check a host to listen on, without a port. Raises ValueError."""
    if _is_ipv6(text):
        return text
    if text.startswith("[") and _is_ipv6(text.strip("[]")):
        raise ValueError(f"needs no brackets here; {text.strip('[]')} would do")
    if not host_fits(text):
        raise ValueError("has a port, which --port takes" if re.search(r":\d+$", text) else "")
    return text


_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)


def host_pattern(text: str) -> str:
    """Return a name as browsers write it in the Host header, or `*.` and the end of one. Raises ValueError."""
    lower = text.lower().removesuffix(".")
    if _is_host_pattern(lower):
        return lower
    near = _near_host(lower)
    raise ValueError(f"is no name alone; {near} would do" if _is_host_pattern(near) else "")


def _is_host_pattern(text: str) -> bool:
    return bool(_PATTERN.fullmatch(text)) and len(text) <= 253


def _near_host(text: str) -> str:
    """Return the name that is meant by a URL, one with a port, the end of one, or one that is not in ASCII."""
    bare = re.sub(r"(:\d*)?(/.*)?$", "", text.rpartition("://")[2])
    try:
        return (f"*{bare}" if bare.startswith(".") else bare).encode("idna").decode()
    except UnicodeError:
        return ""


def network(text: str) -> str:
    """Return an address or a network as Python writes it. Raises ValueError."""
    try:
        return _network(text, strict=True)
    except ValueError:
        pass
    if text.lower() == "localhost":
        raise ValueError("is a name; 127.0.0.1 would do")
    try:
        near = _network(text.partition(":")[0] if text.count(":") == 1 else text.strip("[]"), strict=False)
    except ValueError:
        raise ValueError from None
    raise ValueError(f"is none by itself; {near} would do")


def _network(text: str, *, strict: bool) -> str:
    found = ipaddress.ip_network(text, strict)
    first = getattr(found.network_address, "ipv4_mapped", None) or found.network_address
    return str(first) if found.num_addresses == 1 else str(found)
