"""In a process of its own, as eventlet is nothing for this one: each job once, one at a time, in order."""

from __future__ import annotations

import subprocess
import sys

from tests.process import ROOT

START = """
import warnings
warnings.simplefilter("ignore")
import eventlet
from bridge.engineio import flow_control as module
ran = []

class Reader:
    def pause(self):
        pass

    def resume(self):
        ran.append("empty")

    def task_failed(self, error):
        ran.append(repr(error))

lane = module.FlowControl(Reader())

def job(name):
    ran.append(name)
    eventlet.sleep(0)
    ran.append(name + " is done")

"""


def ran(code: str) -> list[str]:
    """What was done, in order."""
    code = f"{START}{code}\nwhile 'empty' not in ran: eventlet.sleep(0)\nprint(*ran, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_jobs_are_done_in_order_one_at_a_time() -> None:
    assert ran('lane.later(job, "a"); lane.later(job, "b")') == ["a", "a is done", "b", "b is done", "empty"]


def test_its_age_is_that_of_its_beginning_but_for_what_others_turns_may_take() -> None:
    clock = "module.time = type('Clock', (), {'monotonic': lambda: now}); now = 7.0"
    lane = "lane.later(job, 'a')"
    ages = "; ".join(f"now = {now}; ran.append(lane.paused_for())" for now in (7.04, 7.06, 9.0))
    young, older, old, *_ = ran(f"{clock}\n{lane}\n{ages}")
    assert (float(young), round(float(older), 6), float(old)) == (0.0, 0.06, 2.0)


def test_what_a_job_raises_is_told_and_the_next_is_done() -> None:
    assert ran('lane.later(int, "x"); lane.later(job, "b")')[1:] == ["b", "b is done", "empty"]
    assert "invalid literal" in ran('lane.later(int, "x")')[0]


def test_a_job_that_comes_while_the_turn_is_given_away_is_done_once() -> None:
    late = 'module.LONGEST_TURN = -1; lane.later(ran.append, "long"); eventlet.spawn(lane.later, job, "late")'
    assert ran(late) == ["long", "late", "late is done", "empty"]
