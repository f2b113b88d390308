"""Other threads of the system: all of `bridge` and `client` works there, or says in words why not; nothing stops."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.client import Client
from tests.handlers import Handled, written
from tests.process import Bridge
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

#: `elsewhere(f)` is what f returns, or the exception in words, called in a thread of the system.
TOOLS = """
import time
from eventlet import tpool
from eventlet.patcher import original

real = original("threading")

def words(function):
    try:
        return function()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

def elsewhere(function):
    got = []
    thread = real.Thread(target=lambda: got.append(words(function)), daemon=True)
    thread.start()
    while not got:
        time.sleep(0.002)
    return got[0]
"""

EVERYTHING = """
def setup(bridge):
    started = elsewhere(lambda: bridge.send({"too": "early"})), elsewhere(lambda: bridge.emit("too-early"))

    @bridge.on_event("early")
    def early(client):
        return list(started)

    @bridge.on_event("pooled")
    def pooled(client):
        tpool.execute(lambda: bridge.send({"action": "pooled"}))

    @bridge.on_event("refused")
    def refused(client):
        return [elsewhere(lambda: bridge.send("a~b")), elsewhere(lambda: bridge.send(5)),
                elsewhere(lambda: client.register(""))]

    @bridge.on_event("generator")
    def generator(client):
        return [elsewhere(lambda: bridge.send({"n": n} for n in range(3)))]

    def late():
        bridge.on_event("late")(lambda client: {"handler": "made in a thread"})

    def everything(client):
        used = {
            "bridge.send": lambda: bridge.send({"action": "sent"}),
            "bridge.emit": lambda: bridge.emit("told", {"by": "a thread"}, to=client),
            "bridge.on_event": late,
            "bridge.on_message": lambda: bridge.on_message(lambda message: bridge.DEFAULT),
            "bridge.on_connect": lambda: bridge.on_connect(lambda client: None),
            "bridge.on_register": lambda: bridge.on_register(lambda client: {"came": client.user}),
            "bridge.on_disconnect": lambda: bridge.on_disconnect(lambda client: None),
            "bridge.on_link_up": lambda: bridge.on_link_up(lambda: None),
            "bridge.on_link_down": lambda: bridge.on_link_down(lambda reason: None),
            "client.register": lambda: client.register("ann"),
            "client.disconnect": lambda: [one.disconnect("told") for one in bridge.clients if one is not client],
        }
        found = {}
        for owner, one in (("bridge", bridge), ("client", client)):
            for name in dir(one):
                if not name.startswith("_") and (owner, name) != ("bridge", "run"):  # which is the bridge's own
                    path = f"{owner}.{name}"
                    if path in used:
                        found[path] = str(elsewhere(used.pop(path)))
                    elif callable(getattr(one, name)) and name != "app" and not isinstance(getattr(one, name), type):
                        found[path] = "a method that this test does not call"
                    else:
                        found[path] = str(elsewhere(lambda: getattr(one, name)))
        return {"found": found, "unknown": list(used)}

    bridge.on_event("everything")(everything)

    @bridge.on_event("many")
    def many(client, threads, each):
        def send(thread):
            for n in range(each):
                bridge.send({"thread": thread, "n": n})
            return "done"
        started, got = [], []
        for number in range(threads):
            started.append(real.Thread(target=lambda n=number: got.append(words(lambda: send(n))), daemon=True))
        for thread in started:
            thread.start()
        while len(got) < threads:
            time.sleep(0.002)
        return sorted(set(got))

    @bridge.on_event("joins")
    def joins(client):
        got = []
        thread = real.Thread(target=lambda: got.append(words(lambda: bridge.send({"action": "joined"}))))
        thread.start()
        thread.join()  # for real: nobody else can do anything meanwhile
        return got
