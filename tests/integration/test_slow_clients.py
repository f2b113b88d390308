"""Clients that read slowly or not at all: what becomes of them is what was set, and nobody else notices."""

from __future__ import annotations

import json
import re
import threading
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from bridge.delivery.slow_policies import POLICIES
from tests.handlers import written
from tests.process import Bridge
from tests.raw import Poll
from tests.sites import Site, memory, queued, site
from tests.unit.test_slow_policies import LEFT
from tests.viewer import Viewer, number_in, until
from tests.waiting import PATIENCE

CUT = "is disconnected as slow"
#: Who is closed has longer to read its last packets than a busy machine may need to begin with it.
PATIENT = "def setup(bridge):\n    from bridge.engineio import server\n    server.FAREWELL = 10\n"
CLOSING = '42["bridge:closing",{"code":"slow"}]'


def gaps(numbers: list[int]) -> list[tuple[int, int]]:
    """Where numbers are missing: between which ones. Fails if they are out of order."""
    assert numbers == sorted(set(numbers))
    return [(a, b) for a, b in pairwise([-1, *numbers]) if b != a + 1]


def contains(part: str, packet: str) -> bool:
    return part in packet


# disconnect


def test_a_stalled_client_is_told_that_it_was_too_slow_and_the_others_get_everything(tmp_path: Path) -> None:
    with site("--outbox", "500000", "--handlers", str(written(tmp_path, PATIENT))) as at:
        readers = [at.viewer() for _ in range(3)]
        stalled = at.viewer(stalled=True)
        at.feed.flood(2000, 3000)
        at.bridge.said(CUT)
        stalled.resume()
        assert stalled.closed.wait(PATIENCE)
        last = at.feed.flooded()
        for reader in readers:
            assert reader.got(last) == list(range(2000))
        assert stalled.packets[-1] == CLOSING
        assert stalled.code is None  # no close frame
        assert not gaps(stalled.numbers)
        assert len(stalled.numbers) < 2000
        assert at.counters("clients_slow", "dropped_oldest", "dropped_superseded") == [1, 0, 0]
        assert at.bridge.status()["clients"] == 3


def test_the_log_says_who_was_too_slow_and_by_how_much() -> None:
    with site("--outbox", "500000", "--identity", "register") as at:
        reader, stalled = at.viewer(), at.viewer(stalled=True)
        reader.emit("register", "ann", ack=1)
        assert reader.answer(1)["ok"]
        stalled.emit("register", "mallory jpg")
        at.peer.message(action="connected", username="mallory jpg")
        at.feed.flood(2000, 3000)
        line = at.bridge.said(CUT)
        who = rf"client {stalled.sid} of user 'mallory jpg' at 127\.0\.0\.1 is disconnected as slow: "
        found = re.search(who + r"(\d+) bytes wait for it, the first for \d+\.\d s \(--outbox 500000\)$", line)
        assert found, line
        assert 500_000 < int(found[1]) < 1_000_000  # more than it may be


def test_the_log_says_who_begins_to_lose_messages_and_who_was_silent() -> None:
    with site("--outbox", "500000", "--slow", "drop-oldest", "--ping-interval", "0.5", "--ping-timeout", "3") as at:
        reader, stalled = at.viewer(), at.viewer(stalled=True)
        reader.got(at.feed.send(1000))
        assert "lose messages, the oldest first: " in at.bridge.said(f"client {stalled.sid} at 127.0.0.1 begins to ")
        at.bridge.said(f"client {stalled.sid} at 127.0.0.1 is disconnected: it has not answered a ping")
        assert sum("begins to lose" in line for line in at.bridge.log.entries) == 1


