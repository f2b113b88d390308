"""When a client is read: by its tasks and by the answers that it leaves unread."""

from __future__ import annotations

import eventlet

from bridge.engineio import flow_control
from bridge.engineio.flow_control import FlowControl
from tests.unit.green.sessions import until


class Reader:
    """What it was told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def task_failed(self, error: BaseException) -> None:
        self.told.append(str(error))


def fails() -> None:
    raise eventlet.Timeout(None, "too long")  # which is no Exception


def test_a_client_is_not_read_while_it_has_tasks() -> None:
    reader = Reader()
    flow = FlowControl(reader)
    assert not flow.when_done(list)
    assert not flow.held
    flow.later(reader.told.append, "first")
    flow.later(reader.told.append, "second")
    assert flow.when_done(lambda: reader.told.append("done"))
    assert flow.held
    assert not flow.unread
    until(lambda: flow.tasks is None)
    assert reader.told == ["pause", "first", "second", "done", "resume"]
    assert not flow.held


def test_a_task_that_fails_is_told_and_the_next_one_done() -> None:
    reader = Reader()
    flow = FlowControl(reader)
    flow.later(fails)
    flow.later(reader.told.append, "second")
    until(lambda: flow.tasks is None)
    assert reader.told[:1] + reader.told[2:] == ["pause", "second", "resume"]


def test_it_is_read_again_only_when_neither_tasks_nor_unread_answers_keep_it() -> None:
    reader = Reader()
    flow = FlowControl(reader)
    flow.later(reader.told.append, "task")
    flow.stop()
    assert flow.unread
    assert reader.told == ["pause", "pause"]
    until(lambda: flow.tasks is None)
    assert flow.held
    assert "resume" not in reader.told
    flow.start()
    assert reader.told[-1] == "resume"
    assert not flow.held
    flow.stop()
    flow.later(reader.told.append, "task")
    flow.start()
    assert reader.told.count("resume") == 1
    until(lambda: flow.tasks is None)
    assert reader.told.count("resume") == 2


def test_the_time_that_it_was_not_read_is_counted_while_it_lasts_and_afterwards() -> None:
    flow = FlowControl(Reader())
    assert flow.paused_for() == 0.0
    assert not flow.unread
    flow.stop()
    until(lambda: flow.paused_for() > 0.01)
    flow.start()
    paused = flow.paused_for()
    assert 0.01 < paused == flow.paused_for() < 10
    flow.forget_pauses()
    assert flow.paused_for() == 0.0


def test_a_task_that_takes_next_to_no_time_is_no_pause_and_a_long_one_is() -> None:
    flow = FlowControl(Reader())
    flow.later(list)
    assert flow.paused_for() == 0.0
    until(lambda: flow.tasks is None)
    assert flow.paused_for() == 0.0
    assert flow_control.NOTHING == 0.05
    long = 2 * flow_control.NOTHING
    flow.later(eventlet.sleep, long)
    eventlet.sleep(0)
    until(lambda: flow.paused_for() > 0)
    assert flow.paused_for() > flow_control.NOTHING
    until(lambda: flow.tasks is None)
    assert flow.paused_for() >= long


def test_time_unread_is_counted_once_however_many_tasks_end_meanwhile() -> None:
    reader = Reader()
    flow = FlowControl(reader)
    flow.stop()
    flow._unread_since -= 10.0
    for _ in range(5):
        flow.later(reader.told.append, "task")
        until(lambda: flow.tasks is None)
    assert 10.0 <= flow.paused_for() < 11.0
    flow.start()
    assert 10.0 <= flow.paused_for() < 11.0
