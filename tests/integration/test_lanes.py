"""A client's lane: each job once and in order, also if jobs come while the lane lets others have their turn.

In a process of its own, as eventlet is not for pytest's.
"""

from __future__ import annotations

import subprocess
import sys

from tests.process import ROOT

PROGRAM = """
import eventlet
from bridge.clients.engine import lane as module
module.LONGEST_TURN = -1.0  # every turn is too long
done, empty = [], []
lane = module.Lane(done.append, lambda: empty.append(len(done)))

def job(number):
    eventlet.sleep(0)
    done.append(number)

def others():  # runs when the lane lets it
    for number in range(1, 20):
        lane.add(job, number)
        eventlet.sleep(0)

lane.add(job, 0)
eventlet.spawn(others)
for _ in range(200):
    eventlet.sleep(0)
assert done == list(range(20)), done
assert empty and empty[-1] == 20, empty
print("ok")
"""


def test_each_job_is_done_once_and_in_order_whatever_comes_meanwhile() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("ok\n", "")