def test_a_client_that_goes_on_not_reading_is_cut_off() -> None:
    with site("--outbox", "500000") as at:
        reader, stalled = at.viewer(), at.viewer(stalled=True)
        last = at.feed.send(2000)
        assert reader.got(last) == list(range(2000))
        until(lambda: at.bridge.status()["clients"] == 1)
        until(lambda: not queued(at.bridge).get(stalled.port))
        stalled.resume()
        assert stalled.closed.wait(PATIENCE)
        assert not gaps(stalled.numbers)
        assert CLOSING not in stalled.packets


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - {"disconnect"}))
def test_nothing_is_kept_for_a_client_that_was_cut_off_for_its_silence(policy: str) -> None:
    with site("--slow", policy, "--ping-interval", "0.5", "--ping-timeout", "3") as at:
        reader, stalled = at.viewer(), at.viewer(stalled=True)
        for _ in range(150):
            reader.got(at.feed.send(10))  # so it is never behind, however busy the machine
        assert reader.numbers == list(range(1500))
        until(lambda: at.bridge.status()["clients"] == 1)
        until(lambda: not queued(at.bridge).get(stalled.port), 5)


def test_a_client_that_stalls_for_a_moment_loses_nothing_and_stays() -> None:
    with site() as at:
        reader, other = at.viewer(), at.viewer(stalled=True)
        at.feed.send(400)
        other.resume()
        last = at.feed.send(100)
        assert other.got(last) == reader.got(last) == list(range(500))
        assert at.counters("clients_slow") == [0]


# drop-oldest


def test_under_drop_oldest_it_gets_the_newest_after_one_gap_and_its_acks_and_pings() -> None:
    with site("--slow", "drop-oldest", "--outbox", "400000", "--ping-interval", "0.5") as at:
        reader, stalled = at.viewer(), at.viewer(stalled=True)
        at.feed.send(600)
        stalled.emit("mark", ack=7)
        at.peer.message(action="mark")
        last = at.feed.send(2400)
        assert reader.got(last) == list(range(3000))
        stalled.resume()
        numbers = stalled.got(last)
        [(before, after)] = gaps(numbers)
        assert before > 0
        assert after < last - 200
        assert stalled.answer(7) == {"ok": True}
        assert stalled.packets.count("2") >= 1
        assert at.counters("clients_slow", "dropped_oldest") == [0, 3000 - len(numbers)]
        last = at.feed.send(10)
        assert stalled.got(last)[-11:] == list(range(last - 10, last + 1))
        assert at.bridge.status()["clients"] == 2


# latest


def states(viewer: Viewer) -> list[tuple[str, int]]:
    """Key and number of each state that came before a feed's first message."""
    viewer.wait(lambda packet: number_in(packet) == 0)
    found = [json.loads(json.loads(packet[2:])[1]) for packet in viewer.packets if packet.startswith('42["message","{')]
    return [(value["id"], value["n"]) for value in found]


def test_under_latest_it_gets_the_last_state_of_each_key_and_none_that_was_superseded() -> None:
    keys, count = 20, 3000
    with site("--slow", "latest", "--latest-key", "id", "--outbox", "400000") as at:
        reader, stalled = at.viewer(), at.viewer(stalled=True)
        sent = [(f"k{number % keys}", number) for number in range(count)]
        for start in range(0, count, keys):
            at.peer.send_json(*({"id": key, "n": n, "pad": "x" * 900} for key, n in sent[start : start + keys]))
            newest = f'\\"n\\": {sent[start + keys - 1][1]},'
            reader.wait(partial(contains, newest))  # so it is never behind, however busy the machine
        at.feed.send(1)
        assert states(reader) == sent
        stalled.resume()
        got = states(stalled)
        begun = len(got) - keys
        assert got[:begun] == sent[:begun]  # what the kernel had taken before
        assert got[begun:] == sent[-keys:]
        assert begun * 900 < 100_000
        assert at.counters("clients_slow", "dropped_oldest") == [0, 0]
        assert at.counters("dropped_superseded") == [count - len(got)]


