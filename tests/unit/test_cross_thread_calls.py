"""cross_thread_calls.py: a thread that waits for the bridge is told when it stops, also if what it asked for has begun.

In a process of its own, as eventlet is nothing for this one.
"""

from __future__ import annotations

import subprocess
import sys

from tests.process import ROOT

CODE = """
import warnings
warnings.simplefilter("ignore")
import eventlet
from eventlet.patcher import original
from bridge.hub.cross_thread_calls import CrossThreadCalls

threading = original("threading")
crossing, begun, said = CrossThreadCalls(), [], []

def waits():
    begun.append(True)
    eventlet.sleep(60)

def other():
    try:
        crossing.call(waits)
    except RuntimeError as error:
        said.append(str(error))

eventlet.spawn(crossing.serve)
thread = threading.Thread(target=other, daemon=True)
thread.start()
while not begun:
    eventlet.sleep(0.01)
crossing.close()
thread.join(10)
assert said and "stopping" in said[0], said
"""


def test_who_waits_for_a_call_that_has_begun_is_told_that_the_bridge_stops() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
