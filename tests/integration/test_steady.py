"""What one green thread waits for in place of the hub holds up nobody else. In processes of their own, as eventlet has
no place in pytest's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.process import ROOT, environment

_START = """
import warnings; warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
import socket, time
from bridge.hub.steady_wait import SteadySocket

ours, theirs = socket.socketpair()
sock = SteadySocket(ours)
got, then = [], []

def read():
    while data := sock.recv(1000):
        got.append(data)
        for call in then:
            call()
    got.append(b"")

reader = eventlet.spawn(read)
theirs.sendall(b"first")
while not got:
    eventlet.sleep(0)
"""

_UNREAD = """
gate = eventlet.Event()
then.append(gate.wait)
theirs.sendall(b"second")
while len(got) < 2:
    eventlet.sleep(0)
theirs.sendall(b"third")
used = time.process_time()
eventlet.sleep(0.5)
assert time.process_time() - used < 0.25
gate.send()
while len(got) < 3:
    eventlet.sleep(0.001)
assert got == [b"first", b"second", b"third"]
theirs.sendall(b"fourth")  # it is waited for again
while len(got) < 4:
    eventlet.sleep(0.001)
"""

CASES = {
    "the hub, which sleeps though there is something that nobody reads": _UNREAD,
    "the hub, also after it was woken in vain as often as it may be": "sock._steady._most_in_vain = 100\n" + _UNREAD,
    "a timer": """
began = time.monotonic()
eventlet.sleep(0.05)
assert 0.05 <= time.monotonic() - began < 5
""",
    "a green thread that was started": """
done = []
eventlet.spawn(done.append, 1)
eventlet.spawn_after(0.05, done.append, 2)
while len(done) < 2:
    eventlet.sleep(0.01)
""",
    "a green thread that it started itself": """
ran = eventlet.Event()
then.append(lambda: eventlet.spawn(ran.send))
theirs.sendall(b"second")
ran.wait()  # there is no timer that would help
""",
    "another descriptor": """
one, other = socket.socketpair()
eventlet.spawn_after(0.05, other.sendall, b"x")
assert one.recv(1) == b"x"
""",
    "others while it has something all the time": """
def flood():
    while True:
        theirs.send(b"x" * 1000)
        eventlet.sleep(0)
eventlet.spawn(flood)
one, other = socket.socketpair()
for _ in range(20):
    other.sendall(b"y")
    assert one.recv(1) == b"y"
    eventlet.sleep(0.001)
assert len(got) > 20
""",
    "who waits to write to it": """
original = eventlet.patcher.original
far, size = original("socket").socket(fileno=theirs.detach()), 16 * 1024 * 1024
far.setblocking(True)

def serve():
    for message in (b"second", b"third"):  # so that it waits by itself, and not by the hub
        original("time").sleep(0.1)
        far.sendall(message)
    original("time").sleep(0.1)
    left = size
    while left:
        left -= len(far.recv(1 << 20))

server = original("threading").Thread(target=serve)
server.start()
eventlet.spawn(sock.sendall, b"x" * size).wait()  # there is no timer that would help
server.join()
""",
    "its own end": """
theirs.sendall(b"last")
theirs.close()
reader.wait()
assert b"".join(got) == b"firstlast" and got[-1] == b""
sock.close()
""",
    "others after it was closed": """
theirs.close()
reader.wait()
sock.close()
one, other = socket.socketpair()
assert sock.fileno() == -1
eventlet.spawn_after(0.02, other.sendall, b"x")
assert one.recv(1) == b"x"
""",
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_while_it_waits_nobody_else_is_held_up(case: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START + case + "print('done')"],
        capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment(), check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