def test_under_latest_the_server_is_never_slowed_down() -> None:
    with site("--slow", "latest") as at:
        stalled = [at.viewer(stalled=True) for _ in range(2)]
        at.feed.flood(30_000)
        last = at.feed.flooded()
        until(lambda: at.counters("deliveries") >= [60_000])
        for viewer in stalled:
            viewer.resume()
            assert len(viewer.got(last)) < 1000
        assert at.counters("clients_slow", "link_pauses") == [0, 0]


# The server is slowed down.


def test_while_every_client_is_behind_the_server_waits_and_nothing_is_lost() -> None:
    # A fifth of what comes: on a busy machine one of the two may read nothing for a while, and the other goes on.
    with site("--outbox", "8M") as at:
        viewers = [at.viewer(stalled=True) for _ in range(2)]
        at.feed.flood(40_000)
        at.feed.stands_still(0.3)
        assert 500 < at.feed.sent < 20_000  # the rest of 40 MB waits at the server's
        for viewer in viewers:
            viewer.resume()
        last = at.feed.flooded()
        for viewer in viewers:
            assert viewer.got(last) == list(range(40_000))
        assert at.counters("clients_slow") == [0]
        assert at.counters("link_pauses") >= [1]


def test_slow_clients_alone_get_everything_at_their_pace() -> None:
    with site() as at:
        viewers = [at.slow_viewer(2_000_000), at.slow_viewer(3_000_000)]
        at.feed.flood(4_000)
        last = at.feed.flooded(30)
        for viewer in viewers:
            assert viewer.got(last) == list(range(4_000))
        assert at.counters("clients_slow") == [0]
        assert at.counters("link_pauses") >= [2]


@pytest.mark.parametrize("policy", [name for name, policy in POLICIES.items() if policy.counts_for_backpressure])
def test_when_all_have_stalled_for_two_seconds_the_server_goes_on(policy: str) -> None:
    with site("--slow", policy) as at:
        viewers = [at.viewer(stalled=True) for _ in range(2)]
        at.feed.flood(40_000)
        last = at.feed.flooded()
        left = LEFT[policy](2, 1)
        if left is None:
            until(lambda: at.bridge.status()["clients"] == 0)
            assert at.counters("clients_slow", "dropped_oldest") == [2, 0]
            return
        until(lambda: at.counters("deliveries") >= [80_000])
        for viewer in viewers:
            viewer.resume()
        if left == [0]:  # not the newest: what comes next shows where the gap is
            until(lambda: at.bridge.status()["now"]["bytes_for_clients"] == 0)
            last = at.feed.send(1)
        for viewer in viewers:
            assert len(gaps(viewer.got(last))) == 1
        dropped = sum(last + 1 - len(viewer.numbers) for viewer in viewers)
        assert at.counters("clients_slow", POLICIES[policy].counter) == [0, dropped]


def test_with_nobody_there_the_server_is_not_slowed_down() -> None:
    with site() as at:
        at.feed.flood(40_000)
        at.feed.flooded()
        assert at.counters("link_pauses") == [0]


# Polling


class Poller(Poll):
    """A polling client that fetches when it is told to."""

    largest = 0  # characters that one request has brought

    def packets(self) -> list[str]:
        """What one request brings."""
        answer = self.get()
        self.largest = max(self.largest, len(answer))
        return answer.split("\x1e")

    def all_until(self, wanted: str) -> list[str]:
        """What requests bring until this packet has come."""
        found: list[str] = []
        while not any(packet.startswith(wanted) for packet in found):
            found += self.packets()
        return found


def test_a_polling_client_that_does_not_fetch_comes_under_the_same_limit(tmp_path: Path) -> None:
    with site("--outbox", "500000", "--handlers", str(written(tmp_path, PATIENT))) as at:
        reader, polling = at.viewer(), Poller(at.bridge)
        at.feed.flood(2000, 3000)
        at.bridge.said(CUT)
        found = polling.packets()
        assert found[-2:] == [CLOSING, "6"]
        last = at.feed.flooded()
        assert reader.got(last) == list(range(2000))
        assert at.counters("clients_slow") == [1]
        assert at.bridge.status()["clients"] == 1
        assert requests.get(polling._url, timeout=PATIENCE).status_code == 400


