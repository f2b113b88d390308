"""Short messages to many clients, which go out together or each by itself: nobody notices which."""

from __future__ import annotations

import os
import sys
from itertools import count

import pytest
import requests

from tests.process import Bridge
from tests.sites import Site, site
from tests.viewer import Viewer, until

pytestmark = pytest.mark.long

MANY = 17  # of fewer, each is sent to by itself
SIZE, A_SECOND = 20, 1000  # such that what one read brings is short

WAYS = pytest.mark.parametrize("io_uring", ["on", "off"])


def rings(bridge: Bridge) -> int:
    """How many io_urings the bridge has."""
    folder = f"/proc/{bridge.process.pid}/fd"
    return sum(os.readlink(f"{folder}/{fd}") == "anon_inode:[io_uring]" for fd in os.listdir(folder))


def has_its_way(at: Site, io_uring: str) -> None:
    """Whether it sends as was asked, unless the system does not let it, of which there is a line."""
    refused = any("there is no io_uring" in line for line in at.bridge.log.entries)
    assert (rings(at.bridge) > 0) == (io_uring == "on" and not refused)


@WAYS
def test_each_client_gets_all_once_and_in_order_and_only_who_stalls_is_cut_off(io_uring: str) -> None:
    with site("--io-uring", io_uring, "--outbox", "20000", size=SIZE) as at:
        readers = [at.viewer() for _ in range(MANY)]
        stalled = [at.viewer(stalled=True) for _ in range(3)]
        has_its_way(at, io_uring)
        last = at.feed.send(2500, A_SECOND)
        for reader in readers:
            assert reader.got(last) == list(range(last + 1))
        until(lambda: at.counters("clients_slow") == [len(stalled)])
        for viewer in stalled:
            viewer.resume()
            numbers = viewer.numbers
            assert numbers == list(range(len(numbers)))
            assert len(numbers) < last


@WAYS
def test_who_is_behind_for_a_moment_misses_nothing(io_uring: str) -> None:
    with site("--io-uring", io_uring, "--outbox", "200000", size=SIZE) as at:
        readers = [at.viewer() for _ in range(MANY)]
        behind = [at.viewer(stalled=True) for _ in range(3)]
        last = at.feed.send(2500, A_SECOND)
        assert at.bridge.status()["now"]["bytes_for_slowest"] > 0
        for viewer in behind:
            viewer.resume()
        last = at.feed.send(100, A_SECOND)
        for viewer in [*readers, *behind]:
            assert viewer.got(last) == list(range(last + 1))
        assert at.counters("clients_slow", "bad_packets") == [0, 0]


@WAYS
def test_nobody_is_sent_what_was_for_one_whose_descriptor_it_has_now(io_uring: str) -> None:
    with site("--io-uring", io_uring, size=SIZE) as at:
        readers = [at.viewer() for _ in range(MANY)]
        at.feed.flood(2000, A_SECOND)
        came = 0
        for turn in count():
            with Viewer(at.bridge) as guest:
                if turn % 2:
                    guest.write(b"\x81\x81\0\0\0\x001")  # it says that it goes
                    assert guest.closed.wait(10)
            # An answer that has something of the stream in it is no HTTP.
            assert requests.get(f"{at.bridge.url}/bridge/status", timeout=10).status_code == 200
            numbers = guest.numbers
            assert numbers == list(range(numbers[0], numbers[-1] + 1)) if numbers else True
            came += len(numbers)
            if at.feed.sent == 2000:
                break
        last = at.feed.flooded()
        for reader in readers:
            assert reader.got(last) == list(range(last + 1))
        assert came


# The number of a system call that there is not, as io_uring's is on an old system.
WITHOUT = """
import runpy, sys
from bridge.engineio import io_uring
io_uring._SETUP = 9999
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_where_the_system_has_none_it_says_so_and_sends_to_each_by_itself() -> None:
    with site(program=[sys.executable, "-c", WITHOUT], size=SIZE) as at:
        at.bridge.said("each client is sent to by itself, as there is no io_uring: function not implemented")
        readers = [at.viewer() for _ in range(MANY)]
        last = at.feed.send(300, A_SECOND)
        for reader in readers:
            assert reader.got(last) == list(range(last + 1))
        assert rings(at.bridge) == 0
