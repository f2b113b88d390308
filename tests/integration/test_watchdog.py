"""What holds all others up is named by file and line; what only waits, or can't run, is not."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.client import Client
from tests.handlers import Handled, written
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

HANDLERS = """
import os, re, sqlite3, subprocess, time
from eventlet import tpool
from eventlet.patcher import original

def loop(seconds):
    ends = time.thread_time() + seconds  # of the processor, which others want too
    while time.thread_time() < ends:
        pass  # a loop

def query(path):
    sqlite3.connect(path, timeout=1.0).execute("UPDATE t SET n = n + 1")  # a query

def command(_):
    os.system("sleep 1")  # a command

def pattern(n):
    re.match("(a?){%d}a{%d}" % (n, n), "a" * n)  # a pattern

def patient(_):
    time.sleep(0.6)
    tpool.execute(original("time").sleep, 0.6)
    subprocess.run(["sleep", "0.6"])

def setup(bridge):
    @bridge.on_event("do")
    def do(client, what, *args):
        globals()[what](*args)

    @bridge.on_message
    def message(text):
        if text.startswith("loop"):
            loop(1)  # a message
        return bridge.DEFAULT

    @bridge.on_connect
    def connect(client):
        original("time").sleep(0.5)  # a hook

    @bridge.app.route("/slow")
    def slow():
        original("time").sleep(0.5)  # a route
        return "slow"
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("handlers"), HANDLERS)


@pytest.fixture(scope="module")
def at(path: Path) -> Iterator[Handled]:
    with TcpServer() as server, Handled(server, [path]) as handled:
        yield handled


@pytest.fixture(scope="module")
def ann(at: Handled) -> Iterator[Client]:
    with at.client() as client:
        assert named(at, 0)["where"].endswith(f"line {line('a hook')}, in connect")
        yield client


def line(comment: str) -> int:
    """Where this comment is."""
    return next(n for n, text in enumerate(HANDLERS.split("\n"), 1) if text.endswith(f"  # {comment}"))


def named(at: Handled, before: int) -> dict[str, Any]:
    """What the status says of it, once there were more than `before`."""
    ends = time.monotonic() + PATIENCE
    while at.bridge.counter("hub_blocked") <= before:
        assert time.monotonic() < ends
    found = at.bridge.status()["hub_blocked"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("what", "argument", "seconds"),
    [("loop", 2, 2.0), ("command", None, 1.0), ("loop", 0.3, 0.3)],
    ids=["a loop", "a command", "a short loop"],
)
def test_a_handler_that_holds_all_others_up_is_named(
    at: Handled, ann: Client, what: str, argument: object, seconds: float
) -> None:
    before = at.bridge.counter("hub_blocked")
    assert ann.ask("do", what, argument)["ok"]
    found = named(at, before)
    file, _, where = found["where"].partition(", line ")
    assert Path(file).name == "own.py"
    assert where.endswith(f", in {what}")
    assert abs(int(where.split(",")[0]) - line(f"a {what}")) <= 1
    assert found["seconds"] > seconds - 0.15
    assert time.time() - 60 < found["t"] <= time.time()
    assert file in at.bridge.said(f"in {what}")


def test_a_query_that_waits_for_a_lock_is_named(at: Handled, ann: Client, path: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.sqlite3"
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("CREATE TABLE t (n)")
        other.execute("BEGIN EXCLUSIVE")
        before = at.bridge.counter("hub_blocked")
        assert ann.ask("do", "query", str(file))["error"] == "handler-error"
        found = named(at, before)
    assert found["where"] == f"{path}, line {line('a query')}, in query"
    assert found["seconds"] > 0.8


def test_what_keeps_the_interpreter_all_the_time_is_named_too(at: Handled, ann: Client, path: Path) -> None:
    before = at.bridge.counter("hub_blocked")
    assert ann.ask("do", "pattern", 24)["ok"]
    found = named(at, before)
    assert found["where"] == f"{path}, line {line('a pattern')}, in pattern"


def test_hooks_for_messages_and_routes_are_named_like_handlers(at: Handled, ann: Client, path: Path) -> None:
    before = at.bridge.counter("hub_blocked")
    assert requests.get(f"{at.bridge.url}/slow", timeout=PATIENCE).text == "slow"
    assert named(at, before)["where"] == f"{path}, line {line('a route')}, in slow"
    before = at.bridge.counter("hub_blocked")
    at.peer.send(b"loop~")
    ann.got("message", "loop")
    assert named(at, before)["where"].endswith("in loop")


def test_one_line_of_the_log_for_each_ten_seconds_but_all_are_counted(at: Handled, ann: Client) -> None:
    before = at.bridge.counter("hub_blocked")
    for _ in range(4):
        assert ann.ask("do", "command", None)["ok"]
    named(at, before + 3)
    assert len([line for line in at.bridge.log.entries if "in command" in line]) <= 2


def test_who_waits_and_lets_others_in_is_not_named_nor_a_process_that_was_stopped(at: Handled, ann: Client) -> None:
    before = at.bridge.counter("hub_blocked")
    assert ann.ask("do", "patient", None)["ok"]
    pid = at.bridge.process.pid
    for _ in range(3):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.7)  # that is what is tested
        os.kill(pid, signal.SIGCONT)
        assert ann.ask("later")["ok"]
    assert at.bridge.counter("hub_blocked") == before
