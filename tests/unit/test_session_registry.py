"""session_registry.py: who comes back is who it was, and recovers only if nothing that it missed has gone."""

from __future__ import annotations

import pytest

from bridge.delivery.history import History, Stored
from bridge.recovery import session_registry as module
from bridge.recovery.session_ages import DAY, SessionAges
from bridge.recovery.session_registry import Greeting, SessionRegistry
from bridge.recovery.session_token import TokenSigner
from bridge.wire.offsets import Offsets
from bridge.wire.websocket_frames import frame

WINDOW = 120.0


class Bridge:
    """The sessions of one process, and messages to all. `today`: the time of day."""

    def __init__(self, limit: int = 1 << 20, key: bytes = b"k" * 32, lifetime: float = DAY) -> None:
        self.now, self.today = 0.0, 1_700_000_000.0
        self.offsets = Offsets()
        self.history = History(WINDOW, limit, lambda: self.now)
        ages = SessionAges(lifetime, clock=lambda: self.today)
        self.sessions = SessionRegistry(
            TokenSigner(key), self.offsets, self.history, WINDOW, lambda: self.now, ages=ages
        )

    def say(self, count: int = 1) -> str:
        """Messages; the offset of the last."""
        first = self.offsets.reserve(count)
        self.history.add([Stored(first, frame(b"x") * count, count)])
        return self.offsets.text(first + count - 1).decode()

    def come(self, sid: str, **auth: object) -> tuple[Greeting, str | None]:
        """A client connects, as this one unless it is who it says."""
        greeting = self.sessions.greet(auth or None)
        return greeting, self.sessions.joined(greeting, greeting.sid or sid)


def test_a_new_client_has_a_new_session_and_a_pid() -> None:
    bridge = Bridge()
    one, pid = bridge.come("s1")
    two, other = bridge.come("s2")
    assert (one.sid, one.after, one.plain) == (None, None, False)
    assert pid
    assert pid != other
    assert one.session != two.session


def test_a_client_that_comes_back_has_its_sid_and_pid_and_what_came_after_its_offset() -> None:
    bridge = Bridge()
    one, pid = bridge.come("s1")
    offset = bridge.say(3)
    bridge.sessions.left("s1", for_good=False)
    bridge.say(2)
    again, same = bridge.come("x", pid=pid, offset=offset)
    assert again == Greeting(one.session, "s1", pid, after=3)
    assert same == pid


@pytest.mark.parametrize("step", [2 * DAY, -2 * DAY])
def test_within_its_window_a_client_recovers_though_the_time_of_day_was_set(step: float) -> None:
    bridge = Bridge()
    _, pid = bridge.come("s1")
    offset = bridge.say()
    bridge.sessions.left("s1", for_good=False)
    bridge.say()
    bridge.today += step
    bridge.now += WINDOW
    assert bridge.sessions.sid_of({"pid": pid}) == "s1"
    again, same = bridge.come("x", pid=pid, offset=offset)
    assert (again.sid, again.after, same) == ("s1", 1, pid)


def test_a_session_lives_no_longer_than_its_lifetime_also_within_the_window() -> None:
    bridge = Bridge(lifetime=10)
    one, pid = bridge.come("s1")
    bridge.sessions.left("s1", for_good=False)
    bridge.now += 10
    assert bridge.sessions.sid_of({"pid": pid}) == "s1"
    bridge.now += 1
    again, _ = bridge.come("x", pid=pid)
    assert again.session != one.session


def test_without_an_offset_it_has_had_nothing_since_it_first_connected() -> None:
    bridge = Bridge()
    bridge.come("s0")
    bridge.say(5)
    _, pid = bridge.come("s1")
    bridge.sessions.left("s1", for_good=False)
    bridge.say(2)
    assert bridge.come("x", pid=pid)[0].after == 5
    bridge.sessions.left("s1", for_good=False)
    bridge.say(1)
    assert bridge.come("x", pid=pid)[0].after == 5  # still: what it was sent then it may not have got


def test_an_offset_from_before_it_connected_is_not_believed() -> None:
    bridge = Bridge()
    bridge.come("s0")
    early = bridge.say()
    bridge.say(4)
    _, pid = bridge.come("s1")
    bridge.sessions.left("s1", for_good=False)
    assert bridge.come("x", pid=pid, offset=early)[0].after == 5


@pytest.mark.parametrize("offset", ["", "zzzzzz01", 7, [], {"a": 1}, "x" * 500])
def test_with_an_offset_that_is_none_it_does_not_recover_but_is_who_it_was(offset: object) -> None:
    bridge = Bridge()
    one, pid = bridge.come("s1")
    bridge.sessions.left("s1", for_good=False)
    again, other = bridge.come("x", pid=pid, offset=offset)
    assert (again.session, again.sid, again.after) == (one.session, "s1", None)
    assert other not in (None, pid)


def too_late() -> tuple[Bridge, str | None, str]:
    """A bridge, and a client's pid and offset, after which more was said than is kept."""
    bridge = Bridge(limit=2_000)
    _, pid = bridge.come("s1")
    offset = bridge.say()
    bridge.sessions.left("s1", for_good=False)
    for _ in range(20):
        bridge.say()
    return bridge, pid, offset


def test_if_something_that_it_missed_has_gone_it_does_not_recover() -> None:
    bridge, pid, offset = too_late()
    assert bridge.come("x", pid=pid, offset=offset)[0].after is None


