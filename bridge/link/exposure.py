"""Warns if the server can be reached past the bridge: if it runs on this machine and listens beyond loopback.

The kernel's table of listening sockets says so (proc(5), `/proc/net/tcp`). Nobody is connected to, as a server may take
one connection only. Where there is no such table, nothing is said. Must not know what the server is for.

Use: `exposure = Exposure()`; `exposure.look(sock)`, once for each connection.
"""

from __future__ import annotations

import ipaddress
import logging
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

__all__ = ["Exposure", "listening_beyond"]

log = logging.getLogger("bridge.link")

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = "0A"

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Exposure:
    """Remembers what it has warned of, so that a server which is started again is no news."""

    def __init__(self, tables: Iterable[str] = TABLES) -> None:
        self._tables, self._told = tuple(tables), ""

    def look(self, sock: socket.socket) -> None:
        """Look at the server of this connection."""
        with suppress(OSError, ValueError):
            (host, port), here = sock.getpeername()[:2], sock.getsockname()[0]
            if host != here and not _plain(ipaddress.ip_address(host.partition("%")[0])).is_loopback:
                return  # it is another machine's
            found = listening_beyond(port, self._rows())
            if found and found != self._told:
                log.warning(
                    "! the server listens on %s too, not on this machine's own loopback address alone: whoever reaches "
                    "that can speak to it past the bridge, as anybody; let it listen on 127.0.0.1",
                    f"[{found}]:{port}" if ":" in found else f"{found}:{port}",
                )
            self._told = found

    def _rows(self) -> Iterator[str]:
        """Yield the rows of sockets that listen, which come first in each table; all others may be many thousands."""
        for name in self._tables:
            with suppress(OSError), open(name, encoding="ascii") as table:
                next(table, "")  # its heading
                yield from takewhile(lambda row: row.split()[3:4] == [_LISTEN], table)


def listening_beyond(port: int, rows: Iterable[str]) -> str:
    """Return the first address beyond loopback on which somebody listens on this port; "" if there is none."""
    for row in rows:
        address, _, number = row.split()[1].partition(":")
        if int(number, 16) == port and not (found := _plain(_address(address))).is_loopback:
            return str(found)
    return ""


def _address(text: str) -> _Address:
    """Read an address as the kernel writes it: words of 32 bits, each as this machine has it in memory."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return ipaddress.ip_address(packed)


def _plain(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 one stands for, if it does: servers in Java write theirs so."""
    return getattr(address, "ipv4_mapped", None) or address
