"""A name server on UDP, and a bridge that asks it: by a handlers file, as only root may use the real port and file.

Use: `with NameServer({"world.example": ["127.0.0.1"]}) as names, asking(tmp_path, names.port, …) as bridge:`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.process import Bridge
from tests.waiting import PATIENCE, Log

__all__ = ["NameServer", "asking", "resolv_conf"]

#: A day: how long what this server says may be remembered.
_TTL = 86_400

_SETUP = """
def setup(bridge):
    from eventlet.support import greendns

    class Here(greendns.dns.resolver.Resolver):
        def reset(self):
            super().reset()
            self.port = {port}

    greendns.dns.resolver.Resolver = Here
    greendns.resolver._filename = {file!r}
"""


class NameServer:
    """`addresses`: of each name that there is. `mute`: types of queries that get no answer, A or AAAA.
    `asked`: name and type of each query so far."""

    def __init__(
        self,
        addresses: Mapping[str, Sequence[str]],
        mute: Collection[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._addresses, self._mute, self.host = addresses, mute, host
        self.asked: Log[tuple[str, str]] = Log()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((host, port))
        self.port: int = self._sock.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", (self.host, self.port))
        self._thread.join(PATIENCE)
        self._sock.close()

    def _serve(self) -> None:
        while True:
            data, client = self._sock.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            name, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
            self.asked.add((name.to_text(omit_final_dot=True), kind))
            if kind not in self._mute:
                self._sock.sendto(self._answer(query, kind).to_wire(), client)

    def _answer(self, query: dns.message.Message, kind: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name = query.question[0].name
        known = self._addresses.get(name.to_text(omit_final_dot=True))
        fitting = [address for address in known or () if (":" in address) == (kind == "AAAA")]
        if fitting:
            answer.answer.append(dns.rrset.from_text(name, _TTL, "IN", kind, *fitting))
        else:  # for how long that may be remembered
            answer.authority.append(dns.rrset.from_text(name, _TTL, "IN", "SOA", f"a. b. 1 1 1 1 {_TTL}"))
        if known is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


def resolv_conf(file: Path, *hosts: str) -> None:
    """Have these as name servers from now on."""
    file.write_text("".join(f"nameserver {host}\n" for host in hosts), encoding="utf-8")


def asking(folder: Path, port: int, *args: str) -> Bridge:
    """A bridge that takes `resolv.conf` in the folder for the system's, with name servers on this port."""
    handlers = folder / "names.py"
    handlers.write_text(_SETUP.format(port=port, file=str(folder / "resolv.conf")), encoding="utf-8")
    return Bridge("--handlers", str(handlers), *args)