def test_who_shows_an_older_pid_has_not_heard_of_its_gap_and_is_told_again() -> None:
    bridge, pid, offset = too_late()
    _, lost = bridge.come("x", pid=pid, offset=offset)  # it is told a new pid, and does not get the answer
    bridge.sessions.left("s1", for_good=False)
    again, third = bridge.come("x", pid=pid, offset=offset)
    assert (again.sid, again.after) == ("s1", None), "it would be told that it had recovered, and had a gap"
    assert len({pid, lost, third}) == 3
    bridge.sessions.left("s1", for_good=False)
    bridge.say()
    assert bridge.come("x", pid=third, offset=offset)[0].after == 21


def test_whose_window_ends_after_its_greeting_has_what_it_was_told() -> None:
    bridge = Bridge()
    _, pid = bridge.come("s1")
    offset = bridge.say()
    bridge.sessions.left("s1", for_good=False)
    greeting = bridge.sessions.greet({"pid": pid, "offset": offset})
    bridge.now = WINDOW + 1
    bridge.come("s2")
    bridge.sessions.left("s2", for_good=False)
    assert bridge.sessions.joined(greeting, "s1") == pid
    bridge.sessions.left("s1", for_good=False)
    assert bridge.come("x", pid=pid, offset=offset)[0].after is None


def test_no_two_pids_are_the_same() -> None:
    bridge = Bridge()
    pids: set[str | None] = set()
    for _ in range(100):
        pids.add(bridge.come("s1", pid=next(iter(pids), None), offset="none")[1])
        bridge.sessions.left("s1", for_good=False)
    assert len(pids) == 100


def test_after_the_window_it_does_not_recover() -> None:
    bridge = Bridge()
    _, pid = bridge.come("s1")
    offset = bridge.say()
    bridge.sessions.left("s1", for_good=False)
    bridge.now = WINDOW + 1
    again, other = bridge.come("x", pid=pid, offset=offset)
    assert (again.sid, again.after) == ("s1", None)
    assert other != pid


def test_after_another_bridge_with_the_same_key_it_has_its_sid_but_does_not_recover() -> None:
    before, after = Bridge(), Bridge()
    one, pid = before.come("s1")
    offset = before.say()
    again, other = after.come("x", pid=pid, offset=offset)
    assert (again.session, again.sid, again.after) == (one.session, "s1", None)
    assert other not in (None, pid)


@pytest.mark.parametrize("pid", ["forged", None, 3, "a.b.c"])
def test_with_a_pid_that_is_none_it_is_new(pid: object) -> None:
    bridge = Bridge()
    assert bridge.come("s1", pid=pid, offset=bridge.say())[0].sid is None
    assert Bridge(key=b"x" * 32).come("s1", pid=bridge.come("s2")[1])[0].sid is None


def test_nobody_is_who_is_connected_already() -> None:
    bridge = Bridge()
    one, pid = bridge.come("s1")
    again, _ = bridge.come("s2", pid=pid)
    assert again.sid is None
    assert again.session != one.session


def test_who_left_for_good_or_was_cut_off_does_not_recover() -> None:
    bridge = Bridge()
    _, pid = bridge.come("s1")
    bridge.sessions.left("s1", for_good=True)
    assert bridge.come("x", pid=pid)[0].after is None
    _, other = bridge.come("s2")
    bridge.sessions.cut_off("s2")
    bridge.sessions.left("s2", for_good=False)
    again, third = bridge.come("x", pid=other)
    assert (again.sid, again.after) == ("s2", None)
    bridge.sessions.left("s2", for_good=False)
    assert bridge.come("x", pid=third)[0].after == 0  # it has begun anew


@pytest.mark.parametrize("word", [True, "true", "on", "", None, 1, [], {}, "nothing"])
def test_a_client_that_says_anything_else_has_a_pid(word: object) -> None:
    assert Bridge().come("s1", recovery=word)[1] is not None


@pytest.mark.parametrize("word", [False, 0, "false", "False", " FALSE ", "no", "off", "0"])
def test_a_client_that_can_t_have_offsets_has_no_pid_and_nothing_is_kept_for_it(word: object) -> None:
    bridge = Bridge()
    greeting, pid = bridge.come("s1", recovery=word)
    assert (greeting.plain, pid, bridge.sessions.any) == (True, None, False)
    bridge.sessions.left("s1", for_good=False)
    assert not bridge.sessions.any


def test_messages_are_kept_only_while_somebody_could_miss_one() -> None:
    bridge = Bridge()
    assert not bridge.sessions.any
    bridge.come("s1")
    bridge.say(3)
    assert bridge.sessions.any
    bridge.sessions.left("s1", for_good=False)
    assert bridge.sessions.any
    assert bridge.history.size
    bridge.now = WINDOW + 1
    assert not bridge.sessions.any
    assert bridge.history.size == 0


def test_sessions_that_are_away_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AWAY", 3)
    bridge = Bridge()
    pids = [bridge.come(f"s{n}")[1] for n in range(5)]
    for n in range(5):
        bridge.sessions.left(f"s{n}", for_good=False)
    assert bridge.sessions.away == 3
    assert [bridge.come("x", pid=pid)[0].after for pid in pids] == [None, None, 0, 0, 0]


def test_who_is_forgotten_while_away_is_who_it_was_and_does_not_recover() -> None:
    bridge = Bridge()
    one, pid = bridge.come("s1")
    bridge.sessions.left("s1", for_good=False)
    bridge.sessions.forget("s1")
    bridge.sessions.forget("nobody")
    assert not bridge.sessions.any
    again, other = bridge.come("x", pid=pid)
    assert (again.session, again.sid, again.after) == (one.session, "s1", None)
    assert other != pid
