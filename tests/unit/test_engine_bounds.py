"""What the engine keeps for each session is bounded: see the tables in docs/limits.md.

In a process of its own, as eventlet is nothing for this one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.process import ROOT

START = """
import warnings
warnings.simplefilter("ignore")
import eventlet
from bridge.socketio_server import connect_handler
from bridge.engineio import timeouts
from bridge.recovery.session_registry import Greeting
"""

ARRIVALS = """
class Recovery:
    def __init__(self):
        self.auths = []

    def sid_of(self, auth):
        return auth and auth["pid"]

    def greet(self, auth):
        self.auths.append(auth)
        return Greeting("session", sid=auth and auth["pid"])

    def pid(self, greeting, sid):
        return "pid of " + sid

recovery, connections = Recovery(), {}
at = connect_handler.ConnectHandler(recovery, connections.get, lambda eio_sid: eio_sid)
"""


def run(code: str) -> None:
    """Its assertions have to hold."""
    done = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_in_each_of_five_queues_a_session_is_once_however_often_it_is_added() -> None:
    run("""
queues = timeouts.TimeoutQueues(*[timeouts.Timeouts(10.0, print) for _ in range(5)])
for _ in range(100):
    for queue in queues._all():
        queue.add("a")
        queue.add("b")
assert [len(queue) for queue in queues._all()] == [2] * 5
queues.discard("a")
assert [list(queue._queue) for queue in queues._all()] == [["b"]] * 5
""")


def test_what_is_due_is_done_in_time_whatever_else_waits() -> None:
    run("""
import time
late, usual = [], []
due = lambda begun: late.append(time.monotonic() - begun - 0.2)
others = [timeouts.Timeouts(seconds, print) for seconds in (1, 2, 3, 4)]
queues = timeouts.TimeoutQueues(timeouts.Timeouts(0.2, due), *others)
running = eventlet.spawn(queues.run)
for n in range(40):
    queues.pings.add(time.monotonic())
    eventlet.spawn_after(0.2, lambda begun: usual.append(time.monotonic() - begun - 0.2), time.monotonic())
    queues.pongs.add(n)
    eventlet.sleep(0.013)
queues.discard(0)
while len(queues.pings):
    eventlet.sleep(0.01)
late.sort()
usual.sort()
assert late[0] >= 0, late
# A busy machine wakes nobody in time.
assert late[len(late) // 4] < usual[len(usual) // 4] + 0.004, (late, usual)
""")


def test_what_is_due_within_a_hundredth_of_its_time_is_done_in_one_turn() -> None:
    run("""
import time
pings = timeouts.Timeouts(25.0, print)
pings.add("first")
assert 25.2 < pings.next - time.monotonic() <= 25.25, "a bridge with idle clients wakes for each of them"
""")


def test_a_greeting_is_kept_while_its_connect_is_answered_and_no_longer() -> None:
    run(f"""{ARRIVALS}
for n in range(100):
    with at.arrives(f"e{{n}}", "40"):
        assert len(at._greetings) == 1
        if n % 3:  # else the CONNECT is refused before it has an id
            sid = at.sid(f"e{{n}}", lambda: f"s{{n}}")
            assert at.connect_data({{"sid": sid}})["pid"] == f"pid of s{{n}}"
            assert (len(at._greetings), len(at._greeted)) == (0, 1)
        if n % 3 == 1:  # else it is refused by a handler
            assert at.greeting(sid).session == "session"
    assert not at._greetings and not at._greeted
""")


def test_who_waits_longer_than_the_limit_for_its_old_connection_to_end_is_somebody_new() -> None:
    run(f"""{ARRIVALS}
class Old:
    sid = "old"
    finished = False

    def finish(self):
        self.finished = True

    def when_done(self, call):
        return True  # and it never is

old = connections["s1"] = Old()
connect_handler.PATIENCE = 0.05
with at.arrives("new", '40{{"pid":"s1"}}'):
    assert old.finished
    assert recovery.auths == [None]
    assert at.sid("new", lambda: "s2") == "s2"
""")


def test_a_client_is_sent_at_most_as_much_at_once_as_it_may_be_behind(tmp_path: Path) -> None:
    run(f"""
import app
from bridge.config import load

for outbox, most in (("64k", 24 * 1024), ("1M", 256 * 1024)):
    arguments = ["--demo", "--outbox", outbox, "--state-dir", {str(tmp_path)!r}]
    process = app.Process(load(arguments, {{}}, checks={{}}))
    fanout = process.assembly(("localhost", 1), ("localhost", 2)).fanout
    assert fanout._largest == most, fanout._largest
""")


def test_what_name_servers_said_is_bounded_and_forgotten_when_asked(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n", encoding="utf-8")
    run(f"""
from types import SimpleNamespace
from eventlet.support import greendns
from bridge.hub.name_cache import forget_names

greendns.resolver._filename = {str(tmp_path / "resolv.conf")!r}
cache = greendns.resolver._resolver.cache
assert cache.max_size == 100_000
cache.set_max_size(10)
for n in range(25):
    cache.put(("name", n), SimpleNamespace(expiration=1e12))
    assert len(cache.data) <= 10
assert greendns.resolver._resolver.cache is cache
forget_names()
assert not greendns.resolver._resolver.cache.data
""")
