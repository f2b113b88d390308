"""Another machine that can vanish: a network namespace with a server in it. Needs root and iproute2.

Who uses it is in a namespace of its own as well, so that nobody else sees an interface come or go: Chromium would take
that for a change of networks, and drop what it has under way.

Use: `with Elsewhere() as there: Bridge("--server", there.address); there.vanish()`.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import subprocess
import sys

from tests.process import ROOT
from tests.waiting import PATIENCE, Log

__all__ = ["Elsewhere", "Program"]

_numbers = itertools.count()

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000  # of linux/sched.h
_OWN = "/proc/thread-self/ns/net"


class Program:
    """A server program of its own: it reads frames that end with `~`, and says how many it has read.

    `prefix`: what runs it. `stop`, `go`: as a debugger does.
    """

    def __init__(self, host: str, port: int, prefix: tuple[str, ...] = ()) -> None:
        self.said: Log[str] = Log()
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.faults.counting_server", host, str(port)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said.add_all(itertools.islice(self.process.stdout, 1))
        self.port = int(self.said.entries[0])

    def stop(self) -> None:
        """It does not run from now on; its machine does."""
        self.process.send_signal(signal.SIGSTOP)

    def go(self) -> None:
        """It runs on."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> list[str]:
        """End it. Every frame that it has read."""
        self.go()
        self.process.terminate()
        assert self.process.stdout is not None
        lines = self.process.stdout.read().splitlines()
        self.process.stdout.close()
        self.process.wait(PATIENCE)
        return lines


class Elsewhere:
    """The machine, at `address` while it is there."""

    def __init__(self) -> None:
        number = f"{os.getpid() % 100_000}{next(_numbers) % 10}"
        self._name, self._here, self._there = f"brg{number}", f"brh{number}", f"brt{number}"
        net = f"198.18.{os.getpid() % 256}"  # for tests of networks (RFC 2544)
        self._ours, self._theirs = f"{net}.1", f"{net}.2"

    def __enter__(self) -> Elsewhere:
        try:
            self._set_up()
            inside = ("ip", "netns", "exec", self._name)
            self.program = Program(self._theirs, 8000, inside)
        except BaseException:
            self._take_down()
            raise
        self.address = f"{self._theirs}:8000"
        return self

    def __exit__(self, *_: object) -> None:
        self.program.close()
        self._take_down()

    def acknowledged(self) -> bool:
        """Whether its kernel has answered to all that was sent to it."""
        done = subprocess.run(["ss", "-Htn", "dst", self.address], capture_output=True, text=True, check=True)
        return all(line.split()[2] == "0" for line in done.stdout.splitlines())

    def vanish(self) -> None:
        """What is sent to it is not answered by anybody any more; whoever sends notices nothing else."""
        _ip(f"-n {self._name} addr flush dev {self._there}")

    def unplug(self) -> None:
        """Its cable is pulled."""
        _ip(f"-n {self._name} link set {self._there} down")

    def _set_up(self) -> None:
        self._before = os.open(_OWN, os.O_RDONLY)
        # Of this thread alone, and of what it starts from now on.
        _done(_LIBC.unshare(_CLONE_NEWNET), "unshare")
        _ip("link set lo up")
        _ip(f"netns add {self._name}")
        _ip(f"link add {self._here} type veth peer name {self._there} netns {self._name}")
        _ip(f"addr add {self._ours}/30 dev {self._here}")
        _ip(f"-n {self._name} addr add {self._theirs}/30 dev {self._there}")
        _ip(f"link set {self._here} up")
        _ip(f"-n {self._name} link set {self._there} up")
        link = _ip(f"-n {self._name} -br link show {self._there}").split()[2]
        _ip(f"neigh replace {self._theirs} lladdr {link} nud permanent dev {self._here}")

    def _take_down(self) -> None:
        subprocess.run(["ip", "netns", "del", self._name], capture_output=True, check=False)
        _done(_LIBC.setns(self._before, _CLONE_NEWNET), "setns")
        os.close(self._before)


def _done(result: int, call: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise AssertionError(f"this test needs to make a network namespace, as root: {call}: {os.strerror(number)}")


def _ip(command: str) -> str:
    try:
        done = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise AssertionError("this test needs iproute2: tools/need.sh ip") from None
    if done.returncode:
        raise AssertionError(f"this test needs to make a network namespace, as root: ip {command}: {done.stderr}")
    return done.stdout
