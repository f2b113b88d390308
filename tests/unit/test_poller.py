"""poller.py in a process of its own, as eventlet is nothing for this one: an event is told to who had the descriptor
when it was seen, and to nobody who has got its number since."""

from __future__ import annotations

import subprocess
import sys

from tests.process import ROOT

PROGRAM = """
import os, socket, warnings
warnings.simplefilter("ignore")
from bridge.engineio.poller import READ, Poller

class Watched:
    def __init__(self, name, then=lambda: None):
        self.name, self.then = name, then

    def ready(self, events):
        print(self.name)
        self.then()

def replace():  # as when a connection ends and another one is accepted in the same turn
    poller.remove(two.fileno())
    os.dup2(three.fileno(), two.fileno())
    poller.add(two.fileno(), Watched("new"), READ)

poller = Poller()
(one, at_one), (two, at_two), (three, at_three) = (socket.socketpair() for _ in range(3))
poller.add(one.fileno(), Watched("first", replace), READ)
poller.add(two.fileno(), Watched("second"), READ)
at_one.send(b"x")
at_two.send(b"x")
poller._turn()
print("turn")
one.recv(1)
at_three.send(b"x")
poller._turn()
"""


FAILING = """
import socket, warnings
warnings.simplefilter("ignore")
from bridge.engineio.poller import Poller
from bridge.engineio.websocket import WebSocket

class Owner:
    def received(self, websocket, messages):
        raise AssertionError("a bug")

    def lost(self, websocket, error):
        print("lost")
        raise AssertionError("another one")

poller, (here, there) = Poller(), socket.socketpair()
here.setblocking(False)
websocket = WebSocket(here, poller, 1000, 1000)
websocket.owner = Owner()
there.send(bytes([0x81, 0x81, 0, 0, 0, 0, 0x32]))
for _ in range(3):
    poller._turn()
print(websocket.is_open, there.recv(1))
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )


def test_a_websocket_whose_owner_has_a_bug_in_its_end_too_is_closed_all_the_same() -> None:
    done = run(FAILING)
    assert done.stdout.split("\n")[:2] == ["lost", "False b''"], done.stderr


def test_an_event_of_a_closed_descriptor_is_not_the_next_one_s() -> None:
    done = run(PROGRAM)
    assert done.stdout.split() == ["first", "turn", "new"], done.stderr