def test_a_polling_client_under_drop_oldest_gets_the_newest_and_its_acks() -> None:
    with site("--slow", "drop-oldest", "--outbox", "400000") as at:
        reader, polling = at.viewer(), Poller(at.bridge)
        at.feed.send(100)
        assert polling.post('427["mark"]') == 200
        last = at.feed.send(1900)
        assert reader.got(last) == list(range(2000))
        found = polling.all_until(f'42["message","#{last:06}')
        numbers = [number for packet in found if (number := number_in(packet)) >= 0]
        assert len(gaps(numbers)) == 1
        assert '437[{"ok":true}]' in found
        assert at.counters("dropped_oldest") == [2000 - len(numbers)]


def test_a_polling_client_that_fetches_at_its_pace_gets_everything() -> None:
    with site() as at:
        polling = Poller(at.bridge)
        at.feed.flood(5000)
        found = polling.all_until('42["message","#004999')
        at.feed.flooded()
        assert not gaps([number for packet in found if (number := number_in(packet)) >= 0])
        assert 256 * 1024 < polling.largest < 512 * 1024
        assert at.counters("clients_slow") == [0]


# What it costs.

CLIENTS = 20
OUTBOX = 1024 * 1024
SLACK = 8 * 1024 * 1024  # bytes of the process's own
FULL = 18_000  # messages of a kilobyte: more than the history keeps


def watch(bridge: Bridge, seconds: float) -> list[tuple[int, int]]:
    """The process's memory, and the most that the kernel keeps for one client, four times a second."""
    pace, found = threading.Event(), []
    for _ in range(int(seconds * 4)):
        found.append((memory(bridge), max(queued(bridge).values())))
        pace.wait(0.25)
    return found


def kernels(at: Site, viewers: list[Viewer]) -> int:
    """What the kernel keeps for all of them."""
    found = queued(at.bridge)
    return sum(found[viewer.port] for viewer in viewers)


@pytest.mark.long
def test_a_stalled_client_costs_at_most_its_limit_the_kernels_share_included() -> None:
    with site("--slow", "drop-oldest", "--ping-interval", "60") as at:
        reader = at.viewer()
        reader.got(at.feed.send(FULL, 6000), 30)  # the history is full: what is looked at is what the stalled ones cost
        before = memory(at.bridge)
        stalled = [at.viewer(stalled=True) for _ in range(CLIENTS)]
        at.feed.flood(20_000, 1000)
        found = watch(at.bridge, 20)
        last = at.feed.flooded()
        assert max(most for _, most in found) <= OUTBOX // 3
        assert max(used for used, _ in found) - before + kernels(at, stalled) <= CLIENTS * OUTBOX + SLACK
        late = [used for used, _ in found[len(found) // 2 :]]
        assert max(late) - min(late) <= SLACK // 4
        assert reader.got(last) == list(range(last + 1))
        assert at.bridge.status()["clients"] == CLIENTS + 1
        assert at.counters("dropped_oldest") > [CLIENTS * 15_000]


def test_what_is_for_one_stalled_client_alone_costs_no_more_either() -> None:
    with site("--slow", "drop-oldest") as at:
        reader = at.viewer()
        reader.got(at.feed.send(FULL, 6000), 30)  # the history is full
        before = memory(at.bridge)
        stalled = [at.viewer(stalled=True) for _ in range(CLIENTS)]
        for _ in range(400):  # 3.2 MB for each
            at.peer.send_json(*({"username": viewer.sid, "pad": "x" * 8000} for viewer in stalled))
        last = at.feed.send(1)
        reader.got(last)
        assert memory(at.bridge) - before + kernels(at, stalled) <= CLIENTS * OUTBOX + SLACK
        assert at.counters("dropped_oldest") > [CLIENTS * 200]
