"""Bridges that begin with what app.py imports already imported, as a start is half a second of nothing else.

A process imports app.py once and forks for each bridge. It has a hub of its own, and no thread or
descriptor that was there before.

Use: `process = fork(["--demo"], environment, folder, sys.executable); process.stdout.readline()`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import IO

__all__ = ["Forked", "fork", "same_network"]

ROOT = Path(__file__).resolve().parent.parent
MOST = 1 << 20  # bytes of a request: arguments, environment, folder

SOURCE = """
import gc, json, os, posix, socket, sys
import app
from eventlet import hubs, patcher
select, threading, signal = (patcher.original(name) for name in ("select", "threading", "signal"))

assert threading.active_count() == 1 and not hubs.get_hub().running, "nothing of it may be shared"
control = patcher.original("socket").socket(fileno=int(sys.argv[1]))
woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
signal.signal(signal.SIGCHLD, lambda *_: None)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGINT, signal.SIG_IGN)
poll = select.poll()
poll.register(control, select.POLLIN)
poll.register(woken, select.POLLIN)
results = {}
gc.freeze()

def become(request, output):
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for early in (signal.SIGTERM, signal.SIGINT):
        signal.signal(early, lambda *_: os._exit(0))
    posix.dup2(output, 1)
    posix.dup2(output, 2)
    sys.stdout = open(1, "w", 1, errors="strict", closefd=False)
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)
    for fd in (output, woken, wake, control.fileno(), *results.values()):
        posix.close(fd)
    hubs.get_hub().poll.close()  # the one of eventlet.monkey_patch()
    hubs.use_hub()
    hubs.get_hub()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["app.py", *request["args"]]
    sys.exit(app.main(request["args"]))

while True:
    ready = dict(poll.poll())
    if woken in ready:
        try:
            while posix.read(woken, 4096): pass
        except BlockingIOError:
            pass
        while results:
            pid, status = posix.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            posix.write(results[pid], str(os.waitstatus_to_exitcode(status)).encode())
            posix.close(results.pop(pid))
    if control.fileno() in ready:
        request, fds, _, _ = socket.recv_fds(control, 1 << 20, 2)
        if not request:
            break
        output, result = fds
        pid = posix.fork()
        if not pid:
            posix.close(result)
            become(json.loads(request), output)
        results[pid] = result
        posix.close(output)
        control.send(str(pid).encode())
"""


class Forked:
    """A process, with those methods of subprocess.Popen that the tests use."""

    def __init__(self, pid: int, output: int, result: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout: IO[str] | None = os.fdopen(output, "r")
        self._result = result
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, or minus the signal; None while it runs."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("app.py", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """To the process, if it is still there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and _readable(self._result, timeout):
                said = os.read(self._result, 20)
                os.close(self._result)
                assert said, "the process that starts bridges has ended"
                self.returncode = int(said)
            return self.returncode


class _Server:
    """The process that forks; ends with this one, as its socket does."""

    def __init__(self, python: str) -> None:
        self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.network = _network()
        self._lock = threading.Lock()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("BRIDGE_")}
        self._process = subprocess.Popen(
            [python, "-c", SOURCE, str(far.fileno())],
            pass_fds=[far.fileno()], cwd=ROOT, env={**environment, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        far.close()

    def fork(self, request: bytes) -> Forked:
        output, output_far = os.pipe()
        result, result_far = os.pipe()
        with self._lock:
            socket.send_fds(self._control, [request], [output_far, result_far])
            os.close(output_far)
            os.close(result_far)
            pid = self._control.recv(20)
        assert pid, "the process that starts bridges has ended"
        return Forked(int(pid), output, result)


_servers: dict[str, _Server] = {}
_lock = threading.Lock()


def fork(args: list[str], environment: dict[str, str], folder: Path, python: str) -> Forked:
    """`python app.py ARGS` in this folder, with both of its outputs to be read from `stdout`."""
    request = json.dumps({"args": args, "environment": environment, "folder": str(folder)}).encode()
    assert len(request) < MOST
    return _server(python).fork(request)


def same_network(python: str) -> bool:
    """Whether what it forks is in the network namespace of this thread."""
    return _server(python).network == _network()


def _server(python: str) -> _Server:
    with _lock:
        if python not in _servers:
            _servers[python] = _Server(python)
        return _servers[python]


def _network() -> str:
    return os.readlink("/proc/thread-self/ns/net")


def _readable(fd: int, timeout: float | None) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if timeout is None else max(0.0, timeout) * 1000))