"""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handled]:
    path = written(tmp_path_factory.mktemp("handlers"), TOOLS + EVERYTHING)
    with TcpServer() as server, Handled(server, [path]) as handled:
        yield handled


def answer(at: Handled, client: Client, event: str, *args: object) -> object:
    """What a handler returned, as the server got it."""
    return json.loads(at.frames_of(client, event, *args)[-1])


def texts(at: Handled, client: Client, event: str) -> list[str]:
    """The same, where it is an array."""
    told = answer(at, client, event)
    assert isinstance(told, list)
    return [str(each) for each in told]


def test_a_send_from_another_thread_is_sent_and_every_later_event_too(at: Handled) -> None:
    with at.client() as ann, at.client() as bob:
        assert [json.loads(frame) for frame in at.frames_of(ann, "pooled")] == [{"action": "pooled"}]
        assert bob.ask("later")["ok"]
        assert ann.ask("later")["ok"]


def test_everything_of_bridge_and_client_works_in_another_thread(at: Handled) -> None:
    with at.client() as ann, at.client() as bob:
        told = answer(at, ann, "everything")
        assert bob.got("bridge:closing") == {"code": "told"}
        assert isinstance(told, dict)
        assert told["unknown"] == []
        found = told["found"]
        assert not [name for name, value in found.items() if value == "a method that this test does not call"]
        assert not [value for value in found.values() if str(value).partition(":")[0].endswith("Error")]
        assert ann.sid in found["client.clients"]
        assert ann.sid in found["bridge.clients"]
        ann.got("told", {"by": "a thread"})
        at.peer.message(action="sent")
        at.peer.message(came="ann")
        assert ann.got("bridge:user", {"user": "ann"})
        assert answer(at, ann, "late") == {"handler": "made in a thread"}


def test_what_it_raises_comes_to_the_thread_that_called(at: Handled) -> None:
    with at.client() as ann:
        frame, number, name = texts(at, ann, "refused")
        assert str(frame).startswith("Refused: ")
        assert "delimiter" in frame
        assert str(number).startswith("TypeError: ")
        assert str(name).startswith("Refused: ")
        assert [json.loads(frame) for frame in at.frames_of(ann, "generator")] == [{"n": 0}, {"n": 1}, {"n": 2}, [None]]


def test_before_the_bridge_runs_it_says_so(at: Handled) -> None:
    with at.client() as ann:
        for words in texts(at, ann, "early"):
            assert words.startswith("RuntimeError: the bridge is not running yet")


def test_many_threads_at_once_are_each_in_order_and_lose_nothing(at: Handled) -> None:
    with at.client() as ann:
        frames = [json.loads(frame) for frame in at.frames_of(ann, "many", 100, 20)]
        assert frames.pop() == ["done"]
        assert len(frames) == 2000
        for thread in range(100):
            assert [each["n"] for each in frames if each["thread"] == thread] == list(range(20))


def test_a_handler_that_waits_for_its_own_thread_to_send_is_let_go_with_an_error(at: Handled) -> None:
    with at.client() as ann:
        (words,) = texts(at, ann, "joins")
        assert words.startswith("RuntimeError: the bridge's own thread has been held up for 5 s")
        assert ann.ask("later")["ok"]
        assert not [one for one in at.peer.messages if isinstance(one, dict) and one.get("action") == "joined"]


HOOKS = """
def setup(bridge):
    @bridge.on_register
    def register(client):
        tpool.execute(lambda: bridge.send({"sent": client.user}))
        again = words(lambda: tpool.execute(lambda: client.register("other"))) if client.user == "ann" else ""
        return {"came": client.user, "again": again}

    @bridge.on_disconnect
    def disconnect(client):
        tpool.execute(lambda: bridge.send({"sent at the end": client.user}))
        return {"left": client.user}
"""


def test_a_hook_that_waits_for_a_thread_that_sends_does_not_wait_for_ever(tmp_path: Path) -> None:
    path = written(tmp_path, TOOLS + HOOKS)
    with TcpServer() as server, Handled(server, [path], "--identity", "register") as at, at.client() as ann:
        assert ann.ask("register", "ann")["ok"]
        came = at.peer.message(came="ann")
        assert "a hook has kept all others from coming and going for 5 s" in came["again"]
        at.peer.message(sent="ann")
        with at.client() as bob:
            assert bob.ask("register", "bob")["ok"]
            assert bob.ask("move")["ok"]
        at.peer.message(left="bob")
        at.peer.message(**{"sent at the end": "bob"})


ENDS = """
import logging

def setup(bridge):
    ended = real.Event()

    def for_ever():
        while True:
            try:
                bridge.send({"action": "still"})
            except bridge.Refused:
                pass
            except RuntimeError as error:
                print(f"the thread was told: {error}", flush=True)
                return

    @bridge.on_event("begin")
    def begin(client):
        real.Thread(target=for_ever, daemon=True).start()
        tpool.execute(original("time").sleep, 600)
"""


def test_a_stop_tells_threads_that_call_and_waits_for_none_that_is_busy(tmp_path: Path) -> None:
    path = written(tmp_path, TOOLS + ENDS)
    with TcpServer() as server, Bridge("--server", server.address, "--handlers", str(path)) as bridge:
        peer = server.accept()
        ann = Client(bridge.url)
        ann.linked()
        ann.emit("begin")
        peer.message(action="still")
        began = time.monotonic()
        assert bridge.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < PATIENCE
        assert [line for line in bridge.log.entries if "the thread was told: the bridge is stopping" in line]


LOGS = """
import logging

log = logging.getLogger("own")

def setup(bridge):
    @bridge.on_event("log")
    def log_it(client, threads, each):
        left = list(range(threads))
        def chatter(number):
            for n in range(each):
                log.warning("thread %d says %d", number, n)
                logging.getLogger(f"own.{number}.{n}").debug("nobody hears this")
            left.pop()
        for number in range(threads):
            real.Thread(target=chatter, args=(number,), daemon=True).start()
        while left:
            log.warning("the hub says something")
            time.sleep(0)
"""


def test_threads_and_the_bridge_may_log_at_the_same_time(tmp_path: Path) -> None:
    path = written(tmp_path, TOOLS + LOGS)
    with TcpServer() as server, Handled(server, [path]) as at, at.client() as ann:
        assert ann.ask("log", 8, 500)["ok"]
        assert requests.get(f"{at.bridge.url}/readyz", timeout=PATIENCE).ok
        at.bridge.said("thread 7 says 499")
