"""Connect to a host name and port within a time limit.

Resolves the name and races all its addresses as RFC 8305 (Happy Eyeballs 2) describes:
families interleaved, a new attempt every 250 ms or as soon as one fails; the first that
connects wins. Must not know what the connection is for.

The resolver runs on a thread of its own, because a mute one takes ten seconds whatever
time-out the socket has. It asks for IPv6 first, and then for IPv4. Some routers never
answer for IPv6, which would use up the time, so after a while IPv4 is asked for besides,
and the first answer counts.

Use: `sock = Dialer("localhost", 8000).dial()`; raises LinkError with the reason in words.
"""

from __future__ import annotations

import errno
import queue
import socket
import threading
import time
from collections.abc import Callable
from itertools import chain, zip_longest
from typing import Any

from bridge.errors import LinkError

__all__ = ["Dialer"]

# RFC 6761, section 6.3: localhost is both loopback addresses, whatever the hosts file says.
_LOOPBACK = ("127.0.0.1", "::1")
_STAGGER = 0.25  # RFC 8305, section 5: recommended connection attempt delay
_LONG = 1.0  # seconds; a resolver that answers for both families seldom takes longer

_Address = tuple[socket.AddressFamily, tuple[Any, ...]]
_Answer = list[_Address] | OSError | UnicodeError

_REASONS = {
    errno.ECONNREFUSED: ("refused", "nothing listens on {server} (connection refused)"),
    errno.EHOSTUNREACH: ("unreachable", "no route to {server} (host unreachable)"),
    errno.ENETUNREACH: ("unreachable", "no network to {server} (network unreachable)"),
    errno.EMFILE: ("no-files", "this process has no file descriptors left for {server}"),
}


class Dialer:
    """Connects to one server. `timeout`: seconds for everything, name resolution included.

    `forget`: called after a failure that may come from a name server's answer, or its lack: the network may have
    changed since the resolver read its settings.
    """

    def __init__(self, host: str, port: int, timeout: float = 5.0, forget: Callable[[], None] = lambda: None) -> None:
        self._host, self._port, self._timeout, self._forget = host, port, timeout, forget
        self._server = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def dial(self) -> socket.socket:
        """Return a connected socket, blocking, without a time-out. Raises LinkError."""
        deadline = time.monotonic() + self._timeout
        try:
            return self._race(self._resolve(deadline), deadline)
        except LinkError as error:
            if error.code != "refused":  # a refusal means that the machine is there and only its program is away
                self._forget()
            raise

    def _resolve(self, deadline: float) -> list[_Address]:
        answers: queue.Queue[_Answer] = queue.Queue()
        try:
            answer = self._answer(answers, deadline)
        except queue.Empty:
            reason = f"the resolver did not answer for {self._host} within {self._timeout:g} s"
            raise LinkError("resolver-timeout", reason) from None
        if isinstance(answer, BaseException):
            raise LinkError("unknown-host", f"the name {self._host} does not resolve ({_words(answer)})")
        return answer

    def _answer(self, answers: queue.Queue[_Answer], deadline: float) -> _Answer:
        """Return the first answer with addresses, else the last error. Raises queue.Empty."""
        self._look_up(socket.AF_UNSPEC, answers)
        try:
            return answers.get(timeout=max(0.0, min(_LONG, deadline - time.monotonic())))
        except queue.Empty:
            self._look_up(socket.AF_INET, answers)
        first = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        return first if isinstance(first, list) else answers.get(timeout=max(0.0, deadline - time.monotonic()))

    def _look_up(self, family: socket.AddressFamily, answers: queue.Queue[_Answer]) -> None:
        def look_up() -> None:
            try:
                answers.put(_lookup(self._host, self._port, family))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        _start(look_up, "resolve")

    def _race(self, addresses: list[_Address], deadline: float) -> socket.socket:
        """Start attempts one after another, take the first that connects, let the others close."""
        race = _Race(deadline)
        waiting = list(reversed(addresses))
        running = 0
        errors: list[OSError] = []
        while waiting or running:
            now = time.monotonic()
            if now >= deadline:
                errors.append(TimeoutError())
                break
            if waiting:
                race.attempt(waiting.pop())
                running += 1
            try:
                outcome = race.outcomes.get(timeout=min(_STAGGER, deadline - now) if waiting else deadline - now)
            except queue.Empty:
                continue
            if isinstance(outcome, socket.socket):
                race.over()
                return outcome
            running -= 1
            errors.append(outcome)
        race.over()
        raise self._failure(min(errors, key=_rank))

    def _failure(self, error: OSError) -> LinkError:
        if isinstance(error, TimeoutError):
            return LinkError("timeout", f"{self._server} did not answer within {self._timeout:g} s")
        code, reason = _REASONS.get(error.errno or 0, ("failed", "{server}: " + _words(error)))
        return LinkError(code, reason.format(server=self._server))


class _Race:
    """The attempts to connect that run at the same time. At most one socket gets out."""

    def __init__(self, deadline: float) -> None:
        self.outcomes: queue.Queue[socket.socket | OSError] = queue.Queue()
        self._deadline = deadline
        self._lock = threading.Lock()
        self._over = False

    def attempt(self, address: _Address) -> None:
        """Connect on a thread of its own; the outcome is a socket or an OSError."""
        _start(lambda: self._report(_connect(address, self._deadline)), "connect")

    def _report(self, outcome: socket.socket | OSError) -> None:
        with self._lock:
            if not self._over:
                self.outcomes.put(outcome)
                return
        if isinstance(outcome, socket.socket):
            outcome.close()

    def over(self) -> None:
        """End the race: close sockets that have connected meanwhile, or will later."""
        with self._lock:
            self._over = True
        while not self.outcomes.empty():
            outcome = self.outcomes.get()
            if isinstance(outcome, socket.socket):
                outcome.close()


def _start(target: Callable[[], None], name: str) -> None:
    threading.Thread(target=target, name=f"bridge-{name}", daemon=True).start()


def _lookup(host: str, port: int, wanted: socket.AddressFamily) -> list[_Address]:
    names = _LOOPBACK if host.lower() == "localhost" else (host,)
    found = chain.from_iterable(
        socket.getaddrinfo(name, port, family=wanted, type=socket.SOCK_STREAM) for name in names
    )
    return _interleave(list(dict.fromkeys((family, address) for family, _, _, _, address in found)))


def _interleave(addresses: list[_Address]) -> list[_Address]:
    """Order addresses with the families in turn, the resolver's first family first (RFC 8305, section 4)."""
    first = [a for a in addresses if a[0] == addresses[0][0]]
    other = [a for a in addresses if a[0] != addresses[0][0]]
    return [a for a in chain.from_iterable(zip_longest(first, other)) if a is not None]


def _connect(address: _Address, deadline: float) -> socket.socket | OSError:
    family, target = address
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        return error
    try:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        sock.connect(target)
        if sock.getsockname() == sock.getpeername():
            # A free port of this machine can be its own peer (TCP's simultaneous open), and the
            # bridge would then hear itself.
            raise ConnectionRefusedError(errno.ECONNREFUSED, "connected to itself")
        sock.settimeout(None)
    except OSError as error:
        sock.close()
        return error
    return sock


def _rank(error: OSError) -> int:
    """Rank a failure; of several, the one of lowest rank is reported.

    What the server's machine did says more than, for example, that this machine has no IPv6.
    """
    if isinstance(error, ConnectionRefusedError):
        return 0
    if isinstance(error, TimeoutError):
        return 1
    return 2 if error.errno in _REASONS else 3


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
